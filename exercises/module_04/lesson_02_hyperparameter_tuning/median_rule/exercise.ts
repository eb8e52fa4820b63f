import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_02_hyperparameter_tuning/median_rule',
  title: 'Stop what is behind',
  points: 7,
  minutes: 12,
  trains: [
    'module04/lesson-2-hyperparameter-tuning-advanced/topics/early-stopping-strategies',
  ],
}

// #region cell
/** How a training went: the loss after every epoch, from the first. */
export type LossCurve = number[]

/**
 * The median rule: whether a training should be ended early, because even its best loss so far is worse than what half of
 * the finished trainings had reached by the same epoch (Golovin et al. 2017, section 3.2.2).
 *
 *   stop ⇔ min(curve) > median over finished f of min(f up to the same epoch)
 *
 * The median of an even count is the mean of the two in the middle. Without three finished trainings to compare with, or
 * before the training has had `warmup` epochs, nothing is stopped. A loss that is NaN counts as Infinity.
 *
 * Example: finished [[3, 2, 1], [4, 3, 2], [5, 4, 3]]. After two epochs they had reached 2, 3 and 4; the median is 3.
 * The curve [6, 3.5] is stopped, [6, 3] is not.
 *
 * @param curve of the running training, at least one epoch
 * @param finished curves of finished trainings, each at least as long as `curve`
 * @param warmup epochs that a training must have had: with 3, it may be stopped after its third, not after its second
 */
export function shouldStop(curve: LossCurve, finished: LossCurve[], warmup: number): boolean {
  // TODO: the two reasons to go on; the best of every curve up to this epoch; the median; the comparison.
  throw new Error('shouldStop is not written yet')
}
// #endregion
