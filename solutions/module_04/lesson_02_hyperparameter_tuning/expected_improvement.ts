import { search } from 'whetstone'

// #region cell
export function expectedImprovement(mean: number, deviation: number, best: number): number {
  if (deviation === 0) return Math.max(0, best - mean)
  const z = (best - mean) / deviation
  return deviation * (z * search.normalCumulative(z) + search.normalDensity(z))
}
// #endregion
