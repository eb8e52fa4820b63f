// #region cell
export function globalShares(layers: Record<string, Float32Array>, sparsity: number): Record<string, number> {
  const sizes = Object.values(layers).flatMap((weights) => Array.from(weights, Math.abs)).sort((a, b) => a - b)
  // The smallest size that stays; what is below it goes.
  const stays = sizes[Math.round(sparsity * sizes.length)] ?? Infinity
  return Object.fromEntries(Object.entries(layers).map(([name, weights]) =>
    [name, weights.filter((w) => Math.abs(w) < stays).length / weights.length]))
}
// #endregion
