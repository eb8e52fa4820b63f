// GPTQ and AdaRound against rounding to nearest, and on small rows against every possible rounding.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../core'
import type { Parameters } from './arithmetic'
import { cholesky, inverseOf, upperFactor } from './linear-algebra'
import { adaRound, gptq, outputError, roundToNearest } from './rounding'

const P: Parameters = { scale: 0.25, zeroPoint: 0, low: -7, high: 7 }

/** H = Σ x xᵀ of inputs whose channels go together, as those of real layers do. */
function moments(n: number, seed: number, samples = 4 * n): Float64Array {
  const numbers = random(seed)
  const h = new Float64Array(n * n)
  for (let s = 0; s < samples; s++) {
    const common = numbers.normal()
    const x = Array.from({ length: n }, (_, k) => numbers.normal() + common * (1 + (k % 3)))
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) h[i * n + j] = (h[i * n + j] ?? 0) + (x[i] ?? 0) * (x[j] ?? 0) / samples
  }
  return h
}

const matrix = (count: number, seed: number): Float64Array => {
  const numbers = random(seed)
  return Float64Array.from({ length: count }, () => numbers.normal() * 0.5)
}
const real = (q: ArrayLike<number>): Float64Array => Float64Array.from(q, (value) => value * P.scale)

describe('linear algebra', () => {
  test('factors multiply back', () => {
    const n = 7
    const a = moments(n, 3)
    const l = cholesky(a, n) ?? new Float64Array()
    const inverse = inverseOf(l, n)
    const u = upperFactor(inverse, n) ?? new Float64Array()
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let [product, unit, back] = [0, 0, 0]
        for (let k = 0; k < n; k++) {
          product += (l[i * n + k] ?? 0) * (l[j * n + k] ?? 0)
          unit += (a[i * n + k] ?? 0) * (inverse[k * n + j] ?? 0)
          back += (u[k * n + i] ?? 0) * (u[k * n + j] ?? 0)
        }
        expect(product).toBeCloseTo(a[i * n + j] ?? 0, 9)
        expect(unit).toBeCloseTo(i === j ? 1 : 0, 8)
        expect(back).toBeCloseTo(inverse[i * n + j] ?? 0, 8)
      }
    }
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBe(undefined)
  })
})

describe('the error of a layer', () => {
  test('is less than by rounding to nearest', () => {
    fc.assert(fc.property(fc.nat(1e6), fc.integer({ min: 4, max: 24 }), (seed, columns) => {
      const rows = 5
      const [w, h] = [matrix(rows * columns, seed), moments(columns, seed + 1)]
      const error = (q: Int32Array): number => outputError(w, real(q), h, rows, columns)
      const nearest = error(roundToNearest(w, columns, () => P))
      expect(error(adaRound(w, h, rows, columns, () => P))).toBeLessThanOrEqual(nearest)
      expect(error(gptq(w, h, rows, columns, () => P))).toBeLessThan(nearest * 1.1)
    }), { numRuns: 20, seed: 2 })
    const [w, h] = [matrix(32 * 64, 1), moments(64, 2)]
    const error = (q: Int32Array): number => outputError(w, real(q), h, 32, 64)
    const nearest = error(roundToNearest(w, 64, () => P))
    expect(error(gptq(w, h, 32, 64, () => P))).toBeLessThan(0.5 * nearest)
    expect(error(adaRound(w, h, 32, 64, () => P))).toBeLessThan(0.5 * nearest)
  })

  test('AdaRound is within 20% of the best of all roundings up and down', () => {
    for (let seed = 0; seed < 6; seed++) {
      const n = 9
      const [w, h] = [matrix(n, seed), moments(n, seed + 50)]
      let best = Infinity
      for (let bits = 0; bits < 2 ** n; bits++) {
        const q = Int32Array.from(w, (x, k) => Math.min(7, Math.max(-7, Math.floor(x / P.scale) + ((bits >> k) & 1))))
        best = Math.min(best, outputError(w, real(q), h, 1, n))
      }
      expect(outputError(w, real(adaRound(w, h, 1, n, () => P)), h, 1, n)).toBeLessThanOrEqual(best * 1.2)
    }
  })

  test('with independent inputs nothing beats rounding to nearest', () => {
    const n = 12
    const h = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0))
    const w = matrix(n * 3, 4)
    expect([...gptq(w, h, 3, n, () => P)]).toEqual([...roundToNearest(w, n, () => P)])
    expect([...adaRound(w, h, 3, n, () => P)]).toEqual([...roundToNearest(w, n, () => P)])
  })

  test('inputs that are always zero do not break the factorization', () => {
    const n = 6
    const h = moments(n, 1)
    for (let k = 0; k < n; k++) h[2 * n + k] = h[k * n + 2] = 0
    const q = gptq(matrix(n, 3), h, 1, n, () => P)
    expect(q.every((value) => Math.abs(value) <= 7)).toBe(true)
  })
})
