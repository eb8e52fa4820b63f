// Dense linear algebra in float64 for matrices of layer size: products, symmetric eigenvectors, singular values.
import { WhetstoneError } from '../../core'
import { cholesky } from '../quantize/linear-algebra'

/** A dense matrix, row-major. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

export function matrix(rows: number, columns: number, data: ArrayLike<number>): Matrix {
  if (data.length !== rows * columns) throw new WhetstoneError('MATRIX_SIZE', 'The numbers do not fill the matrix', { expected: String(rows * columns), got: String(data.length) })
  return { rows, columns, data: Float64Array.from(data) }
}

export function transpose({ rows, columns, data }: Matrix): Matrix {
  const out = new Float64Array(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] ?? 0
  return { rows: columns, columns: rows, data: out }
}

/** A B. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Float64Array(a.rows * b.columns)
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const x = a.data[i * a.columns + k] ?? 0
      if (x === 0) continue
      const [row, other] = [i * b.columns, k * b.columns]
      for (let j = 0; j < b.columns; j++) out[row + j] = (out[row + j] ?? 0) + x * (b.data[other + j] ?? 0)
    }
  }
  return { rows: a.rows, columns: b.columns, data: out }
}

/** The first `count` columns. */
export function firstColumns({ rows, columns, data }: Matrix, count: number): Matrix {
  const out = new Float64Array(rows * count)
  for (let i = 0; i < rows; i++) for (let j = 0; j < count; j++) out[i * count + j] = data[i * columns + j] ?? 0
  return { rows, columns: count, data: out }
}

/** Eigenvalues (falling) and eigenvectors (columns) of a symmetric matrix, by Jacobi rotations. */
export function eigenSymmetric(a: Matrix): { readonly values: Float64Array; readonly vectors: Matrix } {
  const n = a.rows
  const v = Float64Array.from(a.data)
  const at = (i: number, j: number): number => v[i * n + j] ?? 0
  // Every rotation zeroes one pair; quadratic convergence once the rest is small.
  const u = new Float64Array(n * n)
  for (let i = 0; i < n; i++) u[i * n + i] = 1
  const scale = v.reduce((sum, x) => sum + x * x, 0)
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += 2 * at(p, q) ** 2
    if (off <= 1e-22 * scale) break
    const threshold = sweep < 3 ? off / (n * n) / 5 : 0
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) if (at(p, q) ** 2 > threshold) rotate(v, u, n, p, q)
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => at(j, j) - at(i, i))
  const vectors = new Float64Array(n * n)
  order.forEach((from, to) => { for (let i = 0; i < n; i++) vectors[i * n + to] = u[from * n + i] ?? 0 })
  return { values: Float64Array.from(order, (i) => at(i, i)), vectors: { rows: n, columns: n, data: vectors } }
}

/** One Jacobi rotation of the rows and columns p and q; `u` collects eigenvectors as rows. */
function rotate(v: Float64Array, u: Float64Array, n: number, p: number, q: number): void {
  const pq = v[p * n + q] ?? 0
  if (pq === 0) return
  const theta = ((v[q * n + q] ?? 0) - (v[p * n + p] ?? 0)) / (2 * pq)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let i = 0; i < n; i++) {
    const [x, y] = [v[i * n + p] ?? 0, v[i * n + q] ?? 0]
    v[i * n + p] = c * x - s * y
    v[i * n + q] = s * x + c * y
  }
  for (const [m, size] of [[v, n], [u, n]] as const) {
    const [row, other] = [p * size, q * size]
    for (let i = 0; i < size; i++) {
      const [x, y] = [m[row + i] ?? 0, m[other + i] ?? 0]
      m[row + i] = c * x - s * y
      m[other + i] = s * x + c * y
    }
  }
}

/**
 * A = U diag(σ) Vᵀ with σ falling, from the eigenvectors of the smaller of AᵀA and AAᵀ. Singular values below 1e-8 of the
 * largest are lost in the squaring; float32 weights do not hold them either.
 */
export function svd(a: Matrix): { readonly u: Matrix; readonly sigma: Float64Array; readonly v: Matrix } {
  if (a.columns > a.rows) {
    const { u, sigma, v } = svd(transpose(a))
    return { u: v, sigma, v: u }
  }
  const { values, vectors } = eigenSymmetric(multiply(transpose(a), a))
  const sigma = values.map((value) => Math.sqrt(Math.max(0, value)))
  const u = multiply(a, vectors)
  for (let i = 0; i < u.rows; i++) for (let j = 0; j < u.columns; j++) u.data[i * u.columns + j] = (sigma[j] ?? 0) > 0 ? (u.data[i * u.columns + j] ?? 0) / (sigma[j] ?? 1) : 0
  return { u, sigma, v: vectors }
}

/** X with X G = B, for a symmetric positive definite G (Cholesky), with a small ridge against rank loss. */
export function solveRight(b: Matrix, g: Matrix, ridge = 1e-9): Matrix {
  const n = g.rows
  const trace = Array.from({ length: n }, (_, i) => g.data[i * n + i] ?? 0).reduce((x, y) => x + y, 0)
  const lifted = Float64Array.from(g.data)
  for (let i = 0; i < n; i++) lifted[i * n + i] = (lifted[i * n + i] ?? 0) + (ridge * trace) / n + 1e-300
  const l = cholesky(lifted, n)
  if (l === undefined) throw new WhetstoneError('MATRIX_DEFINITE', 'The matrix is not positive definite', { got: `${n} by ${n}, trace ${trace}` })
  const out = Float64Array.from(b.data)
  for (let r = 0; r < b.rows; r++) {
    const row = out.subarray(r * n, (r + 1) * n)
    for (let i = 0; i < n; i++) {
      let sum = row[i] ?? 0
      for (let k = 0; k < i; k++) sum -= (l[i * n + k] ?? 0) * (row[k] ?? 0)
      row[i] = sum / (l[i * n + i] ?? 1)
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = row[i] ?? 0
      for (let k = i + 1; k < n; k++) sum -= (l[k * n + i] ?? 0) * (row[k] ?? 0)
      row[i] = sum / (l[i * n + i] ?? 1)
    }
  }
  return { rows: b.rows, columns: n, data: out }
}
