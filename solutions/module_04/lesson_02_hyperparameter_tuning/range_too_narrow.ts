import type { FinishedTrial, Range } from '../../../exercises/module_04/lesson_02_hyperparameter_tuning/range_too_narrow/exercise'

// #region cell
export function rangesTooNarrow(
  trials: FinishedTrial[], ranges: Record<string, Range>,
): Record<string, 'low' | 'high'> {
  const known = trials.filter((trial) => !Number.isNaN(trial.loss)).sort((a, b) => a.loss - b.loss)
  const best = known.slice(0, Math.max(3, Math.ceil(known.length / 10)))
  const found: Record<string, 'low' | 'high'> = {}
  for (const [name, { low, high, log }] of Object.entries(ranges)) {
    const scale = log ? Math.log : (value: number): number => value
    const places = best.map(({ params }) => (scale(params[name] ?? NaN) - scale(low)) / (scale(high) - scale(low)))
    if (places.filter((u) => u < 0.1).length > best.length / 2) found[name] = 'low'
    else if (places.filter((u) => u > 0.9).length > best.length / 2) found[name] = 'high'
  }
  return found
}
// #endregion
