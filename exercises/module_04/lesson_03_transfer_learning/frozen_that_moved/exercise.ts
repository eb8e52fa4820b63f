import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/frozen_that_moved',
  title: 'Diagnose: the frozen layer that moved',
  points: 10,
  minutes: 15,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/topics/layer-freezing-strategies',
    'module04/lesson-3-transfer-learning-and-fine/topics/best-practices',
  ],
}

// #region cell
/** Weights of a model by name; `block1_bn/moving_mean` belongs to the layer `block1_bn`. */
export type Weights = Record<string, number[]>

/** What is wrong with a fine-tuning: weights that should have stayed, and weights that should have learned. */
export interface Finding {
  moved: string[]
  stuck: string[]
}

/**
 * Compares the weights before and after a fine-tuning with what was meant. A weight has changed when one of its numbers has:
 *
 *   |after − before| > 1e-6 · max(1, |before|),   or after is NaN
 *
 * `moved`: changed, though its layer is frozen. `stuck`: unchanged, though its layer is not. The layer is the part of the
 * name before the last slash, and must be equal to the frozen name as a whole. Names in the order of `before`.
 *
 * Example: before { 'a/kernel': [1], 'a/moving_mean': [0], 'b/kernel': [2] }, after { 'a/kernel': [1], 'a/moving_mean':
 * [0.3], 'b/kernel': [2.5] }, frozen ['a']: { moved: ['a/moving_mean'], stuck: [] }. The running statistics of a batch
 * normalization are no trained weights, and still move when the layer runs in training mode.
 *
 * @param frozen names of layers
 */
export function diagnoseFineTuning(before: Weights, after: Weights, frozen: string[]): Finding {
  // TODO: for each name: its layer, whether it changed, and whether that was meant.
  throw new Error('diagnoseFineTuning is not written yet')
}
// #endregion
