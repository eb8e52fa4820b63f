// How long one request takes: where the warm-up ends, percentiles with a bound that holds, and energy.
import { WhetstoneError, throwIfInterrupted } from '../core'
import { energyMeter } from './energy'
import { bootstrapMedian, median, quantile, type Interval } from './statistics'

/** A percentile of latencies. */
export interface Percentile {
  /** 0.9 for the 90th. */
  readonly p: number
  readonly value: number
  /** With the stated confidence the true percentile is not above it; undefined with too few samples. */
  readonly bound: number | undefined
  /** Samples that a bound needs at least. */
  readonly needed: number
}

/** What a run of requests, one after the other, took. */
export interface Latencies {
  /** Milliseconds of every request after the warm-up, in order. */
  readonly samples: readonly number[]
  /** Requests that were left out at the start. */
  readonly warmup: number
  /** Whether the rest looks like one level: the warm-up ended in the first half of the run. */
  readonly steady: boolean
  readonly median: number
  readonly interval: Interval
  readonly percentiles: readonly Percentile[]
  /** Requests a second: 1000 ÷ mean. */
  readonly throughput: number
  /** Joules a request, where the machine tells its energy. */
  readonly joules: number | undefined
}

export interface LatencyOptions {
  /** Default [0.5, 0.9, 0.99]. */
  readonly percentiles?: readonly number[]
  /** Of the bounds. Default 0.99, as in MLPerf. */
  readonly confidence?: number
  /** Milliseconds that the requests take together, at least. Default 1000. */
  readonly atLeastMs?: number
  /** Requests at least. Default: enough for a bound of the highest percentile, after a warm-up as long as the rest. */
  readonly requests?: number
  /** Never more than this. Default 100,000. */
  readonly most?: number
  readonly now?: () => number
}

/**
 * Where the warm-up ends: the number d ≤ n/2 of first samples, without which the standard error of the mean is least,
 * MSER(d) = Σ(xᵢ − x̄)² ÷ (n − d)² over the rest, on means of five. (White, An effective truncation heuristic for bias
 * reduction in simulation output, 1997; MSER-5.)
 *
 * @returns d, and whether the least lies before n/2: otherwise the run never settled
 */
export function warmupOf(samples: readonly number[]): { readonly warmup: number; readonly steady: boolean } {
  const size = samples.length >= 20 ? 5 : 1
  const means = Array.from({ length: Math.floor(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size).reduce((a, b) => a + b, 0) / size)
  const n = means.length, most = Math.floor(n / 2)
  // From the end, so that each d costs one step.
  let [sum, squares, best, least] = [0, 0, 0, Infinity]
  for (let d = n - 1; d >= 0; d--) {
    const x = means[d] ?? 0, rest = n - d
    sum += x
    squares += x * x
    const error = Math.max(0, squares - (sum * sum) / rest) / rest ** 2
    if (d <= most && error <= least) [best, least] = [d, error]
  }
  return { warmup: best * size, steady: n < 4 || best < most }
}

/**
 * The most samples that may lie above the percentile, so that it is still bounded: the largest t with
 * P(Binomial(n, 1 − p) ≤ t) ≤ 1 − confidence. MLPerf's early stopping: with t = 1 the 90th percentile needs 64 requests,
 * the 99th 662. (MLPerf Inference Rules, "Early Stopping Criterion".)
 *
 * @returns 0 when n is too small for any bound
 */
export function overlatencyAllowed(n: number, p: number, confidence = 0.99): number {
  // Terms of the binomial in logarithms: (1 − p)ᵏ pⁿ⁻ᵏ n! ÷ (k! (n − k)!).
  let term = n * Math.log(p), total = Math.exp(term), t = -1
  while (total <= 1 - confidence && t < n) {
    t++
    term += Math.log(((n - t) * (1 - p)) / ((t + 1) * p))
    total += Math.exp(term)
  }
  return Math.max(0, t)
}

/** Fewest requests with which a percentile has a bound. */
export function requestsNeeded(p: number, confidence = 0.99): number {
  let [low, high] = [1, 2]
  while (overlatencyAllowed(high, p, confidence) < 1) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (overlatencyAllowed(middle, p, confidence) < 1) low = middle
    else high = middle
  }
  return high
}

/** The percentile, and the t-th largest sample as its bound, t as {@link overlatencyAllowed} has it. */
export function percentileOf(samples: readonly number[], p: number, confidence = 0.99): Percentile {
  if (!(p > 0 && p < 1)) throw new WhetstoneError('BENCH_PERCENTILE', 'A percentile is a share between 0 and 1', { expected: '0.9 for the 90th', got: String(p) })
  const t = overlatencyAllowed(samples.length, p, confidence)
  const bound = t === 0 ? undefined : [...samples].sort((a, b) => b - a)[t - 1]
  return { p, value: quantile(samples, p), bound, needed: requestsNeeded(p, confidence) }
}

/**
 * Runs `work` again and again, alone, and says how long it takes. The warm-up is found, not assumed.
 *
 * @example
 * const { median, percentiles } = await measureLatency(() => session.runSync(inputs))
 */
export async function measureLatency(work: () => unknown, options: LatencyOptions = {}): Promise<Latencies> {
  const { percentiles = [0.5, 0.9, 0.99], confidence = 0.99, atLeastMs = 1000, most = 100_000, now = () => performance.now() } = options
  const requests = options.requests ?? 2 * Math.max(...percentiles.map((p) => requestsNeeded(p, confidence)))
  const all: number[] = [], meter = energyMeter()
  const energyBefore = meter?.joules()
  const began = now()
  while (all.length < most && (all.length < requests || now() - began < atLeastMs)) {
    throwIfInterrupted()
    const from = now()
    await work()
    all.push(now() - from)
  }
  const energy = meter === undefined || energyBefore === undefined ? undefined : meter.joules() - energyBefore
  const { warmup, steady } = warmupOf(all)
  const samples = all.slice(warmup)
  return {
    samples, warmup, steady, median: median(samples), interval: bootstrapMedian(samples.slice(-2000)),
    percentiles: percentiles.map((p) => percentileOf(samples, p, confidence)),
    throughput: (1000 * samples.length) / samples.reduce((a, b) => a + b, 0),
    joules: energy === undefined ? undefined : energy / all.length,
  }
}
