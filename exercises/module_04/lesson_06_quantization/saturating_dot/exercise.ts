import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/saturating_dot',
  title: 'The processor that saturates',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-6-quantization/topics/hardware-considerations',
    'module04/lesson-6-quantization/interview-questions/int8-vs-fp16-when-to-use',
  ],
}

// #region cell
/** A dot product as two processors compute it. */
export interface DotProducts {
  /** With 32-bit sums throughout, as VNNI has it. */
  exact: number
  /** With 16-bit sums of pairs, as AVX2 has it. */
  saturating: number
  /** How many pairs did not fit into 16 bits. */
  saturated: number
}

/**
 * A dot product of unsigned and signed 8-bit integers on x86. With VNNI, products are added in 32 bits and nothing is lost.
 * AVX2 has only VPMADDUBSW, which adds the products of two neighbours in signed 16 bits, and stops at the ends:
 *
 *   exact = Σ x[i] · w[i]
 *   saturating = Σ over pairs of clamp(x[2i] · w[2i] + x[2i+1] · w[2i+1], −32768, 32767)
 *
 * The sum over pairs is in 32 bits again. An odd last element is a pair with 0.
 *
 * Example: x = [255, 255, 10], w = [127, 127, 2]. exact = 32385 + 32385 + 20 = 64790. The first pair, 64770, becomes
 * 32767; the second is 20: saturating = 32787, and 1 pair saturated. A single product never does: 255 · 127 = 32385.
 *
 * @param x inputs, @param weights of the same length
 */
export function saturatingDot(x: Uint8Array, weights: Int8Array): DotProducts {
  // TODO: step through the arrays two at a time, and keep both sums and the count.
  throw new Error('saturatingDot is not written yet')
}
// #endregion
