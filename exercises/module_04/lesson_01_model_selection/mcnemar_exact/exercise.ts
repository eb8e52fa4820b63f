import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_01_model_selection/mcnemar_exact',
  title: 'Is the new model better, or lucky?',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-1-model-selection-and-development/topics/model-selection-strategies',
    'module04/lesson-1-model-selection-and-development/interview-questions/how-do-you-choose-between-models',
  ],
}

// #region cell
/**
 * The p value of McNemar's exact test for two models on the same test samples. Where both are right, or both wrong, nothing
 * is learned. There remain m samples on which one alone is right: b times the first, c times the second. Were the models
 * equally good, each of the m would fall to either like a fair coin, so that
 *
 *   p = min(1, 2 · Σ_{i = 0 … min(b, c)} C(m, i) / 2^m),   C(m, 0) = 1,   C(m, i + 1) = C(m, i) · (m − i) / (i + 1)
 *
 * Two-sided: a surprise in either direction counts. With m = 0 there is no surprise: p = 1.
 *
 * Example: b = 1, c = 6: m = 7, the sum is (1 + 7) / 128, p = 2 · 8 / 128 = 0.125. Six against one is not yet evidence.
 *
 * @param first, second for each sample, whether the model was right; of the same length. m is at most
 * 1,000 (2^1024 would be Infinity)
 */
export function mcnemarP(first: boolean[], second: boolean[]): number {
  // TODO: count b and c, then add up the tail of the coin, one C(m, i) made from the one before.
  throw new Error('mcnemarP is not written yet')
}
// #endregion
