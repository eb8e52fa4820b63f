import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/straight_through',
  title: 'A gradient through a staircase',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-6-quantization/topics/quantization-aware-training',
    'module04/lesson-6-quantization/hands-on/implement-qat',
    'frameworks/7-model-optimization-techniques/quantization/quantization-aware-training',
  ],
}

// #region cell
/** What a fake quantizer gives: forward the rounded values, backward the gradient of its input. */
export interface FakeQuantized {
  values: Float32Array
  gradient: Float32Array
}

/**
 * Fake quantization with the straight-through estimator (Bengio et al., arXiv 1308.3432). For signed symmetric integers,
 * with L = 2^(bits − 1) − 1,
 *
 *   forward:   y = s · clamp(round(x / s), −L, L)
 *   backward:  ∂loss/∂x = ∂loss/∂y where |x| ≤ s · L, and 0 elsewhere
 *
 * The staircase has the slope 0 almost everywhere, so its true gradient teaches nothing. The estimator takes the slope
 * of the line that the stairs follow: 1 where values are rounded, 0 where they are clipped.
 *
 * Example: s = 0.5, 3 bits (L = 3, the grid ends at 1.5), x = [0.3, 1.5, −4], ∂loss/∂y = [10, 20, 30]:
 * y = [0.5, 1.5, −1.5], gradient = [10, 20, 0].
 *
 * @param x values, @param upstream ∂loss/∂y, of the same length
 * @param scale s above 0, @param bits 2 to 8
 */
export function fakeQuantize(x: Float32Array, upstream: Float32Array, scale: number, bits: number): FakeQuantized {
  // TODO: both arrays go element by element; only the second one asks whether x was clipped.
  throw new Error('fakeQuantize is not written yet')
}
// #endregion
