import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/nearest_prototype',
  title: 'Classes from a handful of examples',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/topics/few-shot-learning',
  ],
}

// #region cell
/** A sample as a pretrained network sees it. */
export type Features = number[]

/**
 * Few-shot classification by prototypes: a class is the mean of the few examples that there are of it, and a query belongs
 * to the class whose prototype is nearest.
 *
 *   c_k = (1 / |S_k|) Σ_{i ∈ S_k} f_i,      answer(q) = argmin_k ‖q − c_k‖²
 *
 * (Snell, Swersky, Zemel 2017, equations 1 and 2.) Nothing is trained. Of two classes at the same distance, the smaller
 * label wins.
 *
 * Example: support [[0, 0], [2, 0], [5, 5]] with labels [7, 7, 9]: the prototypes are (1, 0) for 7 and (5, 5) for 9. The
 * query (2, 2) has squared distances 5 and 18: the answer is 7.
 *
 * @param support [n, D]; @param labels [n], any whole numbers; @param queries [m, D]
 * @returns [m] labels
 */
export function nearestPrototype(support: Features[], labels: number[], queries: Features[]): number[] {
  // TODO: a prototype for each label; then the nearest one for each query.
  throw new Error('nearestPrototype is not written yet')
}
// #endregion
