import type { ScoredModel } from '../../../exercises/module_04/lesson_01_model_selection/one_standard_error/exercise'

// #region cell
export function simplestGoodEnough(candidates: ScoredModel[]): string {
  const mean = (scores: number[]): number => scores.reduce((sum, score) => sum + score, 0) / scores.length
  const best = candidates.reduce((a, b) => (mean(b.scores) > mean(a.scores) ? b : a))
  const center = mean(best.scores)
  const k = best.scores.length
  const error = Math.sqrt(best.scores.reduce((sum, score) => sum + (score - center) ** 2, 0) / (k - 1)) / Math.sqrt(k)
  const goodEnough = candidates.filter(({ scores }) => mean(scores) >= center - error)
  return goodEnough.reduce((a, b) => (b.complexity < a.complexity ? b : a)).name
}
// #endregion
