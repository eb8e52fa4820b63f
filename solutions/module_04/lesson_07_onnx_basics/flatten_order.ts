import type { FlattenShape } from '../../../exercises/module_04/lesson_07_onnx_basics/flatten_order/exercise'

// #region cell
export function reorderRows(weights: Float32Array, shape: FlattenShape): Float32Array {
  const { height, width, channels, units } = shape
  const wanted = height * width * channels * units
  if (weights.length !== wanted) throw new Error(`${weights.length} weights, but the shape needs ${wanted}`)
  const reordered = new Float32Array(wanted)
  for (let c = 0; c < channels; c++) {
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) {
        const from = ((h * width + w) * channels + c) * units
        const to = ((c * height + h) * width + w) * units
        reordered.set(weights.subarray(from, from + units), to)
      }
    }
  }
  return reordered
}
// #endregion
