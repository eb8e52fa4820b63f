import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/cubic_sparsity',
  title: 'Fast first, slow at the end',
  points: 5,
  minutes: 8,
  trains: [
    'module04/lesson-4-model-pruning/topics/iterative-pruning',
    'module04/lesson-4-model-pruning/topics/fine-tuning-after-pruning',
    'module04/lesson-4-model-pruning/interview-questions/what-is-model-pruning',
  ],
}

// #region cell
/** A gradual pruning: steps of a training between which the sparsity rises, and from where to where. */
export interface SparsityRamp {
  /** Steps, counted from the start of the training; `begin` is below `end`. */
  begin: number
  end: number
  /** Shares of zeros, in [0, 1). */
  initial: number
  final: number
}

/**
 * The sparsity that gradual pruning wants at a step of the training (Zhu and Gupta 2017, equation 1):
 *
 *   s(t) = final + (initial − final) · (1 − (t − begin) / (end − begin))³
 *
 * Before `begin` it is the initial sparsity, after `end` the final one. Much is removed early, while there is much that is
 * redundant; the last percents get most of the time.
 *
 * Example: from 0 to 0.9 between steps 100 and 300. At step 200 half of the way is done, (1 − 0.5)³ = 0.125, and
 * s = 0.9 − 0.9 · 0.125 = 0.7875: with half of the steps, seven eighths of the pruning are done.
 *
 * @param step 0 or more
 * @returns a share of zeros
 */
export function cubicSparsity(step: number, ramp: SparsityRamp): number {
  // TODO: how much of the way is done, held between 0 and 1; then the equation.
  throw new Error('cubicSparsity is not written yet')
}
// #endregion
