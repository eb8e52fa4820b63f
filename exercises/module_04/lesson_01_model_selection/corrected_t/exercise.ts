import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/corrected_t',
  title: 'Folds that are not independent',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/model-selection-strategies',
    'module04/lesson-1-model-selection-and-development/interview-questions/how-do-you-choose-between-models',
  ],
}

// #region cell
/** What is known of the difference of two models after cross-validation. */
export interface FoldDifference {
  /** Mean of the differences. */
  difference: number
  /** Its standard error. */
  error: number
  /** difference / error */
  t: number
}

/**
 * The corrected resampled t statistic (Nadeau and Bengio 2003). Each of k splits gave a difference d of the scores of two
 * models. The splits share most of their training samples, so the d rise and fall together, and the usual error √(s² / k)
 * is far too small. Corrected for the overlap,
 *
 *   d̄ = Σ d / k,   s² = Σ (d − d̄)² / (k − 1),   error = √((1 / k + test / train) · s²),   t = d̄ / error
 *
 * Example: d = [1, 2, 3], each split trained on 90 samples and judged on 10: d̄ = 2, s² = 1,
 * error = √(1 / 3 + 1 / 9) = 0.6667, t = 3. Uncorrected it would be 3.46.
 *
 * @param differences d of each split, at least two, not all equal
 * @param train, test number of samples that each split trained on and was judged on
 */
export function correctedT(differences: number[], train: number, test: number): FoldDifference {
  // TODO: the mean, the variance, and an error with one more term under the root.
  throw new Error('correctedT is not written yet')
}
// #endregion
