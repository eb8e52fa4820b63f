// Protobuf's wire format, read by table (protobuf.dev, "Encoding"). Bytes of fields are views of the input, never copies.
// The input is not trusted: every length is checked against what is there, and depth and number of messages are bounded.
import { getHeapStatistics } from 'node:v8'
import { OnnxError } from '../errors'
import {
  layoutIn, layoutOf, type Field, type Layout, type Message, type MessageName, type MessageOf, type MessageTable,
} from './messages'

/** Messages inside messages. A graph in a graph is three levels; protobuf's own readers stop at 100. */
export const MAX_MESSAGE_DEPTH = 300
/**
 * Share of the JavaScript heap that a decoded model may take. Two bytes of file can ask for an object of hundreds, so what
 * is read is counted as it is read, at about the memory that it takes as a part of the IR. Weights are not on this heap.
 */
export const HEAP_SHARE = 0.7
const MESSAGE_COST = 350
const TEXT_COST = 150
const NUMBER_COST = 16
/** Bytes of a file: protobuf's own limit. Larger models keep their weights in external data. */
export const MAX_FILE_BYTES: number = 2 ** 31 - 1

interface Open {
  [field: string]: unknown
  unknown?: Uint8Array
}

/**
 * Decodes one message.
 *
 * @throws OnnxError `ONNX_TRUNCATED`, `ONNX_MALFORMED` or `ONNX_LIMIT`, with the byte offset
 */
export function readMessage<N extends MessageName>(name: N, bytes: Uint8Array): Message<N> {
  if (bytes.byteLength > MAX_FILE_BYTES) {
    throw new OnnxError('ONNX_LIMIT', 'The model file is too large for protobuf', {
      expected: `at most ${MAX_FILE_BYTES} bytes`, got: String(bytes.byteLength), fix: 'store its weights as external data',
    })
  }
  const target: Open = {}
  new Reader(bytes).message(target, layoutOf(name), bytes.byteLength, 0)
  return target as Message<N>
}

/**
 * Decodes one message of another format, by its table: the same reader with the same limits.
 *
 * @throws OnnxError as {@link readMessage}
 */
export function readMessageOf<T extends MessageTable, N extends keyof T & string>(table: T, name: N, bytes: Uint8Array): MessageOf<T, N> {
  const target: Open = {}
  new Reader(bytes).message(target, layoutIn(table, name), bytes.byteLength, 0)
  return target as MessageOf<T, N>
}

/** Decodes the payload of a packed field of variable-length integers. */
export function readVarints(payload: Uint8Array, as: 'int32'): Int32Array
export function readVarints(payload: Uint8Array, as: 'int64' | 'uint64'): BigInt64Array
export function readVarints(payload: Uint8Array, as: 'int32' | 'int64' | 'uint64'): Int32Array | BigInt64Array {
  let count = 0
  for (const byte of payload) if (byte < 128) count++
  const reader = new Reader(payload)
  if (as === 'int32') {
    const out = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      reader.varint(payload.length)
      out[i] = reader.low
    }
    return out
  }
  const out = new BigInt64Array(count)
  const words = new Int32Array(out.buffer)
  const [low, high] = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? [0, 1] : [1, 0]
  for (let i = 0; i < count; i++) {
    reader.varint(payload.length)
    words[2 * i + low] = reader.low
    words[2 * i + high] = reader.high
  }
  return out
}

class Reader {
  /** The last integer read, as two 32-bit halves. */
  low = 0
  high = 0
  private at = 0
  private budget = HEAP_SHARE * getHeapStatistics().heap_size_limit
  private readonly buffer: Buffer

  constructor(private readonly bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  message(target: Open, layout: Layout, end: number, depth: number): void {
    if (depth > MAX_MESSAGE_DEPTH) this.fail('ONNX_LIMIT', `Messages are nested deeper than ${MAX_MESSAGE_DEPTH}`)
    this.charge(MESSAGE_COST)
    let unknown: Uint8Array[] | undefined
    let packed: Map<Field, Uint8Array[]> | undefined
    while (this.at < end) {
      const start = this.at
      this.varint(end)
      const tag = this.low >>> 0
      const wireType = tag & 7
      const number = tag >>> 3
      if (number === 0 || this.high !== 0) this.fail('ONNX_MALFORMED', 'A field has an impossible number', start)
      const field = layout.byNumber[number]
      if (field === undefined || !accepts(field, wireType)) {
        this.skip(wireType, number, end, depth)
        this.charge(TEXT_COST)
        ;(unknown ??= []).push(this.bytes.subarray(start, this.at))
      } else if (field.kind === 'packed32' || field.kind === 'packed64' || field.kind === 'packedVarint') {
        packed ??= new Map()
        const chunks = packed.get(field)
        const chunk = this.payload(field, wireType, end)
        if (chunks === undefined) packed.set(field, [chunk])
        else chunks.push(chunk)
      } else if (!field.repeated) {
        target[field.name] = this.value(field, end, depth, target[field.name])
      } else {
        const list = (target[field.name] ??= []) as unknown[]
        if (wireType === 2 && field.wireType !== 2) {
          const last = this.length(end)
          while (this.at < last) {
            this.charge(NUMBER_COST)
            list.push(this.value(field, last, depth, undefined))
          }
        } else {
          if (field.kind !== 'message') this.charge(wireType === 2 ? TEXT_COST : NUMBER_COST)
          list.push(this.value(field, end, depth, undefined))
        }
      }
    }
    if (packed !== undefined) for (const [field, chunks] of packed) target[field.name] = join(chunks)
    if (unknown !== undefined) target.unknown = join(target.unknown === undefined ? unknown : [target.unknown, ...unknown])
  }

  /** Reads a variable-length integer into `low` and `high`. */
  varint(end: number): void {
    const start = this.at
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) this.fail('ONNX_TRUNCATED', 'The bytes end inside a number', start)
      const byte = this.bytes[this.at++] ?? 0
      if (shift < 28) low |= (byte & 127) << shift
      else if (shift === 28) {
        low |= (byte & 15) << 28
        high |= (byte & 127) >> 4
      } else high |= shift < 63 ? (byte & 127) << (shift - 32) : (byte & 1) << 31
      if (byte < 128) {
        this.low = low | 0
        this.high = high | 0
        return
      }
    }
    this.fail('ONNX_MALFORMED', 'A number is longer than ten bytes', start)
  }

  private charge(bytes: number): void {
    this.budget -= bytes
    if (this.budget < 0) {
      throw new OnnxError('ONNX_LIMIT', 'The model has more parts than fit into the memory of this process', {
        where: `byte offset ${this.at} of ${this.bytes.byteLength}`,
        fix: 'give Node more memory: node --max-old-space-size=16000, or NODE_OPTIONS with the same',
      })
    }
  }

  private value(field: Field, end: number, depth: number, before: unknown): unknown {
    switch (field.kind) {
      case 'int32':
        this.varint(end)
        return this.low
      case 'int64':
        this.varint(end)
        return this.integer()
      case 'float': {
        this.need(4, end)
        const value = this.buffer.readFloatLE(this.at)
        this.at += 4
        return value
      }
      case 'string': {
        const last = this.length(end)
        const text = this.text(last)
        this.at = last
        return text
      }
      case 'bytes': {
        const last = this.length(end)
        const view = this.bytes.subarray(this.at, last)
        this.at = last
        return view
      }
      default: {
        const last = this.length(end)
        // A message that comes twice is merged, as protobuf says.
        const inner = (before ?? {}) as Open
        if (field.layout !== undefined) this.message(inner, field.layout, last, depth + 1)
        return inner
      }
    }
  }

  private integer(): number | bigint {
    const { low, high } = this
    if (high >= -0x200000 && high < 0x200000) {
      const value = high * 4294967296 + (low >>> 0)
      if (Number.isSafeInteger(value)) return value
    }
    return (BigInt(high) << 32n) | BigInt(low >>> 0)
  }

  private text(end: number): string {
    const start = this.at
    if (end - start < 24) {
      let text = ''
      let at = start
      for (; at < end; at++) {
        const byte = this.bytes[at] ?? 0
        if (byte > 127) break
        text += String.fromCharCode(byte)
      }
      if (at === end) return text
    }
    const text = this.buffer.toString('utf8', start, end)
    if (text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(this.buffer.subarray(start, end))) {
      this.fail('ONNX_MALFORMED', 'A name or text is not valid UTF-8', start)
    }
    return text
  }

  private payload(field: Field, wireType: number, end: number): Uint8Array {
    const step = field.kind === 'packed32' ? 4 : 8
    const start = this.at
    if (wireType !== 2) {
      if (field.kind === 'packedVarint') this.varint(end)
      else {
        this.need(step, end)
        this.at += step
      }
      this.charge(TEXT_COST)
      return this.bytes.subarray(start, this.at)
    }
    const last = this.length(end)
    const view = this.bytes.subarray(this.at, last)
    const whole = field.kind === 'packedVarint' ? view.length === 0 || (view[view.length - 1] ?? 0) < 128 : view.length % step === 0
    if (!whole) this.fail('ONNX_TRUNCATED', 'A list of numbers ends inside a number', start)
    this.at = last
    return view
  }

  private skip(wireType: number, number: number, end: number, depth: number): void {
    const start = this.at
    if (wireType === 0) this.varint(end)
    else if (wireType === 2) this.at = this.length(end)
    else if (wireType === 1 || wireType === 5) {
      const step = wireType === 1 ? 8 : 4
      this.need(step, end)
      this.at += step
    } else if (wireType === 3) {
      if (depth > MAX_MESSAGE_DEPTH) this.fail('ONNX_LIMIT', `Groups are nested deeper than ${MAX_MESSAGE_DEPTH}`)
      for (;;) {
        if (this.at >= end) this.fail('ONNX_TRUNCATED', 'The bytes end inside a group', start)
        this.varint(end)
        const inner = this.low & 7
        const innerNumber = this.low >>> 3
        if (inner === 4) {
          if (innerNumber !== number) this.fail('ONNX_MALFORMED', 'A group ends that did not begin')
          return
        }
        this.skip(inner, innerNumber, end, depth + 1)
      }
    } else this.fail('ONNX_MALFORMED', `The field ${number} has the wire type ${wireType}, which does not exist`, start)
  }

  private length(end: number): number {
    const start = this.at
    this.varint(end)
    const length = this.high * 4294967296 + (this.low >>> 0)
    if (length < 0 || length > end - this.at) {
      this.fail('ONNX_TRUNCATED', 'A field claims more bytes than there are', start, `${length} claimed, ${end - this.at} left`)
    }
    return this.at + length
  }

  private need(count: number, end: number): void {
    if (end - this.at < count) this.fail('ONNX_TRUNCATED', 'The bytes end inside a number')
  }

  private fail(code: 'ONNX_TRUNCATED' | 'ONNX_MALFORMED' | 'ONNX_LIMIT', what: string, at = this.at, got?: string): never {
    throw new OnnxError(code, what, {
      where: `byte offset ${at} of ${this.bytes.byteLength}`,
      ...(got === undefined ? {} : { got }),
      fix: 'check that the file is an ONNX model and was copied completely',
    })
  }
}

/** Whether a field may come in this wire type: its own, or packed where numbers repeat. */
function accepts(field: Field, wireType: number): boolean {
  return wireType === field.wireType || (wireType === 2 && (field.repeated || field.kind.startsWith('packed')))
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks
  if (chunks.length === 1 && only !== undefined) return only
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.byteLength
  }
  return joined
}
