// #region cell
export function affineParameters(low: number, high: number, bits: number): { scale: number; zeroPoint: number } {
  const least = Math.min(low, 0)
  const most = Math.max(high, 0)
  if (least === most) return { scale: 1, zeroPoint: 0 }
  const scale = (most - least) / (2 ** bits - 1)
  return { scale, zeroPoint: Math.round(-least / scale) }
}
// #endregion
