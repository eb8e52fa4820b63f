import type { LayerOutputs } from '../../../exercises/module_04/lesson_07_onnx_basics/first_divergence/exercise'

// #region cell
export function firstDivergence(layers: LayerOutputs[], tolerance: number): { layer: string; error: number } | null {
  for (const { name, expected, actual } of layers) {
    const error = relativeError(expected, actual)
    if (error > tolerance) return { layer: name, error }
  }
  return null
}

function relativeError(expected: Float32Array, actual: Float32Array): number {
  if (actual.length !== expected.length) return Infinity
  let difference = 0, size = 0
  expected.forEach((e, i) => {
    difference += ((actual[i] ?? NaN) - e) ** 2
    size += e ** 2
  })
  if (difference === 0 && size === 0) return 0
  const error = Math.sqrt(difference / size)
  // Every comparison with NaN is false, so a NaN would pass for a small error.
  return Number.isNaN(error) ? Infinity : error
}
// #endregion
