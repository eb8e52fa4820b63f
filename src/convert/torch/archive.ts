// The torch.export archive (.pt2): a zip with the program as JSON and raw storages of weights and constants
// (torch/export/pt2_archive).
import { byteLength, DTYPES, elementCount, type DType } from '../../core'
import { Tensor } from '../../onnx'
import { ConvertError } from '../errors'
import { Json } from '../json'
import { parseJson, type ByteSource } from '../source'
import { gather, isContiguous, reach, type Layout } from '../strided'
import { isZip, ZipArchive } from '../zip'
import { readMeta, readProgram, type Program, type Size, type TensorMeta } from './program'

/** Bytes of the program's JSON: the largest models have some tens of megabytes. */
const MAX_PROGRAM_BYTES = 2 ** 29
/** An expanded tensor (stride 0) may be larger than its storage by this. */
const MAX_EXPANDED = 2 ** 28

/** Archives from this size on keep their large weights on disk. Smaller ones may be saved over while the model is in use. */
const STREAMED_ARCHIVE = 2 ** 26
/** Weights from this size on. */
const STREAMED_BYTES = 2 ** 16

interface Payload {
  readonly path: string
  readonly meta: TensorMeta
}

interface WeightOptions {
  readonly checksums: boolean
  readonly nonFinite: 'refuse' | 'keep'
  /** Weights of at least so many bytes stay in the file. */
  readonly streamFrom: number
}

/** Weights in an archive, read when they are asked for. */
export class ArchiveWeights {
  constructor(private readonly archive: ZipArchive, private readonly payloads: ReadonlyMap<string, Payload>, private readonly options: WeightOptions) {}

  get names(): string[] {
    return [...this.payloads.keys()]
  }

  /** Weights that are the same elements: name → the first name. */
  get same(): Map<string, string> {
    const first = new Map<string, string>()
    const found = new Map<string, string>()
    for (const [name, { path, meta }] of this.payloads) {
      const key = `${path} ${JSON.stringify([meta.dtype, meta.sizes, meta.strides, meta.offset])}`
      const earlier = first.get(key)
      if (earlier === undefined) first.set(key, name)
      else found.set(name, earlier)
    }
    return found
  }

  /**
   * @throws ConvertError `CONVERT_TENSOR`, `CONVERT_VALUES`, `CONVERT_MALFORMED`
   */
  read(name: string): Tensor {
    const payload = this.payloads.get(name)
    const where = `weight ${name}`
    if (payload === undefined) {
      throw new ConvertError('CONVERT_WEIGHTS', 'The archive has no data for a weight of the model', { got: name, fix: 'save with torch.export.save, which writes weights too' })
    }
    const { path, meta } = payload
    const layout = { dtype: meta.dtype, shape: known(meta.sizes, where), strides: known(meta.strides, where), offset: known([meta.offset], where)[0] ?? 0 }
    const held = this.held(path, meta.dtype, layout, where)
    if (held !== undefined) return held
    const storage = this.archive.read(path, { checksum: this.options.checksums })
    const bytes = gather(storage, layout, where, storage.byteLength + MAX_EXPANDED)
    if (this.options.nonFinite === 'refuse') requireFinite(bytes, meta.dtype, where)
    return Tensor.ofBytes(meta.dtype, layout.shape, bytes)
  }

  /** A large weight of a large archive stays in its file: it is checked once, and read again when it is written or changed. */
  private held(path: string, dtype: DType, layout: Layout, where: string): Tensor | undefined {
    const entry = this.archive.get(path)
    const bytes = byteLength(dtype, elementCount(layout.shape))
    if (entry === undefined || entry.size < this.options.streamFrom || bytes !== entry.size || layout.offset !== 0 || !isContiguous(layout)) return undefined
    reach(layout, where)
    const range = this.archive.scan(path, (stretch, at) => {
      if (this.options.nonFinite === 'refuse') requireFinite(stretch, dtype, where, at)
    }, { checksum: this.options.checksums })
    return range === undefined ? undefined : Tensor.ofSource(dtype, layout.shape, range)
  }
}

function known(sizes: readonly Size[], where: string): number[] {
  return sizes.map((size) => {
    if (typeof size === 'number') return size
    throw new ConvertError('CONVERT_SYMBOL', 'A weight has a symbolic size', { where, fix: 'export the module again' })
  })
}

/**
 * @throws ConvertError `CONVERT_VALUES` when a weight is not a number or infinite
 */
export function requireFinite(bytes: Uint8Array, dtype: DType, where: string, start = 0): void {
  const { kind, bits } = DTYPES[dtype]
  if (kind !== 'float' || bits < 16) return
  const at = firstNonFinite(bytes, dtype, bits)
  if (at < 0) return
  throw new ConvertError('CONVERT_VALUES', 'A weight holds numbers that are not finite', {
    got: `NaN or infinity at element ${start / (bits / 8) + at}`, where, fix: 'the training diverged: take an earlier checkpoint; to convert it as it is: { nonFinite: "keep" }',
  })
}

/** All exponent bits set mean infinity or not a number, in every IEEE format. */
function firstNonFinite(bytes: Uint8Array, dtype: DType, bits: number): number {
  const size = bits / 8
  if (bits === 64) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + 8 <= bytes.byteLength; at += 8) if (!Number.isFinite(view.getFloat64(at, true))) return at / 8
    return -1
  }
  const mask = dtype === 'float32' ? 0x7f800000 : dtype === 'bfloat16' ? 0x7f80 : 0x7c00
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.from(bytes)
  const words = bits === 32 ? new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4) : new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
  // Four sums at a time that carry into the highest bit where a word has all exponent bits: no branch in the loop.
  const one = mask & -mask, top = mask + one
  const whole = words.length & ~3
  let all = 0
  for (let i = 0; i < whole; i += 4) {
    all |= ((words[i] ?? 0) & mask) + one | ((words[i + 1] ?? 0) & mask) + one | ((words[i + 2] ?? 0) & mask) + one | ((words[i + 3] ?? 0) & mask) + one
  }
  for (let i = whole; i < words.length; i++) all |= ((words[i] ?? 0) & mask) + one
  return (all & top) === 0 ? -1 : words.findIndex((word) => (word & mask) === mask)
}

export interface ExportedArchive {
  readonly program: Program
  readonly weights: ArchiveWeights
  /** Names that our own Python helper gave to symbols: `s77` → `batch`. */
  readonly symbolNames: ReadonlyMap<string, string>
}

/** The folder inside the archive that holds everything, when it is a torch.export archive. */
function rootOf(archive: ZipArchive): string | undefined {
  for (const name of archive.entries.keys()) if (/^([^/]+\/)?models\/[^/]+\.json$/.test(name)) return name.slice(0, name.indexOf('models/'))
  return undefined
}

/** Whether the bytes are a zip with an exported program. */
export function isExportedProgram(source: ByteSource): boolean {
  if (!isZip(source)) return false
  const archive = ZipArchive.open(source)
  return rootOf(archive) !== undefined || archive.get('serialized_exported_program.json') !== undefined
}

/**
 * Reads an archive: its program at once, weights when asked for.
 *
 * @param options.name which model, when there are several
 * @param options.streamFrom weights of so many bytes stay in their file; by default 64 KiB in archives of 64 MiB and more
 * @throws ConvertError for everything that is wrong with the file
 */
export function readArchive(
  source: ByteSource,
  options: { readonly name?: string; readonly checksums?: boolean; readonly nonFinite?: 'refuse' | 'keep'; readonly streamFrom?: number } = {},
): ExportedArchive {
  const archive = ZipArchive.open(source)
  const checksum = options.checksums !== false
  if (archive.get('serialized_exported_program.json') !== undefined) {
    throw new ConvertError('CONVERT_VERSION', 'The archive was written by PyTorch before 2.8, in another layout', {
      where: source.name, fix: 'load and save it with a current PyTorch: torch.export.save(torch.export.load("old.pt2"), "new.pt2")',
    })
  }
  const root = rootOf(archive)
  if (root === undefined) throw new ConvertError('CONVERT_FORMAT', 'The zip archive is no torch.export archive', { expected: 'models/….json in it', where: source.name })
  requireLittleEndian(archive, root, source.name)
  const name = modelName(archive, root, options.name)
  const where = `models/${name}.json`
  const program = readProgram(new Json(parseJson(archive.read(`${root}${where}`, { most: MAX_PROGRAM_BYTES, checksum }), where, MAX_PROGRAM_BYTES), where))
  const payloads = new Map<string, Payload>()
  for (const kind of ['weights', 'constants'] as const) {
    const config = `${root}data/${kind}/${name}_${kind}_config.json`
    if (archive.get(config) === undefined) continue
    const json = new Json(parseJson(archive.read(config, { most: MAX_PROGRAM_BYTES, checksum }), config), config)
    for (const [weight, payload] of json.get('config').entries) {
      const meta = payload.maybe('tensor_meta')
      if (payload.maybe('use_pickle')?.bool === true || meta === undefined) {
        // Custom objects and tensor subclasses; refused when a graph reads them.
        continue
      }
      payloads.set(weight, { path: `${root}data/${kind}/${payload.get('path_name').text}`, meta: readMeta(meta) })
    }
  }
  return { program, weights: new ArchiveWeights(archive, payloads, { checksums: checksum, nonFinite: options.nonFinite ?? 'refuse', streamFrom: options.streamFrom ?? (source.size >= STREAMED_ARCHIVE ? STREAMED_BYTES : Infinity) }), symbolNames: helperNames(archive, root) }
}

function requireLittleEndian(archive: ZipArchive, root: string, where: string): void {
  const name = `${root}byteorder`
  if (archive.get(name) === undefined) return
  const order = Buffer.from(archive.read(name, { most: 64, checksum: false })).toString('latin1').trim()
  if (order === 'little') return
  throw new ConvertError('CONVERT_FORMAT', 'The archive was written on a big-endian machine', {
    expected: 'byte order little', got: JSON.stringify(order), where, fix: 'load it there and save it on a little-endian machine (x86, ARM)',
  })
}

function modelName(archive: ZipArchive, root: string, wanted: string | undefined): string {
  const names = [...archive.entries.keys()].flatMap((entry) => {
    const found = entry.startsWith(root) ? /^models\/([^/]+)\.json$/.exec(entry.slice(root.length)) : null
    return found?.[1] === undefined ? [] : [found[1]]
  })
  const chosen = wanted ?? (names.includes('model') ? 'model' : names[0])
  if (chosen !== undefined && names.includes(chosen) && (wanted !== undefined || names.length === 1 || names.includes('model'))) return chosen
  throw new ConvertError('CONVERT_OPTION', 'The archive holds several models, or not the one that was asked for', {
    expected: names.join(', '), got: wanted ?? 'no name', fix: `choose one: { name: ${JSON.stringify(names[0] ?? '')} }`,
  })
}

/** What export.py of this project writes beside the program. */
function helperNames(archive: ZipArchive, root: string): Map<string, string> {
  const name = `${root}extra/whetstone.json`
  if (archive.get(name) === undefined) return new Map()
  const axes = new Json(parseJson(archive.read(name, { most: 2 ** 20 }), name), name).maybe('axes')
  return new Map((axes?.entries ?? []).flatMap(([symbol, label]) => (/^[A-Za-z_]\w{0,60}$/.test(label.text) ? [[symbol, label.text] as const] : [])))
}
