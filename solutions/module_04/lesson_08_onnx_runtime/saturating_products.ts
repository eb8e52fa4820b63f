import type { IntegerDot } from '../../../exercises/module_04/lesson_08_onnx_runtime/saturating_products/exercise'

// #region cell
export function integerDot(activations: Uint8Array, weights: Int8Array): IntegerDot {
  let exact = 0, saturating = 0
  for (let i = 0; i < activations.length; i += 2) {
    const pair = (activations[i] ?? 0) * (weights[i] ?? 0) + (activations[i + 1] ?? 0) * (weights[i + 1] ?? 0)
    exact += pair
    saturating += Math.min(32767, Math.max(-32768, pair))
  }
  return { exact, saturating }
}
// #endregion
