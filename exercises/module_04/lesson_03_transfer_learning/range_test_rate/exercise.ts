import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/range_test_rate',
  title: 'Read a range test',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/hands-on/optimize-learning-rates',
  ],
}

// #region cell
/**
 * The learning rate that a range test recommends: the one at which the smoothed loss falls fastest, up to where it is smallest.
 *
 *   average_i = β · average_{i−1} + (1 − β) · loss_i,   average_{−1} = 0,   i = 0, 1, …
 *   smooth_i  = average_i / (1 − β^{i+1})               (undoes the start at 0)
 *
 * Let m be the step in which `smooth` is smallest. The answer is the rate of the step i, 1 ≤ i ≤ m, in which
 * smooth_{i−1} − smooth_i is largest. The rate at the smallest loss itself is too high: there, growth and decay are in
 * balance, and one more step blows up.
 *
 * Example: β = 0 (no smoothing), rates [0.0001, 0.001, 0.01, 0.1, 1], losses [2.3, 2.2, 1.5, 1.0, 9]. It falls by 0.1, 0.7
 * and 0.5 before the smallest value: the answer is 0.01.
 *
 * @param rates rising, one for each step; @param losses in nats; @param beta β, from 0 to below 1
 * @throws Error when the smoothed loss is smallest in the first step: it never fell
 */
export function pickRate(rates: number[], losses: number[], beta: number): number {
  // TODO: smooth; find the smallest; then the steepest fall up to it.
  throw new Error('pickRate is not written yet')
}
// #endregion
