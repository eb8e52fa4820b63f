import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/distillation_gradient',
  title: 'Where the factor T² comes from',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/distillation-loss',
    'module04/lesson-5-knowledge-distillation/hands-on/train-student-from-teacher',
  ],
}

// #region cell
/**
 * The gradient of the distillation loss with respect to the student's logits. For cross entropy behind a softmax it is
 * "answer minus target"; the chain rule through s / T gives a factor 1/T, and T² stands in front:
 *
 *   ∂L/∂s_i = hard · (softmax(s)_i − [i = y]) + (1 − hard) · T · (softmax(s / T)_i − softmax(t / T)_i)
 *
 * The difference in the second bracket shrinks like 1/T as well, so the whole keeps its size: that is what T² is for.
 *
 * Example: s = [0, 0], t = [2, 0], y = 0, T = 2, hard = 0.5: 0.5 · (−0.5) + 0.5 · 2 · (0.5 − 0.7311) = −0.4811 for the
 * first logit, +0.4811 for the second. Gradients of a softmax add up to 0.
 *
 * @returns one number for each logit
 */
export function distillationGradient(student: number[], teacher: number[], label: number, temperature: number, hard: number): number[] {
  // TODO: three softmaxes; then one line for each logit.
  throw new Error('distillationGradient is not written yet')
}
// #endregion
