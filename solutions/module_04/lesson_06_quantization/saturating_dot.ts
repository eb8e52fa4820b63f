import type { DotProducts } from '../../../exercises/module_04/lesson_06_quantization/saturating_dot/exercise'

// #region cell
export function saturatingDot(x: Uint8Array, weights: Int8Array): DotProducts {
  const result = { exact: 0, saturating: 0, saturated: 0 }
  for (let i = 0; i < x.length; i += 2) {
    const pair = (x[i] ?? 0) * (weights[i] ?? 0) + (x[i + 1] ?? 0) * (weights[i + 1] ?? 0)
    const held = Math.min(32767, Math.max(-32768, pair))
    result.exact += pair
    result.saturating += held
    if (held !== pair) result.saturated++
  }
  return result
}
// #endregion
