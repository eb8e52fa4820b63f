import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/compare_outputs',
  title: 'Do two models give the same?',
  points: 9,
  minutes: 15,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/model-validation',
    'module04/lesson-7-onnx-fundamentals/hands-on/validate-conversions',
    'frameworks/6-onnx-and-model-interoperability/onnx-model-conversion/validation-and-verification',
    'performance/week-1-onnx-and-model-export/model-validation',
    'advanced/week-1-onnx-and-model-portability/model-validation',
  ],
}

// #region cell
/** How far an element may be from the expected one: `absolute` in the unit of the output, `relative` as a fraction. */
export interface OutputTolerance {
  relative: number
  absolute: number
}

/** What a comparison found. */
export interface OutputComparison {
  /** Largest |a − e|, and largest |a − e| / |e|; 0 where there is no such element. */
  maxAbsolute: number
  maxRelative: number
  /** How many elements do not agree. */
  mismatches: number
  /** No element disagrees. */
  agree: boolean
}

/**
 * Compares the output of a converted model with that of the original, element by element, as NumPy's allclose does.
 * A finite a agrees with a finite e when
 *
 *   |a − e| ≤ absolute + relative · |e|
 *
 * NaN agrees only with NaN, Infinity only with Infinity, −Infinity only with −Infinity.
 *
 * The two maxima are over the elements of which a and e are both finite; for maxRelative, e must not be 0 either. So
 * one NaN is one mismatch, and the maxima still tell how far the rest is off.
 *
 * Example: expected [1, 100, 0], actual [1, 101, NaN], relative 0.02, absolute 0. 101 agrees, since 1 ≤ 0 + 0.02 · 100;
 * NaN does not. The result is { maxAbsolute: 1, maxRelative: 0.01, mismatches: 1, agree: false }.
 *
 * @param expected e, the output of the original, of any shape, flattened
 * @param actual a, the output of the converted model, flattened
 * @throws Error when the lengths differ
 */
export function compareOutputs(expected: Float32Array, actual: Float32Array, tolerance: OutputTolerance): OutputComparison {
  // TODO: judge each pair, the finite ones by the equation, and keep the maxima and the count.
  throw new Error('compareOutputs is not written yet')
}
// #endregion
