import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/teacher_weights',
  title: 'Which teacher to believe',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/multi-teacher-distillation',
  ],
}

// #region cell
/**
 * Weights of several teachers for one sample, by how well each of them knows its label (confidence-aware multi-teacher
 * distillation, Zhang et al. 2022, equation 3). With L_k the cross entropy of teacher k,
 *
 *   L_k = −ln softmax(t_k)_y,     w_k = 1 / (K − 1) · (1 − exp(L_k) / Σ_j exp(L_j))
 *
 * A teacher that is surely wrong has nearly all of the sum and a weight near 0. The weights add up to 1.
 *
 * Example: two teachers with probabilities 0.8 and 0.2 for the label: exp(L) is 1.25 and 5, the weights are
 * 1 − 1.25 / 6.25 = 0.8 and 1 − 5 / 6.25 = 0.2.
 *
 * @param logits [K, classes], K ≥ 2; @param label y
 * @throws Error with fewer than two teachers
 */
export function teacherWeights(logits: number[][], label: number): number[] {
  // TODO: exp(L_k) is one divided by the probability of the label; then the formula.
  throw new Error('teacherWeights is not written yet')
}
// #endregion
