// #region cell
export function stabilityIndex(reference: number[], current: number[], bins: number): number {
  const sorted = [...reference].sort((a, b) => a - b)
  const edges = Array.from({ length: bins - 1 }, (_, k) => sorted[Math.floor(((k + 1) * sorted.length) / bins)] ?? NaN)
  const shares = (values: number[]): number[] => {
    const counts = new Array<number>(bins).fill(0.5)
    for (const value of values) {
      const bin = edges.filter((edge) => edge <= value).length
      counts[bin] = (counts[bin] ?? 0) + 1
    }
    return counts.map((count) => count / (values.length + 0.5 * bins))
  }
  const q = shares(current)
  return shares(reference).reduce((sum, p, b) => sum + ((q[b] ?? p) - p) * Math.log((q[b] ?? p) / p), 0)
}
// #endregion
