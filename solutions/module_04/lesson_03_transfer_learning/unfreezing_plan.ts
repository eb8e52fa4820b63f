import type { EpochRates } from '../../../exercises/module_04/lesson_03_transfer_learning/unfreezing_plan/exercise'

// #region cell
export function unfreezingPlan(groups: string[], epochs: number, every: number, peak: number, divisor: number): EpochRates[] {
  return Array.from({ length: epochs }, (_, epoch) => {
    const thawed = 1 + Math.floor(epoch / every)
    return Object.fromEntries(groups.map((name, i) => {
      const below = groups.length - 1 - i
      return [name, below < thawed ? peak / divisor ** below : 0]
    }))
  })
}
// #endregion
