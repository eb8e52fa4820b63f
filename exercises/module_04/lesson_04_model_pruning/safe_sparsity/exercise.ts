import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/safe_sparsity',
  title: 'How far is it safe to prune?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-4-model-pruning/topics/pruning-ratio-selection',
    'module04/lesson-4-model-pruning/hands-on/measure-speedup-vs-accuracy',
  ],
}

// #region cell
/** How a model did on test images. */
export interface Score {
  right: number
  of: number
}

/** How a pruned model did. */
export interface PrunedScore extends Score {
  /** Share of zeros, or of channels removed. */
  sparsity: number
}

/**
 * The largest sparsity that surely keeps the accuracy, where a test set of n images measures an accuracy a only within
 * chance. The loss of accuracy against the dense model is with 95 % certainty at most its one-sided bound
 *
 *   loss + 1.645 · √(a_dense (1 − a_dense) / n_dense + a (1 − a) / n),   loss = a_dense − a,   a = right / of
 *
 * A sparsity is safe when this is at most the budget. Go from the smallest sparsity upwards and stop at the first that is
 * not safe: a later one that looks better was lucky.
 *
 * Example: dense 980 of 1000, budget 0.03. At 0.5: 975 of 1000, loss 0.005, bound 0.005 + 1.645 · 0.0066 = 0.0159: safe.
 * At 0.8: 960 of 1000, loss 0.02, bound 0.02 + 1.645 · 0.0076 = 0.0325: not safe. The answer is 0.5.
 *
 * @param pruned in any order
 * @param budget accuracy that may be lost, as a share: 0.02 is two points
 * @returns the sparsity, or null when none is safe
 */
export function safeSparsity(dense: Score, pruned: PrunedScore[], budget: number): number | null {
  // TODO: a function for a(1 − a)/n; the candidates in order; the bound of each, until one is above the budget.
  throw new Error('safeSparsity is not written yet')
}
// #endregion
