// Folds: every sample judged once, classes even, groups whole.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dataset } from './dataset'
import { loadDiabetes } from './diabetes'
import { folds } from './folds'
import { loadIris } from './iris'

const iris = loadIris()
const of = (labels: number[], classes: number): Dataset => new Dataset({
  name: 'made up', features: Float32Array.from(labels), sampleShape: [1], labels: Float32Array.from(labels),
  classNames: Array.from({ length: classes }, (_, c) => `class ${c}`), featureNames: ['x'], labelName: 'y',
})

describe('folds', () => {
  it('judge every sample once, train on all others, and keep classes and sizes even', () => {
    fc.assert(fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 80 }), fc.integer({ min: 2, max: 8 }), fc.integer(), (labels, k, seed) => {
        const made = folds(of(labels, 4), { k, seed })
        expect(made.flatMap(({ test }) => [...test]).sort((a, b) => a - b)).toEqual(labels.map((_, i) => i))
        for (const { train, test } of made) {
          expect([...train, ...test].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i))
          expect(Math.abs(test.length - labels.length / k)).toBeLessThan(1)
          for (const c of [0, 1, 2, 3]) {
            const whole = labels.filter((label) => label === c).length / k
            expect(Math.abs([...test].filter((i) => labels[i] === c).length - whole)).toBeLessThan(1)
          }
        }
      }))
  })

  it('keep groups whole, and sizes within the largest group', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 20, maxLength: 90 }), fc.integer({ min: 2, max: 4 }), (groups, k) => {
      fc.pre(new Set(groups).size >= k)
      const made = folds(of(groups.map(() => 0), 1), { k, groups })
      const foldsOfGroup = new Map<number, Set<number>>()
      made.forEach(({ test }, fold) => test.forEach((i) => foldsOfGroup.set(groups[i]!, (foldsOfGroup.get(groups[i]!) ?? new Set()).add(fold))))
      for (const own of foldsOfGroup.values()) expect(own.size).toBe(1)
      const sizes = made.map(({ test }) => test.length)
      const largest = Math.max(...[...new Set(groups)].map((g) => groups.filter((each) => each === g).length))
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest)
    }))
  })

  it('are decided by the seed', () => {
    expect(folds(iris, { seed: 3 })).toEqual(folds(iris, { seed: 3 }))
    expect(folds(iris, { seed: 3 })).not.toEqual(folds(iris, { seed: 4 }))
    // 150 flowers, 3 classes of 50: 5 folds of 30 with 10 of each.
    for (const { test } of folds(iris)) expect([0, 1, 2].map((c) => test.filter((i) => iris.labels[i] === c).length)).toEqual([10, 10, 10])
    expect(folds(loadDiabetes(), { k: 10 }).map(({ test }) => test.length)).toEqual([45, 45, 44, 44, 44, 44, 44, 44, 44, 44])
  })

  it('that cannot be are refused', () => {
    expect(() => folds(iris, { k: 1 })).toThrow(expect.objectContaining({ code: 'DATA_RANGE' }))
    expect(() => folds(iris, { k: 151 })).toThrow(expect.objectContaining({ code: 'DATA_RANGE' }))
    expect(() => folds(iris, { k: 3, groups: iris.labels.map((l) => Math.min(l, 1)) })).toThrow(expect.objectContaining({ code: 'DATA_RANGE', message: expect.stringContaining('2 groups') as string }))
    expect(() => folds(iris, { groups: iris.labels, stratify: true })).toThrow(expect.objectContaining({ code: 'DATA_RANGE' }))
    expect(() => folds(iris, { groups: [1, 2] })).toThrow(expect.objectContaining({ code: 'DATA_SHAPE' }))
    expect(() => folds(loadDiabetes(), { stratify: true })).toThrow(expect.objectContaining({ code: 'DATA_LABELS' }))
  })
})
