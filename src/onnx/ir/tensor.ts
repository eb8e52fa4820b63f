// A tensor: element type, shape and bytes in ONNX's raw layout (little-endian, row-major, small types packed). Numbers are
// decoded when asked for. Where the bytes come from (memory or a file) is the source's business.
import { displaySymbol, DTYPES, byteLength, elementCount, type Displayable, type DType, type MimeBundle, type Shape } from '../../core'
import { OnnxError } from '../errors'
import { tensorSummary } from './display'
import { decodeTable, encodeSmallFloat, packBits, SMALL_FLOATS, unpackBits } from './numbers'
import { formatShape, type UnknownFields } from './types'

/** The numbers of a tensor: floats under 32 bits as Float32Array, integers under 8 as bytes, complex as re, im pairs. */
export type TensorArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | string[]

/** Where bytes that are not in memory come from. */
export interface TensorSource {
  /** Reads `length` bytes from `offset` on, counted from the tensor's first byte. */
  read(offset: number, length: number): Uint8Array
  /** Fills `target` with the bytes from `offset` on: what writing a model uses where it is there, because it takes no memory. */
  readInto?(offset: number, target: Uint8Array): void
  /**
   * The entries that refer to it in the model file: `location`, `offset`, `length`, `checksum`. Left out by sources that a
   * model file cannot refer to (a tensor inside another archive): those are written into the model.
   */
  readonly entries?: ReadonlyMap<string, string>
}

/** What a tensor carries besides its numbers. */
export interface TensorExtras {
  name?: string
  docString?: string
  metadata?: Map<string, string>
  unknown?: UnknownFields
  /** Whether the file that it came from held typed fields instead of raw bytes; kept so that writing changes nothing. */
  typedFields?: boolean
}

const ARRAYS: Partial<Record<DType, { new (buffer: ArrayBufferLike, offset: number, length: number): Exclude<TensorArray, string[]>; readonly BYTES_PER_ELEMENT: number }>> = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array, complex64: Float32Array, complex128: Float64Array,
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Immutable by convention: edits make a new tensor, and graphs share tensors. */
export class Tensor implements Displayable {
  readonly extras: TensorExtras

  private constructor(
    readonly dtype: DType,
    readonly shape: Shape,
    private readonly content: Uint8Array | readonly Uint8Array[] | TensorSource,
    extras: TensorExtras = {},
  ) {
    this.extras = extras
  }

  /**
   * A tensor of numbers or strings. Plain numbers become float32 unless `dtype` says otherwise; typed arrays keep their
   * type and are not copied.
   *
   * @throws OnnxError `ONNX_TENSOR` when the number of elements is not ∏ shape
   */
  static from(values: TensorArray | readonly (number | bigint | boolean)[] | readonly string[], shape?: Shape, dtype?: DType): Tensor {
    const type = dtype ?? dtypeOf(values)
    const perElement = DTYPES[type].kind === 'complex' ? 2 : 1
    const sizes = shape ?? [values.length / perElement]
    if (elementCount(sizes) * perElement !== values.length) {
      throw new OnnxError('ONNX_TENSOR', 'The number of elements does not fit the shape', {
        expected: `${elementCount(sizes) * perElement} numbers for shape ${formatShape(sizes)}`, got: String(values.length),
      })
    }
    if (type === 'string') return Tensor.ofStrings(Array.from(values as readonly string[], (text) => Buffer.from(text, 'utf8')), sizes)
    return new Tensor(type, [...sizes], encode(values as ArrayLike<number | bigint | boolean>, type))
  }

  /** A tensor of no axes. */
  static scalar(value: number | bigint | boolean | string, dtype?: DType): Tensor {
    return Tensor.from([value] as readonly number[], [], dtype)
  }

  /**
   * A tensor over raw bytes, without copying them.
   *
   * @throws OnnxError `ONNX_TENSOR` when their number does not fit the shape
   */
  static ofBytes(dtype: DType, shape: Shape, bytes: Uint8Array, extras?: TensorExtras): Tensor {
    const expected = byteLength(dtype, elementCount(shape))
    if (dtype === 'string' || bytes.byteLength !== expected) {
      throw new OnnxError('ONNX_TENSOR', `The tensor${extras?.name === undefined ? '' : ' ' + extras.name} holds the wrong number of bytes`, {
        expected: dtype === 'string' ? 'strings, not raw bytes' : `${expected} for ${dtype}${formatShape(shape)}`, got: String(bytes.byteLength),
      })
    }
    return new Tensor(dtype, [...shape], bytes, extras)
  }

  /** A tensor of strings, each given as bytes (ONNX does not require UTF-8 in tensors). */
  static ofStrings(strings: readonly Uint8Array[], shape: Shape, extras?: TensorExtras): Tensor {
    if (strings.length !== elementCount(shape)) {
      throw new OnnxError('ONNX_TENSOR', 'The number of strings does not fit the shape', {
        expected: `${elementCount(shape)} for shape ${formatShape(shape)}`, got: String(strings.length),
      })
    }
    return new Tensor('string', [...shape], strings, extras)
  }

  /** A tensor whose bytes are read when they are asked for. */
  static ofSource(dtype: DType, shape: Shape, source: TensorSource, extras?: TensorExtras): Tensor {
    return new Tensor(dtype, [...shape], source, extras)
  }

  /** Number of elements: ∏ shape. */
  get size(): number {
    return elementCount(this.shape)
  }

  /** Bytes of the numbers when packed; for strings, of their text. */
  get byteLength(): number {
    if (Array.isArray(this.content)) return (this.content as readonly Uint8Array[]).reduce((sum, text) => sum + text.byteLength, 0)
    return byteLength(this.dtype, this.size)
  }

  /** The file that holds the bytes, when they are not in memory. */
  get source(): TensorSource | undefined {
    return this.content instanceof Uint8Array || Array.isArray(this.content) ? undefined : (this.content as TensorSource)
  }

  /** The raw bytes: the model's own memory where it is there, otherwise read from the file at each call. */
  get bytes(): Uint8Array {
    if (this.content instanceof Uint8Array) return this.content
    const source = this.source
    if (source === undefined) throw new OnnxError('ONNX_DTYPE', 'A tensor of strings has no raw bytes', { fix: 'use strings' })
    return source.read(0, this.byteLength)
  }

  /** The strings of a string tensor, as bytes. */
  get strings(): readonly Uint8Array[] {
    if (Array.isArray(this.content)) return this.content as readonly Uint8Array[]
    throw new OnnxError('ONNX_DTYPE', 'Only a tensor of strings has strings', { got: this.dtype })
  }

  /** The elements; a view of the raw bytes where type and alignment allow it, so do not write into it. */
  get data(): TensorArray {
    return this.toArray()
  }

  /** The elements, decoded: see {@link TensorArray}. A view of the raw bytes where type and alignment allow it. */
  toArray(): TensorArray {
    if (this.dtype === 'string') return this.strings.map((text) => Buffer.from(text).toString('utf8'))
    const bytes = this.bytes
    const { bits, kind } = DTYPES[this.dtype]
    const ArrayType = ARRAYS[this.dtype]
    if (ArrayType !== undefined) {
      const aligned = bytes.byteOffset % ArrayType.BYTES_PER_ELEMENT === 0 && LITTLE_ENDIAN ? bytes : swapped(bytes, ArrayType.BYTES_PER_ELEMENT)
      return new ArrayType(aligned.buffer, aligned.byteOffset, aligned.byteLength / ArrayType.BYTES_PER_ELEMENT)
    }
    const patterns = bits === 16 ? halves(bytes) : bits === 8 ? bytes : unpackBits(bytes, bits, this.size)
    if (kind === 'float') {
      const table = decodeTable(this.dtype)
      const out = new Float32Array(patterns.length)
      for (let i = 0; i < out.length; i++) out[i] = table[patterns[i] ?? 0] ?? NaN
      return out
    }
    return kind === 'signed' ? Int8Array.from(patterns, (pattern) => (pattern << (32 - bits)) >> (32 - bits)) : (patterns as Uint8Array)
  }

  /** The elements as JavaScript numbers; 64-bit integers beyond 2^53 lose their last digits. */
  numbers(): number[] {
    const array = this.toArray()
    if (Array.isArray(array)) throw new OnnxError('ONNX_DTYPE', 'A tensor of strings has no numbers')
    return Array.from(array as ArrayLike<number | bigint>, Number)
  }

  /** The only element, as a number. */
  item(): number {
    const [only] = this.size === 1 ? this.numbers() : []
    if (only === undefined) throw new OnnxError('ONNX_TENSOR', 'The tensor has not exactly one element', { got: formatShape(this.shape) })
    return only
  }

  /** The same bytes with other extras (name, documentation). */
  withExtras(extras: TensorExtras): Tensor {
    return new Tensor(this.dtype, this.shape, this.content, { ...this.extras, ...extras })
  }

  /** The same elements in another shape; no bytes are copied. */
  reshape(shape: Shape): Tensor {
    if (elementCount(shape) !== this.size) {
      throw new OnnxError('ONNX_TENSOR', 'Reshaping cannot change the number of elements', {
        expected: String(this.size), got: `${elementCount(shape)} for shape ${formatShape(shape)}`,
      })
    }
    return new Tensor(this.dtype, [...shape], this.content, this.extras)
  }

  toString(): string {
    return `Tensor ${this.dtype}${formatShape(this.shape)}`
  }

  [displaySymbol](): MimeBundle {
    return { 'text/plain': tensorSummary(this) }
  }
}

/** A tensor given by its elements that are not zero. */
export class SparseTensor {
  unknown?: UnknownFields

  /**
   * @param values the NNZ elements that are not zero, shape [NNZ]
   * @param indices their places in the row-major order, shape [NNZ], or their coordinates, shape [NNZ, rank]
   * @param shape of the whole tensor
   */
  constructor(
    readonly values: Tensor,
    readonly indices: Tensor,
    readonly shape: Shape,
  ) {}
}

function dtypeOf(values: unknown): DType {
  if (values instanceof Float32Array) return 'float32'
  if (values instanceof Float64Array) return 'float64'
  if (values instanceof Int8Array) return 'int8'
  if (values instanceof Int16Array) return 'int16'
  if (values instanceof Int32Array) return 'int32'
  if (values instanceof BigInt64Array) return 'int64'
  if (values instanceof Uint8Array) return 'uint8'
  if (values instanceof Uint16Array) return 'uint16'
  if (values instanceof Uint32Array) return 'uint32'
  if (values instanceof BigUint64Array) return 'uint64'
  const first: unknown = (values as readonly unknown[])[0]
  return typeof first === 'string' ? 'string' : typeof first === 'bigint' ? 'int64' : typeof first === 'boolean' ? 'bool' : 'float32'
}

function encode(values: ArrayLike<number | bigint | boolean>, dtype: DType): Uint8Array {
  if (dtypeOf(values) === dtype && ArrayBuffer.isView(values) && LITTLE_ENDIAN) {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  }
  const { bits, kind } = DTYPES[dtype]
  if (SMALL_FLOATS[dtype] !== undefined || dtype === 'float8e8m0') {
    const patterns = Uint16Array.from(values as ArrayLike<unknown>, (value) => encodeSmallFloat(Number(value), dtype))
    return bits === 16 ? swapped(new Uint8Array(patterns.buffer), 2) : packBits(patterns, bits)
  }
  if (bits < 8) return packBits(Array.from(values, Number), bits)
  const ArrayType = ARRAYS[dtype]
  if (ArrayType === undefined) throw new OnnxError('ONNX_DTYPE', `Numbers cannot become ${dtype}`)
  const out = new ArrayType(new ArrayBuffer(values.length * ArrayType.BYTES_PER_ELEMENT), 0, values.length)
  if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) out[i] = BigInt(values[i] ?? 0)
  } else {
    for (let i = 0; i < values.length; i++) out[i] = kind === 'bool' ? (values[i] ? 1 : 0) : Number(values[i])
  }
  return swapped(new Uint8Array(out.buffer), ArrayType.BYTES_PER_ELEMENT)
}

function halves(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 && LITTLE_ENDIAN ? bytes : swapped(bytes, 2)
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
}

/** A copy at an aligned address, in this machine's byte order. */
function swapped(bytes: Uint8Array, size: number): Uint8Array {
  const copy = new Uint8Array(bytes.byteLength)
  copy.set(bytes)
  if (!LITTLE_ENDIAN) {
    for (let at = 0; at + size <= copy.length; at += size) copy.subarray(at, at + size).reverse()
  }
  return copy
}
