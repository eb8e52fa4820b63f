import type { AccuracyLoss } from '../../../exercises/module_04/lesson_06_quantization/paired_loss/exercise'

// #region cell
export function pairedLoss(before: boolean[], after: boolean[]): AccuracyLoss {
  const n = before.length
  if (n === 0 || after.length !== n) throw new Error(`${n} samples before and ${after.length} after cannot be paired`)
  const b = before.filter((right, i) => right && after[i] === false).length
  const c = after.filter((right, i) => right && before[i] === false).length
  const loss = (100 * (b - c)) / n
  const error = (100 * Math.sqrt(b + c - (b - c) ** 2 / n)) / n
  return { loss, error, atMost: loss + 1.645 * error }
}
// #endregion
