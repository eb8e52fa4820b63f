import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/teacher_trouble',
  title: 'Diagnose: a teacher that teaches nothing',
  points: 10,
  minutes: 15,
  trains: [
    'module04/lesson-5-knowledge-distillation/topics/teacher-student-framework',
    'module04/lesson-5-knowledge-distillation/topics/production-applications',
  ],
}

// #region cell
/** What can be wrong with a teacher's answers. */
export type TeacherTrouble = 'random' | 'wrong' | 'too hard' | 'too soft'

/**
 * What is wrong with the soft targets of a teacher, from two runs of it over the same samples:
 *
 *   'random'     some logit differs by more than 1e-4 between the runs: dropout or batch statistics are still on
 *   'wrong'      of the first run's answers (the largest logit) fewer than half are the label
 *   'too hard'   mean entropy of softmax(first / T) below 0.02 · ln n: hardly more than labels
 *   'too soft'   mean entropy above 0.98 · ln n: hardly more than noise
 *
 * with the entropy −Σ p ln p (0 · ln 0 = 0) and n classes. Several can be true; they come in the order above.
 *
 * Example: logits [[20, 0], [0, 20]] in both runs, labels [0, 1], T = 1: the entropies are almost 0: ['too hard'].
 *
 * @param first [samples, classes], @param second the same samples again; @param labels [samples]
 */
export function teacherTrouble(first: number[][], second: number[][], labels: number[], temperature: number): TeacherTrouble[] {
  // TODO: the largest difference; the share of right answers; the mean entropy against ln n.
  throw new Error('teacherTrouble is not written yet')
}
// #endregion
