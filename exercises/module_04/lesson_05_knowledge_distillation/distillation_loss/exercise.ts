import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/distillation_loss',
  title: 'The loss of a student',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/distillation-loss',
    'module04/lesson-5-knowledge-distillation/interview-questions/explain-knowledge-distillation',
  ],
}

// #region cell
/**
 * The loss of a student on one sample (Hinton, Vinyals, Dean 2015):
 *
 *   L = hard · CE + (1 − hard) · T² · KL
 *   CE = −ln softmax(s)_y                                  the label, at temperature 1
 *   KL = Σ_i p_i · ln(p_i / q_i),   p = softmax(t / T), q = softmax(s / T)      the teacher, at temperature T
 *
 * Example: teacher t = [2, 0], student s = [0, 0], label 0, T = 2, hard = 0.5. CE = ln 2 = 0.6931. p = [0.7311, 0.2689],
 * q = [0.5, 0.5], KL = 0.1110, so L = 0.5 · 0.6931 + 0.5 · 4 · 0.1110 = 0.5686.
 *
 * @param student s, @param teacher t: logits, one for each class
 * @param label y, the number of the right class; @param hard from 0 (only the teacher) to 1 (only the label)
 * @returns in nats
 */
export function distillationLoss(student: number[], teacher: number[], label: number, temperature: number, hard: number): number {
  // TODO: log-softmax twice for the student, once for the teacher; then the two parts.
  throw new Error('distillationLoss is not written yet')
}
// #endregion
