import type { SparsityRamp } from '../../../exercises/module_04/lesson_04_model_pruning/cubic_sparsity/exercise'

// #region cell
export function cubicSparsity(step: number, ramp: SparsityRamp): number {
  const { begin, end, initial, final } = ramp
  const done = Math.min(1, Math.max(0, (step - begin) / (end - begin)))
  return final + (initial - final) * (1 - done) ** 3
}
// #endregion
