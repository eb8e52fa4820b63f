import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/hypervolume',
  title: 'One number for a whole front',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/multi-objective-optimization',
    'module04/lesson-2-hyperparameter-tuning-advanced/hands-on/compare-tuning-strategies',
  ],
}

// #region cell
/** A model by two losses, both to be made small: say, the error in percent and the latency in milliseconds. */
export type LossPair = [first: number, second: number]

/**
 * The area that a set of models dominates, up to a reference point: the larger, the better the set. It is the union of
 * the rectangles between each point and the reference:
 *
 *   HV = area of ∪ [p₀, r₀] × [p₁, r₁] over the points p with p₀ < r₀ and p₁ < r₁
 *
 * Rectangles overlap, and what is covered twice counts once (Zitzler and Thiele 1999). Points that are not better than
 * the reference in both respects cover nothing.
 *
 * Example: points (1, 3) and (2, 1), reference (4, 4): 3 × 1 + 2 × 3 − 2 × 1 = 7. From left to right: between 1 and 2 the
 * height is 4 − 3 = 1, between 2 and 4 it is 4 − 1 = 3; 1 · 1 + 2 · 3 = 7.
 *
 * @returns in the unit of the first loss times the unit of the second
 */
export function hypervolume(points: LossPair[], reference: LossPair): number {
  // TODO: keep the points inside, sort them by the first loss, and go from left to right with the lowest second loss so far.
  throw new Error('hypervolume is not written yet')
}
// #endregion
