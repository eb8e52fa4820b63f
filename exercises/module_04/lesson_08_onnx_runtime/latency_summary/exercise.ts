import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/latency_summary',
  title: 'Latency, as it is reported',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/benchmarking-strategies',
    'module04/lesson-8-onnx-runtime-production-inference/hands-on/benchmark-vs-native-frameworks',
    'performance/learning-goals/concepts/latency-vs-throughput-trade-offs',
  ],
}

// #region cell
/** Latencies of one stream of requests, each sent when the one before was answered. */
export interface LatencySummary {
  /** Percentiles in milliseconds; null where there are too few samples to say. */
  p50: number | null
  p90: number | null
  p99: number | null
  /** Requests per second. */
  throughput: number
}

/**
 * Summarises measured latencies. The first `warmup` samples are left out; n is what is left. The percentile p is the value
 * at the **nearest rank** of the sorted samples, a latency that really occurred:
 *
 *   rank(p) = ⌈p · n / 100⌉, counted from 1
 *
 * A tail needs samples beyond it. A percentile is given only when **at least five** samples lie above its rank, that is
 * n − rank ≥ 5; otherwise it is null. A p99 therefore needs 500 samples.
 *
 *   throughput = 1000 · n / Σ latencies     (in milliseconds)
 *
 * Example: 2 warm-up samples [90, 30], then 10 of 4 ms and 10 of 6 ms in any order. n = 20; p50 is at rank 10: 4 ms. p90 is
 * at rank 18, with only two samples above: null. Throughput 1000 · 20 / 100 = 200 a second.
 *
 * @param samples in milliseconds, in the order in which they were measured; at least one more than `warmup`
 */
export function latencySummary(samples: number[], warmup: number): LatencySummary {
  // TODO: leave out the warm-up, sort, and write a helper for one percentile.
  throw new Error('latencySummary is not written yet')
}
// #endregion
