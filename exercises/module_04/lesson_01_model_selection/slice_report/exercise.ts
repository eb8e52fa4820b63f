import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/slice_report',
  title: 'Measure: where is the model worst?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/model-cards',
    'module04/lesson-1-model-selection-and-development/topics/development-best-practices',
  ],
}

// #region cell
/** One judged test sample. */
export interface JudgedSample {
  /** What it belongs to: a class, a device, an age group. */
  slice: string
  right: boolean
}

/** What is known of one slice. */
export interface SliceRow {
  slice: string
  samples: number
  /** Share of right answers, 0 to 1. */
  accuracy: number
  /** Lower end of its 95% Wilson interval. */
  atLeast: number
}

/**
 * The accuracy of every slice with what it is at least, the worst first: the table of a model card. The samples are few, so
 * the true share may lie lower than what was seen: `atLeast` is the smallest one that they do not contradict. With
 * p = right / n and z = 1.96 (for 95%), Wilson's lower end is
 *
 *   atLeast = (p + z² / 2n − z · √(p (1 − p) / n + z² / 4n²)) / (1 + z² / n)
 *
 * Unlike p − z √(p (1 − p) / n), it is honest for few samples: 3 of 3 right says "at least 44%", not "at least 100%".
 *
 * Example: slice "a" with 9 of 10 right: accuracy 0.9, atLeast = (0.9 + 0.19208 − 1.96 · √(0.009 + 0.009604)) / 1.38416
 * = 0.5958.
 *
 * @param samples in any order
 * @param least slices with fewer samples are left out
 * @returns sorted by atLeast, the smallest first; equal ones by name
 */
export function sliceReport(samples: JudgedSample[], least: number): SliceRow[] {
  // TODO: count each slice, leave out the small ones, put in the equation, sort.
  throw new Error('sliceReport is not written yet')
}
// #endregion
