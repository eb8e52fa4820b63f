import type { Weights, Finding } from '../../../exercises/module_04/lesson_03_transfer_learning/frozen_that_moved/exercise'

// #region cell
export function diagnoseFineTuning(before: Weights, after: Weights, frozen: string[]): Finding {
  const changed = (name: string): boolean => (before[name] ?? []).some((value, i) =>
    !(Math.abs((after[name]?.[i] ?? NaN) - value) <= 1e-6 * Math.max(1, Math.abs(value))))
  const isFrozen = (name: string): boolean => frozen.includes(name.slice(0, name.lastIndexOf('/')))
  const names = Object.keys(before)
  return {
    moved: names.filter((name) => isFrozen(name) && changed(name)),
    stuck: names.filter((name) => !isFrozen(name) && !changed(name)),
  }
}
// #endregion
