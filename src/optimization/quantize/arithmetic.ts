// The arithmetic of quantization: real ≈ scale × (integer − zero point). Scales are float32, as runtimes hold them, and
// rounding is to nearest, ties to even, as QuantizeLinear defines it.
import { DTYPES, type DType } from '../../core'
import { Tensor } from '../../onnx'
import { QuantizeError } from './errors'

/** Integer types that quantization uses. */
export type QuantizedType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int4' | 'uint4'

/** Smallest and largest integer that is used. */
export interface Limits {
  readonly low: number
  readonly high: number
}

/** A range of real numbers. */
export interface Range {
  readonly low: number
  readonly high: number
}

/** How a tensor, or one channel of it, is quantized. */
export interface Parameters extends Limits {
  readonly scale: number
  readonly zeroPoint: number
}

/** How integers of a type are used. */
export interface Grid {
  readonly dtype: QuantizedType
  /** Zero point 0 (signed) or the middle (unsigned), and a range that is the same on both sides. */
  readonly symmetric: boolean
  /** 7 of 8 bits: products of two 8-bit numbers then fit the 16-bit sums of processors without VNNI. */
  readonly reduced?: boolean
}

/**
 * The integers of a type: all of them, or for a symmetric signed type those that have a negative; with a reduced range
 * half of them, as onnxruntime's `reduce_range` has it.
 */
export function limitsOf({ dtype, symmetric, reduced = false }: Grid): Limits {
  const { bits, kind } = DTYPES[dtype]
  const used = reduced && bits === 8 ? bits - 1 : bits
  if (kind === 'unsigned') return { low: 0, high: 2 ** used - 1 }
  const high = 2 ** (used - 1) - 1
  return reduced && bits === 8 ? { low: symmetric ? -high - 1 : -high - 1, high: high + 1 } : { low: symmetric ? -high : -high - 1, high }
}

/**
 * Parameters for a range: scale = (high − low) / (integers), zero point = the integer of real 0, which is always exact.
 * Symmetric: scale = max(|low|, |high|) / (largest integer).
 *
 * @throws QuantizeError `QUANTIZE_NOT_FINITE` when the range is not finite
 */
export function parametersOf(range: Range, grid: Grid): Parameters {
  const limits = limitsOf(grid)
  const low = Math.min(0, range.low)
  const high = Math.max(0, range.high)
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw new QuantizeError('QUANTIZE_NOT_FINITE', 'A range that is not finite cannot be quantized', { got: `[${range.low}, ${range.high}]` })
  }
  const positive = grid.symmetric && limits.low >= 0
  const middle = positive ? Math.ceil((limits.low + limits.high) / 2) : 0
  const width = grid.symmetric ? Math.max(-low, high) / (limits.high - middle) : (high - low) / (limits.high - limits.low)
  // A range of zero width, or one that float32 cannot divide: any scale is right for a tensor of zeros.
  const scale = width < 2 ** -120 ? 1 : Math.fround(width)
  const zeroPoint = grid.symmetric ? middle : clamp(roundEven(limits.low - low / scale), limits)
  return { ...limits, scale, zeroPoint }
}

const clamp = (value: number, { low, high }: Limits): number => (value < low ? low : value > high ? high : value)

/** Nearest integer, ties to the even one (IEEE 754 roundTiesToEven). Exact for |x| < 2^51. */
export function roundEven(x: number): number {
  return x + 6755399441055744 - 6755399441055744
}

/** clamp(round(x / scale) + zeroPoint). */
export function quantize(x: number, { scale, zeroPoint, low, high }: Parameters): number {
  const q = roundEven(Math.fround(x / scale)) + zeroPoint
  return q < low ? low : q > high ? high : q
}

/** scale × (q − zeroPoint). */
export function dequantize(q: number, { scale, zeroPoint }: Parameters): number {
  return Math.fround((q - zeroPoint) * scale)
}

/** The real number that x becomes. */
export function fakeQuantize(x: number, parameters: Parameters): number {
  return dequantize(quantize(x, parameters), parameters)
}

/** A weight in integers: parameters for each slice along an axis, or one for all. */
export interface QuantizedWeight {
  /** In the row-major order of the weight. */
  readonly values: Int16Array | Int8Array | Uint8Array | Uint16Array
  readonly shape: readonly number[]
  readonly dtype: QuantizedType
  readonly parameters: readonly Parameters[]
  /** The axis that the parameters go along; undefined for one for all. */
  readonly axis: number | undefined
}

/** How the elements of a tensor belong to slices along an axis. */
export function slices(shape: readonly number[], axis: number | undefined): { readonly count: number; readonly of: (index: number) => number } {
  if (axis === undefined) return { count: 1, of: () => 0 }
  const count = shape[axis] ?? 1
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
  return { count, of: (index) => Math.floor(index / inner) % count }
}

/** Smallest and largest number of each slice. */
export function sliceRanges(data: ArrayLike<number>, shape: readonly number[], axis: number | undefined): Range[] {
  const { count, of } = slices(shape, axis)
  const low = new Float64Array(count).fill(Infinity)
  const high = new Float64Array(count).fill(-Infinity)
  for (let i = 0; i < data.length; i++) {
    const x = data[i] ?? 0
    const c = of(i)
    if (!(x >= (low[c] ?? 0))) low[c] = x
    if (!(x <= (high[c] ?? 0))) high[c] = x
  }
  return Array.from(low, (value, c) => ({ low: count === 0 ? 0 : value, high: high[c] ?? 0 }))
}

/** Integers of a weight under given parameters; rounding to nearest. */
export function quantizeWith(
  data: ArrayLike<number>, shape: readonly number[], axis: number | undefined, parameters: readonly Parameters[], dtype: QuantizedType,
): QuantizedWeight {
  const { of } = slices(shape, axis)
  const values = arrayFor(dtype, data.length)
  for (let i = 0; i < data.length; i++) {
    const p = parameters[of(i)]
    if (p !== undefined) values[i] = quantize(data[i] ?? 0, p)
  }
  return { values, shape, dtype, parameters, axis }
}

/** An array that holds integers of a type, one an element. */
export function arrayFor(dtype: QuantizedType, length: number): QuantizedWeight['values'] {
  switch (dtype) {
    case 'int8': case 'int4': return new Int8Array(length)
    case 'uint8': case 'uint4': return new Uint8Array(length)
    case 'int16': return new Int16Array(length)
    default: return new Uint16Array(length)
  }
}

/** The real numbers that a quantized weight stands for. */
export function dequantizeWeight({ values, shape, axis, parameters }: QuantizedWeight): Float32Array {
  const { of } = slices(shape, axis)
  const out = new Float32Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const p = parameters[of(i)]
    if (p !== undefined) out[i] = dequantize(values[i] ?? 0, p)
  }
  return out
}

/** The weight as the tensors that DequantizeLinear takes: integers, scale, zero point. */
export function weightTensors(weight: QuantizedWeight): { readonly values: Tensor; readonly scale: Tensor; readonly zeroPoint: Tensor } {
  const shape = weight.axis === undefined ? [] : [weight.parameters.length]
  return {
    values: Tensor.from(weight.values, weight.shape, weight.dtype),
    scale: Tensor.from(Float32Array.from(weight.parameters, ({ scale }) => scale), shape),
    zeroPoint: Tensor.from(weight.parameters.map(({ zeroPoint }) => zeroPoint), shape, weight.dtype),
  }
}

/** Bits of one integer. */
export function bitsOf(dtype: DType): number {
  return DTYPES[dtype].bits
}

/** 10 log₁₀(Σ a² / Σ (a − b)²): signal to quantization noise in decibels; Infinity when b equals a. */
export function sqnr(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const noise = new NoiseMeter()
  noise.see(a, b)
  return noise.decibels
}

/** Signal to noise over several pairs of arrays. */
export class NoiseMeter {
  private signal = 0
  private noise = 0

  see(a: ArrayLike<number>, b: ArrayLike<number>): void {
    for (let i = 0; i < a.length; i++) {
      const x = a[i] ?? 0
      const d = x - (b[i] ?? 0)
      this.signal += x * x
      this.noise += d * d
    }
  }

  get decibels(): number {
    if (Number.isNaN(this.noise)) return -Infinity
    return this.noise === 0 ? Infinity : 10 * Math.log10(this.signal / this.noise)
  }
}
