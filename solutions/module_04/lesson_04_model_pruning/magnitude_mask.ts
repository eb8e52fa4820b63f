// #region cell
export function magnitudeMask(weights: Float32Array, sparsity: number): Uint8Array {
  if (!(sparsity >= 0 && sparsity < 1)) throw new Error(`a sparsity lies in [0, 1), not at ${sparsity}`)
  const size = (place: number): number => Math.abs(weights[place] ?? 0)
  // Sorting is stable: places of equal weights stay in order.
  const places = Array.from(weights.keys()).sort((a, b) => size(a) - size(b))
  const mask = new Uint8Array(weights.length).fill(1)
  for (const place of places.slice(0, Math.round(sparsity * weights.length))) mask[place] = 0
  return mask
}
// #endregion
