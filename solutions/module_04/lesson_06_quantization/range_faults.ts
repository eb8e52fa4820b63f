import type { ObservedValue } from '../../../exercises/module_04/lesson_06_quantization/range_faults/exercise'

// #region cell
export function rangeFaults(values: ObservedValue[]): Record<string, 'too narrow' | 'too wide'> {
  const faults: Record<string, 'too narrow' | 'too wide'> = {}
  for (const { name, scale, zeroPoint, seen } of values) {
    const asked = Array.from(seen, (x) => Math.round(x / scale) + zeroPoint)
    if (asked.length === 0) continue
    const outside = asked.filter((q) => q < 0 || q > 255).length
    const span = asked.reduce((a, b) => Math.max(a, b)) - asked.reduce((a, b) => Math.min(a, b))
    if (outside > 0.01 * asked.length) faults[name] = 'too narrow'
    else if (span < 32) faults[name] = 'too wide'
  }
  return faults
}
// #endregion
