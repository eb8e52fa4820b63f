// PyTorch checkpoints (.pt, .pth): a zip with data.pkl and one part a storage (torch/serialization.py). The pickle is read
// by an allow-list, nothing of it is run. Tensors are read when they are asked for.
import { DTYPES, elementCount, type DType } from '../../core'
import { ConvertError } from '../errors'
import { byteSource, type ByteSource } from '../source'
import { gather, reach, type Layout } from '../strided'
import { TensorFile, type StoredTensor } from '../tensor-file'
import { isZip, ZipArchive } from '../zip'
import { namedDType, storageDType } from './dtypes'
import { PickleObject, PickleTuple, readPickle, type PicklePolicy, type PickleValue } from './pickle'

const MAX_PICKLE_BYTES = 2 ** 28
const MAX_EXPANDED = 2 ** 28
const MAX_DEPTH = 64

/** A storage that a pickle refers to. */
interface StorageRef {
  readonly dtype: DType | undefined
  readonly key: string
  readonly elements: number
}

/** A tensor as a pickle describes it. */
interface TensorRef {
  readonly storage: StorageRef
  readonly layout: Layout
}

/** Functions and classes that are known, by what they make. */
const ALLOWED: ReadonlyMap<string, string> = new Map([
  ['torch._utils._rebuild_tensor_v2', 'tensor'], ['torch._utils._rebuild_tensor', 'tensor'], ['torch._utils._rebuild_tensor_v3', 'tensor3'],
  ['torch._utils._rebuild_parameter', 'parameter'], ['torch._utils._rebuild_parameter_with_state', 'parameter'], ['torch._tensor._rebuild_from_type_v2', 'typed'],
  ['torch.nn.parameter.Parameter', 'parameter'], ['torch.Tensor', 'class'], ['torch.storage.UntypedStorage', 'storage:'], ['torch.UntypedStorage', 'storage:'],
  ['torch.storage.TypedStorage', 'storage:'], ['collections.OrderedDict', 'dict'], ['collections.defaultdict', 'dict'], ['builtins.dict', 'dict'], ['builtins.list', 'list'],
  ['builtins.set', 'set'], ['__builtin__.set', 'set'], ['builtins.int', 'class'], ['builtins.float', 'class'], ['torch.Size', 'size'], ['torch.device', 'plain'],
  ['torch.serialization._get_layout', 'plain'], ['_codecs.encode', 'plain'], ['collections.Counter', 'dict'],
])

/** Made by quantized, sparse and other tensors, which have no plain form. */
const REFUSED: readonly (readonly [RegExp, string, string])[] = [
  [/_rebuild_qtensor|^torch\.(Q\w+Storage|quint|qint)/, 'a quantized tensor', 'save tensor.dequantize(), or tensor.int_repr() with its scale and zero point'],
  [/_rebuild_sparse/, 'a sparse tensor', 'save tensor.to_dense()'],
  [/_rebuild_nested/, 'a nested tensor', 'save its parts as a list'],
  [/_rebuild_meta_tensor/, 'a tensor on the meta device, which has no data', 'load the weights before saving'],
]

const object = (kind: string, value?: unknown): PickleObject => new PickleObject(kind, value)

function policy(where: string, storages: Map<string, StorageRef>): PicklePolicy {
  return {
    global: (module, name) => {
      const full = `${module}.${name}`
      const kind = ALLOWED.get(full)
      if (kind !== undefined) return object(kind)
      const dtype = module === 'torch' ? storageDType(name) ?? undefined : undefined
      if (dtype !== undefined) return object(`storage:${dtype}`)
      const named = module === 'torch' ? namedDType(name) : undefined
      if (named !== undefined) return object(`dtype:${named}`)
      const refused = REFUSED.find(([pattern]) => pattern.test(full))
      if (refused !== undefined) throw new ConvertError('CONVERT_DTYPE', `The checkpoint holds ${refused[1]}`, { got: full, where, fix: refused[2] })
      return undefined
    },
    call: (callee, args) => construct(callee.kind, args, where),
    persistent: (id) => {
      const items = id instanceof PickleTuple ? id.items : []
      const [tag, kind, key, , elements] = items
      if (tag !== 'storage' || !(kind instanceof PickleObject) || !kind.kind.startsWith('storage:') || typeof key !== 'string' || typeof elements !== 'number') {
        throw new ConvertError('CONVERT_MALFORMED', 'The checkpoint refers to a storage in an unknown way', { where })
      }
      const dtype = kind.kind.slice('storage:'.length)
      const ref: StorageRef = { dtype: dtype === '' ? undefined : dtype as DType, key, elements }
      storages.set(key, ref)
      return object('storage', ref)
    },
  }
}

function construct(kind: string, args: readonly PickleValue[], where: string): PickleValue {
  switch (kind) {
    case 'tensor': return object('tensor', tensorRef(args, undefined, where))
    case 'tensor3': {
      const dtype = args[6]
      return object('tensor', tensorRef(args, dtype instanceof PickleObject && dtype.kind.startsWith('dtype:') ? dtype.kind.slice(6) as DType : undefined, where))
    }
    case 'parameter': return args[0] ?? null
    // _rebuild_from_type_v2(function, type, arguments, state)
    case 'typed': {
      const [callee, , inner] = args
      if (callee instanceof PickleObject && inner instanceof PickleTuple) return construct(callee.kind, inner.items, where)
      break
    }
    case 'dict': return dictOf(args)
    case 'list': return []
    case 'set': return new Set(Array.isArray(args[0]) ? args[0] : [])
    case 'size': return args[0] instanceof PickleTuple ? args[0] : new PickleTuple([])
    case 'plain': return object('plain')
  }
  throw new ConvertError('CONVERT_UNSAFE', 'The checkpoint calls something that makes no data', { got: kind, where, fix: 'save only the state dict: torch.save(model.state_dict(), path)' })
}

function dictOf([first]: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  const made = new Map<PickleValue, PickleValue>()
  for (const pair of Array.isArray(first) ? first : []) {
    if (pair instanceof PickleTuple) made.set(pair.items[0] ?? null, pair.items[1] ?? null)
    else if (Array.isArray(pair)) made.set(pair[0] ?? null, pair[1] ?? null)
  }
  return made
}

/** _rebuild_tensor_v2(storage, offset, size, stride, …) */
function tensorRef([storage, offset, size, stride]: readonly PickleValue[], dtype: DType | undefined, where: string): TensorRef {
  const ref = storage instanceof PickleObject && storage.kind === 'storage' ? storage.value as StorageRef : undefined
  const shape = wholes(size)
  const strides = wholes(stride)
  const type = dtype ?? ref?.dtype
  if (ref === undefined || shape === undefined || strides === undefined || typeof offset !== 'number' || type === undefined) {
    throw new ConvertError('CONVERT_MALFORMED', 'The checkpoint describes a tensor in an unknown way', { where, fix: 'save the state dict with a current torch.save' })
  }
  return { storage: ref, layout: { dtype: type, shape, strides, offset } }
}

function wholes(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple)) return undefined
  const numbers: number[] = []
  for (const item of value.items) {
    if (typeof item !== 'number') return undefined
    numbers.push(item)
  }
  return numbers
}

/** Tensors in nested dictionaries and lists, by their path: `model.layer1.0.weight`. */
function collect(value: PickleValue, path: string, into: Map<string, TensorRef>, depth: number): void {
  if (depth > MAX_DEPTH) return
  if (value instanceof PickleObject) {
    // The function that makes tensors has this kind, too, when a pickle holds it as a value; it has no contents.
    if (value.kind === 'tensor' && value.value !== undefined) into.set(path === '' ? 'tensor' : path, value.value as TensorRef)
    return
  }
  const under = (key: string): string => (path === '' ? key : `${path}.${key}`)
  if (value instanceof Map) {
    for (const [key, inner] of value) if (typeof key === 'string' || typeof key === 'number') collect(inner, under(String(key)), into, depth + 1)
  } else if (Array.isArray(value)) value.forEach((inner, i) => { collect(inner, under(String(i)), into, depth + 1) })
  else if (value instanceof PickleTuple) value.items.forEach((inner, i) => { collect(inner, under(String(i)), into, depth + 1) })
}

/** Where the storages of a checkpoint are. */
interface StorageReader {
  /** Bytes of the storage; undefined when it is not there. */
  readonly length: (key: string) => number | undefined
  readonly read: (key: string, offset: number, length: number) => Uint8Array
}

/** Tensors by name, each checked against its storage. */
function tensorFile(root: PickleValue, reader: StorageReader, release: () => void, where: string): TensorFile {
  const refs = new Map<string, TensorRef>()
  collect(root, '', refs, 0)
  const tensors = new Map<string, StoredTensor>()
  const same = new Map<string, string>()
  const first = new Map<string, string>()
  for (const [name, { storage, layout }] of refs) {
    const label = `tensor ${name} in ${where}`
    const size = DTYPES[layout.dtype].bits / 8
    const available = reader.length(storage.key)
    const end = reach(layout, label) * size
    if (available === undefined || end > available) {
      throw new ConvertError('CONVERT_TENSOR', 'A tensor reaches beyond its storage', {
        expected: `${end} bytes`, got: available === undefined ? 'no storage' : `${available} bytes`, where: label, fix: 'save the file again with torch.save',
      })
    }
    const key = JSON.stringify([storage.key, layout])
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, name)
    else same.set(name, earlier)
    const start = layout.offset * size
    tensors.set(name, {
      dtype: layout.dtype, shape: layout.shape,
      read: () => elementCount(layout.shape) === 0 ? new Uint8Array(0)
        : gather(reader.read(storage.key, start, end - start), { ...layout, offset: 0 }, label, available + MAX_EXPANDED),
    })
  }
  return new TensorFile('PyTorch checkpoint', tensors, new Map(), same, release)
}

/** Whether the bytes are a checkpoint of either kind. */
export function isCheckpoint(source: ByteSource): boolean {
  if (isZip(source)) return [...ZipArchive.open(source).entries.keys()].some((name) => name.endsWith('/data.pkl') || name === 'data.pkl')
  return isLegacy(source)
}

/** Before torch 1.6: pickles one after the other, the first being a magic number. */
function isLegacy(source: ByteSource): boolean {
  if (source.size < 16) return false
  const head = Buffer.from(source.read(0, 16))
  return head[0] === 0x80 && head.includes(MAGIC)
}

/** 0x1950a86a20f9469cfc6c, as LONG1 holds it. */
const MAGIC = Buffer.from([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19])

/**
 * Reads a checkpoint's table of tensors; the tensors themselves are read when they are asked for. Nothing in the file is run.
 *
 * @throws ConvertError `CONVERT_UNSAFE` for a class that is not on the list, `CONVERT_DTYPE` for quantized and sparse tensors,
 * `CONVERT_TENSOR`, `CONVERT_TRUNCATED`, `CONVERT_MALFORMED`, `CONVERT_LIMIT`, `CONVERT_FORMAT`
 * @example
 * const weights = readCheckpoint('resnet18.pth')
 * console.log(weights.names, weights.tensor('fc.weight').shape)
 */
export function readCheckpoint(from: string | Uint8Array | ByteSource, options: { readonly checksums?: boolean } = {}): TensorFile {
  const source = typeof from === 'string' || from instanceof Uint8Array ? byteSource(from) : from
  try {
    if (isZip(source)) return readZipped(source, options.checksums !== false)
    if (isLegacy(source)) return readLegacy(source)
    throw new ConvertError('CONVERT_FORMAT', 'The file is no PyTorch checkpoint', {
      expected: 'what torch.save writes', where: source.name, fix: 'safetensors are read by readSafetensors, models by convert',
    })
  } catch (error) {
    source.close()
    throw error
  }
}

function readZipped(source: ByteSource, checksum: boolean): TensorFile {
  const archive = ZipArchive.open(source)
  const pickle = [...archive.entries.keys()].find((name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name))
  if (pickle === undefined) throw new ConvertError('CONVERT_FORMAT', 'The zip archive is no checkpoint', { expected: 'data.pkl in it', where: source.name })
  const root = pickle.slice(0, -'data.pkl'.length)
  if (archive.get(`${root}code/`) !== undefined || [...archive.entries.keys()].some((name) => name.startsWith(`${root}code/`))) {
    throw new ConvertError('CONVERT_FORMAT', 'The file is a TorchScript program, not a state dict', {
      where: source.name, fix: 'export the module with torch.export (docs/convert.md), or save model.state_dict()',
    })
  }
  const order = `${root}byteorder`
  if (archive.get(order) !== undefined && Buffer.from(archive.read(order, { most: 64, checksum: false })).toString('latin1').trim() !== 'little') {
    throw new ConvertError('CONVERT_FORMAT', 'The checkpoint was written on a big-endian machine', { where: source.name, fix: 'load it there and save it on a little-endian machine (x86, ARM)' })
  }
  const { value } = readPickle(archive.read(pickle, { most: MAX_PICKLE_BYTES, checksum }), policy(source.name, new Map()), source.name)
  const name = (key: string): string => `${root}data/${key}`
  const checked = new Set<string>()
  return tensorFile(value, {
    length: (key) => archive.get(name(key))?.size,
    read: (key, offset, length) => {
      // A stretch has no checksum of its own: small storages are read whole once and compared.
      if (checksum && !checked.has(key) && (archive.get(name(key))?.size ?? 0) <= 2 ** 24) {
        checked.add(key)
        return archive.read(name(key)).subarray(offset, offset + length)
      }
      return archive.readRange(name(key), offset, length)
    },
  }, () => { source.close() }, source.name)
}

/** Magic number, protocol, system, the object, the keys of storages; then each storage: its length and bytes. */
function readLegacy(source: ByteSource): TensorFile {
  const where = source.name
  if (source.size > 2 ** 31) throw new ConvertError('CONVERT_LIMIT', 'The checkpoint of the old format is larger than accepted', { where, fix: 'load and save it with a current PyTorch' })
  const bytes = source.read(0, source.size)
  const storages = new Map<string, StorageRef>()
  const rules = policy(where, storages)
  let at = 0
  const next = (): PickleValue => {
    const { value, end } = readPickle(bytes, rules, where, at)
    at = end
    return value
  }
  next()
  next()
  const system = next()
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new ConvertError('CONVERT_FORMAT', 'The checkpoint was written on a big-endian machine', { where, fix: 'load it there and save it on a little-endian machine (x86, ARM)' })
  }
  const value = next()
  const keys = next()
  if (!Array.isArray(keys)) throw new ConvertError('CONVERT_MALFORMED', 'The checkpoint does not list its storages', { where })
  const places = new Map<string, [number, number]>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const key of keys) {
    const ref = typeof key === 'string' ? storages.get(key) : undefined
    if (ref?.dtype === undefined || at + 8 > bytes.byteLength) throw new ConvertError('CONVERT_TRUNCATED', 'The checkpoint ends before its storages do', { where, fix: 'download the file again' })
    const length = Number(view.getBigUint64(at, true)) * (DTYPES[ref.dtype].bits / 8)
    if (at + 8 + length > bytes.byteLength) throw new ConvertError('CONVERT_TRUNCATED', 'The checkpoint ends before its storages do', { where, fix: 'download the file again' })
    places.set(ref.key, [at + 8, length])
    at += 8 + length
  }
  return tensorFile(value, {
    length: (key) => places.get(key)?.[1],
    read: (key, offset, length) => {
      const [start] = places.get(key) ?? [0]
      return bytes.subarray(start + offset, start + offset + length)
    },
  }, () => { source.close() }, where)
}
