import type { HalvingRound } from '../../../exercises/module_04/lesson_02_hyperparameter_tuning/halving_rounds/exercise'

// #region cell
export function halvingRounds(candidates: number, epochs: number, most: number, eta: number): HalvingRound[] {
  const rounds: HalvingRound[] = []
  let round = { candidates, epochs }
  for (;;) {
    rounds.push(round)
    if (round.candidates === 1 || round.epochs >= most) return rounds
    round = {
      candidates: Math.max(1, Math.floor(round.candidates / eta)),
      epochs: Math.min(most, round.epochs * eta),
    }
  }
}
// #endregion
