import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/log_uniform',
  title: 'Search where the scale is',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/grid-search-vs-random-search-vs',
  ],
}

// #region cell
/**
 * A number between low and high, from u, which is uniform in [0, 1], so that every factor of ten is equally probable:
 * the logarithm of the number is uniform.
 *
 *   value = exp(ln low + u · (ln high − ln low))
 *
 * Example: between 0.0001 and 1, u = 0.5 gives 0.01: half of the four powers of ten lie below it. Drawn uniformly
 * instead, the middle would be 0.50005, and values under 0.001 would come up once in a thousand draws.
 *
 * @param u in [0, 1]; 0 gives low and 1 gives high
 * @param low, high no unit of their own; both above 0, low ≤ high
 * @throws Error when low is not above 0, or high is below low
 */
export function logUniform(u: number, low: number, high: number): number {
  // TODO: refuse ranges without a logarithm, then go from ln low to ln high.
  throw new Error('logUniform is not written yet')
}
// #endregion
