import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/model_size',
  title: 'How many parameters, how many bytes',
  points: 8,
  minutes: 10,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/onnx-format-and-operators',
    'frameworks/6-onnx-and-model-interoperability/onnx-format/model-structure',
    'performance/week-1-onnx-and-model-export/onnx-format-deep-dive',
    'advanced/week-1-onnx-and-model-portability/onnx-format-understanding',
  ],
}

// #region cell
/** A tensor that is stored in the model: a weight, a bias, or a constant such as the target shape of a Reshape. */
export interface Initializer {
  name: string
  /** Sizes of its axes. [] is a scalar. */
  shape: number[]
  dtype: 'float64' | 'float32' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'int4' | 'uint4' | 'bool'
}

/**
 * What a model weighs: the number of its parameters, and the bytes of its stored tensors.
 *
 *   elements = ∏ shape                       (a product of no sizes is 1: a scalar has one element)
 *   parameters = Σ elements                  over the tensors of floating-point numbers
 *   bytes = Σ ⌈elements · bits / 8⌉          over all tensors: each starts at a byte of its own
 *
 * Bits of one element: float64 and int64 64, float32 and int32 32, float16 and bfloat16 16, int8, uint8 and bool 8,
 * int4 and uint4 4. Integers and booleans of a float model are shapes, indices and masks: stored, but not learned.
 * Two layers may share a tensor; a name that is listed again is the same tensor, and counts once.
 *
 * Example: a dense layer from 784 to 10, weights [784, 10] and bias [10], both float32, has 7,840 + 10 = 7,850
 * parameters in 31,400 bytes. A Reshape beside it stores its target shape, int64 of shape [2]: 16 bytes, no parameter.
 *
 * @returns parameters, a number of elements; bytes, a number of bytes
 */
export function modelSize(initializers: Initializer[]): { parameters: number; bytes: number } {
  // TODO: go through the tensors once, skip the names you have seen, and add to both sums.
  throw new Error('modelSize is not written yet')
}
// #endregion
