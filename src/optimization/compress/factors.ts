// Low-rank forms of weights: truncated SVD of matrices, Tucker-2 and CP of convolution kernels.
import { random } from '../../core'
import { firstColumns, matrix, multiply, solveRight, svd, transpose, type Matrix } from './linear-algebra'

/** A kernel [M, C, h, w], row-major. */
export interface Kernel {
  readonly shape: readonly [number, number, number, number]
  readonly data: ArrayLike<number>
}

/** Smallest rank r with Σ_{i<r} σᵢ² ≥ energy · Σ σᵢ². */
export function rankOfEnergy(sigma: Float64Array, energy: number): number {
  const total = sigma.reduce((sum, s) => sum + s * s, 0)
  let [sum, rank] = [0, 0]
  while (rank < sigma.length && sum < energy * total * (1 - 1e-12)) {
    sum += (sigma[rank] ?? 0) ** 2
    rank++
  }
  return Math.max(1, rank)
}

/** W ≈ A B with A = U √Σ [K, r] and B = √Σ Vᵀ [r, N]: the best approximation of rank r (Eckart and Young, 1936). */
export function splitMatrix({ u, sigma, v }: ReturnType<typeof svd>, rank: number): { readonly a: Matrix; readonly b: Matrix } {
  const root = (m: Matrix): Matrix => {
    const out = firstColumns(m, rank)
    for (let i = 0; i < out.data.length; i++) out.data[i] = (out.data[i] ?? 0) * Math.sqrt(sigma[i % rank] ?? 0)
    return out
  }
  return { a: root(u), b: transpose(root(v)) }
}

/** The unfolding along one axis: [size of the axis, everything else in order]. */
export function unfold({ shape, data }: Kernel, axis: number): Matrix {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const size = shape[axis] ?? 1
  const outer = data.length / inner / size
  const out = new Float64Array(data.length)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < size; i++) for (let k = 0; k < inner; k++) out[i * outer * inner + o * inner + k] = data[(o * size + i) * inner + k] ?? 0
  }
  return matrix(size, outer * inner, out)
}

/** W ×_axis Mᵀ: the axis is multiplied with the columns of M [size, r]. */
export function project(kernel: Kernel, axis: number, m: Matrix): Kernel {
  const product = multiply(transpose(m), unfold(kernel, axis))
  const shape = kernel.shape.map((size, a) => (a === axis ? m.columns : size)) as [number, number, number, number]
  const inner = kernel.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = product.columns / inner
  const data = new Float64Array(product.data.length)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < m.columns; i++) for (let k = 0; k < inner; k++) data[(o * m.columns + i) * inner + k] = product.data[i * outer * inner + o * inner + k] ?? 0
  }
  return { shape, data }
}

/**
 * Tucker-2: W[m, c, y, x] ≈ Σ_{p, q} U[m, p] G[p, q, y, x] V[c, q] (Kim et al., arXiv 1511.06530): higher-order SVD, then
 * alternating improvement (HOOI).
 */
export function tucker2(kernel: Kernel, ranks: readonly [number, number], iterations = 5): { readonly u: Matrix; readonly core: Kernel; readonly v: Matrix } {
  const leading = (k: Kernel, axis: number, rank: number): Matrix => firstColumns(svd(unfold(k, axis)).u, rank)
  let u = leading(kernel, 0, ranks[0])
  let v = leading(kernel, 1, ranks[1])
  for (let i = 0; i < iterations; i++) {
    u = leading(project(kernel, 1, v), 0, ranks[0])
    v = leading(project(kernel, 0, u), 1, ranks[1])
  }
  return { u, core: project(project(kernel, 0, u), 1, v), v }
}

/** Factors of a CP form, one column a component. */
export interface Components {
  /** [M, r], [C, r], [h, r], [w, r]. */
  readonly factors: readonly [Matrix, Matrix, Matrix, Matrix]
  /** ‖W − Ŵ‖ ÷ ‖W‖. */
  readonly error: number
}

/**
 * CP: W[m, c, y, x] ≈ Σ_r A[m, r] B[c, r] D[y, r] E[x, r] (Lebedev et al., arXiv 1412.6553), by alternating least squares.
 */
export function cp(kernel: Kernel, rank: number, options: { readonly iterations?: number; readonly seed?: number } = {}): Components {
  const { iterations = 60, seed = 0 } = options
  const source = random(seed)
  const factors = kernel.shape.map((size, axis) => {
    // From the leading singular vectors where there are enough, else from random numbers.
    const start = axis < 2 ? firstColumns(svd(unfold(kernel, axis)).u, Math.min(rank, size)) : matrix(size, 0, [])
    return matrix(size, rank, Float64Array.from({ length: size * rank }, (_, i) => {
      const [row, column] = [Math.floor(i / rank), i % rank]
      return column < start.columns ? (start.data[row * start.columns + column] ?? 0) + 0.01 * source.normal() : source.normal()
    }))
  }) as [Matrix, Matrix, Matrix, Matrix]
  for (let step = 0; step < iterations; step++) {
    for (let axis = 0; axis < 4; axis++) {
      const others = factors.filter((_, a) => a !== axis)
      const gram = others.map((f) => multiply(transpose(f), f)).reduce((a, b) => matrix(rank, rank, a.data.map((x, i) => x * (b.data[i] ?? 0))))
      factors[axis] = solveRight(multiply(unfold(kernel, axis), khatriRao(others)), gram)
      if (axis < 3) normalize(factors, axis, 3)
    }
  }
  // The norms are shared out evenly: a product of four is easier on low precision than one large factor.
  balance(factors)
  const estimate = multiply(factors[0], transpose(khatriRao(factors.slice(1))))
  const exact = unfold(kernel, 0)
  const [gap, norm] = [estimate.data.reduce((sum, x, i) => sum + (x - (exact.data[i] ?? 0)) ** 2, 0), exact.data.reduce((sum, x) => sum + x * x, 0)]
  return { factors, error: norm === 0 ? 0 : Math.sqrt(gap / norm) }
}

/** Columns of all products of rows, in row-major order of the axes. */
function khatriRao(factors: readonly Matrix[]): Matrix {
  return factors.reduce((a, b) => {
    const out = new Float64Array(a.rows * b.rows * a.columns)
    for (let i = 0; i < a.rows; i++) {
      for (let j = 0; j < b.rows; j++) {
        for (let r = 0; r < a.columns; r++) out[(i * b.rows + j) * a.columns + r] = (a.data[i * a.columns + r] ?? 0) * (b.data[j * a.columns + r] ?? 0)
      }
    }
    return { rows: a.rows * b.rows, columns: a.columns, data: out }
  })
}

const norms = (m: Matrix): Float64Array => Float64Array.from({ length: m.columns }, (_, r) => {
  let sum = 0
  for (let i = 0; i < m.rows; i++) sum += (m.data[i * m.columns + r] ?? 0) ** 2
  return Math.sqrt(sum) || 1
})

function scaleColumns(m: Matrix, by: (r: number) => number): void {
  for (let i = 0; i < m.data.length; i++) m.data[i] = (m.data[i] ?? 0) * by(i % m.columns)
}

function normalize(factors: readonly Matrix[], from: number, to: number): void {
  const [a, b] = [factors[from], factors[to]]
  if (!a || !b) return
  const sizes = norms(a)
  scaleColumns(a, (r) => 1 / (sizes[r] ?? 1))
  scaleColumns(b, (r) => sizes[r] ?? 1)
}

function balance(factors: readonly Matrix[]): void {
  const sizes = factors.map(norms)
  factors.forEach((factor, axis) => {
    scaleColumns(factor, (r) => sizes.reduce((product, s) => product * (s[r] ?? 1), 1) ** (1 / factors.length) / (sizes[axis]?.[r] ?? 1))
  })
}
