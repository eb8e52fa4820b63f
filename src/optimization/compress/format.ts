// The file of a compressed model. Weights that take few values are stored as gaps between non-zeros and indices into a
// codebook, both Huffman coded; everything else as ordinary ONNX inside. Reading gives the model back bit for bit.
//
//   0   "WSTC"            4 bytes
//   4   version           u16, 1
//   6   tensors           u16
//   8   skeleton          u32 length, then the ONNX model without the stored weights, deflated (RFC 1951)
//   …   each tensor:      name (u16 length, UTF-8), rank u8, sizes u32 each, non-zeros u32,
//                         codebook (u16 count, float32 each, ascending),
//                         gap symbols G (u16), code lengths of G gaps and of the codebook's indices (u8 each),
//                         gaps (u32 count, u32 bytes, bits), indices (u32 bytes, bits)
//   end digest            the first 8 bytes of the SHA-256 of all bytes before
//
// All numbers are little-endian. A gap symbol s < G − 1 stands for s zeros and then a weight; s = G − 1 for G − 1 zeros and
// no weight.
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { elementCount, messageOf, sha256 } from '../../core'
import { readModel, Tensor, writeModel, type Model } from '../../onnx'
import { floats } from '../constants'
import { OptimizationError } from '../errors'
import { prepared } from '../prune/structure/remove'
import { codeLengths, decode, encode, isCompleteCode } from './huffman'

const MAGIC = 'WSTC'
const VERSION = 1
const DIGEST = 8
/** More values than a codebook of 12 bits holds are not a codebook. */
const MAX_VALUES = 4096
/** A decoded model may be at most this many times its file: a file of zeros must not fill the memory. */
const MAX_EXPANSION = 4096
/** Deflate itself reaches about 1,030 to 1. */
const MAX_INFLATED = 1 << 30

/** What a file holds of one weight, in bytes. */
export interface StoredWeight {
  readonly name: string
  readonly elements: number
  readonly nonZeros: number
  readonly values: number
  readonly codebookBytes: number
  readonly gapBytes: number
  readonly indexBytes: number
}

export interface CompressedModel {
  readonly bytes: Uint8Array
  readonly weights: readonly StoredWeight[]
  readonly skeletonBytes: number
}

/**
 * Writes a model as a compressed file. Lossless: weights with at most 4,096 different values (after pruning and sharing)
 * are coded, others are stored as they are. The file is read again and compared before it is returned.
 */
export function writeCompressed(model: Model): CompressedModel {
  const work = prepared(model)
  const parts: Uint8Array[] = []
  const weights: StoredWeight[] = []
  for (const [value, tensor] of work.graph.initializers) {
    if (tensor.dtype !== 'float32' || tensor.shape.length < 2 || value.isGraphInput || value.isGraphOutput) continue
    const stored = encodeTensor(value.name, tensor)
    if (stored === undefined || stored.bytes.length >= tensor.byteLength) continue
    parts.push(stored.bytes)
    weights.push(stored.weight)
    work.graph.setInitializer(value, Tensor.from(new Float32Array(0), [0]))
    value.declaredType = undefined
  }
  const skeleton = deflateRawSync(writeModel(work), { level: 9 })
  const head = new Writer()
  head.raw(Buffer.from(MAGIC, 'latin1'))
  head.u16(VERSION)
  head.u16(parts.length)
  head.u32(skeleton.length)
  head.raw(skeleton)
  for (const part of parts) head.raw(part)
  const body = head.finish()
  const bytes = Buffer.concat([body, Buffer.from(sha256(body), 'hex').subarray(0, DIGEST)])
  requireSameWeights(prepared(model), readCompressed(bytes))
  return { bytes, weights, skeletonBytes: skeleton.length }
}

/** Lossless means: every weight has the same bits. */
function requireSameWeights(model: Model, back: Model): void {
  for (const [{ name }, tensor] of model.graph.initializers) {
    const read = back.graph.find(name)?.tensor
    if (read?.dtype === tensor.dtype && read.shape.join() === tensor.shape.join() && sameBits(read, tensor)) continue
    throw new OptimizationError('OPTIMIZATION_DIFFERS', `The compressed file does not give the weight "${name}" back`, {
      expected: `${tensor.dtype}[${tensor.shape.join()}]`, got: read ? `${read.dtype}[${read.shape.join()}] with other numbers` : 'no such weight', fix: 'report it, with the model',
    })
  }
}

const sameBits = (a: Tensor, b: Tensor): boolean =>
  a.dtype === 'string' ? a.strings.every((text, i) => Buffer.from(text).equals(b.strings[i] ?? Buffer.of())) : Buffer.from(a.bytes).equals(b.bytes)

/**
 * Reads a compressed file; the weights are those that were written, bit for bit.
 *
 * @throws OptimizationError `OPTIMIZATION_FILE` for a file that is none, truncated or altered
 */
export function readCompressed(bytes: Uint8Array): Model {
  if (bytes.length < 12 + DIGEST || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== MAGIC) {
    throw broken('it is not a compressed model', 'a file that begins with WSTC', `${bytes.length} bytes`)
  }
  const body = bytes.subarray(0, bytes.length - DIGEST)
  const reader = new Reader(body)
  reader.raw(4)
  const version = reader.u16()
  if (version !== VERSION) throw broken('its version is not known', `version ${VERSION}`, `version ${version}`)
  const digest = Buffer.from(sha256(body), 'hex').subarray(0, DIGEST)
  if (!digest.equals(bytes.subarray(bytes.length - DIGEST))) throw broken('its digest is wrong', digest.toString('hex'), 'another digest: the file is damaged')
  const count = reader.u16()
  let model: Model
  try {
    model = readModel(inflateRawSync(reader.raw(reader.u32()), { maxOutputLength: MAX_INFLATED }))
  } catch (cause) {
    throw broken('the ONNX model inside cannot be read', 'deflated ONNX', messageOf(cause))
  }
  const budget = { left: MAX_EXPANSION * bytes.length }
  for (let i = 0; i < count; i++) {
    const { name, tensor } = decodeTensor(reader, budget)
    const value = model.graph.find(name)
    if (value?.tensor?.size !== 0) throw broken(`it stores the weight "${name}", for which its model has no place`)
    model.graph.setInitializer(value, tensor)
  }
  if (reader.left > 0) throw broken('bytes are left over', '0', String(reader.left))
  return model
}

function broken(what: string, expected?: string, got?: string): OptimizationError {
  return new OptimizationError('OPTIMIZATION_FILE', `The compressed model cannot be read: ${what}`, {
    ...(expected !== undefined && { expected }), ...(got !== undefined && { got }), fix: 'write it anew with writeCompressed',
  })
}

function encodeTensor(name: string, tensor: Tensor): { bytes: Uint8Array; weight: StoredWeight } | undefined {
  const data = floats(tensor)
  const values = new Set<number>()
  const places: number[] = []
  for (let i = 0; i < data.length; i++) {
    const x = data[i] ?? 0
    if (Object.is(x, 0)) continue
    // −0 and NaN have bit patterns that a codebook of numbers does not tell apart.
    if (x === 0 || Number.isNaN(x)) return undefined
    values.add(x)
    if (values.size > MAX_VALUES) return undefined
    places.push(i)
  }
  const codebook = Float32Array.from(values).sort()
  const index = new Map(Array.from(codebook, (value, i) => [value, i]))
  const indices = places.map((place) => index.get(data[place] ?? 0) ?? 0)
  // The number of gap symbols that costs the fewest bits.
  let best: { gaps: number[]; lengths: Uint8Array; bits: Uint8Array } | undefined
  for (let power = 1; power <= 10; power++) {
    const gaps = gapsOf(places, 2 ** power)
    const lengths = codeLengths(histogram(gaps, 2 ** power))
    const bits = encode(gaps, lengths)
    if (!best || bits.length + lengths.length < best.bits.length + best.lengths.length) best = { gaps, lengths, bits }
  }
  if (!best) return undefined
  const indexLengths = codeLengths(histogram(indices, codebook.length))
  const indexBits = encode(indices, indexLengths)
  const out = new Writer()
  const text = Buffer.from(name, 'utf8')
  out.u16(text.length)
  out.raw(text)
  out.u8(tensor.shape.length)
  for (const size of tensor.shape) out.u32(size)
  out.u32(places.length)
  out.u16(codebook.length)
  for (const value of codebook) out.f32(value)
  out.u16(best.lengths.length)
  out.raw(best.lengths)
  out.raw(indexLengths)
  out.u32(best.gaps.length)
  out.u32(best.bits.length)
  out.raw(best.bits)
  out.u32(indexBits.length)
  out.raw(indexBits)
  return {
    bytes: out.finish(),
    weight: {
      name, elements: tensor.size, nonZeros: places.length, values: codebook.length, codebookBytes: 4 * codebook.length + indexLengths.length,
      gapBytes: best.bits.length + best.lengths.length, indexBytes: indexBits.length,
    },
  }
}

function gapsOf(places: readonly number[], symbols: number): number[] {
  const gaps: number[] = []
  let next = 0
  for (const place of places) {
    let zeros = place - next
    for (; zeros >= symbols - 1; zeros -= symbols - 1) gaps.push(symbols - 1)
    gaps.push(zeros)
    next = place + 1
  }
  return gaps
}

function histogram(symbols: readonly number[], count: number): number[] {
  const counts = Array<number>(count).fill(0)
  for (const symbol of symbols) counts[symbol] = (counts[symbol] ?? 0) + 1
  return counts
}

function decodeTensor(reader: Reader, budget: { left: number }): { name: string; tensor: Tensor } {
  const name = Buffer.from(reader.raw(reader.u16())).toString('utf8')
  const shape = Array.from({ length: reader.u8() }, () => reader.u32())
  const elements = elementCount(shape)
  budget.left -= 4 * elements
  if (!(budget.left >= 0)) throw broken(`the weight "${name}" is larger than a file of this size can hold`, `at most ${MAX_EXPANSION} times the file`, `[${shape.join(', ')}]`)
  const nonZeros = reader.u32()
  const codebook = Float32Array.from({ length: reader.u16() }, () => reader.f32())
  const gapLengths = reader.raw(reader.u16())
  const indexLengths = reader.raw(codebook.length)
  if (gapLengths.length < 2 || !isCompleteCode(gapLengths) || !isCompleteCode(indexLengths)) throw broken(`the codes of the weight "${name}" are no prefix codes`)
  const gapCount = reader.u32()
  const gaps = decode(reader.raw(reader.u32()), gapLengths, gapCount)
  const indices = decode(reader.raw(reader.u32()), indexLengths, nonZeros)
  if (!gaps || !indices) throw broken(`the weight "${name}" ends early`)
  const data = new Float32Array(elements)
  const skip = gapLengths.length - 1
  let [place, found] = [0, 0]
  for (const gap of gaps) {
    place += gap
    if (gap === skip) continue
    if (place >= elements || found >= nonZeros) throw broken(`the weight "${name}" runs over its end`)
    data[place++] = codebook[indices[found++] ?? 0] ?? 0
  }
  if (found !== nonZeros) throw broken(`the weight "${name}" has too few places`, String(nonZeros), String(found))
  return { name, tensor: Tensor.from(data, shape) }
}

class Writer {
  readonly #parts: Uint8Array[] = []

  raw(bytes: Uint8Array): void { this.#parts.push(bytes) }
  u8(value: number): void { this.raw(Uint8Array.of(value)) }
  u16(value: number): void { this.#number(2, (view) => { view.setUint16(0, value, true) }) }
  u32(value: number): void { this.#number(4, (view) => { view.setUint32(0, value, true) }) }
  f32(value: number): void { this.#number(4, (view) => { view.setFloat32(0, value, true) }) }
  finish(): Uint8Array { return Buffer.concat(this.#parts) }

  #number(size: number, set: (view: DataView) => void): void {
    const bytes = new Uint8Array(size)
    set(new DataView(bytes.buffer))
    this.raw(bytes)
  }
}

class Reader {
  #at = 0

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number { return this.bytes.length - this.#at }

  raw(length: number): Uint8Array {
    if (length > this.left) throw broken('it ends early', `${length} more bytes`, String(this.left))
    this.#at += length
    return this.bytes.subarray(this.#at - length, this.#at)
  }

  u8(): number { return this.raw(1)[0] ?? 0 }
  u16(): number { return this.#view(2).getUint16(0, true) }
  u32(): number { return this.#view(4).getUint32(0, true) }
  f32(): number { return this.#view(4).getFloat32(0, true) }

  #view(size: number): DataView {
    const bytes = this.raw(size)
    return new DataView(bytes.buffer, bytes.byteOffset, size)
  }
}
