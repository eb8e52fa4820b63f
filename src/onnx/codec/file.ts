// Models in memory and in files: what the rest of the library calls to read and write ONNX.
import { closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, writevSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../core'
import { OnnxError } from '../errors'
import type { Model } from '../ir/model'
import type { Tensor } from '../ir/tensor'
import { decodeModel } from './decode'
import { encodeModel, type ExternalPlan } from './encode'
import { externalSource, FileSource, IO_BYTES, readFully } from './external'
import { MAX_FILE_BYTES, readMessage } from './reader'
import { concatenate, Stored, writePieces, type Piece } from './writer'

/** Where the weights of a saved model go. */
export interface ExternalDataOptions {
  /** File beside the model, or a function from a tensor's name to its file; default: the model's name + `.data`. */
  readonly location?: string | ((tensor: string) => string)
  /** Tensors of fewer bytes stay in the model file. Default 1024. */
  readonly threshold?: number
  /** Bytes that each tensor's place is a multiple of, so that it can be mapped into memory. Default 4096. */
  readonly alignment?: number
}

/** How a model is saved. */
export interface SaveOptions {
  /**
   * `true` or options: large weights go to external files. `false`: everything goes into the model file. By default, a
   * model keeps what it has, and goes external when it would be over protobuf's 2 GiB.
   */
  readonly externalData?: boolean | ExternalDataOptions
}

/**
 * Reads a model from the bytes of an .onnx file. Weights are views of `bytes`: they are not copied.
 *
 * @param options.folder where external data lies
 * @throws OnnxError `ONNX_TRUNCATED`, `ONNX_MALFORMED`, `ONNX_LIMIT`, `ONNX_DTYPE`, `ONNX_TENSOR`, `ONNX_EXTERNAL`
 */
export function readModel(bytes: Uint8Array, options: { readonly folder?: string } = {}): Model {
  return decodeModel(readMessage('Model', bytes), (entries, length, tensor) => externalSource(options.folder, entries, length, tensor))
}

/**
 * The bytes of an .onnx file. Weights in external files are referred to as before.
 *
 * @throws OnnxError `ONNX_LIMIT` when the result would be over protobuf's 2 GiB
 */
export function writeModel(model: Model): Uint8Array {
  return concatenate(limited(writePieces('Model', encodeModel(model, keepExternal))))
}

/**
 * Reads a model file. External data is read when it is asked for.
 *
 * @throws OnnxError `ONNX_FILE` when the file cannot be read, and the errors of {@link readModel}
 */
export function loadModel(file: string): Model {
  return readModel(readWhole(file), { folder: path.dirname(path.resolve(file)) })
}

/**
 * Writes a model file, and its external data beside it. A file that is being replaced stays whole until the new one is.
 *
 * @throws OnnxError `ONNX_FILE` when a file cannot be written, `ONNX_LIMIT` when it would be over 2 GiB
 */
export function saveModel(model: Model, file: string, options: SaveOptions = {}): void {
  const choice = options.externalData ?? (inlineBytes(model) > MAX_FILE_BYTES - 2 ** 24 ? true : undefined)
  if (choice === undefined || choice === false) {
    // A reference stays as it is only beside the file that it refers to.
    const folder = path.dirname(path.resolve(file))
    const plan: ExternalPlan = (tensor) => {
      const { source } = tensor
      const near = source instanceof FileSource && existsSync(source.file) && samePlace(folder, source)
      return choice === undefined && near ? source.entries : undefined
    }
    writeFile(file, limited(writePieces('Model', encodeModel(model, plan))))
    return
  }
  saveExternal(model, file, choice === true ? {} : choice)
}

/** Bytes copied at a time. */
const STRETCH_BYTES = 2 ** 22

function samePlace(folder: string, source: FileSource): boolean {
  return path.resolve(folder, source.entries.get('location') ?? '') === path.resolve(source.file)
}

const keepExternal: ExternalPlan = (tensor) => tensor.source?.entries

function inlineBytes(model: Model): number {
  let bytes = 0
  for (const tensor of model.graph.initializers.values()) if (tensor.source?.entries === undefined) bytes += tensor.byteLength
  return bytes
}

function limited(pieces: Piece[]): Piece[] {
  const total = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  if (total > MAX_FILE_BYTES) {
    throw new OnnxError('ONNX_LIMIT', 'The model is too large for one file', {
      expected: `at most ${MAX_FILE_BYTES} bytes`, got: String(total), fix: 'saveModel(model, file, { externalData: true })',
    })
  }
  return pieces
}

function saveExternal(model: Model, file: string, options: ExternalDataOptions): void {
  const folder = path.dirname(path.resolve(file))
  const threshold = options.threshold ?? 1024
  const alignment = options.alignment ?? 4096
  const chosen = options.location ?? `${path.basename(file)}.data`
  const written = new Map<string, { readonly descriptor: number; readonly temporary: string; at: number }>()
  const plan: ExternalPlan = (tensor: Tensor) => {
    if (tensor.dtype === 'string' || tensor.byteLength < threshold) return undefined
    const location = typeof chosen === 'string' ? chosen : chosen(tensor.extras.name ?? '')
    // The same rule that readers apply.
    externalSource(folder, new Map([['location', location]]), tensor.byteLength, tensor.extras.name ?? '')
    const target = path.join(folder, location)
    let out = written.get(target)
    if (out === undefined) {
      const temporary = `${target}.${process.pid}.partial`
      out = { descriptor: open(temporary, 'w'), temporary, at: 0 }
      written.set(target, out)
    }
    const gap = (alignment - (out.at % alignment)) % alignment
    writeAll(out.descriptor, [new Uint8Array(gap), tensor.source === undefined ? tensor.bytes : new Stored(tensor.source, tensor.byteLength)], target)
    const offset = out.at + gap
    out.at = offset + tensor.byteLength
    return new Map([['location', location], ['offset', String(offset)], ['length', String(tensor.byteLength)]])
  }
  try {
    const pieces = limited(writePieces('Model', encodeModel(model, plan)))
    for (const { descriptor } of written.values()) closeSync(descriptor)
    for (const [target, { temporary }] of written) renameSync(temporary, target)
    writeFile(file, pieces)
  } catch (cause) {
    for (const { temporary } of written.values()) rmSync(temporary, { force: true })
    throw fileError('written', file, cause)
  }
}

function readWhole(file: string): Uint8Array {
  const descriptor = open(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    if (size > MAX_FILE_BYTES) {
      throw new OnnxError('ONNX_LIMIT', 'The model file is too large for protobuf', {
        expected: `at most ${MAX_FILE_BYTES} bytes`, got: String(size), where: file,
      })
    }
    return readFully(descriptor, 0, size)
  } catch (cause) {
    throw fileError('read', file, cause)
  } finally {
    closeSync(descriptor)
  }
}

function writeFile(file: string, pieces: readonly Piece[]): void {
  const temporary = `${file}.${process.pid}.partial`
  const descriptor = open(temporary, 'w')
  try {
    writeAll(descriptor, pieces, file)
    closeSync(descriptor)
    renameSync(temporary, file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw fileError('written', file, cause)
  }
}

function writeAll(descriptor: number, pieces: Iterable<Piece>, file: string): void {
  const write = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.byteLength; ) at += writevSync(descriptor, [bytes.subarray(at, at + IO_BYTES)])
  }
  let stretch: Uint8Array | undefined
  try {
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) {
        write(piece)
        continue
      }
      // From one file to the other through little memory.
      stretch ??= Buffer.allocUnsafeSlow(STRETCH_BYTES)
      for (let at = 0; at < piece.byteLength; at += STRETCH_BYTES) {
        const part = stretch.subarray(0, Math.min(STRETCH_BYTES, piece.byteLength - at))
        piece.copy(part, at)
        write(part)
      }
    }
  } catch (cause) {
    throw fileError('written', file, cause)
  }
}

function open(file: string, mode: 'r' | 'w'): number {
  try {
    return openSync(file, mode)
  } catch (cause) {
    throw fileError(mode === 'r' ? 'read' : 'written', file, cause)
  }
}

function fileError(what: 'read' | 'written', file: string, cause: unknown): OnnxError {
  if (cause instanceof OnnxError) return cause
  return new OnnxError('ONNX_FILE', `The model file cannot be ${what}`, { got: messageOf(cause), where: file, cause })
}
