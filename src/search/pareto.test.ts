import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../core'
import { crowdingDistances, dominates, hypervolume, nondominatedRanks, paretoFront } from './pareto'

interface Reference { hypervolume: { points: number[][]; reference: number[]; volume: number }[] }
const reference = JSON.parse(readFileSync(path.join(__dirname, '../../test/search/reference.json'), 'utf8')) as Reference

const cloud = (objectives: number) => fc.array(
  fc.array(fc.integer({ min: 0, max: 8 }), { minLength: objectives, maxLength: objectives }), { minLength: 1, maxLength: 14 })

describe('fronts', () => {
  test('ranks peel off one front after another', () => {
    fc.assert(fc.property(cloud(3), (points) => {
      const ranks = nondominatedRanks(points)
      for (let left = points.map((_, i) => i), rank = 0; left.length > 0; rank++) {
        const front = left.filter((i) => !left.some((j) => dominates(points[j]!, points[i]!)))
        expect(front.map((i) => ranks[i])).toEqual(front.map(() => rank))
        left = left.filter((i) => !front.includes(i))
      }
      expect(paretoFront(points)).toEqual(points.flatMap((_, i) => (ranks[i] === 0 ? [i] : [])))
    }))
  })

  test('the crowding distance of evenly spaced points is the sum of two gaps a side, infinite at the ends', () => {
    expect(crowdingDistances([[0, 4], [1, 3], [2, 2], [3, 1], [4, 0]])).toEqual([Infinity, 1, 1, 1, Infinity])
  })
})

describe('hypervolume', () => {
  test('agrees with Optuna on recorded clouds of three objectives', () => {
    for (const { points, reference: r, volume } of reference.hypervolume) expect(hypervolume(points, r)).toBeCloseTo(volume, 10)
  })

  test('equals counting the cells of a grid, in two, three and four objectives', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 4 }).chain((m) => cloud(m)), (points) => {
      const m = points[0]!.length
      const side = 8
      let cells = 0
      for (let c = 0; c < side ** m; c++) {
        const corner = Array.from({ length: m }, (_, k) => Math.floor(c / side ** k) % side)
        if (points.some((p) => p.every((v, k) => v <= corner[k]!))) cells++
      }
      expect(hypervolume(points, Array<number>(m).fill(side))).toBe(cells)
    }), { numRuns: 40 })
  })

  test('agrees with a Monte Carlo estimate', () => {
    const source = random(3)
    const points = Array.from({ length: 20 }, () => [source.next(), source.next(), source.next()])
    let inside = 0
    const draws = 20_000
    for (let i = 0; i < draws; i++) {
      const x = [source.next(), source.next(), source.next()]
      if (points.some((p) => p.every((v, k) => v <= x[k]!))) inside++
    }
    expect(hypervolume(points, [1, 1, 1])).toBeCloseTo(inside / draws, 1)
  })

  test('a reference of another length is refused', () => {
    expect(() => hypervolume([[1, 2]], [3])).toThrow(/one reference value per objective/)
  })
})
