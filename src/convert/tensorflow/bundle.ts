// TensorFlow checkpoints of version 2 (tensor bundles): an index file in LevelDB's table format, and data files.
// Sources: leveldb doc/table_format.md; tensorflow/core/util/tensor_bundle. Nothing is trusted: every place and checksum.
import { existsSync, statSync } from 'node:fs'
import { byteLength, elementCount, type DType } from '../../core'
import { Tensor } from '../../onnx'
import { ConvertError } from '../errors'
import { byteSource, type ByteSource } from '../source'
import { decode } from './messages'
import { dtypeOf, shapeOf } from './tensors'

/** The last eight bytes of a table. */
const MAGIC = 0xdb4775248b80fb57n
const FOOTER = 48
/** Entries of an index: a large model has some thousands of variables, each with a few slots. */
const MAX_ENTRIES = 1_000_000
/** Bytes of an index: names and places of that many entries. */
const MAX_INDEX_BYTES = 2 ** 28

/** Eight tables of 256: what a byte adds to the checksum when k more bytes follow it. Signed, so that they stay small integers. */
const crcTables = new Int32Array(8 * 256)
for (let n = 0; n < 256; n++) {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  crcTables[n] = c
}
for (let n = 256; n < crcTables.length; n++) {
  const c = crcTables[n - 256] ?? 0
  crcTables[n] = (crcTables[c & 255] ?? 0) ^ (c >>> 8)
}

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4), eight bytes at a time (Kounavis and Berry, A Systematic Approach to Building High Performance Software-Based CRC Generators, 2005). */
export function crc32c(bytes: Uint8Array, start = 0): number {
  const t = crcTables, { length } = bytes
  let c = ~start, i = 0
  for (const end = length - 7; i < end; i += 8) {
    c ^= (bytes[i] as number) | (bytes[i + 1] as number) << 8 | (bytes[i + 2] as number) << 16 | (bytes[i + 3] as number) << 24
    c = (t[1792 + (c & 255)] as number) ^ (t[1536 + (c >>> 8 & 255)] as number) ^ (t[1280 + (c >>> 16 & 255)] as number) ^ (t[1024 + (c >>> 24)] as number)
      ^ (t[768 + (bytes[i + 4] as number)] as number) ^ (t[512 + (bytes[i + 5] as number)] as number) ^ (t[256 + (bytes[i + 6] as number)] as number) ^ (t[bytes[i + 7] as number] as number)
  }
  for (; i < length; i++) c = (t[(c ^ (bytes[i] as number)) & 255] as number) ^ (c >>> 8)
  return ~c >>> 0
}

/** LevelDB stores checksums so that a checksum of checksums is no fixed point: rotated, and a constant added. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

const malformed = (what: string, where: string): ConvertError =>
  new ConvertError('CONVERT_MALFORMED', `The checkpoint's index is damaged: ${what}`, { where, fix: 'save or copy the checkpoint again' })

/** Reads the numbers of LevelDB's blocks. */
class Cursor {
  at = 0
  constructor(private readonly bytes: Uint8Array, private readonly end: number, private readonly where: string) {}

  get done(): boolean {
    return this.at >= this.end
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 63; shift += 7) {
      if (this.at >= this.end) throw malformed('it ends inside a number', this.where)
      const byte = this.bytes[this.at++] ?? 0
      value += (byte & 127) * 2 ** shift
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) throw malformed('a number is beyond every size', this.where)
        return value
      }
    }
    throw malformed('a number has no end', this.where)
  }

  take(length: number): Uint8Array {
    if (length > this.end - this.at) throw malformed('an entry is longer than its block', this.where)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
}

interface Handle { readonly offset: number; readonly size: number }

function handle(cursor: Cursor): Handle {
  return { offset: cursor.varint(), size: cursor.varint() }
}

function readBlock(file: Uint8Array, { offset, size }: Handle, where: string): Uint8Array {
  if (offset + size + 5 > file.byteLength) throw malformed('a block lies outside the file', where)
  const whole = file.subarray(offset, offset + size + 1)
  if (whole[size] !== 0) {
    throw new ConvertError('CONVERT_VERSION', 'The checkpoint\'s index is compressed', { got: `compression ${whole[size] ?? '?'}`, where, fix: 'save it with tf.train.Checkpoint or model.export' })
  }
  const stored = new DataView(file.buffer, file.byteOffset + offset + size + 1, 4).getUint32(0, true)
  const computed = maskedCrc(crc32c(whole))
  if (stored !== computed) throw malformed(`checksum ${stored.toString(16)} stored, ${computed.toString(16)} computed`, where)
  return file.subarray(offset, offset + size)
}

/** The entries of a block: keys share beginnings with the key before. */
function* entriesOf(block: Uint8Array, where: string): Generator<[Buffer, Uint8Array]> {
  if (block.byteLength < 4) throw malformed('a block is too short', where)
  const restarts = new DataView(block.buffer, block.byteOffset + block.byteLength - 4, 4).getUint32(0, true)
  const end = block.byteLength - 4 * (restarts + 1)
  if (end < 0) throw malformed('a block has more restarts than bytes', where)
  const cursor = new Cursor(block, end, where)
  let key = Buffer.alloc(0)
  while (!cursor.done) {
    const [shared, own, length] = [cursor.varint(), cursor.varint(), cursor.varint()]
    if (shared > key.length) throw malformed('a key shares more than there is', where)
    key = Buffer.concat([key.subarray(0, shared), cursor.take(own)])
    yield [key, cursor.take(length)]
  }
}

/** All entries of a table file, by key. */
export function readTable(file: Uint8Array, where: string): Map<string, Uint8Array> {
  if (file.byteLength < FOOTER) throw new ConvertError('CONVERT_TRUNCATED', 'The checkpoint\'s index is too short', { expected: `at least ${FOOTER} bytes`, got: String(file.byteLength), where })
  const footer = file.subarray(file.byteLength - FOOTER)
  const magic = new DataView(footer.buffer, footer.byteOffset + 40, 8).getBigUint64(0, true)
  if (magic !== MAGIC) throw malformed('it does not end as a table does', where)
  const cursor = new Cursor(footer, 40, where)
  handle(cursor)
  const found = new Map<string, Uint8Array>()
  for (const [, at] of entriesOf(readBlock(file, handle(cursor), where), where)) {
    for (const [key, value] of entriesOf(readBlock(file, handle(new Cursor(at, at.byteLength, where)), where), where)) {
      found.set(key.toString('utf8'), value)
      if (found.size > MAX_ENTRIES) throw new ConvertError('CONVERT_LIMIT', 'The checkpoint has more entries than accepted', { expected: `at most ${MAX_ENTRIES}`, where })
    }
  }
  return found
}

/** Where a variable lies. */
export interface BundleEntry {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly shard: number
  readonly offset: number
  readonly size: number
  readonly crc: number | undefined
}

/** A checkpoint: its variables by name, read when they are asked for. */
export class TensorBundle {
  private readonly shards: (ByteSource | undefined)[] = []

  private constructor(private readonly prefix: string, private readonly table: ReadonlyMap<string, Uint8Array>, private readonly count: number) {}

  /** Opens `PREFIX.index`; data files are opened when a variable is read. */
  static open(prefix: string): TensorBundle {
    const where = `${prefix}.index`
    const source = byteSource(where)
    try {
      if (source.size > MAX_INDEX_BYTES) throw new ConvertError('CONVERT_LIMIT', 'The checkpoint\'s index is larger than accepted', { expected: `at most ${MAX_INDEX_BYTES} bytes`, got: String(source.size), where })
      return TensorBundle.parse(source.read(0, source.size), prefix)
    } finally {
      source.close()
    }
  }

  /** A checkpoint from the bytes of its index. */
  static parse(index: Uint8Array, prefix: string): TensorBundle {
    const where = `${prefix}.index`
    const table = readTable(index, where)
    const header = decode('BundleHeader', table.get('') ?? new Uint8Array(0), where)
    if (header.endianness === 1) throw new ConvertError('CONVERT_DTYPE', 'The checkpoint was written on a big-endian machine', { where, fix: 'save it again on another machine' })
    const shards = header.shards ?? 0
    if (shards < 0 || shards > 100_000) throw malformed(`${shards} data files`, where)
    return new TensorBundle(prefix, table, shards)
  }

  get names(): string[] {
    return [...this.table.keys()].filter((name) => name !== '')
  }

  has(name: string): boolean {
    return this.table.has(name)
  }

  /** What the index says of a variable. */
  entry(name: string): BundleEntry {
    const where = `${this.prefix}.index, ${name}`
    const bytes = this.table.get(name)
    if (bytes === undefined) {
      throw new ConvertError('CONVERT_WEIGHTS', 'The checkpoint does not have a variable of the graph', {
        expected: name, got: this.names.slice(0, 8).join(', ') || 'an empty checkpoint', where: `${this.prefix}.index`, fix: 'check that graph and checkpoint are of one model',
      })
    }
    const message = decode('BundleEntry', bytes, where)
    if ((message.slices?.length ?? 0) > 0) throw new ConvertError('CONVERT_VERSION', 'A variable is stored in slices', { where, fix: 'save the model without partitioned variables' })
    const dtype = dtypeOf(message.dtype ?? 0, where)
    const shape = (shapeOf(message.shape) ?? []).map((size) => (typeof size === 'number' ? size : -1))
    const [offset, size, shard] = [Number(message.offset ?? 0), Number(message.size ?? 0), message.shard ?? 0]
    const expected = byteLength(dtype, elementCount(shape))
    if (shape.some((s) => s < 0) || offset < 0 || shard < 0 || shard >= Math.max(1, this.count) || (dtype !== 'string' && size !== expected)) {
      throw new ConvertError('CONVERT_TENSOR', 'A variable\'s place does not fit its shape', {
        expected: `${expected} bytes for ${dtype}[${shape.join(',')}]`, got: `${size} bytes at ${offset} of file ${shard} of ${this.count}`, where,
      })
    }
    const crc = message.crc === undefined ? undefined : new DataView(message.crc.buffer, message.crc.byteOffset, 4).getUint32(0, true)
    return { dtype, shape, shard, offset, size, crc }
  }

  /**
   * The numbers of a variable.
   *
   * @throws ConvertError `CONVERT_MALFORMED` when the checksum is wrong, `CONVERT_TRUNCATED` when the data file is too short
   */
  read(name: string, checksum = true): Tensor {
    const entry = this.entry(name)
    const bytes = this.shard(entry.shard).read(entry.offset, entry.size)
    if (entry.dtype === 'string') throw new ConvertError('CONVERT_DTYPE', 'A variable holds text', { where: `${this.prefix}, ${name}` })
    const computed = checksum && entry.crc !== undefined ? maskedCrc(crc32c(bytes)) : undefined
    if (computed !== undefined && computed !== entry.crc) {
      throw new ConvertError('CONVERT_MALFORMED', 'The numbers of a variable are damaged', {
        expected: `checksum ${(entry.crc ?? 0).toString(16)}`, got: computed.toString(16), where: `${this.shard(entry.shard).name}, ${name}`,
        fix: 'copy the checkpoint again; to read it as it is, pass { checksums: false }',
      })
    }
    return Tensor.ofBytes(entry.dtype, entry.shape, bytes)
  }

  /** Lets go of the data files. */
  close(): void {
    for (const shard of this.shards) shard?.close()
    this.shards.length = 0
  }

  private shard(index: number): ByteSource {
    const pad = (n: number): string => String(n).padStart(5, '0')
    const file = `${this.prefix}.data-${pad(index)}-of-${pad(this.count)}`
    return (this.shards[index] ??= byteSource(file))
  }
}

/** Whether a checkpoint of this prefix is there. */
export function hasBundle(prefix: string): boolean {
  return existsSync(`${prefix}.index`) && statSync(`${prefix}.index`).isFile()
}
