import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_08_onnx_runtime/saturating_products',
  title: 'Integers that do not fit',
  points: 6,
  minutes: 12,
  trains: [
    'module04/lesson-8-onnx-runtime-production-inference/topics/quantization-with-ort',
    'module04/lesson-6-quantization/topics/hardware-considerations',
  ],
}

// #region cell
/** A dot product of integers, as it is and as an older processor computes it. */
export interface IntegerDot {
  exact: number
  saturating: number
}

/**
 * The dot product of 8-bit activations (0 … 255) and weights (−128 … 127), as ONNX Runtime's kernels compute it on an x86
 * processor with AVX2 but without VNNI. Its instruction multiplies and adds **pairs**, and keeps each sum of two products in
 * 16 bits; what does not fit becomes the nearest number that does:
 *
 *   pair(i) = clamp(a₂ᵢ · w₂ᵢ + a₂ᵢ₊₁ · w₂ᵢ₊₁, −32768, 32767)         saturating = Σ pair(i)       exact = Σ aᵢ · wᵢ
 *
 * The sum of the pairs is kept in 32 bits, where it fits. An odd last element is a pair with 0.
 *
 * Example: activations [255, 255, 10], weights [127, 127, 3]. The first pair is 64770, kept as 32767; the second is 30. The
 * answer is { exact: 64800, saturating: 32797 }: half of the value is gone, and nothing said so.
 */
export function integerDot(activations: Uint8Array, weights: Int8Array): IntegerDot {
  // TODO: go through the pairs; add each to both sums, clamped to one of them.
  throw new Error('integerDot is not written yet')
}
// #endregion
