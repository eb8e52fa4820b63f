// HDF5 files as h5py writes them for Keras: superblock 0, groups by symbol table, contiguous or compact data, attributes
// ("HDF5 File Format Specification", version 3.0). A reader of what is there, not of all that the format allows. Nothing is
// trusted: every address is checked against the file, every object is read once, and the work is bounded.
import { elementCount, type DType } from '../../core'
import { Tensor } from '../../onnx'
import { ConvertError } from '../errors'

const SIGNATURE = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
/** Objects of one file: a model with thousands of weights has some ten thousand. */
const MAX_OBJECTS = 1_000_000
/** Groups in groups. */
const MAX_DEPTH = 64
const UNDEFINED = 2 ** 53

/** Whether bytes begin as an HDF5 file does. */
export function isHdf5(head: Uint8Array): boolean {
  return head.byteLength >= 8 && Buffer.compare(head.subarray(0, 8), SIGNATURE) === 0
}

interface Datatype { readonly class: number; readonly size: number; readonly signed: boolean; readonly bigEndian: boolean; readonly text: boolean; readonly base: Datatype | undefined }

/** An attribute: text, a list of texts, or numbers. */
export type AttributeValue = string | string[] | number[]

/** A group or a dataset. */
export interface Hdf5Object {
  readonly attributes: ReadonlyMap<string, AttributeValue>
  /** Members of a group, by name. */
  readonly members: ReadonlyMap<string, number>
  readonly dataset: { readonly type: Datatype; readonly shape: readonly number[]; readonly at: number; readonly length: number } | undefined
}

export class Hdf5File {
  private readonly view: DataView
  private readonly seen = new Map<number, Hdf5Object>()
  readonly root: Hdf5Object

  /** @throws ConvertError `CONVERT_TRUNCATED`, `CONVERT_MALFORMED`, `CONVERT_VERSION` for forms that Keras does not write */
  constructor(private readonly bytes: Uint8Array, private readonly where: string) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!isHdf5(bytes)) throw this.fail('CONVERT_FORMAT', 'The file is no HDF5 file')
    const version = this.u8(8)
    if (version !== 0 || this.u8(13) !== 8 || this.u8(14) !== 8) {
      throw this.fail('CONVERT_VERSION', 'The HDF5 file is of a form that Keras does not write', `superblock ${version}`)
    }
    // Superblock of 56 bytes, then the root's symbol table entry: name offset, address of the header.
    this.root = this.object(this.address(56 + 8))
  }

  /** The object at a path such as `layers/dense/vars/0`. */
  find(path: string): Hdf5Object | undefined {
    let object: Hdf5Object | undefined = this.root
    for (const part of path.split('/').filter((name) => name !== '')) {
      const at: number | undefined = object?.members.get(part)
      object = at === undefined ? undefined : this.object(at)
    }
    return object
  }

  /** The numbers of a dataset. */
  tensor(object: Hdf5Object, name: string): Tensor {
    const { dataset } = object
    if (dataset === undefined) throw this.fail('CONVERT_MALFORMED', 'A weight is no dataset', name)
    const { type, shape, at, length } = dataset
    const dtype = dtypeOf(type)
    if (dtype === undefined) throw this.fail('CONVERT_DTYPE', 'A weight has an element type that is not read', `${name}: class ${type.class}, ${type.size} bytes`)
    const size = elementCount(shape) * type.size
    if (!Number.isSafeInteger(size) || (size > 0 && length < size)) throw this.fail('CONVERT_TENSOR', 'The data of a weight does not fill its shape', `${name}: ${length} bytes for [${shape.join(', ')}]`)
    return Tensor.ofBytes(dtype, shape, size === 0 ? new Uint8Array(0) : this.slice(at, size))
  }

  /** Every dataset below an object, by path. */
  *datasets(object: Hdf5Object = this.root, prefix = '', depth = 0): Generator<[string, Hdf5Object]> {
    if (depth > MAX_DEPTH) throw this.fail('CONVERT_LIMIT', 'Groups of the HDF5 file are nested too deep')
    for (const [name, at] of object.members) {
      const inner = this.object(at)
      if (inner.dataset !== undefined) yield [prefix + name, inner]
      else yield* this.datasets(inner, `${prefix}${name}/`, depth + 1)
    }
  }

  object(at: number): Hdf5Object {
    const known = this.seen.get(at)
    if (known !== undefined) return known
    if (this.seen.size > MAX_OBJECTS) throw this.fail('CONVERT_LIMIT', 'The HDF5 file has more objects than accepted')
    const attributes = new Map<string, AttributeValue>()
    let members = new Map<string, number>()
    let type: Datatype | undefined
    let shape: number[] | undefined
    let data: { at: number; length: number } | undefined
    for (const [kind, start, end] of this.messages(at)) {
      if (kind === 0x01) shape = this.dataspace(start)
      else if (kind === 0x03) type = this.datatype(start, end)
      else if (kind === 0x08) data = this.layout(start)
      else if (kind === 0x0b) throw this.fail('CONVERT_VERSION', 'A weight is compressed, which Keras does not do')
      else if (kind === 0x0c) {
        const [name, value] = this.attribute(start, end)
        if (value !== undefined) attributes.set(name, value)
      } else if (kind === 0x11) members = this.group(this.address(start), this.address(start + 8))
      else if (kind === 0x02 || kind === 0x06) throw this.fail('CONVERT_VERSION', 'Groups are stored in the new form, which h5py does not write by default')
    }
    const dataset = type === undefined || shape === undefined ? undefined : { type, shape, at: data?.at ?? 0, length: data?.length ?? 0 }
    const made = { attributes, members, dataset }
    this.seen.set(at, made)
    return made
  }

  /** Messages of an object header, version 1: [type, first byte, end]. */
  private *messages(at: number): Generator<[number, number, number]> {
    if (this.u8(at) !== 1) throw this.fail('CONVERT_VERSION', 'An object header is of a version that Keras does not write', String(this.u8(at)))
    const count = this.u16(at + 2)
    const blocks: [number, number][] = [[at + 16, this.u32(at + 8)]]
    let read = 0
    for (const [start, size] of blocks) {
      if (blocks.length > 10_000) throw this.fail('CONVERT_LIMIT', 'An object header goes on without end')
      for (let p = start; p + 8 <= start + size && read < count; read++) {
        const [type, length] = [this.u16(p), this.u16(p + 2)]
        const end = p + 8 + length
        if (end > start + size) throw this.fail('CONVERT_MALFORMED', 'A message is longer than its block')
        if (type === 0x10) blocks.push([this.address(p + 8), this.address(p + 16)])
        else yield [type, p + 8, end]
        p = end
      }
    }
  }

  private dataspace(at: number): number[] {
    const version = this.u8(at)
    const rank = this.u8(at + 1)
    if (rank > 32) throw this.fail('CONVERT_MALFORMED', 'A dataset has more axes than HDF5 allows', String(rank))
    if (version === 2 && this.u8(at + 3) === 2) return [0]
    const first = at + (version === 1 ? 8 : 4)
    return Array.from({ length: rank }, (_, i) => this.address(first + 8 * i))
  }

  private datatype(at: number, end: number, depth = 0): Datatype {
    if (depth > 4) throw this.fail('CONVERT_LIMIT', 'A datatype is nested too deep')
    const kind = this.u8(at) & 15
    const bits = this.u8(at + 1)
    const base = kind === 9 && at + 8 < end ? this.datatype(at + 8, end, depth + 1) : undefined
    return { class: kind, size: this.u32(at + 4), signed: (bits & 8) !== 0, bigEndian: (bits & 1) !== 0 && kind < 2, text: kind === 3 || (kind === 9 && (bits & 15) === 1), base }
  }

  private layout(at: number): { at: number; length: number } {
    if (this.u8(at) !== 3) throw this.fail('CONVERT_VERSION', 'Data is laid out in a form that Keras does not write', `layout ${this.u8(at)}`)
    const kind = this.u8(at + 1)
    if (kind === 0) return { at: at + 4, length: this.u16(at + 2) }
    if (kind === 1) {
      const place = this.wide(at + 2)
      return { at: place ?? 0, length: place === undefined ? 0 : this.address(at + 10) }
    }
    throw this.fail('CONVERT_VERSION', 'Data is stored in chunks, which Keras does not do')
  }

  private attribute(at: number, end: number): [string, AttributeValue | undefined] {
    const version = this.u8(at)
    if (version < 1 || version > 3) throw this.fail('CONVERT_VERSION', 'An attribute is of an unknown version', String(version))
    const sizes = [this.u16(at + 2), this.u16(at + 4), this.u16(at + 6)] as const
    const padded = (n: number): number => (version === 1 ? Math.ceil(n / 8) * 8 : n)
    let p = at + (version === 3 ? 9 : 8)
    const name = this.text(p, sizes[0])
    p += padded(sizes[0])
    const type = this.datatype(p, end)
    p += padded(sizes[1])
    const shape = sizes[2] === 0 ? [] : this.dataspace(p)
    p += padded(sizes[2])
    const count = elementCount(shape)
    if (!(count * type.size <= end - p)) throw this.fail('CONVERT_MALFORMED', 'An attribute is longer than its message', name)
    if (type.text) {
      const strings = Array.from({ length: count }, (_, i) => (type.class === 9 ? this.heapText(p + i * type.size) : this.text(p + i * type.size, type.size)))
      return [name, shape.length === 0 ? strings[0] ?? '' : strings]
    }
    const dtype = dtypeOf(type)
    return [name, dtype === undefined ? undefined : Tensor.ofBytes(dtype, [count], this.slice(p, count * type.size)).numbers()]
  }

  /** Text in a global heap: its length, the collection, its number there. */
  private heapText(at: number): string {
    const [length, heap, index] = [this.u32(at), this.wide(at + 4), this.u32(at + 12)]
    if (heap === undefined || heap === 0 || length === 0) return ''
    if (this.text(heap, 4) !== 'GCOL') throw this.fail('CONVERT_MALFORMED', 'A text is not where it should be')
    const end = heap + this.address(heap + 8)
    for (let p = heap + 16; p + 16 <= end; ) {
      const [number, size] = [this.u16(p), this.address(p + 8)]
      if (number === index) {
        if (length > size) throw this.fail('CONVERT_MALFORMED', 'A text is longer than its place')
        return this.text(p + 16, length)
      }
      if (number === 0) break
      p += 16 + Math.ceil(size / 8) * 8
    }
    throw this.fail('CONVERT_MALFORMED', 'A text is not in its heap')
  }

  /** Members of a group: a B-tree of symbol nodes, names in a local heap. */
  private group(tree: number, heap: number): Map<string, number> {
    if (this.text(heap, 4) !== 'HEAP') throw this.fail('CONVERT_MALFORMED', 'A group has no names')
    const names = this.address(heap + 24)
    const found = new Map<string, number>()
    const nodes: [number, number][] = [[tree, 0]]
    for (let next = nodes.pop(); next !== undefined; next = nodes.pop()) {
      const [at, depth] = next
      if (depth > MAX_DEPTH || found.size > MAX_OBJECTS || nodes.length > MAX_OBJECTS) throw this.fail('CONVERT_LIMIT', 'A group goes on without end')
      if (this.text(at, 4) === 'TREE') {
        const count = this.u16(at + 6)
        for (let i = count - 1; i >= 0; i--) nodes.push([this.address(at + 24 + 8 + 16 * i), depth + 1])
      } else if (this.text(at, 4) === 'SNOD') {
        const count = this.u16(at + 6)
        for (let i = 0; i < count; i++) {
          const entry = at + 8 + 40 * i
          found.set(this.line(names + this.address(entry)), this.address(entry + 8))
        }
      } else throw this.fail('CONVERT_MALFORMED', 'A group is damaged')
    }
    return found
  }

  private need(at: number, length: number): void {
    if (at >= 0 && length >= 0 && at + length <= this.bytes.byteLength) return
    throw this.fail('CONVERT_TRUNCATED', 'The HDF5 file ends before the data it announces', `${length} bytes at ${at} of ${this.bytes.byteLength}`)
  }

  private u8(at: number): number { this.need(at, 1); return this.view.getUint8(at) }
  private u16(at: number): number { this.need(at, 2); return this.view.getUint16(at, true) }
  private u32(at: number): number { this.need(at, 4); return this.view.getUint32(at, true) }
  private slice(at: number, length: number): Uint8Array { this.need(at, length); return this.bytes.subarray(at, at + length) }

  /** A size or address of eight bytes; undefined when all bits are set. */
  private wide(at: number): number | undefined {
    this.need(at, 8)
    const value = this.view.getBigUint64(at, true)
    return value === 0xffff_ffff_ffff_ffffn ? undefined : value > BigInt(UNDEFINED) ? UNDEFINED : Number(value)
  }

  private address(at: number): number {
    const value = this.wide(at)
    if (value === undefined || value >= UNDEFINED) throw this.fail('CONVERT_MALFORMED', 'A size or place in the HDF5 file is beyond every file')
    return value
  }

  private text(at: number, length: number): string {
    const raw = Buffer.from(this.slice(at, length))
    const end = raw.indexOf(0)
    return raw.subarray(0, end < 0 ? length : end).toString('utf8')
  }

  private line(at: number): string {
    this.need(at, 1)
    const end = this.bytes.indexOf(0, at)
    if (end < 0 || end - at > 65_535) throw this.fail('CONVERT_MALFORMED', 'A name has no end')
    return this.text(at, end - at)
  }

  private fail(code: 'CONVERT_FORMAT' | 'CONVERT_VERSION' | 'CONVERT_MALFORMED' | 'CONVERT_TRUNCATED' | 'CONVERT_LIMIT' | 'CONVERT_DTYPE' | 'CONVERT_TENSOR', what: string, got?: string): ConvertError {
    return new ConvertError(code, what, { ...(got === undefined ? {} : { got }), where: this.where, fix: 'save the model again with Keras: model.save("model.keras")' })
  }
}

function dtypeOf(type: Datatype): DType | undefined {
  if (type.bigEndian) return undefined
  const name = type.class === 1 ? `float${type.size * 8}` : type.class === 0 ? `${type.signed ? '' : 'u'}int${type.size * 8}` : type.class === 8 && type.size === 1 ? 'bool' : ''
  return ['float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'].includes(name) ? name as DType : undefined
}
