// Reads the IDX format of the MNIST files. It trusts nothing: every length is checked before memory is taken.
import { DataError } from './errors'

/** The element types of the format, by the third byte of a file. */
export type IdxArray = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array

/** A tensor as an IDX file holds it, row-major. */
export interface IdxTensor {
  readonly shape: readonly number[]
  readonly data: IdxArray
}

/** No dataset has more axes; a larger count is a damaged file. */
const MAX_RANK = 8

type Getter = (view: DataView, offset: number) => number
interface Element { readonly bytes: number, make(count: number): IdxArray, readonly get: Getter }

const ELEMENTS: Readonly<Record<number, Element>> = {
  0x08: { bytes: 1, make: (n) => new Uint8Array(n), get: (v, o) => v.getUint8(o) },
  0x09: { bytes: 1, make: (n) => new Int8Array(n), get: (v, o) => v.getInt8(o) },
  0x0b: { bytes: 2, make: (n) => new Int16Array(n), get: (v, o) => v.getInt16(o) },
  0x0c: { bytes: 4, make: (n) => new Int32Array(n), get: (v, o) => v.getInt32(o) },
  0x0d: { bytes: 4, make: (n) => new Float32Array(n), get: (v, o) => v.getFloat32(o) },
  0x0e: { bytes: 8, make: (n) => new Float64Array(n), get: (v, o) => v.getFloat64(o) },
}

/**
 * Reads an IDX file: two zero bytes, the element type, the number of axes, their sizes as big-endian uint32, then the
 * elements, big-endian and row-major (Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats").
 *
 * Bytes of an unsigned file are not copied: the result looks into `bytes`.
 *
 * @param where the file's name, for errors
 * @throws DataError `IDX_FORMAT` for a wrong header, `IDX_LENGTH` for a truncated file or trailing bytes
 */
export function readIdx(bytes: Uint8Array, where: string): IdxTensor {
  const format = (expected: string, got: string): DataError =>
    new DataError('IDX_FORMAT', 'This is not an IDX file', { expected, got, where })
  const length = (expected: string): DataError => new DataError('IDX_LENGTH', 'The IDX file has the wrong length', {
    expected, got: `${bytes.length} bytes`, where, fix: 'fetch the file again; it was cut off or damaged',
  })
  if (bytes.length < 4) throw length('at least 4 bytes of header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(0) !== 0) throw format('two zero bytes first', `0x${view.getUint16(0).toString(16)}`)
  const type = view.getUint8(2)
  const element = ELEMENTS[type]
  if (!element) throw format('an element type of 8, 9, 11, 12, 13 or 14', `${type}`)
  const rank = view.getUint8(3)
  if (rank < 1 || rank > MAX_RANK) throw format(`1 to ${MAX_RANK} axes`, `${rank}`)
  const start = 4 + 4 * rank
  if (bytes.length < start) throw length(`at least ${start} bytes of header`)

  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  // Sizes of 2³² in 8 axes pass what a double counts exactly, but then they are far over the file's length anyway.
  const count = shape.reduce((product, size) => product * size, 1)
  if (start + count * element.bytes !== bytes.length) {
    throw length(`${start + count * element.bytes} bytes: ${start} of header and [${shape.join(', ')}] × ${element.bytes}`)
  }
  if (type === 0x08) return { shape, data: bytes.subarray(start) }
  const data = element.make(count)
  for (let i = 0; i < count; i++) data[i] = element.get(view, start + i * element.bytes)
  return { shape, data }
}
