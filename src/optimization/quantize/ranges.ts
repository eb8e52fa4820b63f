// From what calibration saw to the range that is quantized: min-max, percentile, entropy, least squares.
import { limitsOf, parametersOf, type Grid, type Range } from './arithmetic'
import type { Histogram } from './histogram'

/** How the range of an activation is chosen. */
export type CalibrationMethod = 'min-max' | 'percentile' | 'entropy' | 'mse'

/** Settings of the methods. */
export interface RangeOptions {
  readonly method: CalibrationMethod
  /** Share of the numbers that stay inside the range, in percent; default 99.99. Only for `percentile`. */
  readonly percentile?: number
}

/** The range of real numbers that the integers of a grid will stand for. */
export function chooseRange(seen: Histogram, grid: Grid, options: RangeOptions): Range {
  switch (options.method) {
    case 'min-max': return seen.range
    case 'percentile': return percentileRange(seen, options.percentile ?? 99.99)
    case 'entropy': return entropyRange(seen, grid)
    case 'mse': return leastSquaresRange(seen, grid)
  }
}

/** [q(1 − p), q(p)] halves: the share 1 − p is cut off, half of it on each side. */
export function percentileRange(seen: Histogram, percent: number): Range {
  const tail = (1 - percent / 100) / 2
  return { low: seen.min >= 0 ? seen.min : seen.quantile(tail), high: seen.max <= 0 ? seen.max : seen.quantile(1 - tail) }
}

/**
 * The threshold t that makes the quantized distribution of |x| ≤ t most like the clipped one: min KL(P ‖ Q), where P is the
 * histogram of |x| up to t with all that is beyond added to its last bin, and Q is the histogram up to t merged into the
 * integers that the grid has and spread again over the bins that are not empty. The range is [−t, t] within what was seen; all of it
 * when fewer than eight numbers a level were seen. A t whose expected square error is above that of the whole range is none: the
 * divergence also counts the shape of the distribution inside each level, which rounding does not mind, and where numbers
 * gather at single values, such as what a constant background makes, it alone would clip most of them.
 * After S. Migacz, "8-bit inference with TensorRT", GTC 2017.
 */
export function entropyRange(seen: Histogram, grid: Grid): Range {
  const { min, max } = seen
  if (seen.binWidth === 0) return seen.range
  const { low, high } = limitsOf(grid)
  // Numbers of one sign have all integers of an affine grid; numbers of both signs, or a symmetric grid, half of them.
  const levels = !grid.symmetric && (min >= 0 || max <= 0) ? high - low + 1 : Math.ceil((high - low + 1) / 2)
  // Too few numbers are no distribution: empty bins would look like a reason to clip.
  if (seen.count - seen.zeros < 8 * levels) return seen.range
  const largest = Math.max(-min, max)
  const bins = Math.min(2048, Math.max(2 * levels, Math.floor((seen.count - seen.zeros) / 8)))
  const magnitude = new Float64Array(bins)
  const { centres, counts } = seen
  for (let i = 0; i < counts.length; i++) {
    const at = Math.min(bins - 1, Math.floor((Math.abs(centres[i] ?? 0) / largest) * bins))
    magnitude[at] = (magnitude[at] ?? 0) + (counts[i] ?? 0)
  }
  // Exactly 0, such as what Relu and padding make, is exact in any range: it says nothing about where to clip, and would
  // outweigh everything that does.
  magnitude[0] = Math.max(0, (magnitude[0] ?? 0) - seen.zeros)
  const kept = compact(seen)
  const within = (length: number): Range => ({ low: Math.max(min, -(length / bins) * largest), high: Math.min(max, (length / bins) * largest) })
  const error = (range: Range): number => squareError(kept.centres, kept.counts, range, grid)
  const whole = error(seen.range)
  return within(leastDivergence(magnitude, Math.min(levels, bins), (length) => error(within(length)) <= whole))
}

/** The number of bins, at least `levels`, at which KL(P ‖ Q) is least, of those that are accepted; all bins when none is. */
export function leastDivergence(histogram: Float64Array, levels: number, accepts: (length: number) => boolean = () => true): number {
  const total = histogram.reduce((sum, count) => sum + count, 0)
  let best = histogram.length
  let least = Infinity
  let inside = 0
  for (let i = 0; i < levels - 1; i++) inside += histogram[i] ?? 0
  for (let length = levels; length <= histogram.length; length++) {
    inside += histogram[length - 1] ?? 0
    const divergence = divergenceAt(histogram, length, levels, total - inside, inside)
    if (divergence < least && accepts(length)) [least, best] = [divergence, length]
  }
  return best
}

function divergenceAt(histogram: Float64Array, length: number, levels: number, outside: number, inside: number): number {
  if (inside === 0) return Infinity
  const total = inside + outside
  let divergence = 0
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * length) / levels)
    const to = Math.max(from + 1, Math.floor(((level + 1) * length) / levels))
    let sum = 0
    let filled = 0
    for (let i = from; i < to; i++) {
      sum += histogram[i] ?? 0
      if ((histogram[i] ?? 0) > 0) filled++
    }
    for (let i = from; i < to; i++) {
      const here = histogram[i] ?? 0
      const p = (i === length - 1 ? here + outside : here) / total
      if (p === 0) continue
      // Where the last bin was empty before the outliers were added to it, Q has nothing there: a small share stands in.
      const q = here > 0 ? sum / filled / inside : 1e-9
      divergence += p * Math.log(p / q)
    }
  }
  return divergence
}

/**
 * The range with the least expected square error, E[(x − x̂)²]: rounding inside it, (scale² / 12) a number, and clipping
 * outside. Both ends are shrunk together and each by itself, in 64 steps, until nothing improves.
 */
export function leastSquaresRange(seen: Histogram, grid: Grid): Range {
  if (seen.binWidth === 0) return seen.range
  const { centres, counts } = compact(seen)
  const error = (range: Range): number => squareError(centres, counts, range, grid)
  const steps = 64
  let best = seen.range
  let least = error(best)
  for (let round = 0; round < 3; round++) {
    const before = least
    const start = best
    for (let step = 1; step < steps; step++) {
      const share = step / steps
      const ends: Range[] = grid.symmetric
        ? [{ low: Math.max(seen.min, -largest(seen) * share), high: Math.min(seen.max, largest(seen) * share) }]
        : [{ low: seen.min * share, high: seen.max * share }, { low: seen.min * share, high: start.high }, { low: start.low, high: seen.max * share }]
      for (const range of ends) {
        if (range.low > 0 || range.high < 0) continue
        const here = error(range)
        if (here < least) [least, best] = [here, range]
      }
    }
    if (least >= before) break
  }
  return best
}

const largest = (seen: Histogram): number => Math.max(-seen.min, seen.max)

/** The bins that hold something. */
function compact(seen: Histogram): { centres: Float64Array; counts: Float64Array } {
  const all = seen.centres
  const kept = [...all.keys()].filter((i) => (seen.counts[i] ?? 0) > 0)
  const counts = Float64Array.from(kept, (i) => seen.counts[i] ?? 0)
  // Exactly 0, such as what Relu and padding make, has no rounding error in any range.
  const zero = kept.findIndex((i) => Math.abs(all[i] ?? 0) <= seen.binWidth / 2)
  if (zero >= 0) counts[zero] = Math.max(0, (counts[zero] ?? 0) - seen.zeros)
  return { centres: Float64Array.from(kept, (i) => all[i] ?? 0), counts }
}

/** Σ count × (rounding or clipping error)² over the bins of a histogram. */
export function squareError(centres: ArrayLike<number>, counts: ArrayLike<number>, range: Range, grid: Grid): number {
  const { scale, zeroPoint, low, high } = parametersOf(range, grid)
  const bottom = (low - zeroPoint) * scale
  const top = (high - zeroPoint) * scale
  const rounding = (scale * scale) / 12
  let sum = 0
  for (let i = 0; i < centres.length; i++) {
    const x = centres[i] ?? 0
    const beyond = x < bottom ? bottom - x : x > top ? x - top : 0
    sum += (counts[i] ?? 0) * (beyond > 0 ? beyond * beyond + rounding : rounding)
  }
  return sum
}
