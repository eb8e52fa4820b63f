// Element types and constant tensors of TensorFlow as ONNX ones (types.proto, tensor.proto).
import { DTYPES, byteLength, elementCount, rowMajorStrides, stridedCopy, type DType } from '../../core'
import { Tensor, type Dim } from '../../onnx'
import { readVarints } from '../../onnx/codec/reader'
import { ConvertError } from '../errors'
import type { TfMessage } from './messages'

const TYPES: Readonly<Record<number, DType>> = {
  1: 'float32', 2: 'float64', 3: 'int32', 4: 'uint8', 5: 'int16', 6: 'int8', 7: 'string', 8: 'complex64', 9: 'int64', 10: 'bool',
  14: 'bfloat16', 17: 'uint16', 18: 'complex128', 19: 'float16', 22: 'uint32', 23: 'uint64', 24: 'float8e5m2', 25: 'float8e4m3fn',
}
const OTHER: Readonly<Record<number, string>> = {
  11: 'qint8', 12: 'quint8', 13: 'qint32', 15: 'qint16', 16: 'quint16', 20: 'resource', 21: 'variant', 29: 'int4', 30: 'uint4',
}

/** Elements of the largest tensor that is accepted: more than any file holds. */
const MAX_ELEMENTS = 2 ** 32

/** Code of TensorFlow's handles of variables and hash tables. */
export const RESOURCE = 20
/** Code of TensorFlow's lists of tensors. */
export const VARIANT = 21

/**
 * The element type of a DataType code; references (code + 100) are their type.
 *
 * @throws ConvertError `CONVERT_DTYPE` for types that ONNX does not have
 */
export function dtypeOf(code: number, where: string): DType {
  const plain = code > 100 ? code - 100 : code
  const found = TYPES[plain]
  if (found !== undefined) return found
  throw new ConvertError('CONVERT_DTYPE', 'The model has an element type that ONNX does not have', {
    got: OTHER[plain] ?? `the code ${code}`, where, fix: 'save the model in float32, without TensorFlow quantization',
  })
}

/** Sizes of a TensorShape, null where not known; undefined when even the rank is not. */
export function shapeOf(shape: TfMessage<'Shape'> | undefined): Dim[] | undefined {
  if (shape === undefined || shape.unknownRank === 1) return undefined
  return (shape.dim ?? []).map(({ size }) => {
    const value = Number(size ?? 0)
    return value < 0 ? null : value
  })
}

function sizesOf(shape: TfMessage<'Shape'> | undefined, where: string): number[] {
  const sizes = (shapeOf(shape) ?? []).map((size) => (typeof size === 'number' ? size : -1))
  const count = elementCount(sizes)
  if (sizes.some((size) => size < 0 || !Number.isSafeInteger(size)) || !(count <= MAX_ELEMENTS)) {
    throw new ConvertError('CONVERT_TENSOR', 'A tensor has an impossible shape', { got: `[${sizes.join(', ')}]`, where, fix: 'save the model again' })
  }
  return sizes
}

/** The bytes of values that come as typed fields; the last one stands for all that follow. */
function fromFields(message: TfMessage<'Tensor'>, dtype: DType, count: number, where: string): Tensor | undefined {
  const spread = (values: ArrayLike<number | bigint>, to: DType): Tensor | undefined => {
    if (values.length === 0 || values.length > count) return undefined
    const last = values[values.length - 1] ?? 0
    // A short list may stand for a tensor far larger than the file: only as large as a constant may be.
    if (count > MAX_SPREAD) throw new ConvertError('CONVERT_LIMIT', 'A constant of one number is spread over more elements than accepted', { expected: `at most ${MAX_SPREAD}`, got: String(count), where })
    return Tensor.from(Array.from({ length: count }, (_, i) => values[i] ?? last), [count], to)
  }
  switch (dtype) {
    case 'float32':
      return message.floatVal === undefined ? undefined : spread(aligned(message.floatVal, Float32Array), dtype)
    case 'float64':
      return message.doubleVal === undefined ? undefined : spread(aligned(message.doubleVal, Float64Array), dtype)
    case 'int64':
    case 'uint64':
      return message.int64Val === undefined ? undefined : spread(readVarints(message.int64Val, 'int64'), dtype)
    case 'bool':
      return message.boolVal === undefined ? undefined : spread(readVarints(message.boolVal, 'int32'), dtype)
    case 'float16':
    case 'bfloat16': {
      if (message.halfVal === undefined) return undefined
      const patterns = spread(readVarints(message.halfVal, 'int32'), 'uint16')
      return patterns === undefined ? undefined : Tensor.ofBytes(dtype, [count], patterns.bytes)
    }
    default:
      return message.intVal === undefined ? undefined : spread(readVarints(message.intVal, 'int32'), dtype)
  }
}

const MAX_SPREAD = 2 ** 24

function aligned<T>(bytes: Uint8Array, type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number }): T {
  if (bytes.byteOffset % type.BYTES_PER_ELEMENT === 0) return new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT)
  const copy = Uint8Array.from(bytes)
  return new type(copy.buffer, 0, copy.byteLength / type.BYTES_PER_ELEMENT)
}

/**
 * The tensor of a TensorProto.
 *
 * @throws ConvertError `CONVERT_TENSOR` when its data does not fill its shape, `CONVERT_DTYPE`
 */
export function tensorOf(message: TfMessage<'Tensor'>, where: string): Tensor {
  const dtype = dtypeOf(message.dtype ?? 0, where)
  const sizes = sizesOf(message.shape, where)
  const count = elementCount(sizes)
  if (dtype === 'string') {
    const strings = message.stringVal ?? []
    if (strings.length !== count) throw wrongSize(`${count} strings`, String(strings.length), where)
    return Tensor.ofStrings(strings, sizes)
  }
  if (message.content !== undefined && message.content.byteLength > 0) {
    if (message.content.byteLength !== byteLength(dtype, count)) {
      throw wrongSize(`${byteLength(dtype, count)} bytes for ${dtype}[${sizes.join(',')}]`, `${message.content.byteLength} bytes`, where)
    }
    return Tensor.ofBytes(dtype, sizes, message.content)
  }
  if (count === 0) return Tensor.ofBytes(dtype, sizes, new Uint8Array(0))
  const found = fromFields(message, dtype, count, where)
  if (found !== undefined) return found.reshape(sizes)
  if (count > MAX_SPREAD) throw wrongSize(`${count} elements`, 'none', where)
  // Nothing at all stands for zeros.
  return Tensor.ofBytes(dtype, sizes, new Uint8Array(byteLength(dtype, count)))
}

function wrongSize(expected: string, got: string, where: string): ConvertError {
  return new ConvertError('CONVERT_TENSOR', 'The data of a tensor does not fill its shape', { expected, got, where, fix: 'save the model again' })
}

/** Axes in another order, in memory. */
export function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  const bits = DTYPES[tensor.dtype].bits
  if (tensor.dtype === 'string' || bits < 8) throw new ConvertError('CONVERT_DTYPE', 'Weights of this type cannot be laid out anew', { got: tensor.dtype })
  const strides = rowMajorStrides(tensor.shape)
  const shape = order.map((axis) => tensor.shape[axis] ?? 1)
  return Tensor.ofBytes(tensor.dtype, shape, stridedCopy(tensor.bytes, bits / 8, shape, order.map((axis) => strides[axis] ?? 1)))
}

/** Refuses weights that are not finite numbers. */
export function requireFinite(tensor: Tensor, where: string): Tensor {
  if (DTYPES[tensor.dtype].kind !== 'float') return tensor
  const array = tensor.toArray() as ArrayLike<number>
  for (let i = 0; i < array.length; i++) {
    if (!Number.isNaN(array[i])) continue
    throw new ConvertError('CONVERT_VALUES', 'A weight is not a finite number', {
      got: `NaN at element ${i}`, where, fix: 'the training diverged: take an earlier checkpoint; to convert it as it is: { nonFinite: "keep" }',
    })
  }
  return tensor
}
