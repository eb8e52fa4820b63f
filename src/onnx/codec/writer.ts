// Protobuf's wire format, written back to front, so that every length is known when it is written. Large byte fields are
// not copied: the result is a list of pieces.
import type { TensorSource } from '../ir/tensor'
import { layoutOf, type Field, type Layout, type Message, type MessageName } from './messages'

/** Bytes of a field that are read from where they are when they are written. */
export class Stored {
  constructor(private readonly source: TensorSource, readonly byteLength: number) {}

  /** Fills `target` with the bytes from `offset` on. */
  copy(target: Uint8Array, offset = 0): void {
    if (this.source.readInto !== undefined) this.source.readInto(offset, target)
    else target.set(this.source.read(offset, target.byteLength))
  }
}

/** What is written: bytes, and bytes that are not in memory. */
export type Piece = Uint8Array | Stored

/** Byte fields from this size on become pieces of their own. */
const PIECE_BYTES = 16 * 1024
const BLOCK_BYTES = 64 * 1024

/** Encodes a message. The pieces, one after the other, are the bytes. */
export function writePieces<N extends MessageName>(name: N, message: Message<N>): Piece[] {
  const writer = new Writer()
  writer.message(message, layoutOf(name))
  return writer.finish()
}

/** Encodes integers as the payload of a packed field. */
export function writeVarints(values: Int32Array | BigInt64Array | BigUint64Array): Uint8Array {
  const writer = new Writer()
  for (let i = values.length - 1; i >= 0; i--) writer.integer(values[i] ?? 0)
  return concatenate(writer.finish())
}

/** The pieces as one array. */
export function concatenate(pieces: readonly Piece[]): Uint8Array {
  const [only] = pieces
  if (only instanceof Uint8Array && pieces.length === 1) return only
  // Memory that is not cleared first: all of it is overwritten below.
  const all = Buffer.allocUnsafeSlow(pieces.reduce((sum, piece) => sum + piece.byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    if (piece instanceof Stored) piece.copy(all.subarray(at, at + piece.byteLength))
    else all.set(piece, at)
    at += piece.byteLength
  }
  return all
}

class Writer {
  /** Written so far, last piece first. */
  private readonly pieces: Piece[] = []
  private block = Buffer.allocUnsafe(BLOCK_BYTES)
  /** Start of what is written in the block. */
  private at = BLOCK_BYTES
  private finished = 0

  message(message: object, layout: Layout): void {
    const open = message as Readonly<Record<string, unknown>>
    if (open['unknown'] !== undefined) this.bytes(open['unknown'] as Uint8Array)
    for (let i = layout.fields.length - 1; i >= 0; i--) {
      const field = layout.fields[i]
      const value = field === undefined ? undefined : open[field.name]
      if (field === undefined || value === undefined) continue
      if (!field.repeated) this.field(field, value)
      else for (let k = (value as unknown[]).length - 1; k >= 0; k--) this.field(field, (value as unknown[])[k])
    }
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) {
      this.small(value)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    const groups: number[] = []
    do {
      groups.push(Number(rest & 127n))
      rest >>= 7n
    } while (rest > 0n)
    this.room(groups.length)
    for (let i = groups.length - 1; i >= 0; i--) this.block[--this.at] = (groups[i] ?? 0) | (i < groups.length - 1 ? 128 : 0)
  }

  finish(): Piece[] {
    this.flush()
    return this.pieces.reverse()
  }

  private field(field: Field, value: unknown): void {
    const before = this.total
    switch (field.kind) {
      case 'int32':
      case 'int64':
        this.integer(value as number | bigint)
        break
      case 'float':
        this.room(4)
        this.at -= 4
        this.block.writeFloatLE(value as number, this.at)
        break
      case 'string':
        this.text(value as string)
        break
      case 'message':
        if (field.layout !== undefined) this.message(value as object, field.layout)
        break
      default:
        this.bytes(value as Piece)
    }
    const delimited = field.wireType === 2 || field.kind.startsWith('packed')
    if (delimited) this.small(this.total - before)
    this.small(field.number * 8 + (delimited ? 2 : field.wireType))
  }

  private get total(): number {
    return this.finished + BLOCK_BYTES - this.at
  }

  /** A whole number below 2^53, as a variable-length integer. */
  private small(value: number): void {
    this.room(8)
    let count = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++
    this.at -= count
    let rest = value
    for (let i = 0; i < count - 1; i++) {
      this.block[this.at + i] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.block[this.at + count - 1] = rest
  }

  private text(text: string): void {
    if (text.length > PIECE_BYTES / 4) {
      this.bytes(Buffer.from(text, 'utf8'))
      return
    }
    const length = Buffer.byteLength(text)
    this.room(length)
    this.at -= length
    this.block.write(text, this.at, 'utf8')
  }

  private bytes(bytes: Piece): void {
    if (bytes.byteLength >= PIECE_BYTES || bytes instanceof Stored) {
      this.flush()
      this.pieces.push(bytes)
      this.finished += bytes.byteLength
      return
    }
    this.room(bytes.byteLength)
    this.at -= bytes.byteLength
    this.block.set(bytes, this.at)
  }

  private room(count: number): void {
    if (this.at < count) this.flush()
  }

  private flush(): void {
    if (this.at === BLOCK_BYTES) return
    this.pieces.push(this.block.subarray(this.at))
    this.finished += BLOCK_BYTES - this.at
    this.block = Buffer.allocUnsafe(BLOCK_BYTES)
    this.at = BLOCK_BYTES
  }
}
