import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/one_standard_error',
  title: 'The simplest model that is good enough',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/complexity-vs-performance',
    'module04/lesson-1-model-selection-and-development/interview-questions/how-do-you-choose-between-models',
  ],
}

// #region cell
/** A candidate with its scores in cross-validation. */
export interface ScoredModel {
  name: string
  /** What it costs to understand and to run: smaller is simpler. No two candidates have the same. */
  complexity: number
  /** One for each fold, larger is better. */
  scores: number[]
}

/**
 * The one-standard-error rule (Breiman et al. 1984): of all candidates whose mean score is within one standard error of the
 * best mean, the simplest. Of candidates with the same best mean, the first is the best.
 *
 *   mean = Σ score / k,   error = √(Σ (score − mean)² / (k − 1)) / √k   of the best candidate
 *   good enough ⇔ mean ≥ best mean − error
 *
 * Example: "small" scores [0.90, 0.92], "large" [0.95, 0.89] with 10 times the complexity. Means 0.91 and 0.92. The best is
 * "large": deviation √(0.0018 / 1) = 0.0424, error 0.0424 / √2 = 0.03. 0.91 ≥ 0.92 − 0.03: the answer is 'small'.
 *
 * @param candidates at least one, each with the same number of folds, at least two
 * @returns the name
 */
export function simplestGoodEnough(candidates: ScoredModel[]): string {
  // TODO: the mean of each; the best and its standard error; the simplest above the line.
  throw new Error('simplestGoodEnough is not written yet')
}
// #endregion
