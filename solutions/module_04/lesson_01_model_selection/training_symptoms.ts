import type { Symptom, TrainingCurves } from '../../../exercises/module_04/lesson_01_model_selection/training_symptoms/exercise'

// #region cell
export function trainingSymptom({ train, validation, classes }: TrainingCurves): Symptom {
  const [first = NaN] = train
  const last = train.at(-1) ?? NaN
  const held = validation.at(-1) ?? NaN
  if (train.some((loss) => !Number.isFinite(loss)) || last > 2 * first) return 'diverged'
  if (last > 0.9 * Math.log(classes)) return 'learns nothing'
  if (held < 0.5 * last) return 'leak'
  if (held > 1.1 * Math.min(...validation)) return 'overfits'
  if (held < 0.95 * (validation.at(-2) ?? NaN)) return 'not finished'
  return 'healthy'
}
// #endregion
