import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/global_shares',
  title: 'One threshold for all layers',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-4-model-pruning/topics/magnitude-based-pruning',
    'module04/lesson-4-model-pruning/topics/pruning-ratio-selection',
    'module04/lesson-4-model-pruning/hands-on/compare-pruning-methods',
  ],
}

// #region cell
/**
 * The share of zeros that each layer gets when the smallest weights of *all layers together* are pruned. Of n weights in
 * all layers, k = round(s · n) go, those with the smallest |w|; layer l then has the share
 *
 *   zeros of l / weights of l
 *
 * Example: { wide: [0.1, −0.2, 0.3, 0.4], narrow: [5, −0.25] } with s = 0.5: of six weights three go, which are 0.1, −0.2
 * and −0.25. So wide gets 2 / 4 = 0.5 and narrow 1 / 2 = 0.5. With s = 0.7 four go, and wide gets 0.75.
 *
 * @param layers weights by the name of the layer; no two have the same |w|
 * @param sparsity share of zeros over all layers, in [0, 1)
 * @returns a share in [0, 1] for each layer, by name
 */
export function globalShares(layers: Record<string, Float32Array>, sparsity: number): Record<string, number> {
  // TODO: all sizes in one array, sorted; the size up to which weights go; then count in each layer.
  throw new Error('globalShares is not written yet')
}
// #endregion
