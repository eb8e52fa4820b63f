import type { TemperatureRun } from '../../../exercises/module_04/lesson_05_knowledge_distillation/choose_temperature/exercise'

// #region cell
export function chooseTemperature(runs: TemperatureRun[]): number {
  const stats = runs.map(({ temperature, accuracies }) => {
    const n = accuracies.length
    const mean = accuracies.reduce((a, b) => a + b, 0) / n
    const variance = n > 1 ? accuracies.reduce((sum, a) => sum + (a - mean) ** 2, 0) / (n - 1) : 0
    return { temperature, mean, error: Math.sqrt(variance / n) }
  }).sort((a, b) => a.temperature - b.temperature)
  const top = Math.max(...stats.map(({ mean }) => mean))
  const best = stats.find(({ mean }) => mean === top)
  return stats.find(({ mean }) => mean >= top - (best?.error ?? 0))?.temperature ?? NaN
}
// #endregion
