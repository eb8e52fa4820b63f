// #region cell
export function teacherWeights(logits: number[][], label: number): number[] {
  if (logits.length < 2) throw new Error('Weights are for two teachers or more')
  const odds = logits.map((z) => z.reduce((sum, value) => sum + Math.exp(value - (z[label] ?? 0)), 0))
  const total = odds.reduce((a, b) => a + b, 0)
  return odds.map((value) => (1 - value / total) / (logits.length - 1))
}
// #endregion
