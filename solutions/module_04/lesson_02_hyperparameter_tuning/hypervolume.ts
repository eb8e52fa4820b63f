import type { LossPair } from '../../../exercises/module_04/lesson_02_hyperparameter_tuning/hypervolume/exercise'

// #region cell
export function hypervolume(points: LossPair[], reference: LossPair): number {
  const inside = points.filter(([first, second]) => first < reference[0] && second < reference[1])
  let floor = reference[1]
  let area = 0
  for (const [first, second] of inside.sort((p, q) => p[0] - q[0])) {
    if (second >= floor) continue
    area += (reference[0] - first) * (floor - second)
    floor = second
  }
  return area
}
// #endregion
