import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/unfreezing_plan',
  title: 'Progressive unfreezing',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/hands-on/implement-progressive-unfreezing',
    'module04/lesson-3-transfer-learning-and-fine/topics/layer-freezing-strategies',
    'module04/lesson-3-transfer-learning-and-fine/interview-questions/explain-progressive-layer-unfreezing',
  ],
}

// #region cell
/** The learning rate of each group of layers in one epoch; 0 means frozen. */
export type EpochRates = Record<string, number>

/**
 * A plan of progressive unfreezing with discriminative rates, epoch by epoch. Groups thaw from the output towards the input:
 * the last one (the head) is trained from the first epoch on, and after every `every` epochs one more group joins. A trained
 * group that is d groups below the last has the rate
 *
 *   η = peak / divisor^d        (Howard and Ruder 2018, who divide by 2.6)
 *
 * Example: groups ['block1', 'block2', 'head'], 3 epochs, every 1, peak 0.01, divisor 2:
 * [{ block1: 0, block2: 0, head: 0.01 }, { block1: 0, block2: 0.005, head: 0.01 }, { block1: 0.0025, block2: 0.005, head: 0.01 }]
 *
 * @param groups names from the input to the output
 * @param every epochs between one group and the next, 1 or more
 */
export function unfreezingPlan(groups: string[], epochs: number, every: number, peak: number, divisor: number): EpochRates[] {
  // TODO: for each epoch, how many groups have thawed; for each group, how far it is from the last one.
  throw new Error('unfreezingPlan is not written yet')
}
// #endregion
