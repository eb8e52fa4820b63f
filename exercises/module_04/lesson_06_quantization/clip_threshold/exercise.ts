import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/clip_threshold',
  title: 'Calibrate: where to clip',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-6-quantization/topics/calibration-strategies',
    'frameworks/8-hardware-acceleration-frameworks/tensorrt/precision-calibration',
  ],
}

// #region cell
/**
 * The threshold that loses least: values beyond it are clipped, values within it are rounded to a grid that it makes.
 * A large threshold clips nothing and rounds everything coarsely; a small one does the opposite. For a symmetric grid of
 * signed integers, with L = 2^(bits − 1) − 1,
 *
 *   s = t / L,   x̂ = s · clamp(round(x / s), −L, L),   error(t) = mean of (x − x̂)²
 *
 * and t is one of max|x| · k / steps, for k = 1 … steps. The t with the least error is the answer; of equal ones, the smallest.
 *
 * Example: [0, 1, 2, 3, 100], 3 bits (L = 3), 100 steps. With t = 100, s = 33.3, the four small values become 0 and the
 * error is (0 + 1 + 4 + 9 + 0) / 5 = 2.8. Clipping at 3 would make them exact and 100 into 3: error 97² / 5 = 1881.8.
 * Clipping does not pay here; the best is t = 100, with error 2.8.
 *
 * @param values what calibration saw, any real numbers; not empty
 * @param bits of the integers, 2 to 8, @param steps how many thresholds are tried
 * @returns threshold t, and its error in the unit of x squared. Values that are all 0: threshold 0 and error 0.
 */
export function clipThreshold(values: Float32Array, bits: number, steps: number): { threshold: number; error: number } {
  // TODO: the largest magnitude; then the error of every threshold, and the least of them.
  throw new Error('clipThreshold is not written yet')
}
// #endregion
