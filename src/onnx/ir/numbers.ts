// The small number formats of ONNX, bit by bit: half and quarter precision floats, and integers under a byte.
import type { DType } from '../../core'

interface FloatFormat {
  readonly exponentBits: number
  readonly mantissaBits: number
  readonly bias: number
  /** ieee: the top exponent means infinity and NaN. fn: only all ones is NaN. fnuz: only "minus zero" is NaN. finite: none. */
  readonly special: 'ieee' | 'fn' | 'fnuz' | 'finite'
}

/** Floats of 16 bits and fewer, except float8e8m0, which has no sign (ONNX, "Float stored in 8 bits"; OCP MX 1.0). */
export const SMALL_FLOATS: Readonly<Partial<Record<DType, FloatFormat>>> = {
  float16: { exponentBits: 5, mantissaBits: 10, bias: 15, special: 'ieee' },
  bfloat16: { exponentBits: 8, mantissaBits: 7, bias: 127, special: 'ieee' },
  float8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, special: 'fn' },
  float8e4m3fnuz: { exponentBits: 4, mantissaBits: 3, bias: 8, special: 'fnuz' },
  float8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, special: 'ieee' },
  float8e5m2fnuz: { exponentBits: 5, mantissaBits: 2, bias: 16, special: 'fnuz' },
  float6e2m3: { exponentBits: 2, mantissaBits: 3, bias: 1, special: 'finite' },
  float6e3m2: { exponentBits: 3, mantissaBits: 2, bias: 3, special: 'finite' },
  float4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, special: 'finite' },
}

/** The value of every bit pattern of a small float format. */
export function decodeTable(dtype: DType): Float32Array {
  const cached = tables.get(dtype)
  if (cached !== undefined) return cached
  const format = SMALL_FLOATS[dtype]
  const table = format === undefined
    ? Float32Array.from({ length: 256 }, (_, bits) => (bits === 255 ? NaN : 2 ** (bits - 127)))
    : Float32Array.from({ length: 2 ** (1 + format.exponentBits + format.mantissaBits) }, (_, bits) => decode(bits, format))
  tables.set(dtype, table)
  return table
}

const tables = new Map<DType, Float32Array>()

function decode(bits: number, { exponentBits, mantissaBits, bias, special }: FloatFormat): number {
  const sign = bits >> (exponentBits + mantissaBits) ? -1 : 1
  const top = 2 ** exponentBits - 1
  const exponent = (bits >> mantissaBits) & top
  const mantissa = bits & (2 ** mantissaBits - 1)
  if (special === 'ieee' && exponent === top) return mantissa === 0 ? sign * Infinity : NaN
  if (special === 'fn' && exponent === top && mantissa === 2 ** mantissaBits - 1) return NaN
  if (special === 'fnuz' && sign < 0 && exponent === 0 && mantissa === 0) return NaN
  const fraction = mantissa / 2 ** mantissaBits
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
}

/**
 * The bit pattern nearest to `value`, ties to even. Beyond the largest finite value: infinity where the format has it
 * and otherwise the largest finite value (the saturating cast of ONNX, "Cast", for 8 bits and fewer).
 */
export function encodeSmallFloat(value: number, dtype: DType): number {
  const format = SMALL_FLOATS[dtype]
  if (format === undefined) return encodeExponent(value)
  const { exponentBits, mantissaBits, bias, special } = format
  const top = 2 ** exponentBits - 1
  const signBit = 1 << (exponentBits + mantissaBits)
  const negative = value < 0 || Object.is(value, -0)
  if (Number.isNaN(value)) {
    if (special === 'ieee') return (top << mantissaBits) | (1 << (mantissaBits - 1))
    return special === 'fn' ? signBit - 1 : special === 'fnuz' ? signBit : 0
  }
  const magnitude = Math.abs(value)
  const exponent = Math.max(1 - bias, Math.floor(Math.log2(magnitude || Number.MIN_VALUE)))
  // Count in units of the last place; the carry of rounding up moves into the exponent by itself.
  const exact = magnitude === 0 ? 0 : magnitude / 2 ** (exponent - mantissaBits)
  let units = roundHalfEven(exact)
  let pattern = units < 2 ** mantissaBits ? units : ((exponent + bias - 1) << mantissaBits) + units
  const infinite = top << mantissaBits
  const largest = special === 'ieee' ? infinite - 1 : special === 'fn' ? signBit - 2 : signBit - 1
  if (pattern > largest || magnitude === Infinity) {
    const saturates = special !== 'ieee' || dtype === 'float8e5m2'
    pattern = saturates && (magnitude !== Infinity || special !== 'ieee') ? largest : infinite
  }
  units = pattern
  if (special === 'fnuz' && units === 0) return 0
  return negative ? units | signBit : units
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x)
  const rest = x - down
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down
}

function encodeExponent(value: number): number {
  if (!(value > 0)) return Number.isNaN(value) ? 255 : 0
  return Math.min(254, Math.max(0, Math.round(Math.log2(value)) + 127))
}

/** Reads `count` elements of `bits` bits each, packed from the least significant bit on, as unsigned integers. */
export function unpackBits(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const out = new Uint8Array(count)
  const mask = 2 ** bits - 1
  for (let i = 0, bit = 0; i < count; i++, bit += bits) {
    const at = bit >> 3
    out[i] = (((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)) >> (bit & 7)) & mask
  }
  return out
}

/** Packs unsigned integers of `bits` bits from the least significant bit on; the last byte is padded with zeros. */
export function packBits(values: ArrayLike<number>, bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((values.length * bits) / 8))
  const mask = 2 ** bits - 1
  for (let i = 0, bit = 0; i < values.length; i++, bit += bits) {
    const shifted = ((values[i] ?? 0) & mask) << (bit & 7)
    const at = bit >> 3
    out[at] = (out[at] ?? 0) | (shifted & 255)
    if (shifted > 255) out[at + 1] = (out[at + 1] ?? 0) | (shifted >> 8)
  }
  return out
}
