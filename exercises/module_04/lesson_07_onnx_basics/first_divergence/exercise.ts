import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/first_divergence',
  title: 'Find the layer that broke',
  points: 9,
  minutes: 15,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/model-validation',
    'module04/lesson-7-onnx-fundamentals/hands-on/validate-conversions',
    'module04/lesson-1-model-selection-and-development/topics/debugging-techniques',
    'frameworks/6-onnx-and-model-interoperability/onnx-model-conversion/validation-and-verification',
    'frameworks/6-onnx-and-model-interoperability/model-interoperability/common-conversion-issues',
  ],
}

// #region cell
/** What one layer gave for the same input, in the original model and in the converted one, flattened. */
export interface LayerOutputs {
  name: string
  expected: Float32Array
  actual: Float32Array
}

/**
 * The layer at which a converted model went wrong: the first one whose relative error is above the tolerance. What
 * comes after it reads wrong inputs, so it is wrong too, often more so, and tells nothing about the cause.
 *
 *   error = ‖actual − expected‖₂ / ‖expected‖₂,   ‖v‖₂ = √(Σ vᵢ²)
 *
 * The error has no unit: 0.01 means that the layer is off by one percent of its own size. Three cases need a rule:
 * a layer that is expected to be all zeros and is, has error 0; where the lengths differ, or where the quotient is
 * otherwise not a number (a NaN in the layer), the error is Infinity.
 *
 * Example: expected [3, 4], actual [3, 4.5]: the difference [0, 0.5] has norm 0.5, the expected output has norm 5, the
 * error is 0.1. With tolerance 0.01 the answer for this layer, called "conv", is { layer: 'conv', error: 0.1 }.
 *
 * @param layers in the order in which they run
 * @param tolerance largest error that is still rounding
 * @returns the layer's name and its error, or null when every layer is within the tolerance
 */
export function firstDivergence(layers: LayerOutputs[], tolerance: number): { layer: string; error: number } | null {
  // TODO: go through the layers in order, and stop at the first with too large an error.
  throw new Error('firstDivergence is not written yet')
}
// #endregion
