import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/range_too_narrow',
  title: 'Diagnose: the search that hit a wall',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/budget-allocation',
    'module04/lesson-2-hyperparameter-tuning-advanced/interview-questions/how-do-you-tune-hyperparameters-efficiently',
  ],
}

// #region cell
/** One finished trial of a search. */
export interface FinishedTrial {
  params: Record<string, number>
  loss: number
}

/** Where a hyperparameter may lie, and whether it is searched on a logarithmic axis. */
export interface Range {
  low: number
  high: number
  log: boolean
}

/**
 * The ranges at whose end a search got stuck. The place of a value in its range is
 *
 *   u = (v − low) / (high − low),   or with logarithms:   u = (ln v − ln low) / (ln high − ln low)
 *
 * A range is too narrow at its low end when more than half of the best trials have u < 0.1, at its high end when more
 * than half have u > 0.9. The best trials are the tenth with the smallest loss, rounded up, but at least three (of fewer,
 * all). Then the optimum probably lies outside, and more trials are wasted until the range is moved.
 *
 * Example: a learning rate between 0.0001 and 0.01, on a logarithmic axis; the three best of 20 trials had 0.0095, 0.009
 * and 0.002: u = 0.99, 0.98, 0.65. Two of three are above 0.9: the answer is { learningRate: 'high' }.
 *
 * @returns by name: 'low' or 'high'. Ranges that are wide enough are left out. Trials with a NaN loss do not count.
 */
export function rangesTooNarrow(
  trials: FinishedTrial[], ranges: Record<string, Range>,
): Record<string, 'low' | 'high'> {
  // TODO: the best trials; then for each range count those near either end.
  throw new Error('rangesTooNarrow is not written yet')
}
// #endregion
