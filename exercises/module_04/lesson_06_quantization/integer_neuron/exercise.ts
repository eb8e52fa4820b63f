import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_06_quantization/integer_neuron',
  title: 'A neuron that only knows integers',
  points: 10,
  minutes: 15,
  trains: [
    'module04/lesson-6-quantization/topics/quantization-fundamentals',
    'module04/lesson-6-quantization/topics/hardware-considerations',
    'frameworks/7-model-optimization-techniques/quantization/int8-fp16-computation',
  ],
}

// #region cell
/** Scales and zero points around one neuron. Weights are symmetric: their zero point is 0. */
export interface NeuronGrid {
  /** s_x and z_x of its inputs, unsigned 8 bits. */
  xScale: number
  xZero: number
  /** s_w of its weights. */
  wScale: number
  /** s_y and z_y of its output, unsigned 8 bits. */
  yScale: number
  yZero: number
}

/**
 * One output of a quantized layer, computed the way integer hardware does it. Putting x = s_x (q_x − z_x) and w = s_w q_w
 * into y = Σ x w + b gives
 *
 *   sum = Σ (q_x − z_x) · q_w + q_b                       32-bit integers; q_b counts steps of s_x · s_w
 *   q_y = clamp(round(sum · s_x · s_w / s_y) + z_y, 0, 255)
 *
 * No real number is touched in the sum, where all the work is; the one multiplication by a real factor comes at the end.
 *
 * Example: x = [130, 120], z_x = 128, w = [10, −5], q_b = 4: sum = 2 · 10 + (−8) · (−5) + 4 = 64. With s_x = 0.5,
 * s_w = 0.25, s_y = 2 and z_y = 100: 64 · 0.0625 = 4, q_y = 104.
 *
 * @param x integers of the inputs, @param weights integers of the weights, of the same length
 * @param bias q_b
 * @returns sum, and output q_y
 */
export function integerNeuron(
  x: Uint8Array, weights: Int8Array, bias: number, grid: NeuronGrid,
): { sum: number; output: number } {
  // TODO: the sum of products of integers; then one factor, one rounding, one shift, one clamp.
  throw new Error('integerNeuron is not written yet')
}
// #endregion
