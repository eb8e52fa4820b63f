// External data: weights in files beside the model (ONNX, "External Data"). Locations come from an untrusted file, so they
// must stay inside the model's folder, symbolic links included.
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../core'
import { OnnxError } from '../errors'
import type { TensorSource } from '../ir/tensor'

/** Bytes read or written by one call of the operating system: below its limit of 2 GiB. */
export const IO_BYTES: number = 2 ** 30

/**
 * A range of a file as the source of a tensor's bytes; opened at each read, so it holds no descriptor. When the file was
 * replaced since (by saving over it, say), the range may hold other numbers, so reading it is refused.
 */
export class FileRange implements TensorSource {
  private readonly stamp: string | undefined

  constructor(readonly file: string, readonly offset: number, readonly byteLength: number) {
    this.stamp = stampOf(file)
  }

  read(offset: number, length: number): Uint8Array {
    return this.use(offset, length, (descriptor, at) => readFully(descriptor, at, length))
  }

  readInto(offset: number, target: Uint8Array): void {
    this.use(offset, target.byteLength, (descriptor, at) => { fill(descriptor, at, target) })
  }

  /** What messages call it. */
  protected get what(): string {
    return 'The data of a tensor'
  }

  /** The file that is opened. */
  protected get place(): string {
    return this.file
  }

  private use<T>(offset: number, length: number, read: (descriptor: number, at: number) => T): T {
    if (this.stamp !== undefined && stampOf(this.file) !== this.stamp) {
      throw new OnnxError('ONNX_EXTERNAL', `${this.what} was changed after it was loaded`, {
        where: this.file, fix: 'load the model again',
      })
    }
    if (offset < 0 || length < 0 || offset + length > this.byteLength) {
      throw new OnnxError('ONNX_EXTERNAL', `${this.what} is read beyond its end`, {
        expected: `at most ${this.byteLength} bytes`, got: `${length} from ${offset}`, where: this.file,
      })
    }
    let descriptor: number | undefined
    try {
      descriptor = openSync(this.place, 'r')
      const { size } = fstatSync(descriptor)
      const end = this.offset + offset + length
      if (end > size) {
        throw new OnnxError('ONNX_EXTERNAL', `The file of ${this.what.toLowerCase()} is too short`, {
          expected: `${end} bytes`, got: `${size} bytes`, where: this.file, fix: 'copy the file completely',
        })
      }
      return read(descriptor, this.offset + offset)
    } catch (cause) {
      if (cause instanceof OnnxError) throw cause
      throw new OnnxError('ONNX_EXTERNAL', `${this.what} cannot be read`, {
        got: messageOf(cause), where: this.file, fix: 'put the file beside the model', cause,
      })
    } finally {
      if (descriptor !== undefined) closeSync(descriptor)
    }
  }
}

/** External data: a range of a file beside the model, which must not be a link to elsewhere. */
export class FileSource extends FileRange {
  constructor(file: string, offset: number, byteLength: number, readonly entries: ReadonlyMap<string, string>) {
    super(file, offset, byteLength)
  }

  protected override get what(): string {
    return 'External data'
  }

  protected override get place(): string {
    const real = realpathSync(this.file)
    const folder = realpathSync(path.dirname(this.file))
    if (real.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep)) return real
    throw new OnnxError('ONNX_EXTERNAL', 'External data is a link that leaves the folder of the model', { got: real, where: this.file })
  }
}

function stampOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeMs}`
}

/**
 * The source of a tensor whose entries are given.
 *
 * @param folder of the model file; undefined when the model came from memory
 * @throws OnnxError `ONNX_EXTERNAL` when the location is missing or leaves the folder, or offset or length are impossible
 */
export function externalSource(folder: string | undefined, entries: ReadonlyMap<string, string>, byteLength: number, tensor: string): TensorSource {
  const where = `tensor "${tensor}"`
  const location = entries.get('location') ?? ''
  const normal = path.posix.normalize(location.replaceAll('\\', '/'))
  if (location === '' || path.isAbsolute(location) || /^[a-zA-Z]:/.test(location) || normal === '..' || normal.startsWith('../') || location.includes('\0')) {
    throw new OnnxError('ONNX_EXTERNAL', 'External data is outside the folder of the model', {
      expected: 'a relative path that stays inside the folder', got: JSON.stringify(location), where,
    })
  }
  const offset = wholeNumber(entries.get('offset'), 0, 'offset', where)
  const length = wholeNumber(entries.get('length'), byteLength, 'length', where)
  if (length !== byteLength) {
    throw new OnnxError('ONNX_EXTERNAL', 'External data has another length than its tensor', {
      expected: `${byteLength} bytes`, got: `${length} bytes`, where,
    })
  }
  if (folder === undefined) return new Unlocated(entries, where)
  return new FileSource(path.join(folder, normal), offset, length, entries)
}

/** Entries of a model that came from memory: they are kept, but nothing can be read. */
class Unlocated implements TensorSource {
  constructor(readonly entries: ReadonlyMap<string, string>, private readonly where: string) {}

  read(): Uint8Array {
    throw new OnnxError('ONNX_EXTERNAL', 'The model was read from memory, so its external data cannot be found', {
      where: this.where, fix: 'use loadModel(path), or readModel(bytes, { folder })',
    })
  }
}

function wholeNumber(text: string | undefined, otherwise: number, what: string, where: string): number {
  if (text === undefined) return otherwise
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(value)) {
    throw new OnnxError('ONNX_EXTERNAL', `External data has an impossible ${what}`, { got: JSON.stringify(text), where })
  }
  return value
}

/** Reads exactly `length` bytes from an open file. */
export function readFully(descriptor: number, offset: number, length: number): Uint8Array {
  // Memory that is not cleared first: all of it is overwritten below.
  const bytes = Buffer.allocUnsafeSlow(length)
  fill(descriptor, offset, bytes)
  return bytes
}

function fill(descriptor: number, offset: number, target: Uint8Array): void {
  for (let at = 0; at < target.byteLength; ) {
    const count = readSync(descriptor, target, at, Math.min(IO_BYTES, target.byteLength - at), offset + at)
    if (count === 0) throw new OnnxError('ONNX_TRUNCATED', 'The file became shorter while it was read')
    at += count
  }
}
