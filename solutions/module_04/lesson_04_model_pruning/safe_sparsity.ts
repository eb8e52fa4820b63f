import type { PrunedScore, Score } from '../../../exercises/module_04/lesson_04_model_pruning/safe_sparsity/exercise'

// #region cell
export function safeSparsity(dense: Score, pruned: PrunedScore[], budget: number): number | null {
  const accuracy = ({ right, of }: Score): number => right / of
  const variance = (score: Score): number => (accuracy(score) * (1 - accuracy(score))) / score.of
  let safe: number | null = null
  for (const one of [...pruned].sort((a, b) => a.sparsity - b.sparsity)) {
    const bound = accuracy(dense) - accuracy(one) + 1.645 * Math.sqrt(variance(dense) + variance(one))
    if (bound > budget) break
    safe = one.sparsity
  }
  return safe
}
// #endregion
