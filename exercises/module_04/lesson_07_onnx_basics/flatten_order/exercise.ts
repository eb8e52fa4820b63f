import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/flatten_order',
  title: 'Repair a dense layer after Flatten',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/converting-pytorch-tf-to-onnx',
    'module04/lesson-7-onnx-fundamentals/hands-on/convert-models-to-onnx',
    'frameworks/6-onnx-and-model-interoperability/onnx-model-conversion/tensorflow-to-onnx',
    'frameworks/6-onnx-and-model-interoperability/model-interoperability/framework-specific-challenges',
    'frameworks/6-onnx-and-model-interoperability/model-interoperability/common-conversion-issues',
  ],
}

// #region cell
/** The image that a Flatten makes one row of, and the number of units of the dense layer after it. */
export interface FlattenShape {
  height: number
  width: number
  channels: number
  units: number
}

/**
 * The rows of a dense layer's weights, in the order in which an ONNX graph flattens an image.
 *
 * TensorFlow keeps an image as [height, width, channels], so its Flatten gives (h, w, c): the channels of the first
 * pixel, then those of the next. ONNX keeps it as [channels, height, width]: its Flatten gives (c, h, w), one channel
 * after another. The numbers are the same, in other places, so each must meet its own row of the weights again:
 *
 *   W'[(c · H + h) · W + w, u] = W[(h · W + w) · C + c, u]
 *
 * with H, W, C for height, width, channels, and u for a unit. Both W and W' have the shape [H · W · C, units], and
 * are stored row after row: element [row, u] is at row · units + u.
 *
 * Example: 1 × 2 pixels of 2 channels, 1 unit. The rows of W belong to the pixels' channels p₀c₀, p₀c₁, p₁c₀, p₁c₁,
 * those of W' to p₀c₀, p₁c₀, p₀c₁, p₁c₁: [10, 20, 30, 40] becomes [10, 30, 20, 40].
 *
 * @param weights W, which stays as it is
 * @returns W', a new array
 * @throws Error when the weights have not height · width · channels · units elements
 */
export function reorderRows(weights: Float32Array, shape: FlattenShape): Float32Array {
  // TODO: for each channel and pixel, copy its row from its old place to its new one.
  throw new Error('reorderRows is not written yet')
}
// #endregion
