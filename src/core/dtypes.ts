// The element types a tensor can have: ONNX's set (onnx.proto, TensorProto.DataType), by name. Codes are the codec's.

interface DTypeFacts {
  /** Bits of one element as stored; 0 for strings. */
  readonly bits: number
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool' | 'complex' | 'string'
}

/** Every element type with its storage size and kind. */
export const DTYPES = {
  float32: { bits: 32, kind: 'float' },
  float64: { bits: 64, kind: 'float' },
  float16: { bits: 16, kind: 'float' },
  bfloat16: { bits: 16, kind: 'float' },
  float8e4m3fn: { bits: 8, kind: 'float' },
  float8e4m3fnuz: { bits: 8, kind: 'float' },
  float8e5m2: { bits: 8, kind: 'float' },
  float8e5m2fnuz: { bits: 8, kind: 'float' },
  float8e8m0: { bits: 8, kind: 'float' },
  float6e2m3: { bits: 6, kind: 'float' },
  float6e3m2: { bits: 6, kind: 'float' },
  float4e2m1: { bits: 4, kind: 'float' },
  int64: { bits: 64, kind: 'signed' },
  int32: { bits: 32, kind: 'signed' },
  int16: { bits: 16, kind: 'signed' },
  int8: { bits: 8, kind: 'signed' },
  int4: { bits: 4, kind: 'signed' },
  int2: { bits: 2, kind: 'signed' },
  uint64: { bits: 64, kind: 'unsigned' },
  uint32: { bits: 32, kind: 'unsigned' },
  uint16: { bits: 16, kind: 'unsigned' },
  uint8: { bits: 8, kind: 'unsigned' },
  uint4: { bits: 4, kind: 'unsigned' },
  uint2: { bits: 2, kind: 'unsigned' },
  bool: { bits: 8, kind: 'bool' },
  complex64: { bits: 64, kind: 'complex' },
  complex128: { bits: 128, kind: 'complex' },
  string: { bits: 0, kind: 'string' },
} as const

/** The name of an element type. */
export type DType = keyof typeof DTYPES

const facts: Readonly<Record<DType, DTypeFacts>> = DTYPES

/** Bytes that `count` elements take when packed, types under 8 bits rounded up to whole bytes. Strings: 0. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil((facts[dtype].bits * count) / 8)
}
