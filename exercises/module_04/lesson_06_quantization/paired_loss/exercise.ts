import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/paired_loss',
  title: 'Measure: how much accuracy was lost, and how sure is that?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-6-quantization/topics/accuracy-vs-speedup-trade-offs',
    'module04/lesson-6-quantization/hands-on/measure-inference-speedup',
  ],
}

// #region cell
/** What quantization cost, in percentage points. */
export interface AccuracyLoss {
  /** Accuracy before less accuracy after: above 0 is a loss. */
  loss: number
  /** Standard error of the loss. */
  error: number
  /** The loss is smaller than this with 95% confidence. */
  atMost: number
}

/**
 * The accuracy that a change of the model has cost, measured on the same n test samples. Only samples on which the two
 * models disagree say anything: b that only the first has right, c that only the second has right. In percentage points,
 *
 *   loss = 100 · (b − c) / n
 *   error = 100 · √(b + c − (b − c)² / n) / n
 *   atMost = loss + 1.645 · error
 *
 * The models are right on mostly the same samples, so this error is far smaller than that of two accuracies of their own.
 *
 * Example: of 1000 samples, 12 were right before only, 8 after only: loss = 0.4, error = 100 · √(20 − 0.016) / 1000 = 0.447,
 * atMost = 1.135. "Less than half a point" is not shown, "less than 1.2 points" is.
 *
 * @param before, after for each sample, whether the model was right
 * @throws Error when the lengths differ or there are no samples
 */
export function pairedLoss(before: boolean[], after: boolean[]): AccuracyLoss {
  // TODO: refuse what cannot be paired, count b and c, and apply the equations.
  throw new Error('pairedLoss is not written yet')
}
// #endregion
