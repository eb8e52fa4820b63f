// #region cell
export function slantedTriangle(s: number, peak: number, cut: number, ratio: number): number {
  const p = s < cut ? s / cut : 1 - (s - cut) / (1 - cut)
  return (peak * (1 + p * (ratio - 1))) / ratio
}
// #endregion
