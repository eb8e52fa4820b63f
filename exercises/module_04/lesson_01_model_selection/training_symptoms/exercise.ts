import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/training_symptoms',
  title: 'Diagnose: what is wrong with this training?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/debugging-techniques',
    'module04/lesson-1-model-selection-and-development/interview-questions/what-s-your-process-for-model',
  ],
}

// #region cell
/** The losses of a classification, in nats, after every epoch. */
export interface TrainingCurves {
  train: number[]
  validation: number[]
  /** Number of classes: guessing has the loss ln(classes). */
  classes: number
}

export type Symptom = 'diverged' | 'learns nothing' | 'leak' | 'overfits' | 'not finished' | 'healthy'

/**
 * What the curves of a training say, by the first of these rules that holds (last: after the last epoch):
 *
 *   diverged        a training loss is not finite, or the last is more than twice the first
 *   learns nothing  the last training loss is above 0.9 · ln(classes)
 *   leak            the last validation loss is below half of the last training loss: too good to be true
 *   overfits        the last validation loss is above 1.1 times the smallest validation loss
 *   not finished    the last validation loss is below 0.95 times the one before it: it is still falling
 *   healthy         none of these
 *
 * Example: 10 classes, train [1.2, 0.6, 0.3, 0.1], validation [1.1, 0.7, 0.6, 0.8]: ln 10 = 2.30, so it learns; 0.8 is
 * more than 1.1 · 0.6: it overfits.
 *
 * @param curves both lists of the same length, at least two epochs
 */
export function trainingSymptom({ train, validation, classes }: TrainingCurves): Symptom {
  // TODO: the last values, the smallest validation loss, and the rules in their order.
  throw new Error('trainingSymptom is not written yet')
}
// #endregion
