import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/median_interval',
  title: 'Is it really faster?',
  points: 7,
  minutes: 15,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/benchmarking-strategies',
    'module04/lesson-1-model-selection-and-development/topics/baseline-establishment',
  ],
}

// #region cell
/**
 * An interval that holds the true median with at least the given confidence, whatever the distribution of the samples is.
 *
 * A sample is below the true median with probability ½, as a coin falls. The k-th smallest of n samples is above it only
 * if fewer than k of n coins show heads. With the sorted samples x₁ ≤ … ≤ xₙ:
 *
 *   P(x_k ≤ median ≤ x_{n+1−k}) = 1 − 2 · Σ_{i<k} C(n, i) / 2ⁿ
 *
 * The interval is [x_k, x_{n+1−k}] with the **largest** k, at most n / 2, whose probability is still at least `confidence`.
 * When even k = 1 is not enough, there is no such interval: null.
 *
 * Use: samples are the ratios new ÷ old of runs that took turns. The new one is faster when the whole interval is below 1.
 *
 * Example: 6 samples, confidence 0.95. For k = 1: 1 − 2 · 1 / 64 = 0.969; for k = 2: 1 − 2 · 7 / 64 = 0.781. The interval is
 * [smallest, largest]. With 5 samples, k = 1 gives 0.9375: null.
 */
export function medianInterval(samples: number[], confidence: number): [number, number] | null {
  // TODO: sort; add up the binomial terms C(n, 0), C(n, 1), … until the next one is too much.
  throw new Error('medianInterval is not written yet')
}
// #endregion
