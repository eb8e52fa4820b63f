// #region cell
export function medianInterval(samples: number[], confidence: number): [number, number] | null {
  const sorted = [...samples].sort((a, b) => a - b)
  const n = sorted.length
  let term = 0.5 ** n // C(n, 0) / 2ⁿ, then C(n, 1) / 2ⁿ, …
  let below = 0
  let k = 0
  while (k < Math.floor(n / 2) && 1 - 2 * (below + term) >= confidence) {
    below += term
    term *= (n - k) / (k + 1)
    k++
  }
  const low = sorted[k - 1], high = sorted[n - k]
  return low === undefined || high === undefined ? null : [low, high]
}
// #endregion
