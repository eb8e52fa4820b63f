import { search } from 'whetstone'

// #region cell
export function gaussianProcess(
  x: number, X: number[], y: number[], scale: number, noise: number,
): { mean: number; variance: number } {
  const k = (a: number, b: number): number => Math.exp(-0.5 * ((a - b) / scale) ** 2)
  const dot = (p: number[], q: number[]): number => p.reduce((sum, value, i) => sum + value * (q[i] ?? 0), 0)
  const K = X.map((a, i) => X.map((b, j) => k(a, b) + (i === j ? noise : 0)))
  const near = X.map((a) => k(x, a))
  return { mean: dot(near, search.solve(K, y)), variance: Math.max(0, 1 - dot(near, search.solve(K, near))) }
}
// #endregion
