// Gaussian process regression: a Matérn 5/2 kernel with a length scale per dimension, fitted by its posterior.
import { SearchError } from './errors'

/** A fitted process. */
export interface GaussianProcess {
  readonly lengthScales: readonly number[]
  /** Variance of the noise, in units of the standardized targets. */
  readonly noise: number
  /** ln p(y | X, θ) of the standardized targets. */
  readonly logLikelihood: number
  /** Mean and standard deviation of the noiseless function at x, in the units of the targets. */
  predict(x: readonly number[]): { readonly mean: number; readonly deviation: number }
}

/** Hyperparameters to use as they are, instead of fitting them. */
export interface FixedHyperparameters {
  readonly lengthScales: readonly number[]
  readonly noise: number
}

/** k(r) = (1 + √5 r + 5r²/3)·exp(−√5 r). */
export function matern52(r: number): number {
  const s = Math.sqrt(5) * r
  return (1 + s + (s * s) / 3) * Math.exp(-s)
}

// Matrices are n × n, row after row. The inner loops read `as number`: every index is inside by construction.

/** The lower L with L·Lᵀ = A, in the place of A's lower half; false when A is not positive definite. */
function cholesky(a: Float64Array, n: number): boolean {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j] as number
      for (let k = 0, p = i * n, q = j * n; k < j; k++, p++, q++) sum -= (a[p] as number) * (a[q] as number)
      if (i > j) a[i * n + j] = sum / (a[j * n + j] as number)
      else if (sum > 0) a[j * n + j] = Math.sqrt(sum)
      else return false
    }
  }
  return true
}

function solveLower(l: Float64Array, b: ArrayLike<number>): Float64Array {
  const n = b.length
  const x = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let sum = b[i] as number
    for (let k = 0, p = i * n; k < i; k++, p++) sum -= (l[p] as number) * (x[k] as number)
    x[i] = sum / (l[i * n + i] as number)
  }
  return x
}

function solveUpper(l: Float64Array, b: ArrayLike<number>): Float64Array {
  const n = b.length
  const x = Float64Array.from(b)
  for (let i = n - 1; i >= 0; i--) {
    const value = (x[i] as number) / (l[i * n + i] as number)
    x[i] = value
    for (let k = 0, p = i * n; k < i; k++, p++) x[k] = (x[k] as number) - (l[p] as number) * value
  }
  return x
}

/**
 * The v with A·v = b, for a symmetric positive definite A, by its Cholesky factor.
 *
 * @throws SearchError `SEARCH_ARGUMENT` when the sizes do not fit or A is not positive definite
 */
export function solve(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const n = b.length
  const l = Float64Array.from(a.flat())
  if (a.length !== n || l.length !== n * n || !cholesky(l, n)) {
    throw new SearchError('SEARCH_ARGUMENT', 'The system cannot be solved', {
      expected: `a symmetric positive definite matrix of ${n} × ${n}`, got: `${a.length} rows, ${l.length} numbers`,
      fix: 'are two points equal? then add noise to the diagonal',
    })
  }
  return [...solveUpper(l, solveLower(l, b))]
}

/** L⁻¹, lower too. */
function invertLower(l: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    const pivot = 1 / (l[i * n + i] as number)
    for (let k = 0; k < i; k++) {
      const factor = (l[i * n + k] as number) * pivot
      for (let j = 0, p = i * n, q = k * n; j <= k; j++, p++, q++) inverse[p] = (inverse[p] as number) - factor * (inverse[q] as number)
    }
    inverse[i * n + i] = pivot
  }
  return inverse
}

interface State {
  readonly value: number
  readonly gradient: Float64Array
  readonly l: Float64Array
  readonly alpha: Float64Array
  readonly likelihood: number
}

/**
 * Negative log posterior of θ = (ln ℓ₁ … ln ℓ_d, ln σ²) and its gradient ½·tr((K⁻¹ − ααᵀ)·∂K/∂θ) (Rasmussen and
 * Williams 2006, equations 5.8 and 5.9). Priors: ln ℓ ~ N(√2 + ½ ln d, 3) (Hvarfner, Hellsten, Nardi, ICML 2024),
 * ln σ² ~ N(−4, 1).
 *
 * @param squares of every dimension, the squared differences of the points
 */
function posterior(squares: readonly Float64Array[], y: Float64Array, theta: Float64Array): State | undefined {
  const n = y.length
  const d = squares.length
  const weights = Array.from({ length: d }, (_, m) => Math.exp(-2 * (theta[m] as number)))
  const noise = Math.exp(theta[d] as number)
  const r2 = new Float64Array(n * n)
  squares.forEach((square, m) => {
    const weight = weights[m] as number
    for (let p = 0; p < r2.length; p++) r2[p] = (r2[p] as number) + weight * (square[p] as number)
  })
  const l = new Float64Array(n * n)
  const slope = new Float64Array(n * n) // ∂k/∂ln ℓ_m = slope · (Δ_m/ℓ_m)²
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const p = i * n + j
      const s = Math.sqrt(5 * (r2[p] as number))
      const decay = Math.exp(-s)
      l[p] = (1 + s + (s * s) / 3) * decay
      slope[p] = (5 / 3) * (1 + s) * decay
    }
    l[i * n + i] = 1 + noise + 1e-10
  }
  if (!cholesky(l, n)) return undefined
  const alpha = solveUpper(l, solveLower(l, y))
  const lower = invertLower(l, n)
  let likelihood = -0.5 * n * Math.log(2 * Math.PI)
  const gradient = new Float64Array(d + 1)
  const pull = new Float64Array(n * n) // (K⁻¹ − ααᵀ)·slope below the diagonal
  for (let i = 0; i < n; i++) {
    const a = alpha[i] as number
    likelihood -= 0.5 * (y[i] as number) * a + Math.log(l[i * n + i] as number)
    for (let j = 0; j <= i; j++) {
      let inverse = 0 // (K⁻¹)ᵢⱼ = Σₖ L⁻¹ₖᵢ L⁻¹ₖⱼ, k ≥ i
      for (let k = i, p = i * n + i, q = i * n + j; k < n; k++, p += n, q += n) inverse += (lower[p] as number) * (lower[q] as number)
      const difference = inverse - a * (alpha[j] as number)
      if (i === j) gradient[d] = (gradient[d] as number) + 0.5 * noise * difference
      else pull[i * n + j] = difference * (slope[i * n + j] as number)
    }
  }
  let value = -likelihood
  const centre = Math.SQRT2 + 0.5 * Math.log(d)
  squares.forEach((square, m) => {
    let sum = 0
    for (let p = 0; p < pull.length; p++) sum += (pull[p] as number) * (square[p] as number)
    const off = (theta[m] as number) - centre
    value += (off * off) / 6
    gradient[m] = sum * (weights[m] as number) + off / 3
  })
  const off = (theta[d] as number) + 4
  gradient[d] = (gradient[d] as number) + off
  return { value: value + 0.5 * off * off, gradient, l, alpha, likelihood }
}

/** Gradient descent with a step that grows and shrinks per coordinate (Rprop, Riedmiller and Braun 1993). */
function minimize(evaluate: (theta: Float64Array) => State | undefined, start: Float64Array): Float64Array {
  const theta = Float64Array.from(start)
  const step = new Float64Array(theta.length).fill(0.2)
  let last = new Float64Array(theta.length)
  let best = Float64Array.from(theta)
  let bestValue = Infinity
  for (let iteration = 0; iteration < 30; iteration++) {
    const state = evaluate(theta)
    if (!state) return best
    if (state.value < bestValue) [best, bestValue] = [Float64Array.from(theta), state.value]
    let largest = 0
    for (let i = 0; i < theta.length; i++) {
      const g = state.gradient[i] ?? 0
      const agrees = g * (last[i] ?? 0)
      step[i] = Math.min(1, Math.max(1e-4, (step[i] ?? 0) * (agrees > 0 ? 1.3 : agrees < 0 ? 0.5 : 1)))
      theta[i] = Math.min(6, Math.max(-14, (theta[i] ?? 0) - Math.sign(g) * (step[i] ?? 0)))
      largest = Math.max(largest, Math.abs(g))
    }
    if (largest < 1e-3) break
    last = Float64Array.from(state.gradient)
  }
  return best
}

/**
 * Fits a Gaussian process with constant mean to targets y at points x, standardizing y first.
 *
 * @param x n points of equal dimension, each coordinate best in [0, 1]
 * @param fixed length scales and noise, where they are known; else both are fitted
 * @throws SearchError `SEARCH_ARGUMENT` for no points, or a count of targets that differs
 */
export function fitGaussianProcess(
  x: readonly (readonly number[])[], y: readonly number[], fixed?: FixedHyperparameters,
): GaussianProcess {
  const n = x.length
  const d = x[0]?.length ?? 0
  if (n === 0 || d === 0 || y.length !== n || !y.every(Number.isFinite)) {
    throw new SearchError('SEARCH_ARGUMENT', 'A Gaussian process needs points and one finite target for each', {
      got: `${n} points of dimension ${d}, ${y.length} targets`, fix: 'leave out what failed or is not finite',
    })
  }
  const mean = y.reduce((a, b) => a + b, 0) / n
  const deviation = Math.sqrt(y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n) || 1
  const standard = Float64Array.from(y, (v) => (v - mean) / deviation)
  const start = new Float64Array(d + 1).fill(fixed ? 0 : Math.log(0.5))
  if (fixed) fixed.lengthScales.forEach((scale, i) => (start[i] = Math.log(scale)))
  start[d] = fixed ? Math.log(fixed.noise) : -6
  const squares = Array.from({ length: d }, (_, m) => {
    const square = new Float64Array(n * n)
    for (let p = 0; p < square.length; p++) square[p] = ((x[Math.floor(p / n)]?.[m] ?? 0) - (x[p % n]?.[m] ?? 0)) ** 2
    return square
  })
  const theta = fixed ? start : minimize((t) => posterior(squares, standard, t), start)
  const state = posterior(squares, standard, theta)
    ?? posterior(squares, standard, theta.fill(0, d).fill(Math.log(0.5), 0, d))
  if (!state) throw new SearchError('SEARCH_ARGUMENT', 'The covariance matrix is not positive definite', { fix: 'use a larger noise' })
  const lengthScales = Array.from(theta.subarray(0, d), Math.exp)
  return {
    lengthScales,
    noise: Math.exp(theta[d] ?? 0),
    logLikelihood: state.likelihood,
    predict(point) {
      const k = x.map((row) => {
        let r2 = 0
        for (let m = 0; m < d; m++) r2 += (((row[m] ?? 0) - (point[m] ?? 0)) / (lengthScales[m] ?? 1)) ** 2
        return matern52(Math.sqrt(r2))
      })
      const v = solveLower(state.l, k)
      let average = 0
      let explained = 0
      for (let i = 0; i < n; i++) {
        average += (k[i] ?? 0) * (state.alpha[i] ?? 0)
        explained += (v[i] ?? 0) ** 2
      }
      return { mean: mean + deviation * average, deviation: deviation * Math.sqrt(Math.max(1e-12, 1 - explained)) }
    },
  }
}
