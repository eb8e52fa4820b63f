// The numbers that onnx.proto gives to element types and attribute kinds.
import type { DType } from '../../core'
import type { AttributeKind } from '../ir/attributes'

/** TensorProto.DataType. */
export const DTYPE_CODES: Readonly<Record<DType, number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11,
  uint32: 12, uint64: 13, complex64: 14, complex128: 15, bfloat16: 16, float8e4m3fn: 17, float8e4m3fnuz: 18,
  float8e5m2: 19, float8e5m2fnuz: 20, uint4: 21, int4: 22, float4e2m1: 23, float8e8m0: 24, uint2: 25, int2: 26,
  float6e2m3: 27, float6e3m2: 28,
}

const dtypes = new Map(Object.entries(DTYPE_CODES).map(([name, code]) => [code, name as DType]))

/** The element type of a code, or undefined for one that this library does not know. */
export function dtypeOfCode(code: number): DType | undefined {
  return dtypes.get(code)
}

/** AttributeProto.AttributeType. */
export const ATTRIBUTE_CODES: Readonly<Record<AttributeKind, number>> = {
  float: 1, int: 2, string: 3, bytes: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8, bytesList: 8, tensors: 9,
  graphs: 10, sparse: 11, sparses: 12, type: 13, types: 14,
}

const kinds = new Map(Object.entries(ATTRIBUTE_CODES).reverse().map(([kind, code]) => [code, kind as AttributeKind]))

/** The kind of attribute of a code. */
export function attributeKindOfCode(code: number): AttributeKind | undefined {
  return kinds.get(code)
}
