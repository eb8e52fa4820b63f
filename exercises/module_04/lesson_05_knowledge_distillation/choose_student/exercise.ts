import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/choose_student',
  title: 'The student that fits',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/interview-questions/how-do-you-choose-student-architecture',
    'module04/lesson-5-knowledge-distillation/hands-on/compare-compressed-models',
  ],
}

// #region cell
/** A student as it was measured on the device that it is for. */
export interface Student {
  name: string
  /** Share of right answers after distillation. */
  accuracy: number
  /** Milliseconds of single answers, in the order in which they were taken. */
  latencies: number[]
}

/**
 * The student to ship: of those whose 99th percentile of latency is within the budget, the most accurate; of equally
 * accurate ones (to within `tolerance`), the one with the lowest 99th percentile.
 *
 *   p99 = the value at place ⌈0.99 · n⌉, counted from 1, of the n latencies sorted from small to large
 *
 * Example: budget 2 ms, tolerance 0.005. a: 0.95, p99 1.8; b: 0.952, p99 1.9; c: 0.97, p99 2.4. c is over the budget; a and
 * b are equally accurate, and a is faster: the answer is 'a'.
 *
 * @param budget in milliseconds; @param tolerance accuracies within it of the best (of those in the budget) count as equal
 * @returns its name, or undefined when none fits
 */
export function chooseStudent(students: Student[], budget: number, tolerance: number): string | undefined {
  // TODO: p99 of each; those that fit; the best accuracy among them; the fastest of those near it.
  throw new Error('chooseStudent is not written yet')
}
// #endregion
