import type { TeacherTrouble } from '../../../exercises/module_04/lesson_05_knowledge_distillation/teacher_trouble/exercise'

// #region cell
export function teacherTrouble(first: number[][], second: number[][], labels: number[], temperature: number): TeacherTrouble[] {
  const found: TeacherTrouble[] = []
  if (first.some((row, i) => row.some((z, k) => Math.abs(z - (second[i]?.[k] ?? NaN)) > 1e-4))) found.push('random')
  const right = first.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length
  if (right < first.length / 2) found.push('wrong')
  const entropies = first.map((row) => {
    const top = Math.max(...row)
    const weights = row.map((z) => Math.exp((z - top) / temperature))
    const sum = weights.reduce((a, b) => a + b, 0)
    return weights.reduce((entropy, weight) => entropy - (weight > 0 ? (weight / sum) * Math.log(weight / sum) : 0), 0)
  })
  const mean = entropies.reduce((a, b) => a + b, 0) / entropies.length
  const most = Math.log(first[0]?.length ?? 1)
  if (mean < 0.02 * most) found.push('too hard')
  if (mean > 0.98 * most) found.push('too soft')
  return found
}
// #endregion
