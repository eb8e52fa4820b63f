import type { Student } from '../../../exercises/module_04/lesson_05_knowledge_distillation/choose_student/exercise'

// #region cell
export function chooseStudent(students: Student[], budget: number, tolerance: number): string | undefined {
  const fit = students.map(({ name, accuracy, latencies }) => {
    const sorted = [...latencies].sort((a, b) => a - b)
    return { name, accuracy, p99: sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Infinity }
  }).filter(({ p99 }) => p99 <= budget)
  const best = Math.max(...fit.map(({ accuracy }) => accuracy))
  return fit.filter(({ accuracy }) => accuracy >= best - tolerance).sort((a, b) => a.p99 - b.p99)[0]?.name
}
// #endregion
