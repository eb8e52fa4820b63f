// safetensors, read and written: u64 length of a JSON header, the header, the tensors' bytes without holes
// (huggingface/safetensors, "Format"). Tensors are read from the file when they are asked for.
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { byteLength, DTYPES, elementCount, messageOf, type DType } from '../core'
import { Tensor } from '../onnx'
import { ConvertError } from './errors'
import { Json } from './json'
import { byteSource, parseJson, type ByteSource } from './source'
import { TensorFile, type StoredTensor } from './tensor-file'

/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000

const NAMES: Partial<Record<DType, string>> = {
  bool: 'BOOL', uint8: 'U8', int8: 'I8', int16: 'I16', uint16: 'U16', int32: 'I32', uint32: 'U32', int64: 'I64', uint64: 'U64',
  float16: 'F16', bfloat16: 'BF16', float32: 'F32', float64: 'F64', complex64: 'C64', float8e4m3fn: 'F8_E4M3', float8e5m2: 'F8_E5M2', float8e8m0: 'F8_E8M0',
}
const DTYPE_OF: ReadonlyMap<string, DType> = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]))

/** Whether a file can be safetensors: its header's length fits, and the header is an object. */
export function isSafetensors(source: ByteSource): boolean {
  if (source.size < 10) return false
  const head = source.read(0, 9)
  const length = new DataView(head.buffer, head.byteOffset, 9).getBigUint64(0, true)
  return head[8] === 0x7b && length >= 2n && length <= BigInt(Math.min(MAX_HEADER_BYTES, source.size - 8))
}

/**
 * Reads the header of a safetensors file; tensors are read when they are asked for.
 *
 * @throws ConvertError `CONVERT_TRUNCATED`, `CONVERT_MALFORMED`, `CONVERT_LIMIT`, `CONVERT_DTYPE`
 */
export function readSafetensors(from: string | Uint8Array | ByteSource): TensorFile {
  const source = typeof from === 'string' || from instanceof Uint8Array ? byteSource(from) : from
  try {
    return parse(source)
  } catch (error) {
    source.close()
    throw error
  }
}

function parse(source: ByteSource): TensorFile {
  const where = source.name
  const head = source.read(0, 8)
  const announced = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true)
  if (announced > BigInt(MAX_HEADER_BYTES)) {
    throw new ConvertError('CONVERT_LIMIT', 'The header of the safetensors file is longer than accepted', { expected: `at most ${MAX_HEADER_BYTES} bytes`, got: String(announced), where })
  }
  const headerLength = Number(announced)
  const header = new Json(parseJson(source.read(8, headerLength), where, MAX_HEADER_BYTES), 'header')
  const start = 8 + headerLength
  const tensors = new Map<string, StoredTensor>()
  const ranges: [number, number, string][] = []
  const metadata = new Map<string, string>()
  for (const [name, entry] of header.entries) {
    if (name === '__metadata__') {
      for (const [key, value] of entry.entries) metadata.set(key, value.text)
      continue
    }
    const label = entry.get('dtype').text
    const dtype = DTYPE_OF.get(label)
    if (dtype === undefined) {
      throw new ConvertError('CONVERT_DTYPE', 'A tensor has an element type that is not known', { expected: [...DTYPE_OF.keys()].join(', '), got: label, where: name, fix: 'save it in another type: tensor.to(torch.float32)' })
    }
    const shape = entry.get('shape').list.map((size) => size.size)
    const [from, to] = entry.get('data_offsets').list.map((offset) => offset.size)
    const length = byteLength(dtype, elementCount(shape))
    if (from === undefined || to === undefined || to - from !== length || !Number.isSafeInteger(length)) {
      throw new ConvertError('CONVERT_TENSOR', `The tensor ${name} has another length than its shape says`, { expected: `${length} bytes for ${label}[${shape.join()}]`, got: `${from ?? '?'} to ${to ?? '?'}`, where })
    }
    ranges.push([from, to, name])
    const checked = { dtype, shape }
    tensors.set(name, { ...checked, read: () => source.read(start + from, length) })
  }
  requireNoHoles(ranges, source.size - start, where)
  return new TensorFile('safetensors', tensors, metadata, new Map(), () => { source.close() })
}

/** The format allows no holes, no overlaps, and nothing after the last tensor. */
function requireNoHoles(ranges: [number, number, string][], size: number, where: string): void {
  let reached = 0
  for (const [from, to, name] of ranges.sort(([a, b], [c, d]) => a - c || b - d)) {
    if (from !== reached) {
      throw new ConvertError('CONVERT_MALFORMED', `The tensor ${name} does not begin where the one before it ends`, { expected: String(reached), got: String(from), where })
    }
    reached = to
  }
  if (reached > size) throw new ConvertError('CONVERT_TRUNCATED', 'The safetensors file ends before its tensors do', { expected: `${reached} bytes of data`, got: String(size), where, fix: 'download the file again' })
  if (reached < size) throw new ConvertError('CONVERT_MALFORMED', 'The safetensors file holds bytes that no tensor uses', { expected: `${reached} bytes of data`, got: String(size), where })
}

/** The header and the tensors in the order in which their bytes follow. */
function* pieces(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>>): Generator<Uint8Array> {
  // Larger elements first, so that every tensor is aligned to its elements; then by name: what is written is always the same.
  const sorted = [...tensors].sort(([a, x], [b, y]) => DTYPES[y.dtype].bits - DTYPES[x.dtype].bits || (a < b ? -1 : 1))
  // Without a prototype, so that a tensor may have any name.
  const header = Object.create(null) as Record<string, unknown>
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata
  let at = 0
  for (const [name, tensor] of sorted) {
    const dtype = NAMES[tensor.dtype]
    if (dtype === undefined || name === '__metadata__') {
      throw new ConvertError('CONVERT_DTYPE', `The tensor ${name} cannot be written as safetensors`, { expected: Object.keys(NAMES).join(', '), got: tensor.dtype })
    }
    header[name] = { dtype, shape: tensor.shape, data_offsets: [at, at += tensor.byteLength] }
  }
  const text = Buffer.from(JSON.stringify(header))
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  yield length
  yield padded
  for (const [, tensor] of sorted) yield tensor.bytes
}

/** The bytes of a safetensors file with these tensors. */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return new Uint8Array(Buffer.concat([...pieces(mapOf(tensors), metadata)]))
}

/**
 * Writes a safetensors file, a tensor at a time; a file that is being replaced stays whole until the new one is.
 *
 * @throws ConvertError `CONVERT_FILE`
 */
export function saveSafetensors(tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>, file: string, metadata: Readonly<Record<string, string>> = {}): void {
  const temporary = `${file}.${process.pid}.partial`
  try {
    const descriptor = openSync(temporary, 'w')
    try {
      for (const piece of pieces(mapOf(tensors), metadata)) {
        for (let at = 0; at < piece.byteLength;) at += writeSync(descriptor, piece, at, Math.min(2 ** 30, piece.byteLength - at))
      }
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    if (cause instanceof ConvertError) throw cause
    throw new ConvertError('CONVERT_FILE', 'The safetensors file cannot be written', { got: messageOf(cause), where: file, cause })
  }
}

function mapOf(tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): ReadonlyMap<string, Tensor> {
  return tensors instanceof Map ? tensors as ReadonlyMap<string, Tensor> : new Map(Object.entries(tensors as Readonly<Record<string, Tensor>>))
}
