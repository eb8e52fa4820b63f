import type { FoldDifference } from '../../../exercises/module_04/lesson_01_model_selection/corrected_t/exercise'

// #region cell
export function correctedT(differences: number[], train: number, test: number): FoldDifference {
  const k = differences.length
  const difference = differences.reduce((sum, d) => sum + d, 0) / k
  const variance = differences.reduce((sum, d) => sum + (d - difference) ** 2, 0) / (k - 1)
  const error = Math.sqrt((1 / k + test / train) * variance)
  return { difference, error, t: difference / error }
}
// #endregion
