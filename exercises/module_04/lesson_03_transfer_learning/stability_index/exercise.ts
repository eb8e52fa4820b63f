import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/stability_index',
  title: 'Measure a shift',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/hands-on/handle-distribution-shift',
  ],
}

// #region cell
/**
 * The population stability index: how far a distribution has moved from a reference. The reference is cut into bins of
 * (nearly) equal counts, and the shares of both in each bin are compared:
 *
 *   PSI = Σ_b (q_b − p_b) · ln(q_b / p_b)
 *
 * The edges are e_k = sorted[⌊k · n / bins⌋] for k = 1 … bins − 1, where `sorted` are the n reference values from small to
 * large; the bin of a value is the number of edges that are ≤ it. So that no share is 0, half a value is added to every bin:
 * p_b = (count + 0.5) / (n + 0.5 · bins), and q_b likewise with the current values. Rule of thumb: below 0.1 nothing
 * happened, above 0.25 look into it.
 *
 * Example: reference [1, 2, 3, 4], bins 2: the only edge is sorted[2] = 3. Counts 2 and 2: p = [0.5, 0.5]. Current
 * [3, 4, 5, 6]: counts 0 and 4, q = [0.1, 0.9]. PSI = −0.4 · ln 0.2 + 0.4 · ln 1.8 = 0.6438 + 0.2351 = 0.8789.
 *
 * @returns 0 for equal shares, never below
 */
export function stabilityIndex(reference: number[], current: number[], bins: number): number {
  // TODO: edges from the reference; counts of both; shares; the sum.
  throw new Error('stabilityIndex is not written yet')
}
// #endregion
