// The little linear algebra that GPTQ needs, on row-major [n × n] matrices.

/**
 * Cholesky: the lower triangular L with L Lᵀ = A (Golub and Van Loan, Matrix Computations, 4.2.4).
 *
 * @returns undefined when A is not positive definite
 */
export function cholesky(a: Float64Array, n: number): Float64Array | undefined {
  const l = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] ?? 0
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] ?? 0) * (l[j * n + k] ?? 0)
      if (i === j) {
        if (!(sum > 0)) return undefined
        l[i * n + i] = Math.sqrt(sum)
      } else l[i * n + j] = sum / (l[j * n + j] ?? 1)
    }
  }
  return l
}

/** A⁻¹ from its Cholesky factor: L⁻ᵀ L⁻¹. */
export function inverseOf(l: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n) // of L, lower triangular
  for (let j = 0; j < n; j++) {
    inverse[j * n + j] = 1 / (l[j * n + j] ?? 1)
    for (let i = j + 1; i < n; i++) {
      let sum = 0
      for (let k = j; k < i; k++) sum += (l[i * n + k] ?? 0) * (inverse[k * n + j] ?? 0)
      inverse[i * n + j] = -sum / (l[i * n + i] ?? 1)
    }
  }
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let sum = 0
      for (let k = j; k < n; k++) sum += (inverse[k * n + i] ?? 0) * (inverse[k * n + j] ?? 0)
      out[i * n + j] = out[j * n + i] = sum
    }
  }
  return out
}

/** The upper triangular U with Uᵀ U = A. */
export function upperFactor(a: Float64Array, n: number): Float64Array | undefined {
  const l = cholesky(a, n)
  if (l === undefined) return undefined
  const u = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) u[j * n + i] = l[i * n + j] ?? 0
  return u
}
