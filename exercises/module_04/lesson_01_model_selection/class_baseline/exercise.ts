import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/class_baseline',
  title: 'The model to beat',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/baseline-establishment',
  ],
}

// #region cell
/** What a model reaches that has looked at no feature. */
export interface ClassBaseline {
  /** The class that it always answers. */
  answer: number
  /** Share of right answers on the test part, 0 to 1. */
  accuracy: number
  /** Mean over the classes of the test part of the share of each that is right, 0 to 1. */
  balanced: number
}

/**
 * The baseline of a classification: always answer the class that was most frequent in training (of equally frequent ones,
 * the smallest), and judge that on the test part.
 *
 *   accuracy = (right answers) / n,   balanced = mean over classes c in the test part of (right answers of c) / n_c
 *
 * Balanced accuracy does not reward answering the frequent class: with k classes, a constant answer has 1 / k.
 *
 * Example: trained on [0, 1, 1, 1], tested on [1, 1, 0, 1, 2]: the answer is 1, accuracy 3 / 5 = 0.6. Class 1 is always
 * right, 0 and 2 never: balanced (0 + 1 + 0) / 3 = 0.333.
 *
 * @param train, test labels: whole numbers from 0; neither is empty
 */
export function classBaseline(train: number[], test: number[]): ClassBaseline {
  // TODO: count the training labels, take the winner, and judge it on the test labels in both ways.
  throw new Error('classBaseline is not written yet')
}
// #endregion
