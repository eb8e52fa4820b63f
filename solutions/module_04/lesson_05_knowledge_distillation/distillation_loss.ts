// #region cell
export function distillationLoss(student: number[], teacher: number[], label: number, temperature: number, hard: number): number {
  const logSoftmax = (logits: number[], T: number): number[] => {
    const top = Math.max(...logits)
    const total = Math.log(logits.reduce((sum, z) => sum + Math.exp((z - top) / T), 0))
    return logits.map((z) => (z - top) / T - total)
  }
  const [p, q] = [logSoftmax(teacher, temperature), logSoftmax(student, temperature)]
  const divergence = p.reduce((sum, lp, i) => sum + Math.exp(lp) * (lp - (q[i] ?? 0)), 0)
  return -hard * (logSoftmax(student, 1)[label] ?? 0) + (1 - hard) * temperature ** 2 * divergence
}
// #endregion
