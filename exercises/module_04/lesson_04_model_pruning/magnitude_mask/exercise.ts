import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/magnitude_mask',
  title: 'Prune the smallest weights',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-4-model-pruning/topics/magnitude-based-pruning',
    'module04/lesson-4-model-pruning/hands-on/compare-pruning-methods',
  ],
}

// #region cell
/**
 * Which weights stay when the smallest are pruned: 1 for a weight that stays, 0 for one that becomes zero. With n weights
 * and sparsity s, exactly
 *
 *   k = round(s · n)
 *
 * weights go: those with the smallest |w|. Of equal ones those that stand first go first, so that the count is exact
 * (Han et al. 2015).
 *
 * Example: [0.3, −0.1, 0.2, −0.9, 0.05] with s = 0.4 loses round(0.4 · 5) = 2 weights, −0.1 and 0.05: [1, 0, 1, 1, 0].
 *
 * @param sparsity share of zeros, in [0, 1)
 * @throws Error when the sparsity is not in [0, 1)
 */
export function magnitudeMask(weights: Float32Array, sparsity: number): Uint8Array {
  // TODO: refuse shares that are none; order the places 0 … n − 1 by |w|; the first k of them go.
  throw new Error('magnitudeMask is not written yet')
}
// #endregion
