import type { LossCurve } from '../../../exercises/module_04/lesson_02_hyperparameter_tuning/median_rule/exercise'

// #region cell
export function shouldStop(curve: LossCurve, finished: LossCurve[], warmup: number): boolean {
  if (finished.length < 3 || curve.length < warmup) return false
  const best = (of: LossCurve): number =>
    Math.min(...of.slice(0, curve.length).map((loss) => (Number.isNaN(loss) ? Infinity : loss)))
  const reached = finished.map(best).sort((a, b) => a - b)
  const low = reached[Math.floor((reached.length - 1) / 2)] ?? 0
  const high = reached[Math.ceil((reached.length - 1) / 2)] ?? 0
  return best(curve) > (low + high) / 2
}
// #endregion
