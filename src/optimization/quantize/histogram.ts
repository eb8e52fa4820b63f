// A histogram of a stream in constant memory: its range grows by powers of two, and growing merges bins in pairs, so every
// count stays exact. Nothing of what was seen is kept.
import type { Range } from './arithmetic'

/** Bins. The range is at most twice what was seen on each growth, so at least half of them are in use. */
const DEFAULT_BINS = 4096

export class Histogram {
  /** Smallest and largest number seen; Infinity and −Infinity before the first. */
  min: number = Infinity
  max: number = -Infinity
  /** How many numbers were seen. */
  count = 0
  private low = 0
  private width = 0
  private readonly bins: Float64Array
  /** How many numbers were exactly 0: every grid represents those without error. */
  zeros = 0
  /** Numbers seen while all of them were the same one, which gives no range yet. */
  private same = 0
  private single = 0

  /** @param size number of bins, even */
  constructor(readonly size: number = DEFAULT_BINS) {
    this.bins = new Float64Array(size)
  }

  /**
   * Counts numbers.
   *
   * @returns the index of the first number that is not finite, if there is one; nothing is counted then
   */
  see(values: ArrayLike<number>): number | undefined {
    let [low, high, zeros] = [Infinity, -Infinity, 0]
    for (let i = 0; i < values.length; i++) {
      const x = values[i] ?? 0
      // NaN fails both comparisons, so it is looked for by the sum of what fails.
      if (x - x !== 0) return i
      if (x < low) low = x
      if (x > high) high = x
      if (x === 0) zeros++
    }
    if (values.length === 0) return undefined
    this.zeros += zeros
    this.count += values.length
    this.min = Math.min(this.min, low)
    this.max = Math.max(this.max, high)
    if (this.width === 0 && !this.start()) {
      this.same += values.length
      this.single = low
      return undefined
    }
    this.cover(low, high)
    const { bins, size } = this
    const factor = size / this.width
    const from = this.low
    for (let i = 0; i < values.length; i++) {
      const at = Math.floor(((values[i] ?? 0) - from) * factor)
      const bin = at < 0 ? 0 : at >= size ? size - 1 : at
      bins[bin] = (bins[bin] ?? 0) + 1
    }
    return undefined
  }

  /** Bins in order: their centres and counts. */
  get centres(): Float64Array {
    const step = this.width / this.size
    return Float64Array.from(this.bins, (_, i) => this.low + (i + 0.5) * step)
  }

  get counts(): Float64Array {
    return this.bins
  }

  get binWidth(): number {
    return this.width / this.size
  }

  /** The smallest x such that a share p of what was seen is ≤ x, to within a bin, and within what was seen. */
  quantile(p: number): number {
    if (this.width === 0) return this.count === 0 ? 0 : this.max
    const wanted = p * this.count
    let below = 0
    for (let i = 0; i < this.size; i++) {
      const here = this.bins[i] ?? 0
      if (here > 0 && below + here >= wanted) {
        const x = this.low + (i + (wanted - below) / here) * this.binWidth
        return Math.min(this.max, Math.max(this.min, x))
      }
      below += here
    }
    return this.max
  }

  get range(): Range {
    return this.count === 0 ? { low: 0, high: 0 } : { low: this.min, high: this.max }
  }

  /** The first range. Numbers that are all the same, such as the zeros of a dead layer, give none yet. */
  private start(): boolean {
    if (this.min === this.max) return false
    this.low = this.min
    this.width = this.max - this.min
    const bin = Math.min(this.size - 1, Math.floor(((this.single - this.low) / this.width) * this.size))
    if (this.same > 0) this.bins[bin] = (this.bins[bin] ?? 0) + this.same
    return true
  }

  private cover(low: number, high: number): void {
    const { bins, size } = this
    const half = size / 2
    while (low < this.low || high > this.low + this.width * (1 + 1e-12)) {
      const left = low < this.low
      const merged = Float64Array.from({ length: half }, (_, i) => (bins[2 * i] ?? 0) + (bins[2 * i + 1] ?? 0))
      bins.fill(0)
      bins.set(merged, left ? half : 0)
      if (left) this.low -= this.width
      this.width *= 2
    }
  }
}
