import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/halving_rounds',
  title: 'Spend the budget on the promising',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/budget-allocation',
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/early-stopping-strategies',
  ],
}

// #region cell
/** One round of successive halving: so many candidates, each trained for so many epochs. */
export interface HalvingRound {
  candidates: number
  epochs: number
}

/**
 * The rounds of successive halving (Jamieson and Talwalkar 2016): begin with all candidates and few epochs; after every
 * round keep the best 1/η, rounded down but at least one, and give those η times the epochs, at most `most`. It ends
 * after the round in which one candidate is left, or in which `most` is reached.
 *
 * Example: 27 candidates, 1 epoch at first, at most 27, η = 3: 27 × 1, 9 × 3, 3 × 9, 1 × 27. Each round costs 27 epochs;
 * training all 27 to the end would cost 729.
 *
 * @param candidates of the first round, at least one
 * @param epochs of each of them in the first round, at most `most`
 * @param most the most epochs that a candidate may get in one round
 * @param eta η, a whole number, 2 or more
 * @returns the rounds in order
 */
export function halvingRounds(candidates: number, epochs: number, most: number, eta: number): HalvingRound[] {
  // TODO: a loop that notes the round, stops when it may, and makes the next one.
  throw new Error('halvingRounds is not written yet')
}
// #endregion
