// Order statistics and the bootstrap: what a benchmark may say about a handful of samples.
import { WhetstoneError, random } from '../core'

/** The smallest value with at least `p` of the samples at or below it, linearly interpolated (Hyndman and Fan, type 7). */
export function quantile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const position = (sorted.length - 1) * p
  const low = sorted[Math.floor(position)]
  const high = sorted[Math.ceil(position)]
  if (low === undefined || high === undefined) {
    throw new WhetstoneError('BENCH_NO_SAMPLES', 'There is no quantile of zero samples', { fix: 'measure at least once' })
  }
  return low + (high - low) * (position - Math.floor(position))
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

/** A range that holds the true value with the stated confidence. */
export type Interval = readonly [low: number, high: number]

/**
 * Percentile bootstrap of the median (Efron 1979): medians of `draws` resamples with replacement, and their central
 * `confidence` range. With n samples the range is never wider than the samples themselves.
 */
export function bootstrapMedian(samples: readonly number[], confidence = 0.95, draws = 2000, seed = 1): Interval {
  const source = random(seed)
  const medians = Array.from({ length: draws }, () =>
    median(Array.from(samples, () => samples[source.int(samples.length)] ?? Number.NaN)))
  return [quantile(medians, (1 - confidence) / 2), quantile(medians, (1 + confidence) / 2)]
}

/** exp(mean(ln x)): the mean that belongs to ratios. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
