import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_03_transfer_learning/slanted_triangle',
  title: 'A schedule for fine-tuning',
  points: 6,
  minutes: 8,
  trains: [
    'module04/lesson-3-transfer-learning-and-fine/topics/learning-rate-scheduling',
  ],
}

// #region cell
/**
 * The learning rate of the slanted triangular schedule: a short linear rise, then a long linear fall.
 *
 *   p = s / cut                        for s < cut
 *   p = 1 − (s − cut) / (1 − cut)      from then on
 *   η(s) = peak · (1 + p · (ratio − 1)) / ratio
 *
 * (Howard and Ruder 2018, equation 3, with s = t / T.) So it begins and ends at peak / ratio and reaches the peak at `cut`:
 * the random head gets a few gentle steps, then learns fast, then everything settles.
 *
 * Example: peak 0.01, cut 0.1, ratio 32. s = 0 gives 0.0003125, s = 0.1 gives 0.01, s = 0.55 (halfway down, p = 0.5) gives
 * 0.01 · 16.5 / 32 = 0.00515625.
 *
 * @param s share of all steps that are done, from 0 to 1
 * @param cut share of the rise, between 0 and 1; @param ratio how many times smaller the ends are, 1 or more
 */
export function slantedTriangle(s: number, peak: number, cut: number, ratio: number): number {
  // TODO: p on either side of the cut, then η.
  throw new Error('slantedTriangle is not written yet')
}
// #endregion
