import type { Finding, PruningFacts } from '../../../exercises/module_04/lesson_04_model_pruning/why_not_faster/exercise'

// #region cell
export function whyNotFaster(facts: PruningFacts): { finding: Finding; bound: number } {
  const { timeRatio, macsBefore, macsAfter, zeros, timeShare, channels } = facts
  const bound = 1 - timeShare + timeShare * (macsAfter / macsBefore)
  const finding = (): Finding => {
    if (timeRatio[1] < 1) return 'faster'
    if (macsAfter >= macsBefore && zeros >= 0.5) return 'zeros are computed'
    if (bound > 0.9) return 'not where the time goes'
    if (channels.some((count) => count % 16 !== 0)) return 'awkward sizes'
    return 'measure again'
  }
  return { finding: finding(), bound }
}
// #endregion
