import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/thread_scaling',
  title: 'What threads can still bring',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/performance-optimization',
    'module04/lesson-8-onnx-runtime-production-inference/hands-on/apply-runtime-optimizations',
    'module04/lesson-8-onnx-runtime-production-inference/interview-questions/how-do-you-optimize-inference',
  ],
}

// #region cell
/** A latency, measured with so many threads. */
export interface ThreadTiming {
  threads: number
  milliseconds: number
}

/** Amdahl's law, fitted. */
export interface Scaling {
  /** Milliseconds that no thread helps with. */
  serial: number
  /** Milliseconds, on one thread, that threads share. */
  parallel: number
  /** The speed-up that no number of threads exceeds. */
  limit: number
}

/**
 * Fits Amdahl's law to measurements, by least squares: the line through the points (1 / n, t).
 *
 *   t(n) = serial + parallel / n
 *   parallel = Σ (x − x̄)(t − t̄) / Σ (x − x̄)²   with x = 1 / n,      serial = t̄ − parallel · x̄
 *   limit = (serial + parallel) / serial
 *
 * Measurements are noisy: a negative `serial` counts as 0, and the limit is then Infinity.
 *
 * Example: 10 ms with one thread and 6 ms with two: 8 ms are shared and 2 ms are not, since 2 + 8 / 2 = 6. However many
 * threads, it never gets below 2 ms: the limit is 10 / 2 = 5.
 *
 * @throws Error when there are not two different numbers of threads: one point gives no line
 */
export function threadScaling(timings: ThreadTiming[]): Scaling {
  // TODO: the two means, the slope, the intercept, and the limit.
  throw new Error('threadScaling is not written yet')
}
// #endregion
