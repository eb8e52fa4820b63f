import { backend_util } from '@tensorflow/tfjs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WhetstoneError, broadcastShape, byteLength, random, rowMajorStrides, sha256 } from '.'

test('broadcasting agrees with TensorFlow.js', () => {
  const shapes = fc.array(fc.constantFrom(0, 1, 2, 3, 5), { maxLength: 4 })
  fc.assert(fc.property(shapes, shapes, (a, b) => {
    let theirs: number[] | undefined
    try {
      theirs = backend_util.assertAndGetBroadcastShape(a, b)
    } catch { /* they refuse it */ }
    if (theirs) expect(broadcastShape(a, b)).toEqual(theirs)
    else expect(() => broadcastShape(a, b)).toThrow(WhetstoneError)
  }), { seed: 1, numRuns: 500 })
})

test('row-major strides address every element once', () => {
  const shape = [3, 4, 5]
  const strides = rowMajorStrides(shape)
  const seen = new Set<number>()
  for (let i = 0; i < 3; i++) for (let j = 0; j < 4; j++) for (let k = 0; k < 5; k++) seen.add(i * strides[0]! + j * strides[1]! + k * strides[2]!)
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i))
})

test('random numbers have the moments of their distributions, and a seed gives them again', () => {
  const source = random(7)
  const uniform = Array.from({ length: 100_000 }, () => source.next())
  const normal = Array.from({ length: 100_000 }, () => source.normal())
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const moment = (values: number[], power: number): number => mean(values.map((value) => value ** power))
  // Tolerances are four standard errors: var(x)/n for each moment of U(0,1) and N(0,1).
  expect(Math.abs(mean(uniform) - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 12 / 1e5))
  expect(Math.abs(moment(uniform, 2) - 1 / 3)).toBeLessThan(4 * Math.sqrt(4 / 45 / 1e5))
  expect(Math.abs(mean(normal))).toBeLessThan(4 / Math.sqrt(1e5))
  expect(Math.abs(moment(normal, 2) - 1)).toBeLessThan(4 * Math.sqrt(2 / 1e5))
  expect(Math.abs(moment(normal, 4) - 3)).toBeLessThan(4 * Math.sqrt(96 / 1e5))
  const again = random(7)
  expect(again.next()).toBe(uniform[0])
  expect(random(8).next()).not.toBe(uniform[0])
  expect(random(7).fork().next()).not.toBe(uniform[0])
})

test('a shuffle is a permutation, and every order is as likely', () => {
  const source = random(3)
  const counts = new Map<string, number>()
  for (let i = 0; i < 6000; i++) {
    const order = source.shuffle([0, 1, 2]).join('')
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  expect(counts.size).toBe(6)
  // Chi-square with 5 degrees of freedom: 20.5 is the 0.999 quantile.
  const chi = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
  expect(chi).toBeLessThan(20.5)
})

test('hashes and sizes', () => {
  // FIPS 180-2, appendix B.1.
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect([byteLength('float32', 3), byteLength('int4', 3), byteLength('bool', 3), byteLength('complex128', 2)]).toEqual([12, 2, 3, 32])
})

test('an error says what, expected, got, where and what to do', () => {
  const error = new WhetstoneError('X', 'It broke', { expected: 'a', got: 'b', where: 'c', fix: 'd', cause: new Error('deep') })
  expect(error.message).toBe('It broke.\n  expected: a\n  got:      b\n  where:    c\n  to fix:   d')
  expect(error).toMatchObject({ code: 'X', name: 'WhetstoneError', what: 'It broke' })
  expect((error.cause as Error).message).toBe('deep')
})
