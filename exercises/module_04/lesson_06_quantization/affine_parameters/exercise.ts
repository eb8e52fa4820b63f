import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/affine_parameters',
  title: 'Scale and zero point of a range',
  points: 6,
  minutes: 10,
  trains: [
    'module04/lesson-6-quantization/topics/quantization-fundamentals',
    'module04/lesson-6-quantization/interview-questions/what-is-quantization',
  ],
}

// #region cell
/**
 * The affine map that lets unsigned integers of so many bits stand for real numbers between low and high:
 *
 *   x ≈ s · (q − z),   q in 0 … 2^bits − 1,   s = (high − low) / (2^bits − 1),   z = round(−low / s)
 *
 * Real 0 must be an integer's exact value, because ReLU and padding make many zeros. So the range is first widened, where
 * it must be, until it holds 0; then z, the integer that means 0, is one of those that exist.
 *
 * Example: −1 to 3 in 8 bits: s = 4 / 255 = 0.015686, z = round(63.75) = 64. Real 0 is 64, exactly; real 1 is
 * 64 + round(63.75) = 128, which means 0.015686 · 64 = 1.0039.
 *
 * @param low, high ends of the range, low ≤ high
 * @param bits of the integers, 2 to 16
 * @returns scale s in the unit of x; zeroPoint z, an integer. A range that is only the number 0 has scale 1 and zero point 0.
 */
export function affineParameters(low: number, high: number, bits: number): { scale: number; zeroPoint: number } {
  // TODO: take 0 into the range, treat the range without a width, then the two equations.
  throw new Error('affineParameters is not written yet')
}
// #endregion
