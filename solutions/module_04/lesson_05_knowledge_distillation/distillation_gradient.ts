// #region cell
export function distillationGradient(student: number[], teacher: number[], label: number, temperature: number, hard: number): number[] {
  const softmax = (logits: number[], T: number): number[] => {
    const top = Math.max(...logits)
    const weights = logits.map((z) => Math.exp((z - top) / T))
    const sum = weights.reduce((a, b) => a + b, 0)
    return weights.map((weight) => weight / sum)
  }
  const [p, q] = [softmax(teacher, temperature), softmax(student, temperature)]
  return softmax(student, 1).map((answer, i) =>
    hard * (answer - (i === label ? 1 : 0)) + (1 - hard) * temperature * ((q[i] ?? 0) - (p[i] ?? 0)))
}
// #endregion
