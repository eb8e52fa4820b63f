// Protobuf messages → the IR's parts that hold no graph: types, tensors, metadata.
import { DTYPES, byteLength, elementCount, type DType } from '../../core'
import { OnnxError } from '../errors'
import { packBits } from '../ir/numbers'
import { SparseTensor, Tensor, type TensorExtras, type TensorSource } from '../ir/tensor'
import type { Dim, Type, UnknownFields } from '../ir/types'
import { dtypeOfCode } from './codes'
import type { Message } from './messages'
import { readVarints } from './reader'

/** Finds the bytes that a tensor's external data entries refer to. */
export type ExternalResolver = (entries: ReadonlyMap<string, string>, byteLength: number, tensor: string) => TensorSource

/** Copies the fields that many messages share, where they are present. */
export function copyNotes(
  message: { docString?: string; metadata?: Message<'Entry'>[]; unknown?: UnknownFields },
  target: { docString?: string; metadata?: Map<string, string>; unknown?: UnknownFields },
): void {
  if (message.docString !== undefined) target.docString = message.docString
  if (message.metadata !== undefined) target.metadata = decodeEntries(message.metadata)
  if (message.unknown !== undefined) target.unknown = message.unknown
}

/** Key and value pairs in order. */
export function decodeEntries(entries: readonly Message<'Entry'>[] | undefined): Map<string, string> {
  return new Map(entries?.map((entry) => [entry.key ?? '', entry.value ?? '']))
}

/** A type. Codes of element types that are not known make the type unknown, so that reading goes on. */
export function decodeType(message: Message<'Type'>): Type {
  const extras = {
    ...(message.denotation === undefined ? {} : { denotation: message.denotation }),
    ...(message.unknown === undefined ? {} : { unknown: message.unknown }),
  }
  const tensor = message.tensor ?? message.sparse
  if (tensor !== undefined) {
    const dims = tensor.shape === undefined ? undefined : (tensor.shape.dim ?? [])
    const dtype = dtypeOfCode(tensor.elemType ?? 0)
    return {
      kind: message.tensor === undefined ? 'sparse' : 'tensor',
      ...(dtype === undefined ? {} : { dtype }),
      ...(dims === undefined ? {} : { shape: dims.map(decodeDim) }),
      ...(dims?.some((dim) => dim.denotation !== undefined) ? { axisDenotations: dims.map((dim) => dim.denotation) } : {}),
      ...extras,
    }
  }
  const container = message.sequence ?? message.optional
  if (container !== undefined) {
    const kind = message.sequence === undefined ? 'optional' : 'sequence'
    return { kind, ...(container.elemType === undefined ? {} : { element: decodeType(container.elemType) }), ...extras }
  }
  if (message.map !== undefined) {
    const key = dtypeOfCode(message.map.keyType ?? 0)
    return {
      kind: 'map', ...(key === undefined ? {} : { key }),
      ...(message.map.valueType === undefined ? {} : { value: decodeType(message.map.valueType) }), ...extras,
    }
  }
  if (message.opaque !== undefined) {
    const { domain, name } = message.opaque
    return { kind: 'opaque', ...(domain === undefined ? {} : { domain }), ...(name === undefined ? {} : { name }), ...extras }
  }
  return { kind: 'unknown', ...extras }
}

function decodeDim(dim: Message<'Dimension'>): Dim {
  return dim.value === undefined ? (dim.param ?? null) : Number(dim.value)
}

/**
 * A tensor, its data in place: raw bytes and float fields are views of the file.
 *
 * @throws OnnxError `ONNX_DTYPE`, `ONNX_TENSOR`, `ONNX_EXTERNAL`
 */
export function decodeTensor(message: Message<'Tensor'>, external: ExternalResolver): Tensor {
  const name = message.name ?? ''
  const where = `tensor "${name}"`
  const dtype = dtypeOfCode(message.dataType ?? 0)
  if (dtype === undefined) {
    throw new OnnxError('ONNX_DTYPE', 'A tensor has an element type that ONNX does not define', { got: `code ${message.dataType ?? 0}`, where })
  }
  if (message.segment !== undefined) {
    throw new OnnxError('ONNX_TENSOR', 'A tensor is stored in segments, which ONNX does not use in models', { where })
  }
  const shape = decodeDims(message.dims, where)
  const extras: TensorExtras = { name }
  copyNotes(message, extras)
  if (message.dataLocation === 1) {
    const source = external(decodeEntries(message.externalData), byteLength(dtype, elementCount(shape)), name)
    return Tensor.ofSource(dtype, shape, source, extras)
  }
  if (dtype === 'string') return Tensor.ofStrings(message.stringData ?? [], shape, extras)
  if (message.rawData !== undefined) return Tensor.ofBytes(dtype, shape, message.rawData, extras)
  extras.typedFields = true
  return Tensor.ofBytes(dtype, shape, typedBytes(message, dtype), extras)
}

/** A tensor given by its elements that are not zero. */
export function decodeSparse(message: Message<'SparseTensor'>, external: ExternalResolver): SparseTensor {
  const values = decodeTensor(message.values ?? {}, external)
  const where = `sparse tensor "${values.extras.name ?? ''}"`
  const sparse = new SparseTensor(values, decodeTensor(message.indices ?? {}, external), decodeDims(message.dims, where))
  if (message.unknown !== undefined) sparse.unknown = message.unknown
  return sparse
}

function decodeDims(dims: readonly (number | bigint)[] | undefined, where: string): number[] {
  let count = 1
  const shape = (dims ?? []).map((dim) => {
    if (typeof dim === 'bigint' || dim < 0) {
      throw new OnnxError('ONNX_TENSOR', 'A tensor has an impossible shape', { got: `a size of ${dim}`, where })
    }
    count *= dim
    return dim
  })
  if (!Number.isSafeInteger(count)) {
    throw new OnnxError('ONNX_TENSOR', 'A tensor has an impossible shape', { got: `${count} elements`, where })
  }
  return shape
}

/** The raw layout of data that came in the field for its element type. */
function typedBytes(message: Message<'Tensor'>, dtype: DType): Uint8Array {
  const none = new Uint8Array(0)
  const asBytes = (array: Int32Array | BigInt64Array) => new Uint8Array(array.buffer)
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return message.floatData ?? none
    case 'float64':
    case 'complex128':
      return message.doubleData ?? none
    case 'int64':
      return message.int64Data === undefined ? none : asBytes(readVarints(message.int64Data, 'int64'))
    case 'uint64':
      return message.uint64Data === undefined ? none : asBytes(readVarints(message.uint64Data, 'uint64'))
    case 'uint32':
      return message.uint64Data === undefined ? none : asBytes(Int32Array.from(readVarints(message.uint64Data, 'uint64'), (v) => Number(BigInt.asIntN(32, v))))
    default: {
      if (message.int32Data === undefined) return none
      const values = readVarints(message.int32Data, 'int32')
      const { bits } = DTYPES[dtype]
      if (bits === 6) return packBits(values, 6)
      if (bits === 32) return asBytes(values)
      // Types under a byte come packed into bytes already, one byte a number.
      return bits === 16 ? new Uint8Array(Uint16Array.from(values).buffer) : Uint8Array.from(values)
    }
  }
}
