import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/conv_output_shape',
  title: 'The output shape of a convolution',
  points: 8,
  minutes: 10,
  trains: ['module04/lesson-7-onnx-fundamentals/topics/onnx-format-and-operators'],
}

// #region cell
/** The attributes of ONNX's Conv for images. One that is left out has the default written beside it. */
export interface ConvAttributes {
  /** Steps of the window, [down, right]. Default [1, 1]. */
  strides?: number[]
  /** Rows and columns of zeros around the image, [top, left, bottom, right]. Default [0, 0, 0, 0]. */
  pads?: number[]
  /** Distance between neighbouring taps of the kernel, [down, right]. Default [1, 1]: no gaps. */
  dilations?: number[]
  /** Into how many independent groups the channels are cut. Default 1. */
  group?: number
}

/**
 * The shape that ONNX's Conv gives, before anything is computed. Along height, and along width in the same way:
 *
 *   out = ⌊(in + padBefore + padAfter − reach) / stride⌋ + 1,   reach = dilation · (kernel − 1) + 1
 *
 * Example: a 28 × 28 image, a 5 × 5 kernel, nothing else: reach 5, out = (28 − 5) / 1 + 1 = 24.
 * convOutputShape([1, 1, 28, 28], [8, 1, 5, 5], {}) is [1, 8, 24, 24].
 *
 * @param input shape of the image: [N, C, H, W]
 * @param weights shape of the kernel: [M, C / group, kH, kW]
 * @returns [N, M, outH, outW]
 * @throws Error when C is not what the weights and the group expect
 */
export function convOutputShape(input: number[], weights: number[], attributes: ConvAttributes): number[] {
  // TODO: take the sizes apart, put in the defaults, and apply the equation twice.
  throw new Error('convOutputShape is not written yet')
}
// #endregion
