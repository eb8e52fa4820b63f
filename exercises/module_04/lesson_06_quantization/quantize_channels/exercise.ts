import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/quantize_channels',
  title: 'A scale for each channel',
  points: 8,
  minutes: 12,
  trains: [
    'module04/lesson-6-quantization/topics/quantization-fundamentals',
    'module04/lesson-6-quantization/topics/post-training-quantization',
    'frameworks/7-model-optimization-techniques/quantization/symmetric-vs-asymmetric-quantization',
  ],
}

// #region cell
/** A weight in 8-bit integers. */
export interface ChannelIntegers {
  /** In the order of the weight, each from −127 to 127. */
  integers: Int8Array
  /** s of each output channel, in the unit of the weight. */
  scales: Float32Array
}

/**
 * A weight in signed 8-bit integers, symmetric (zero point 0), with a scale of its own for each output channel c:
 *
 *   s[c] = max |w[c]| / 127,   q = round(w / s[c]),   w ≈ s[c] · q
 *
 * round goes to the nearest integer, and from exactly half-way to the even one of the two neighbours (0.5 → 0, 1.5 → 2,
 * −2.5 → −2), as ONNX's QuantizeLinear defines it. A channel of zeros has scale 1 and integers 0.
 *
 * Example: two channels of two weights, [0.5, −1, 254, 127]: s = [1 / 127, 2], q = [64, −127, 127, 64]. (0.5 · 127 = 63.5
 * and 127 / 2 = 63.5 are both half-way, and 64 is even.) With one scale for all, 254 / 127 = 2, the first channel would be
 * [0, 0]: gone.
 *
 * @param weights all of channel 0, then all of channel 1, and so on
 * @param channels how many; divides the number of weights
 */
export function quantizeChannels(weights: Float32Array, channels: number): ChannelIntegers {
  // TODO: for each channel, its largest magnitude, its scale, and its rounded integers.
  throw new Error('quantizeChannels is not written yet')
}
// #endregion
