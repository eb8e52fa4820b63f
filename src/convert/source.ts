// Where the bytes of a file to convert come from: memory, or a file that is read a stretch at a time.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { messageOf } from '../core'
import { ConvertError } from './errors'

/** Bytes that can be read from any place. */
export interface ByteSource {
  /** What messages call it: a path, or `the given bytes`. */
  readonly name: string
  readonly size: number
  /**
   * Exactly `length` bytes from `offset` on.
   *
   * @throws ConvertError `CONVERT_TRUNCATED` when they are not all there, `CONVERT_FILE` when reading fails
   */
  read(offset: number, length: number): Uint8Array
  /** Fills `target` with the bytes from `offset` on, with the same errors. */
  readInto(offset: number, target: Uint8Array): void
  /** The path of the file; undefined for bytes in memory. */
  readonly file: string | undefined
  /** Lets go of the file; reading afterwards fails. */
  close(): void
}

/** Bytes read by one call of the operating system: below its limit of 2 GiB. */
const IO_BYTES = 2 ** 30

function requireRange(source: ByteSource, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= source.size) return
  throw new ConvertError('CONVERT_TRUNCATED', 'The file ends before the data it announces', {
    expected: `${length} bytes from ${offset} on`, got: `a file of ${source.size} bytes`, where: source.name,
    fix: 'download or save the file again',
  })
}

class MemorySource implements ByteSource {
  readonly file = undefined

  constructor(private readonly bytes: Uint8Array, readonly name: string) {}

  get size(): number {
    return this.bytes.byteLength
  }

  read(offset: number, length: number): Uint8Array {
    requireRange(this, offset, length)
    return this.bytes.subarray(offset, offset + length)
  }

  readInto(offset: number, target: Uint8Array): void {
    target.set(this.read(offset, target.byteLength))
  }

  close(): void {
    // Nothing is held.
  }
}

class OpenFile implements ByteSource {
  private readonly descriptor: number
  readonly size: number
  private open = true

  constructor(readonly name: string) {
    try {
      this.descriptor = openSync(name, 'r')
      const found = fstatSync(this.descriptor)
      if (!found.isFile()) {
        closeSync(this.descriptor)
        throw new Error('it is not a regular file')
      }
      this.size = found.size
    } catch (cause) {
      throw new ConvertError('CONVERT_FILE', 'The file cannot be read', { got: messageOf(cause), where: name, fix: 'check the path', cause })
    }
  }

  read(offset: number, length: number): Uint8Array {
    requireRange(this, offset, length)
    if (!this.open) throw new ConvertError('CONVERT_FILE', 'The file was closed before all of it was read', { where: this.name })
    // Memory that is not cleared first: all of it is overwritten below. Not of the pool, so that it is aligned.
    const bytes = Buffer.allocUnsafeSlow(length)
    this.readInto(offset, bytes)
    return bytes
  }

  readInto(offset: number, target: Uint8Array): void {
    const length = target.byteLength
    requireRange(this, offset, length)
    if (!this.open) throw new ConvertError('CONVERT_FILE', 'The file was closed before all of it was read', { where: this.name })
    try {
      for (let at = 0; at < length; ) {
        const count = readSync(this.descriptor, target, at, Math.min(IO_BYTES, length - at), offset + at)
        if (count === 0) throw new Error('it became shorter while it was read')
        at += count
      }
    } catch (cause) {
      throw new ConvertError('CONVERT_FILE', 'The file cannot be read', { got: messageOf(cause), where: this.name, cause })
    }
  }

  get file(): string {
    return this.name
  }

  close(): void {
    if (this.open) closeSync(this.descriptor)
    this.open = false
  }
}

/** Bytes in memory (not copied), or a file by its path (opened, and read when asked). */
export function byteSource(from: string | Uint8Array, name = 'the given bytes'): ByteSource {
  return typeof from === 'string' ? new OpenFile(from) : new MemorySource(from, name)
}

/** Runs `use` on a source and lets go of its file. */
export function withSource<T>(from: string | Uint8Array, use: (source: ByteSource) => T): T {
  const source = byteSource(from)
  try {
    return use(source)
  } finally {
    source.close()
  }
}

/**
 * Parses JSON from an untrusted file.
 *
 * @throws ConvertError `CONVERT_LIMIT` when it is longer than `most` bytes, `CONVERT_MALFORMED` when it is no JSON
 */
export function parseJson(bytes: Uint8Array, where: string, most = 2 ** 28): unknown {
  if (bytes.byteLength > most) {
    throw new ConvertError('CONVERT_LIMIT', 'A JSON part of the file is longer than accepted', {
      expected: `at most ${most} bytes`, got: String(bytes.byteLength), where,
    })
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (cause) {
    throw new ConvertError('CONVERT_MALFORMED', 'A part of the file that should be JSON is not', {
      got: messageOf(cause), where, fix: 'save the file again with its framework', cause,
    })
  }
}
