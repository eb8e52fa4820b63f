import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_04_model_pruning/remove_filters',
  title: 'Cut a filter out, and what reads it',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-4-model-pruning/topics/structured-vs-unstructured-pruning',
    'module04/lesson-4-model-pruning/hands-on/deploy-pruned-models',
    'module04/lesson-4-model-pruning/interview-questions/structured-vs-unstructured-pruning',
  ],
}

// #region cell
/** A convolution as ONNX stores it. */
export interface Convolution {
  /** W, row-major: all of filter 0, then all of filter 1; in a filter the kH · kW numbers of channel 0, then of channel 1. */
  weights: Float32Array
  /** [M, C, kH, kW]: filters, input channels, kernel height and width. */
  shape: [number, number, number, number]
  /** b, one for each filter. */
  bias: Float32Array
}

/**
 * Two convolutions, one after the other, without the filters of the first that are not kept. A filter makes one channel,
 * and the second convolution reads that channel: both lose it.
 *
 *   W₁' = W₁[keep, :, :, :],   b₁' = b₁[keep],   W₂' = W₂[:, keep, :, :],   b₂' = b₂
 *
 * Example: first { weights: [1, 2, 3], shape: [3, 1, 1, 1], bias: [10, 20, 30] }, second { weights: [4, 5, 6, 7, 8, 9],
 * shape: [2, 3, 1, 1], bias: [0, 1] }, keep [0, 2]: first becomes { weights: [1, 3], shape: [2, 1, 1, 1], bias: [10, 30] },
 * second { weights: [4, 6, 7, 9], shape: [2, 2, 1, 1], bias: [0, 1] }.
 *
 * @param first [M, C, kH, kW]
 * @param second [N, M, kH', kW']: reads the M channels that the first makes
 * @param keep filters of the first that stay, in rising order
 * @returns both in new arrays; what was given stays as it was
 */
export function removeFilters(
  first: Convolution, second: Convolution, keep: number[],
): { first: Convolution; second: Convolution } {
  // TODO: from the first, whole filters and their biases; from every filter of the second, the kernels of kept channels.
  throw new Error('removeFilters is not written yet')
}
// #endregion
