// Reads zip archives from people we do not know. Nothing is ever written to disk, so a name cannot lead anywhere; what an
// entry unpacks to is bounded before it is unpacked. Format: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16.
import { inflateRawSync } from 'node:zlib'
import { messageOf } from '../../core'
import { GradingError } from './errors'

/** One file of an archive. */
export interface ZipEntry {
  /** As it stands in the archive, `/` between folders. */
  readonly name: string
  /** Bytes after unpacking, as the archive claims; `read` holds it to that. */
  readonly bytes: number
  /** Local time without zone, as DOS had it. */
  readonly modified: Date
  /** @throws GradingError `GRADE_ZIP` when it does not unpack to what was promised */
  read(): Buffer
}

/** What an archive may be. */
export interface ZipLimits {
  /** Entries: three hundred learners with ten files each, ten times over. */
  readonly entries: number
  /** Bytes of one file after unpacking. */
  readonly fileBytes: number
  /** Bytes of all files after unpacking. */
  readonly totalBytes: number
}

/** An archive's files, and what was left out of it and why. */
export interface ZipContents {
  readonly entries: readonly ZipEntry[]
  readonly refused: readonly { readonly name: string; readonly reason: string }[]
}

const END = 0x06054b50, CENTRAL = 0x02014b50, LOCAL = 0x04034b50
const STORED = 0, DEFLATED = 8, ENCRYPTED = 1, SYMLINK = 0o120000, FORMAT = 0o170000

/**
 * The contents of an archive.
 *
 * @param where its name, for errors
 * @throws GradingError `GRADE_ZIP` when it is no zip archive, is damaged, or promises more than the limits
 */
export function readZip(bytes: Buffer, where: string, limits: ZipLimits): ZipContents {
  const fail = (what: string): never => {
    throw new GradingError('GRADE_ZIP', 'The archive cannot be read', { expected: 'a zip archive within the limits', got: what, where, fix: 'unpack it yourself and grade the folder' })
  }
  const end = findEnd(bytes) ?? fail('there is no directory at its end')
  const count = bytes.readUInt16LE(end + 10), start = bytes.readUInt32LE(end + 16)
  if (count === 0xffff || start === 0xffffffff) fail('it is a zip64 archive')
  if (count > limits.entries) fail(`it has ${count} entries; ${limits.entries} are allowed`)
  const entries: ZipEntry[] = []
  const refused: { name: string; reason: string }[] = []
  let at = start, total = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== CENTRAL) fail(`entry ${i + 1} is damaged`)
    const flags = bytes.readUInt16LE(at + 8), method = bytes.readUInt16LE(at + 10)
    const packed = bytes.readUInt32LE(at + 20), size = bytes.readUInt32LE(at + 24)
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset)) as [number, number, number]
    const attributes = bytes.readUInt32LE(at + 38), local = bytes.readUInt32LE(at + 42)
    const name = bytes.toString('utf8', at + 46, at + 46 + nameBytes).replaceAll('\\', '/')
    const modified = dosTime(bytes.readUInt16LE(at + 14), bytes.readUInt16LE(at + 12))
    at += 46 + nameBytes + extraBytes + commentBytes
    if (name.endsWith('/')) continue
    const reason = refusal(name, flags, method, attributes) ?? (size > limits.fileBytes ? `it would unpack to ${size} bytes; ${limits.fileBytes} are allowed` : undefined)
    if (reason !== undefined) {
      refused.push({ name, reason })
      continue
    }
    total += size
    if (total > limits.totalBytes) fail(`its files would unpack to more than ${limits.totalBytes} bytes`)
    entries.push({ name, bytes: size, modified, read: () => unpack(bytes, { local, packed, size, method }, `${where}: ${name}`) })
  }
  return { entries, refused }
}

/** Where the end record begins: it is last but for a comment of at most 65,535 bytes. */
function findEnd(bytes: Buffer): number | undefined {
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 22 - 0xffff); at--) {
    if (bytes.readUInt32LE(at) === END) return at
  }
  return undefined
}

function refusal(name: string, flags: number, method: number, attributes: number): string | undefined {
  if (name.includes('\0') || name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..')) return 'its name leads out of the archive'
  if ((flags & ENCRYPTED) !== 0) return 'it is encrypted'
  if (((attributes >>> 16) & FORMAT) === SYMLINK) return 'it is a link'
  return method === STORED || method === DEFLATED ? undefined : `it is packed with method ${method}`
}

interface Place {
  readonly local: number
  readonly packed: number
  readonly size: number
  readonly method: number
}

function unpack(bytes: Buffer, { local, packed, size, method }: Place, where: string): Buffer {
  const fail = (got: string, cause?: unknown): never => {
    throw new GradingError('GRADE_ZIP', 'A file of the archive does not unpack', { expected: `${size} bytes`, got, where, ...(cause === undefined ? {} : { cause }) })
  }
  if (local + 30 > bytes.length || bytes.readUInt32LE(local) !== LOCAL) return fail('its header is damaged')
  const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
  if (from + packed > bytes.length) return fail('it is cut off')
  const data = bytes.subarray(from, from + packed)
  let content: Buffer
  try {
    // One byte more than promised is already a lie, so nothing larger is ever made.
    content = method === STORED ? data : inflateRawSync(data, { maxOutputLength: size + 1 })
  } catch (cause) {
    return fail(messageOf(cause), cause)
  }
  return content.length === size ? content : fail(`${content.length} bytes or more`)
}

function dosTime(date: number, time: number): Date {
  return new Date(1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2)
}
