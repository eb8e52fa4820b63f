// Histograms and ranges against brute force on all the numbers at once.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../core'
import { fakeQuantize, parametersOf, type Grid, type Range } from './arithmetic'
import { Histogram } from './histogram'
import { chooseRange, entropyRange, leastDivergence, leastSquaresRange, percentileRange } from './ranges'

const GRID: Grid = { dtype: 'uint8', symmetric: false }

/** Numbers in chunks whose sizes grow, so that the range grows too. */
function stream(seed: number, chunks: number, make: (numbers: ReturnType<typeof random>, chunk: number) => number): Float32Array[] {
  const numbers = random(seed)
  return Array.from({ length: chunks }, (_, chunk) => Float32Array.from({ length: 500 }, () => make(numbers, chunk)))
}

function histogramOf(chunks: readonly Float32Array[]): Histogram {
  const histogram = new Histogram()
  for (const chunk of chunks) expect(histogram.see(chunk)).toBe(undefined)
  return histogram
}

const flat = (chunks: readonly Float32Array[]): number[] => chunks.flatMap((chunk) => [...chunk])
const squareErrorOf = (values: readonly number[], range: Range, grid: Grid = GRID): number => {
  const p = parametersOf(range, grid)
  return values.reduce((sum, x) => sum + (x - fakeQuantize(x, p)) ** 2, 0) / values.length
}

describe('a histogram of a stream', () => {
  test('counts every number, and places it to within a bin, however the range grows', () => {
    fc.assert(fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 12 }), (seed, chunks) => {
      const data = stream(seed, chunks, (numbers, chunk) => (numbers.normal() + (seed % 5)) * 1.7 ** (chunk % 6))
      const seen = histogramOf(data)
      const values = flat(data)
      expect(seen.count).toBe(values.length)
      expect(seen.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
      expect(seen.min).toBe(Math.min(...values))
      expect(seen.max).toBe(Math.max(...values))
      // Every prefix of bins holds what lies below its end.
      const { centres, counts, binWidth } = seen
      let below = 0
      for (let i = 0; i < counts.length; i += 97) {
        below = counts.subarray(0, i + 1).reduce((sum, count) => sum + count, 0)
        const end = (centres[i] ?? 0) + binWidth / 2
        const slack = values.filter((x) => Math.abs(x - end) < binWidth * 1e-3).length
        expect(Math.abs(below - values.filter((x) => x < end).length)).toBeLessThanOrEqual(slack)
      }
      // At least a quarter of the bins cover what was seen: growing doubles a range by at most one step on either side.
      expect((seen.max - seen.min) / (seen.binWidth * seen.size)).toBeGreaterThan(0.25)
    }), { numRuns: 25, seed: 1 })
  })

  test('numbers that are all the same, then others', () => {
    const seen = new Histogram()
    seen.see(new Float32Array(10))
    expect(seen.quantile(0.5)).toBe(0)
    seen.see(Float32Array.of(4, 8))
    expect(seen.counts.reduce((sum, count) => sum + count, 0)).toBe(12)
    expect(seen.counts[0]).toBe(10)
    expect(seen.zeros).toBe(10)
  })

  test('its size does not depend on what it saw', () => {
    const seen = histogramOf(stream(1, 40, (numbers, chunk) => numbers.normal() * 10 ** (chunk % 7)))
    expect(seen.counts.length).toBe(4096)
  })

  test('says which number is not finite', () => {
    expect(new Histogram().see(Float32Array.of(1, NaN, 2))).toBe(1)
    expect(new Histogram().see(Float32Array.of(Infinity))).toBe(0)
  })
})

describe('methods', () => {
  const heavy = stream(9, 20, (numbers) => numbers.normal() * (numbers.int(400) === 0 ? 20 : 1))
  const seen = histogramOf(heavy)
  const values = flat(heavy).sort((a, b) => a - b)

  test('percentile: the quantiles of the sorted numbers', () => {
    const { low, high } = percentileRange(seen, 99)
    const at = (p: number): number => values[Math.round(p * (values.length - 1))] ?? 0
    expect(Math.abs(low - at(0.005))).toBeLessThan(4 * seen.binWidth)
    expect(Math.abs(high - at(0.995))).toBeLessThan(4 * seen.binWidth)
    expect(percentileRange(histogramOf([Float32Array.from(values, Math.abs)]), 99).low).toBeCloseTo(Math.min(...values.map(Math.abs)), 6)
  })

  test('least squares: no range of a fine grid does better on the numbers themselves', () => {
    const found = squareErrorOf(values, leastSquaresRange(seen, GRID))
    let best = Infinity
    for (let share = 0.04; share <= 1; share += 0.04) {
      for (let other = 0.04; other <= 1; other += 0.04) best = Math.min(best, squareErrorOf(values, { low: seen.min * share, high: seen.max * other }))
    }
    expect(found).toBeLessThan(best * 1.05)
    expect(found).toBeLessThan(squareErrorOf(values, seen.range))
  })

  test('least squares of what Relu makes: zeros cost nothing, so they do not pull the range in', () => {
    const relu = stream(4, 8, (numbers) => Math.max(0, numbers.normal() - 2))
    const found = squareErrorOf(flat(relu), leastSquaresRange(histogramOf(relu), GRID))
    expect(found).toBeLessThanOrEqual(squareErrorOf(flat(relu), histogramOf(relu).range) * 1.0001)
  })

  test('entropy cuts off outliers where that saves more than it costs, and keeps a uniform distribution whole', () => {
    const coarse: Grid = { dtype: 'uint4', symmetric: false }
    const range = entropyRange(seen, coarse)
    expect(range.high).toBeLessThan(seen.max / 2)
    expect(range.high).toBeGreaterThan(2.5)
    expect(squareErrorOf(values, range, coarse)).toBeLessThanOrEqual(squareErrorOf(values, seen.range, coarse))
    const uniform = histogramOf(stream(2, 20, (numbers) => numbers.next() * 2 - 1))
    expect(entropyRange(uniform, GRID).high).toBeGreaterThan(0.95)
  })

  test('entropy gives up no precision for the shape: far numbers that weigh more than the steps they cost are kept', () => {
    // One in 1,250 lies far away, where the answer of a classifier may lie: cutting them off costs far more than coarser steps.
    const far = stream(9, 20, (numbers) => (numbers.next() < 0.0008 ? 50 * (1 + 0.01 * numbers.next()) : numbers.normal()))
    const values = flat(far), whole = histogramOf(far)
    expect(squareErrorOf(values, entropyRange(whole, GRID))).toBeLessThanOrEqual(squareErrorOf(values, whole.range) * 1.01)
  })

  test('entropy: the least divergence of a direct reckoning', () => {
    const numbers = random(6)
    const histogram = Float64Array.from({ length: 96 }, (_, i) => Math.round(1000 * Math.exp(-i / 9) * numbers.next()) + (i > 90 ? 2 : 0))
    const direct = (length: number, levels: number): number => {
      const p = [...histogram.subarray(0, length)]
      p[length - 1] = (p[length - 1] ?? 0) + histogram.subarray(length).reduce((sum, count) => sum + count, 0)
      const q = new Array<number>(length).fill(0)
      for (let level = 0; level < levels; level++) {
        const [from, to] = [Math.floor((level * length) / levels), Math.floor(((level + 1) * length) / levels)]
        const part = histogram.subarray(from, to)
        const filled = part.filter((count) => count > 0).length
        for (let i = from; i < to; i++) if ((histogram[i] ?? 0) > 0) q[i] = part.reduce((sum, count) => sum + count, 0) / filled
      }
      const [sp, sq] = [p, q].map((list) => list.reduce((sum, count) => sum + count, 0)) as [number, number]
      return p.reduce((sum, count, i) => sum + (count === 0 ? 0 : (count / sp) * Math.log(count / sp / ((q[i] ?? 0) === 0 ? 1e-9 : (q[i] ?? 0) / sq))), 0)
    }
    const levels = 16
    const best = Array.from({ length: 96 - levels + 1 }, (_, i) => levels + i).reduce((a, b) => (direct(b, levels) < direct(a, levels) ? b : a))
    expect(leastDivergence(histogram, levels)).toBe(best)
  })

  test('every method gives a range within what was seen that holds 0 or touches it', () => {
    for (const method of ['min-max', 'percentile', 'entropy', 'mse'] as const) {
      for (const symmetric of [false, true]) {
        const range = chooseRange(seen, { dtype: 'int8', symmetric }, { method })
        expect(range.low).toBeGreaterThanOrEqual(seen.min)
        expect(range.high).toBeLessThanOrEqual(seen.max)
        expect(range.low).toBeLessThan(range.high)
      }
    }
  })
})
