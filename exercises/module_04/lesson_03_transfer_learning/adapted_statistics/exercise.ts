import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/adapted_statistics',
  title: 'Adapt without a single label',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/topics/domain-adaptation',
    'module04/lesson-3-transfer-learning-and-fine/hands-on/handle-distribution-shift',
  ],
}

// #region cell
/** Statistics of a batch normalization, one number for each channel. */
export interface Statistics {
  mean: number[]
  variance: number[]
}

/**
 * Statistics of a batch normalization that meet the target domain halfway:
 *
 *   μ = N / (N + n) · μ_source + n / (N + n) · μ_target
 *   σ² = N / (N + n) · σ²_source + n / (N + n) · σ²_target
 *
 * (Schneider et al. 2020, equation 3), with μ_target and σ²_target of the n values given, σ² divided by n. N says how many
 * target values the source statistics are worth: 0 trusts the target alone, as in AdaBN (Li et al. 2017); a large N
 * changes little.
 *
 * Example: source mean [0], variance [1]; values [[2], [4]]; N = 2: the target's mean is 3 and its variance 1, so the mean
 * is ½ · 0 + ½ · 3 = 1.5 and the variance ½ · 1 + ½ · 1 = 1.
 *
 * @param values [n, channels], the inputs of the normalization on unlabelled target data, n ≥ 1
 * @param trust N ≥ 0
 */
export function adaptStatistics(source: Statistics, values: number[][], trust: number): Statistics {
  // TODO: mean and variance of each channel, then the two mixtures.
  throw new Error('adaptStatistics is not written yet')
}
// #endregion
