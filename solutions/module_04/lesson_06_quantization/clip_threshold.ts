// #region cell
export function clipThreshold(values: Float32Array, bits: number, steps: number): { threshold: number; error: number } {
  const levels = 2 ** (bits - 1) - 1
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  if (largest === 0) return { threshold: 0, error: 0 }
  let best = { threshold: largest, error: Infinity }
  for (let k = 1; k <= steps; k++) {
    const threshold = (largest * k) / steps
    const scale = threshold / levels
    let error = 0
    for (const x of values) {
      error += (x - scale * Math.min(levels, Math.max(-levels, Math.round(x / scale)))) ** 2
    }
    error /= values.length
    if (error < best.error) best = { threshold, error }
  }
  return best
}
// #endregion
