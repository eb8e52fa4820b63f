import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/group_folds',
  title: 'Keep what belongs together together',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/development-best-practices',
    'module04/lesson-1-model-selection-and-development/interview-questions/what-s-your-process-for-model',
  ],
}

// #region cell
/**
 * Folds for cross-validation in which all samples of a group (a patient, a writer, a photograph) are in the same fold.
 *
 *   the largest group first, each into the fold that has the fewest samples so far
 *
 * Of groups of equal size, the one that comes first in the list is placed first; of folds with equally few samples, the
 * one with the lowest number is taken.
 *
 * Example: groups [a, b, a, c, a, b], 2 folds. Sizes: a 3, b 2, c 1. a goes to fold 0; b to fold 1; c to fold 1, which has
 * 2 samples against 3. The answer is [0, 1, 0, 1, 0, 1].
 *
 * @param groups the group of each sample
 * @param k number of folds, at least 2
 * @returns the fold of each sample, 0 to k − 1
 * @throws Error when there are fewer groups than folds: a fold would be empty
 */
export function groupFolds(groups: string[], k: number): number[] {
  // TODO: the size of each group, the groups by size, and the sizes of the folds as they fill.
  throw new Error('groupFolds is not written yet')
}
// #endregion
