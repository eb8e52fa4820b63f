import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/pareto_front',
  title: 'Which models are worth a look?',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/multi-objective-optimization',
    'module04/lesson-2-hyperparameter-tuning-advanced/hands-on/optimize-for-multiple-objectives',
  ],
}

// #region cell
/** A candidate with two measurements. */
export interface Candidate {
  name: string
  /** The share of right answers: larger is better. */
  accuracy: number
  /** Time for one answer in milliseconds: smaller is better. */
  latency: number
}

/**
 * The names of the candidates that nothing dominates, in the order in which they came. One candidate dominates another
 * when it is at least as good in both respects and better in one of them:
 *
 *   p dominates q ⇔ p.accuracy ≥ q.accuracy and p.latency ≤ q.latency, and one of the two holds strictly
 *
 * Two candidates with equal numbers do not dominate each other: both stay, or both go. A candidate with a NaN was not
 * measured and is never in the front.
 *
 * Example: a (0.9, 5 ms), b (0.8, 9 ms), c (0.95, 20 ms): a dominates b; a and c trade accuracy for time. The front is
 * ['a', 'c'].
 */
export function paretoFront(candidates: Candidate[]): string[] {
  // TODO: write dominates(p, q), leave out what was not measured, keep what nobody dominates.
  throw new Error('paretoFront is not written yet')
}
// #endregion
