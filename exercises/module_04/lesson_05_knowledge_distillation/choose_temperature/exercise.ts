import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_05_knowledge_distillation/choose_temperature',
  title: 'The temperature that was not luck',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-5-knowledge-distillation/hands-on/optimize-temperature-parameter',
  ],
}

// #region cell
/** What a temperature reached on the validation part, one accuracy for each seed. */
export interface TemperatureRun {
  temperature: number
  accuracies: number[]
}

/**
 * Chooses a temperature from repeated runs by the rule of one standard error: of all temperatures whose mean accuracy is
 * within one standard error of the best mean, the lowest one. Then what looks best by luck does not win against what is
 * simpler and as good.
 *
 *   mean = (1 / n) Σ a_i,   s² = Σ (a_i − mean)² / (n − 1),   standard error = s / √n
 *
 * The standard error is that of the best temperature (of equal means, the lowest temperature is the best). With a single
 * run there is no spread to know: its standard error counts as 0.
 *
 * Example: T = 1: [0.80, 0.82]; T = 4: [0.86, 0.94]; T = 8: [0.89, 0.93]; T = 16: [0.87, 0.93]. The best mean is 0.91 at
 * T = 8, with a standard error of 0.02. The 0.90 of T = 4 and T = 16 is above 0.91 − 0.02, the 0.81 is not: the answer is 4.
 *
 * @returns the temperature
 */
export function chooseTemperature(runs: TemperatureRun[]): number {
  // TODO: means; the best; its standard error; the lowest temperature above the line.
  throw new Error('chooseTemperature is not written yet')
}
// #endregion
