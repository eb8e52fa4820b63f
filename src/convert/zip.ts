// Zip archives from untrusted files (APPNOTE 6.3, ZIP64 included): only the directory is read at first, entries when they
// are asked for. Every size is checked against the file before memory is taken. Writing is not for this file.
import path from 'node:path'
import { crc32, inflateRawSync } from 'node:zlib'
import { messageOf } from '../core'
import { FileRange } from '../onnx'
import { ConvertError } from './errors'
import type { ByteSource } from './source'

/** Entries of the largest archives in use (one a tensor) are some thousands. */
const MAX_ENTRIES = 1_000_000
/** DEFLATE cannot expand by more (RFC 1951: 258 bytes from two bits at best). */
const MAX_EXPANSION = 1032
/** One compressed entry is expanded in one piece; a stored one can be read in stretches. */
const MAX_INFLATED = 2 ** 31 - 1
/** Bytes of an entry that are looked at together: they stay in the processor's cache meanwhile. */
const STRETCH_BYTES = 2 ** 18
/** The end record and the longest comment after it. */
const END_WINDOW = 22 + 65_535
const SENTINEL_32 = 0xffff_ffff
const SENTINEL_16 = 0xffff

const SIGNATURE = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 } as const

/** One file inside an archive. */
export interface ZipEntry {
  readonly name: string
  /** Bytes when expanded. */
  readonly size: number
  readonly compressedSize: number
  readonly method: 'stored' | 'deflated'
  readonly crc32: number
  /** Where its local header begins. */
  readonly offset: number
}

interface End {
  readonly entries: number
  readonly size: number
  readonly offset: number
}

/** The directory of a zip archive and its entries. */
export class ZipArchive {
  private scratch: Uint8Array | undefined

  private constructor(private readonly source: ByteSource, readonly entries: ReadonlyMap<string, ZipEntry>) {}

  /**
   * Reads the directory of an archive.
   *
   * @throws ConvertError `CONVERT_TRUNCATED` when the directory is not there, `CONVERT_MALFORMED` when it contradicts itself,
   * `CONVERT_UNSAFE` when a name leaves the archive, `CONVERT_LIMIT` when a size is beyond all reason
   */
  static open(source: ByteSource): ZipArchive {
    const end = findEnd(source)
    const entries = new Map<string, ZipEntry>()
    const directory = source.read(end.offset, end.size)
    const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength)
    let at = 0
    for (let i = 0; i < end.entries; i++) {
      if (at + 46 > directory.byteLength || view.getUint32(at, true) !== SIGNATURE.central) {
        throw malformed(source, `entry ${i} of the directory has no header`)
      }
      const nameLength = view.getUint16(at + 28, true)
      const extraLength = view.getUint16(at + 30, true)
      const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true)
      if (next > directory.byteLength) throw malformed(source, `entry ${i} of the directory is cut off`)
      const name = decodeName(directory.subarray(at + 46, at + 46 + nameLength), source)
      const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)
      const entry = readEntry(source, view, at, name, extra)
      if (entries.has(name)) throw malformed(source, `two entries are called ${JSON.stringify(name)}`)
      if (entry !== undefined) entries.set(name, entry)
      at = next
    }
    requireApart(source, entries, end)
    return new ZipArchive(source, entries)
  }

  /** The entry of this name. */
  get(name: string): ZipEntry | undefined {
    return this.entries.get(name)
  }

  /**
   * The expanded bytes of an entry.
   *
   * @param options.most bytes that are acceptable
   * @param options.checksum `false` does not compare the CRC-32: for writers that were told to leave it out
   * @throws ConvertError `CONVERT_LIMIT`, `CONVERT_MALFORMED` when its checksum or size is wrong
   */
  read(name: string, options: { readonly most?: number; readonly checksum?: boolean } = {}): Uint8Array {
    const entry = this.require(name)
    const most = options.most ?? MAX_INFLATED
    if (entry.size > most) {
      throw new ConvertError('CONVERT_LIMIT', `The part ${JSON.stringify(name)} of the archive is larger than accepted`, {
        expected: `at most ${most} bytes`, got: String(entry.size), where: this.source.name,
      })
    }
    const raw = this.source.read(this.dataOffset(entry), entry.compressedSize)
    const bytes = entry.method === 'stored' ? raw : this.inflate(entry, raw)
    if (options.checksum !== false) this.requireSum(entry, crc32(bytes))
    return bytes
  }

  /**
   * A stored entry of an archive on disk, read once from end to end through little memory: where it lies, for those who read
   * it later. Undefined when it is compressed or the archive is in memory.
   *
   * @param visit is given each stretch, which is overwritten by the next, and its place in the entry
   */
  scan(name: string, visit: (stretch: Uint8Array, at: number) => void, options: { readonly checksum?: boolean } = {}): FileRange | undefined {
    const entry = this.require(name)
    if (entry.method !== 'stored' || this.source.file === undefined) return undefined
    const start = this.dataOffset(entry)
    this.scratch ??= Buffer.allocUnsafeSlow(STRETCH_BYTES)
    let sum = 0
    for (let at = 0; at < entry.size; at += STRETCH_BYTES) {
      const stretch = this.scratch.subarray(0, Math.min(STRETCH_BYTES, entry.size - at))
      this.source.readInto(start + at, stretch)
      if (options.checksum !== false) sum = crc32(stretch, sum)
      visit(stretch, at)
    }
    if (options.checksum !== false) this.requireSum(entry, sum)
    return new FileRange(path.resolve(this.source.file), start, entry.size)
  }

  /** A stretch of a stored entry, without reading the rest of it. */
  readRange(name: string, offset: number, length: number): Uint8Array {
    const entry = this.require(name)
    if (!(offset >= 0 && length >= 0 && offset + length <= entry.size)) {
      throw new ConvertError('CONVERT_TRUNCATED', `The part ${JSON.stringify(name)} of the archive is shorter than its tensor needs`, {
        expected: `${length} bytes from ${offset} on`, got: `${entry.size} bytes`, where: this.source.name,
      })
    }
    if (entry.method === 'deflated') return this.read(name).subarray(offset, offset + length)
    return this.source.read(this.dataOffset(entry) + offset, length)
  }

  private requireSum(entry: ZipEntry, sum: number): void {
    if (sum === entry.crc32) return
    throw new ConvertError('CONVERT_MALFORMED', `The part ${JSON.stringify(entry.name)} of the archive is damaged`, {
      expected: `CRC-32 ${entry.crc32.toString(16)}`, got: sum.toString(16), where: this.source.name,
      fix: 'download or save the file again; for a file written without checksums on purpose, pass { checksums: false }',
    })
  }

  private require(name: string): ZipEntry {
    const entry = this.entries.get(name)
    if (entry !== undefined) return entry
    throw new ConvertError('CONVERT_MALFORMED', `The archive has no part ${JSON.stringify(name)}`, {
      got: [...this.entries.keys()].slice(0, 8).join(', ') || 'an empty archive', where: this.source.name,
      fix: 'save the file again with its framework',
    })
  }

  /** The local header repeats the name, and says how far the data is from it. */
  private dataOffset(entry: ZipEntry): number {
    const header = this.source.read(entry.offset, 30)
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
    const nameLength = view.getUint16(26, true)
    const name = view.getUint32(0, true) === SIGNATURE.local ? this.source.read(entry.offset + 30, nameLength) : undefined
    if (name === undefined || Buffer.from(name).toString('utf8') !== entry.name) {
      throw malformed(this.source, `the header of ${JSON.stringify(entry.name)} is not where the directory says`)
    }
    return entry.offset + 30 + nameLength + view.getUint16(28, true)
  }

  private inflate(entry: ZipEntry, raw: Uint8Array): Uint8Array {
    let bytes: Uint8Array
    try {
      bytes = inflateRawSync(raw, { maxOutputLength: Math.max(1, entry.size) })
    } catch (cause) {
      throw new ConvertError('CONVERT_MALFORMED', `The part ${JSON.stringify(entry.name)} of the archive cannot be expanded`, {
        expected: `${entry.size} bytes`, got: messageOf(cause), where: this.source.name, fix: 'download or save the file again', cause,
      })
    }
    if (bytes.byteLength !== entry.size) throw malformed(this.source, `${JSON.stringify(entry.name)} expands to another size than announced`)
    return bytes
  }
}

/** Whether the bytes begin as a zip archive does. */
export function isZip(source: ByteSource): boolean {
  if (source.size < 4) return false
  const head = source.read(0, 4)
  const signature = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true)
  return signature === SIGNATURE.local || signature === SIGNATURE.end
}

function malformed(source: ByteSource, got: string): ConvertError {
  return new ConvertError('CONVERT_MALFORMED', 'The zip archive contradicts itself', { got, where: source.name, fix: 'download or save the file again' })
}

function findEnd(source: ByteSource): End {
  const window = Math.min(source.size, END_WINDOW)
  const tail = source.read(source.size - window, window)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  for (let at = window - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== SIGNATURE.end || at + 22 + view.getUint16(at + 20, true) !== window) continue
    const place = source.size - window + at
    const end: End = { entries: view.getUint16(at + 10, true), size: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) }
    const large = end.entries === SENTINEL_16 || end.size === SENTINEL_32 || end.offset === SENTINEL_32
    const found = large ? findEnd64(source, place) ?? end : end
    if (found.offset + found.size > place) throw malformed(source, 'the directory reaches beyond its end record')
    if (found.entries > MAX_ENTRIES || found.entries * 46 > found.size) throw malformed(source, `${found.entries} entries in a directory of ${found.size} bytes`)
    return found
  }
  throw new ConvertError('CONVERT_TRUNCATED', 'The zip archive has no end', {
    expected: 'an end-of-directory record in the last bytes', got: `a file of ${source.size} bytes`, where: source.name,
    fix: 'the file was cut off: download or save it again',
  })
}

function findEnd64(source: ByteSource, place: number): End | undefined {
  if (place < 20) return undefined
  const locator = source.read(place - 20, 20)
  const at = new DataView(locator.buffer, locator.byteOffset, 20)
  if (at.getUint32(0, true) !== SIGNATURE.locator64) return undefined
  const record = source.read(whole(source, at, 8), 56)
  const view = new DataView(record.buffer, record.byteOffset, 56)
  if (view.getUint32(0, true) !== SIGNATURE.end64) throw malformed(source, 'its ZIP64 record is not where the locator says')
  return { entries: whole(source, view, 32), size: whole(source, view, 40), offset: whole(source, view, 48) }
}

function whole(source: ByteSource, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(source.size) && value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(source, `a size of ${value} bytes`)
  return Number(value)
}

/** Undefined for a folder, which has no bytes. */
function readEntry(source: ByteSource, view: DataView, at: number, name: string, extra: Uint8Array): ZipEntry | undefined {
  const flags = view.getUint16(at + 8, true)
  const method = view.getUint16(at + 10, true)
  const where = `${JSON.stringify(name)} in ${source.name}`
  if ((flags & 1) !== 0) throw new ConvertError('CONVERT_FORMAT', 'The archive is encrypted', { where, fix: 'save it without a password' })
  if (method !== 0 && method !== 8) {
    throw new ConvertError('CONVERT_FORMAT', 'The archive is compressed by a method that is not read', {
      expected: 'stored (0) or DEFLATE (8)', got: String(method), where, fix: 'pack it again with ordinary zip',
    })
  }
  const sizes = { size: view.getUint32(at + 24, true), compressedSize: view.getUint32(at + 20, true), offset: view.getUint32(at + 42, true) }
  extend(source, sizes, extra)
  if (sizes.offset + 30 + sizes.compressedSize > source.size) {
    throw new ConvertError('CONVERT_TRUNCATED', 'The zip archive ends before an entry does', { where, fix: 'download or save the file again' })
  }
  const possible = method === 0 ? sizes.size === sizes.compressedSize : sizes.size <= MAX_EXPANSION * sizes.compressedSize
  if (!possible) throw malformed(source, `${sizes.compressedSize} bytes that expand to ${sizes.size}, ${where}`)
  if (name.endsWith('/')) return undefined
  return { name, ...sizes, method: method === 0 ? 'stored' : 'deflated', crc32: view.getUint32(at + 16, true) }
}

/** ZIP64: the sizes that do not fit 32 bits stand in an extra field, in this order. */
function extend(source: ByteSource, sizes: { size: number; compressedSize: number; offset: number }, extra: Uint8Array): void {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.byteLength)
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    const end = Math.min(extra.byteLength, at + 4 + view.getUint16(at + 2, true))
    let field = at + 4
    for (const key of ['size', 'compressedSize', 'offset'] as const) {
      if (sizes[key] !== SENTINEL_32) continue
      if (field + 8 > end) throw malformed(source, 'a ZIP64 field is cut off')
      sizes[key] = whole(source, view, field)
      field += 8
    }
  }
}

function decodeName(bytes: Uint8Array, source: ByteSource): string {
  const name = Buffer.from(bytes).toString('utf8')
  const parts = name.split('/')
  const leaves = name === '' || name.startsWith('/') || /^[a-zA-Z]:/.test(name) || name.includes('\\') || name.includes('\0') || parts.includes('..')
  if (!leaves) return name
  throw new ConvertError('CONVERT_UNSAFE', 'A name in the zip archive leaves the archive', {
    expected: 'relative names without ..', got: JSON.stringify(name.slice(0, 200)), where: source.name,
    fix: 'do not trust this file: no framework writes such names',
  })
}

/** Entries that share bytes are how an archive of some kilobytes announces terabytes. */
function requireApart(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>, end: End): void {
  let reached = 0
  for (const entry of [...entries.values()].sort((a, b) => a.offset - b.offset)) {
    if (entry.offset < reached) throw malformed(source, `${JSON.stringify(entry.name)} overlaps the entry before it`)
    reached = entry.offset + 30 + entry.compressedSize
  }
  if (reached > end.offset) throw malformed(source, 'an entry reaches into the directory')
}
