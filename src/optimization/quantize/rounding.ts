// Better than rounding to nearest: GPTQ and AdaRound choose for each weight the integer that makes the outputs of the layer
// right, not the weight. Both work on rows of a weight and on the second moments H of the layer's inputs.
import { cholesky, inverseOf, upperFactor } from './linear-algebra'
import { roundEven, type Parameters } from './arithmetic'

/** How weights are rounded. */
export type Rounding = 'nearest' | 'gptq' | 'adaround'

/** E ‖(W − Ŵ) x‖² up to a factor: Σ_rows d H dᵀ with d = w − ŵ. What both methods make small. */
export function outputError(w: Float64Array, quantized: Float64Array, h: Float64Array, rows: number, columns: number): number {
  let total = 0
  const d = new Float64Array(columns)
  for (let o = 0; o < rows; o++) {
    for (let k = 0; k < columns; k++) d[k] = (w[o * columns + k] ?? 0) - (quantized[o * columns + k] ?? 0)
    for (let i = 0; i < columns; i++) {
      let sum = 0
      for (let j = 0; j < columns; j++) sum += (h[i * columns + j] ?? 0) * (d[j] ?? 0)
      total += (d[i] ?? 0) * sum
    }
  }
  return total
}

/** Parameters for column k of row o; GPTQ asks at the start of a block, when the weights before it have moved others. */
export type ParametersAt = (row: number, column: number) => Parameters

/** Integers of a matrix [rows × columns]. */
export type Integers = Int32Array

/** round(w / s), for comparison. */
export function roundToNearest(w: Float64Array, columns: number, at: ParametersAt): Integers {
  return Int32Array.from(w, (x, i) => nearest(x, at(Math.floor(i / columns), i % columns)))
}

function nearest(x: number, { scale, zeroPoint, low, high }: Parameters): number {
  const q = roundEven(x / scale) + zeroPoint
  return q < low ? low : q > high ? high : q
}

/** Settings of GPTQ. */
export interface GptqOptions {
  /** Added to the diagonal of H, as a share of its mean; default 0.01. */
  readonly damping?: number
  /** Called before the first column of each block of this size is rounded, with the weights as they are by then. */
  readonly block?: { readonly size: number; readonly start: (w: Float64Array, column: number) => void }
}

/**
 * GPTQ: columns are rounded one after the other, and the error of each is taken up by those that are still free:
 * q = round(w_k), e = (w_k − q) / U_kk, w_j −= e U_kj for j > k, with Uᵀ U = H⁻¹.
 * E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023,
 * arXiv 2210.17323, algorithm 1. Columns are taken in order of falling H_kk ("act-order") where there are no blocks.
 */
export function gptq(w: Float64Array, h: Float64Array, rows: number, columns: number, at: ParametersAt, options: GptqOptions = {}): Integers {
  const order = Array.from({ length: columns }, (_, k) => k)
  if (options.block === undefined) order.sort((a, b) => (h[b * columns + b] ?? 0) - (h[a * columns + a] ?? 0))
  const u = factorOfInverse(h, columns, order, options.damping ?? 0.01)
  const free = Float64Array.from(w)
  const out = new Int32Array(w.length)
  for (let i = 0; i < columns; i++) {
    const k = order[i] ?? 0
    if (options.block !== undefined && k % options.block.size === 0) options.block.start(free, k)
    const diagonal = u[i * columns + i] ?? 1
    for (let o = 0; o < rows; o++) {
      const row = o * columns
      const x = free[row + k] ?? 0
      const p = at(o, k)
      const q = nearest(x, p)
      out[row + k] = q
      const e = (x - (q - p.zeroPoint) * p.scale) / diagonal
      if (e === 0) continue
      for (let j = i + 1; j < columns; j++) {
        const other = row + (order[j] ?? 0)
        free[other] = (free[other] ?? 0) - e * (u[i * columns + j] ?? 0)
      }
    }
  }
  return out
}

/** U of (H + λ I)⁻¹ in the given order of columns; a column that is always zero gets 1 on the diagonal. */
function factorOfInverse(h: Float64Array, n: number, order: readonly number[], damping: number): Float64Array {
  let trace = 0
  for (let i = 0; i < n; i++) trace += h[i * n + i] ?? 0
  for (let share = damping; ; share *= 10) {
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) a[i * n + j] = h[(order[i] ?? 0) * n + (order[j] ?? 0)] ?? 0
      const diagonal = a[i * n + i] ?? 0
      a[i * n + i] = (diagonal === 0 ? 1 : diagonal) + Math.max((share * trace) / n, 1e-12)
    }
    const l = cholesky(a, n)
    const u = l === undefined ? undefined : upperFactor(inverseOf(l, n), n)
    if (u !== undefined) return u
  }
}

/** D [rows × columns] → D H. */
export type Product = (d: Float64Array) => Float64Array

/** Settings of AdaRound. */
export interface AdaRoundOptions {
  /** Default 200. */
  readonly iterations?: number
  /** D → D H; default: computed here. */
  readonly product?: Product
  /** Weight of the term that pushes to 0 or 1, relative to the starting error; default 0.05. */
  readonly regularization?: number
}

/** Stretch of the sigmoid, so that 0 and 1 are reached (the paper's ζ and γ). */
const [UPPER, LOWER] = [1.1, -0.1]

/**
 * AdaRound: each weight goes down or up, ŵ = s (⌊w / s⌋ + h(V)), with h(V) = clip(sigmoid(V) · 1.2 − 0.1, 0, 1) found by Adam
 * on E ‖(W − Ŵ) x‖² + λ Σ (1 − |2 h(V) − 1|^β), β falling from 20 to 2, then rounded. M. Nagel et al., "Up or Down? Adaptive
 * Rounding for Post-Training Quantization", ICML 2020, arXiv 2004.10568, section 3. The error is taken from the second moments,
 * which is equation 20's local loss and needs no activations kept; the paper's version with the activation function inside is not
 * used. Row by row, the answer, GPTQ's and rounding to nearest are then improved by single flips, and the best is taken.
 */
export function adaRound(w: Float64Array, h: Float64Array, rows: number, columns: number, at: ParametersAt, options: AdaRoundOptions = {}): Integers {
  const start = roundToNearest(w, columns, at)
  const parameters = Array.from({ length: w.length }, (_, i) => at(Math.floor(i / columns), i % columns))
  const found = relax(w, h, rows, columns, parameters, options)
  const passed = gptq(w, h, rows, columns, at)
  for (let o = 0; o < rows; o++) {
    const [from, to] = [o * columns, (o + 1) * columns]
    const [row, mine] = [w.subarray(from, to), parameters.slice(from, to)]
    const error = (q: Integers): number => outputError(row, Float64Array.from(q, (value, k) => real(value, mine[k])), h, 1, columns)
    const candidates = [found, passed, start].map((all) => all.subarray(from, to)).map((q) => polish(q.slice(), row, h, columns, mine))
    const best = candidates.reduce((a, b) => (error(b) < error(a) ? b : a))
    found.set(best, from)
  }
  return found
}

const real = (q: number, p: Parameters | undefined): number => (p === undefined ? 0 : (q - p.zeroPoint) * p.scale)

/** D H for D [rows × n], in this language; ONNX Runtime does it much faster where it is at hand. */
export function productWith(h: Float64Array, n: number): Product {
  return (d) => {
    const out = new Float64Array(d.length)
    for (let from = 0; from < d.length; from += n) {
      for (let k = 0; k < n; k++) {
        const x = d[from + k] ?? 0
        if (x === 0) continue
        for (let j = 0; j < n; j++) out[from + j] = (out[from + j] ?? 0) + x * (h[k * n + j] ?? 0)
      }
    }
    return out
  }
}

/** The descent on V, for all rows at once. */
function relax(w: Float64Array, h: Float64Array, rows: number, n: number, parameters: readonly Parameters[], options: AdaRoundOptions): Integers {
  const iterations = options.iterations ?? 200
  const product = options.product ?? productWith(h, n)
  const count = rows * n
  const [floor, v, m1, m2, d, up] = Array.from({ length: 6 }, () => new Float64Array(count)) as
    [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  const unit = new Float64Array(rows)
  for (let i = 0; i < count; i++) {
    const scale = parameters[i]?.scale ?? 1
    const x = (w[i] ?? 0) / scale
    floor[i] = Math.floor(x)
    const rest = Math.min(0.999, Math.max(0.001, x - Math.floor(x)))
    v[i] = Math.log((rest - LOWER) / (UPPER - rest))
    // The size of one rounding error, so that λ means the same in every layer.
    const row = Math.floor(i / n)
    unit[row] = (unit[row] ?? 0) + ((h[(i % n) * (n + 1)] ?? 0) * scale * scale) / n
  }
  const lambda = options.regularization ?? 0.05
  for (let step = 1; step <= iterations; step++) {
    for (let i = 0; i < count; i++) {
      up[i] = Math.min(1, Math.max(0, (UPPER - LOWER) / (1 + Math.exp(-(v[i] ?? 0))) + LOWER))
      const p = parameters[i]
      if (p === undefined) continue
      const q = Math.min(p.high - p.zeroPoint, Math.max(p.low - p.zeroPoint, (floor[i] ?? 0) + (up[i] ?? 0)))
      d[i] = q * p.scale - (w[i] ?? 0)
    }
    const slope = product(d)
    const beta = 20 + (2 - 20) * Math.max(0, (step / iterations - 0.2) / 0.8)
    const [bias1, bias2] = [1 - 0.9 ** step, 1 - 0.999 ** step]
    for (let i = 0; i < count; i++) {
      const sigmoid = 1 / (1 + Math.exp(-(v[i] ?? 0)))
      const share = up[i] ?? 0
      if (share <= 0 || share >= 1) continue
      const distance = 2 * share - 1
      const push = step < 0.2 * iterations ? 0 : -2 * beta * Math.sign(distance) * Math.abs(distance) ** (beta - 1)
      const size = Math.max(unit[Math.floor(i / n)] ?? 0, 1e-300)
      const gradient = ((2 * (slope[i] ?? 0) * (parameters[i]?.scale ?? 1)) / size + lambda * push) * (UPPER - LOWER) * sigmoid * (1 - sigmoid)
      m1[i] = 0.9 * (m1[i] ?? 0) + 0.1 * gradient
      m2[i] = 0.999 * (m2[i] ?? 0) + 0.001 * gradient * gradient
      v[i] = (v[i] ?? 0) - (0.1 * ((m1[i] ?? 0) / bias1)) / (Math.sqrt((m2[i] ?? 0) / bias2) + 1e-12)
    }
  }
  return Int32Array.from(up, (share, i) => {
    const { low, high, zeroPoint } = parameters[i] ?? { low: 0, high: 0, zeroPoint: 0 }
    return Math.min(high, Math.max(low, (floor[i] ?? 0) + (share >= 0.5 ? 1 : 0) + zeroPoint))
  })
}

/** Flips single weights between down and up as long as that lowers the error: coordinate descent, at most 4 rounds. */
function polish(q: Integers, row: Float64Array, h: Float64Array, n: number, parameters: readonly Parameters[]): Integers {
  const d = Float64Array.from(q, (value, k) => real(value, parameters[k]) - (row[k] ?? 0))
  const slope = new Float64Array(n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) slope[i] = (slope[i] ?? 0) + (h[i * n + j] ?? 0) * (d[j] ?? 0)
  for (let round = 0; round < 4; round++) {
    let flipped = false
    for (let k = 0; k < n; k++) {
      const p = parameters[k]
      if (p === undefined) continue
      const change = (d[k] ?? 0) > 0 ? -1 : 1
      const next = (q[k] ?? 0) + change
      if (next < p.low || next > p.high) continue
      const step = change * p.scale
      // E(d + step e_k) − E(d) = 2 step (H d)_k + step² H_kk
      if (2 * step * (slope[k] ?? 0) + step * step * (h[k * n + k] ?? 0) >= -1e-15) continue
      q[k] = next
      d[k] = (d[k] ?? 0) + step
      for (let j = 0; j < n; j++) slope[j] = (slope[j] ?? 0) + step * (h[j * n + k] ?? 0)
      flipped = true
    }
    if (!flipped) break
  }
  return q
}
