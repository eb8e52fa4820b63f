import type { Initializer } from '../../../exercises/module_04/lesson_07_onnx_basics/model_size/exercise'

// #region cell
export function modelSize(initializers: Initializer[]): { parameters: number; bytes: number } {
  const bits = {
    float64: 64, float32: 32, float16: 16, bfloat16: 16, int64: 64, int32: 32, int8: 8, uint8: 8, bool: 8, int4: 4, uint4: 4,
  }
  const seen = new Set<string>()
  let parameters = 0
  let bytes = 0
  for (const { name, shape, dtype } of initializers) {
    if (seen.has(name)) continue
    seen.add(name)
    const elements = shape.reduce((product, size) => product * size, 1)
    if (dtype.includes('float')) parameters += elements
    bytes += Math.ceil((elements * bits[dtype]) / 8)
  }
  return { parameters, bytes }
}
// #endregion
