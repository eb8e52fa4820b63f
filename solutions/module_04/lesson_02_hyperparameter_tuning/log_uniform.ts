// #region cell
export function logUniform(u: number, low: number, high: number): number {
  if (!(low > 0) || high < low) throw new Error(`[${low}, ${high}] has no logarithmic scale`)
  return Math.exp(Math.log(low) + u * (Math.log(high) - Math.log(low)))
}
// #endregion
