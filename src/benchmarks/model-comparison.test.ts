// Tests for two models, against scipy 1.17.1 (binomtest, t.sf), scikit-learn's recipe for the corrected t, and closed forms.
import { describe, expect, it } from 'vitest'
import { random } from '../core'
import { bootstrap, correctedT, mcnemar, studentP } from './model-comparison'

/** b samples that only the first has right, c that only the second has right, and 20 that both have right or wrong. */
const answers = (b: number, c: number): [boolean[], boolean[]] => [
  [...Array.from({ length: b + c }, (_, i) => i < b), ...Array.from({ length: 20 }, (_, i) => i < 10)],
  [...Array.from({ length: b + c }, (_, i) => i >= b), ...Array.from({ length: 20 }, (_, i) => i < 10)],
]

describe('mcnemar', () => {
  it.each([[10, 3, 0.09228515625], [0, 6, 0.03125], [7, 7, 1], [150, 100, 0.0018833009350761602], [2000, 2150, 0.020715456049267052], [0, 0, 1]])(
    '%d against %d: p = %d', (b, c, p) => {
      const found = mcnemar(...answers(b, c))
      expect(found).toMatchObject({ onlyFirst: b, onlySecond: c })
      expect(found.p / p).toBeCloseTo(1, 8)
      expect(mcnemar(...[...answers(b, c)].reverse() as [boolean[], boolean[]]).p).toBeCloseTo(found.p, 12)
    })

  it('refuses what is not paired', () => {
    expect(() => mcnemar([true], [])).toThrow(expect.objectContaining({ code: 'STATISTICS_DATA' }))
    expect(() => mcnemar([], [])).toThrow(expect.objectContaining({ code: 'STATISTICS_DATA' }))
  })
})

describe('studentP', () => {
  it.each([
    [2.262157162854099, 9, 0.04999999999543219], [0.5, 4, 0.6433299631818633], [-3.2, 19, 0.004714189028263183], [12, 2, 0.00687293367715846],
    [0.01, 100, 0.9920412102344285], [1, 1, 0.5], [40, 5, 1.8411961972e-7], [0, 7, 1],
  ])('t = %d, %d degrees of freedom', (t, degrees, p) => { expect(studentP(t, degrees) / p).toBeCloseTo(1, 7) })

  it('at infinity and for no number', () => {
    expect(studentP(-Infinity, 3)).toBe(0)
    expect(studentP(Number.NaN, 3)).toBeNaN()
  })
})

describe('correctedT', () => {
  it('is the t-test with a larger variance', () => {
    const d = [0.02, -0.01, 0.03, 0.015, 0.005]
    // mean 0.012; s² = 0.0002325; with n_test / n_train = ¼, error = √((1/5 + 1/4) · 0.0002325).
    const { difference, error, t, p } = correctedT(d, { train: 80, test: 20 })
    expect(difference).toBeCloseTo(0.012, 12)
    expect(error).toBeCloseTo(Math.sqrt(0.45 * 0.0002325), 12)
    expect(t).toBeCloseTo(0.012 / Math.sqrt(0.45 * 0.0002325), 10)
    expect(p).toBeCloseTo(studentP(t, 4), 12)
  })

  it('rejects a true null at its nominal rate where the usual test rejects far too often', () => {
    // Each split's difference has a part that all splits share, with the correlation n_test / n that the correction assumes.
    const source = random(5)
    const [k, share] = [10, 0.1]
    let [corrected, usual] = [0, 0]
    const rounds = 2000
    for (let round = 0; round < rounds; round++) {
      const common = Math.sqrt(share) * source.normal()
      const d = Array.from({ length: k }, () => common + Math.sqrt(1 - share) * source.normal())
      if (correctedT(d, { train: 90, test: 10 }).p < 0.05) corrected++
      // n_test → 0 leaves s² / k, the usual t-test.
      if (correctedT(d, { train: 1, test: 0 }).p < 0.05) usual++
    }
    expect(corrected / rounds).toBeLessThan(0.07)
    expect(corrected / rounds).toBeGreaterThan(0.03)
    expect(usual / rounds).toBeGreaterThan(0.1)
  })

  it('of equal differences, and of one alone', () => {
    expect(correctedT([0, 0, 0], { train: 2, test: 1 })).toMatchObject({ t: 0, p: 1 })
    expect(correctedT([1, 1], { train: 2, test: 1 })).toMatchObject({ t: Infinity, p: 0 })
    expect(() => correctedT([1], { train: 2, test: 1 })).toThrow(expect.objectContaining({ code: 'STATISTICS_DATA' }))
  })
})

describe('bootstrap', () => {
  it('of a mean is about its normal interval', () => {
    const source = random(2)
    const x = Array.from({ length: 400 }, () => source.normal())
    const mean = x.reduce((a, b) => a + b, 0) / x.length
    const error = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / x.length
    const [low, high] = bootstrap(x.length, (drawn) => drawn.reduce((sum, i) => sum + x[i]!, 0) / drawn.length)
    expect(Math.abs(low - (mean - 1.96 * error))).toBeLessThan(0.25 * error)
    expect(Math.abs(high - (mean + 1.96 * error))).toBeLessThan(0.25 * error)
  })

  it('leaves out draws that say nothing, is decided by its seed, and refuses no samples', () => {
    const rare = (drawn: Int32Array): number => (drawn.includes(0) ? 1 : Number.NaN)
    expect(bootstrap(5, rare)).toEqual([1, 1])
    const first = (drawn: Int32Array): number => drawn[0] ?? 0
    expect(bootstrap(50, first, { seed: 4 })).toEqual(bootstrap(50, first, { seed: 4 }))
    expect(() => bootstrap(0, first)).toThrow(expect.objectContaining({ code: 'STATISTICS_DATA' }))
    expect(() => bootstrap(3, () => Number.NaN)).toThrow(expect.objectContaining({ code: 'BENCH_NO_SAMPLES' }))
  })
})
