import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/fold_scaler',
  title: 'Scale without looking ahead',
  points: 7,
  minutes: 10,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/development-best-practices',
    'module04/lesson-1-model-selection-and-development/topics/model-selection-strategies',
  ],
}

// #region cell
/**
 * Both parts of a fold, standardized by what the training part alone says of each column j:
 *
 *   x' = (x − mean[j]) / deviation[j],   deviation² = mean of (x − mean[j])² over the n training rows (divided by n)
 *
 * The test part gets the same numbers: it stands for data that do not exist yet when the model is made. A column that is
 * constant in training is only shifted (deviation 1), so that its training rows become 0. Its computed deviation need not be
 * exactly 0: (0.1 + 0.1 + 0.1) / 3 is not 0.1 in floating point.
 *
 * Example: train [[1, 5], [3, 5]], test [[4, 6]]. Column 0: mean 2, deviation 1; column 1: mean 5, constant.
 * train becomes [[−1, 0], [1, 0]], test [[2, 1]].
 *
 * @param train, test rows of numbers, all of the same length; train is not empty, test may be. They stay as they are.
 */
export function scaleFold(train: number[][], test: number[][]): { train: number[][]; test: number[][] } {
  // TODO: mean and deviation of every column of train; then one function that scales a row, for both parts.
  throw new Error('scaleFold is not written yet')
}
// #endregion
