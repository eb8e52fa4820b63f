// #region cell
export function softTargets(logits: number[], temperature: number): number[] {
  if (!(temperature > 0)) throw new Error(`A temperature must be above 0, not ${temperature}`)
  const top = Math.max(...logits)
  const weights = logits.map((z) => Math.exp((z - top) / temperature))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}
// #endregion
