// Reading and writing by index.
import type { Dim, Value } from '../../../onnx'
import type { SizeValue, TorchContext } from '../context'
import type { TorchLowering } from '../table'
import { scattered } from './shape'

const embedding: TorchLowering = {
  makes: ['Gather'], lower: (c) => { c.set(c.op('Gather', [c.tensor('weight'), c.tensor('indices')], { axis: 0 })) },
}

const gather: TorchLowering = {
  makes: ['GatherElements'],
  lower: (c) => {
    const x = c.tensor('self')
    const index = c.cast(c.tensor('index'), 'int64')
    c.set(c.rank(x) === 0 ? x : c.op('GatherElements', [x, index], { axis: c.axis('dim', c.rank(x)) }))
  },
}

/** Like gather, after broadcasting the other axes; without an axis, over all elements in order. */
const takeAlong: TorchLowering = {
  makes: ['GatherElements', 'Expand'],
  lower: (c) => {
    const index = c.cast(c.tensor('indices'), 'int64')
    if (!c.has('dim')) {
      const flat = (value: Value): Value => c.reshape(value, [c.fixed(-1)])
      c.set(c.op('GatherElements', [flat(c.tensor('self')), flat(index)], { axis: 0 }))
      return
    }
    const x = c.tensor('self')
    const axis = c.axis('dim', c.rank(x))
    const sizes = (own: Value, other: Value): SizeValue[] => c.sizesOf(own).map((size, i) => (i !== axis && size.dim === 1 ? c.sizeOf(other, i) : size))
    c.set(c.op('GatherElements', [c.expand(x, sizes(x, index)), c.expand(index, sizes(index, x))], { axis }))
  },
}

const indexSelect: TorchLowering = {
  makes: ['Gather'],
  lower: (c) => { c.set(c.op('Gather', [c.tensor('self'), c.tensor('index')], { axis: c.axis('dim', Math.max(1, c.rank(c.tensor('self')))) })) },
}

interface Indexed {
  /** The tensor with the indexed axes in front. */
  readonly value: Value
  /** int64, the indices along a last axis. */
  readonly indices: Value
  /** How many axes are indexed. */
  readonly count: number
  /** Rank of the index tensors, broadcast together. */
  readonly rank: number
  /** Axis of the result at which the index axes belong. */
  readonly at: number
  /** The order that brought the indexed axes to the front. */
  readonly order: readonly number[]
}

/**
 * x[i, :, j] with index tensors: the indexed axes go to the front, and indices are put together for GatherND. Where the
 * indexed axes are neighbours, the axes of the result stand where they were; otherwise at the front (NumPy, "Combining
 * advanced and basic indexing").
 */
function indexed(c: TorchContext, value: Value, given: readonly (Value | undefined)[]): Indexed {
  const axes = given.flatMap((index, axis) => (index === undefined ? [] : [axis]))
  const tensors = given.filter((index) => index !== undefined)
  if (tensors.some((index) => index.dtype === 'bool' || index.dtype === 'uint8')) {
    throw c.error('it is indexed by a mask, so the shape of the result depends on the data', {
      fix: 'use torch.where(mask, x, other), or x.masked_fill(~mask, 0)',
    })
  }
  const rank = Math.max(...tensors.map((index) => c.rank(index)))
  const order = [...axes, ...Array.from({ length: c.rank(value) }, (_, i) => i).filter((axis) => !axes.includes(axis))]
  const neighbours = axes.every((axis, i) => i === 0 || axis === (axes[i - 1] ?? 0) + 1)
  const columns = tensors.map((index) => c.cast(index, 'int64'))
  const full = columns.length === 1 ? columns : broadcast(c, columns, rank)
  const indices = c.op('Concat', full.map((index) => c.unsqueeze(index, rank)), { axis: rank })
  return { value: c.transpose(value, order), indices: full.length === 1 && full[0] !== undefined ? c.unsqueeze(full[0], rank) : indices, count: axes.length, rank, at: neighbours ? axes[0] ?? 0 : 0, order }
}

/** All in the shape that they broadcast to. */
function broadcast(c: TorchContext, values: readonly Value[], rank: number): Value[] {
  const same = values.every((value) => c.rank(value) === rank && c.shape(value).every((dim, i) => typeof dim === 'number' && dim === c.shape(values[0] ?? value)[i]))
  if (same) return [...values]
  const known = Array.from({ length: rank }, (_, i) => {
    const dims = values.map((value) => c.shape(value)[i - rank + c.rank(value)] ?? 1)
    return dims.every((dim) => typeof dim === 'number') ? Math.max(...dims) : undefined
  })
  if (known.every((dim) => dim !== undefined)) return values.map((value) => c.expand(value, known.map((dim) => c.fixed(dim))))
  // Sizes of a sum of zeros are those of the whole.
  const zero = values.map((value) => c.op('Mul', [value, c.scalar(0, 'int64')])).reduce((a, b) => c.op('Add', [a, b]))
  return values.map((value) => c.op('Add', [value, zero]))
}

/** Moves the axes of the indices from the front to where they belong. */
function arranged(c: TorchContext, value: Value, { rank, at }: Indexed): Value {
  if (at === 0) return value
  const all = Array.from({ length: c.rank(value) }, (_, i) => i)
  return c.transpose(value, [...all.slice(rank, rank + at), ...all.slice(0, rank), ...all.slice(rank + at)])
}

const index: TorchLowering = {
  makes: ['Gather', 'GatherND', 'Transpose'], limits: 'masks as indices, where the shape of the result depends on the data',
  lower: (c) => {
    const value = c.tensor('self')
    const given = c.optionals('indices')
    const used = given.flatMap((one, axis) => (one === undefined ? [] : [{ one, axis }]))
    const [only] = used
    if (only === undefined) {
      c.setSame('self')
      return
    }
    if (used.length === 1 && only.one.dtype !== 'bool' && only.one.dtype !== 'uint8') {
      c.set(c.op('Gather', [value, c.cast(only.one, 'int64')], { axis: only.axis }))
      return
    }
    const parts = indexed(c, value, given)
    c.set(arranged(c, c.op('GatherND', [parts.value, parts.indices]), parts))
  },
}

const indexPut: TorchLowering = {
  makes: ['ScatterND', 'Where'], limits: 'masks only with one value, or values that broadcast',
  lower: (c) => {
    const value = c.tensor('self')
    const given = c.optionals('indices')
    const updates = c.cast(c.tensor('values'), c.dtype(value))
    const [mask] = given
    if (given.length === 1 && mask !== undefined && (mask.dtype === 'bool' || mask.dtype === 'uint8') && !c.bool('accumulate') && c.rank(updates) === 0) {
      const missing = c.rank(value) - c.rank(mask)
      const full = missing === 0 ? mask : c.unsqueeze(mask, ...Array.from({ length: missing }, (_, i) => c.rank(mask) + i))
      c.set(c.op('Where', [c.cast(full, 'bool'), updates, value]))
      return
    }
    const parts = indexed(c, value, given)
    const rest = c.sizesOf(parts.value).slice(parts.count)
    const front = c.sizesOf(parts.indices).slice(0, parts.rank)
    // Updates come with the index axes where the result has them.
    const shape = [...rest.slice(0, parts.at), ...front, ...rest.slice(parts.at)]
    const full = c.expand(updates, shape)
    const all = Array.from({ length: shape.length }, (_, i) => i)
    const order = [...all.slice(parts.at, parts.at + parts.rank), ...all.slice(0, parts.at), ...all.slice(parts.at + parts.rank)]
    const made = c.op('ScatterND', [parts.value, parts.indices, c.transpose(full, order)], c.bool('accumulate') ? { reduction: 'add' } : {})
    c.set(c.transpose(made, parts.order.map((_, axis) => parts.order.indexOf(axis))))
  },
}

const REDUCTIONS: Readonly<Record<string, string>> = { sum: 'add', add: 'add', prod: 'mul', multiply: 'mul', amax: 'max', amin: 'min' }

const scatter = (fixed?: string): TorchLowering => ({
  makes: ['ScatterElements'], limits: 'reduce="mean", include_self=False',
  lower: (c) => {
    const x = c.tensor('self')
    const at = c.cast(c.tensor('index'), 'int64')
    const asked = fixed ?? c.text('reduce', '')
    const reduction = asked === '' ? undefined : REDUCTIONS[asked]
    if ((asked !== '' && reduction === undefined) || !c.bool('include_self', true)) throw c.error('ONNX has no such reduction', { got: asked || 'include_self=False' })
    const d = c.dtype(x)
    const source = c.argument('src')?.kind === 'tensor' ? c.cast(c.tensor('src'), d) : c.operand(c.has('value') ? 'value' : 'src', d)
    const sizes = c.sizesOf(at)
    // Of a larger source only the part that has indices is used.
    let updates = c.rank(source) === 0 ? c.expand(source, sizes) : source
    const larger = c.shape(updates).flatMap((dim, axis) => (dim !== c.shape(at)[axis] ? [axis] : []))
    if (larger.length > 0) {
      const ends = c.vectorOf(larger.map((axis): SizeValue => sizes[axis] ?? c.fixed(1)))
      updates = c.op('Slice', [updates, c.vector(larger.map(() => 0)), ends, c.vector(larger)])
    }
    c.set(c.op('ScatterElements', [x, at, updates], { axis: c.axis('dim', c.rank(x)), ...(reduction === undefined ? {} : { reduction }) }))
  },
})

/** Rows along an axis added, copied, filled at indices. */
const indexed1d = (kind: 'add' | 'copy' | 'fill'): TorchLowering => ({
  makes: ['ScatterND', 'Transpose'],
  lower: (c) => {
    const x = c.tensor('self')
    const d = c.dtype(x)
    const axis = c.axis('dim', c.rank(x))
    const all = Array.from({ length: c.rank(x) }, (_, i) => i)
    const front = [axis, ...all.filter((i) => i !== axis)]
    const at = c.unsqueeze(c.cast(c.tensor('index'), 'int64'), 1)
    let source: Value
    if (kind === 'fill') {
      const sizes = front.map((i) => c.sizeOf(x, i))
      source = c.expand(c.operand('value', d), [c.sizeOf(at, 0), ...sizes.slice(1)])
    } else source = c.transpose(c.cast(c.tensor('source'), d), front)
    const alpha = kind === 'add' ? c.float('alpha', 1) : 1
    const updates = alpha === 1 ? source : c.op('Mul', [source, c.scalar(alpha, d)])
    const made = c.op('ScatterND', [c.transpose(x, front), at, updates], kind === 'add' ? { reduction: 'add' } : {})
    c.set(c.transpose(made, front.map((_, i) => front.indexOf(i))))
  },
})

/** A part along an axis replaced. */
const partScatter = (kind: 'slice' | 'select'): TorchLowering => ({
  makes: ['Slice', 'Concat'],
  lower: (c) => {
    const x = c.tensor('self')
    const axis = c.axis('dim', c.rank(x), 0)
    const size = c.shape(x)[axis]
    const source = c.cast(c.tensor('src'), c.dtype(x))
    const step = c.int('step', 1)
    const known = (name: string, otherwise: number): number => {
      const value = c.has(name) ? c.int(name) : otherwise
      return value < 0 && typeof size === 'number' ? value + size : value
    }
    const start = kind === 'select' ? known('index', 0) : known('start', 0)
    const end = kind === 'select' ? start + 1 : Math.min(known('end', Infinity), typeof size === 'number' ? size : Infinity)
    if (step !== 1) {
      c.set(scattered(c, x, source, axis, c.fixed(start), c.fixed(end), step))
      return
    }
    const parts: Value[] = []
    if (start !== 0) parts.push(c.slice(x, axis, c.fixed(0), c.fixed(start)))
    parts.push(kind === 'select' ? c.unsqueeze(source, axis) : source)
    if (Number.isFinite(end) && end !== size) parts.push(c.slice(x, axis, c.fixed(end), c.fixed(2 ** 53)))
    c.set(parts.length === 1 && parts[0] !== undefined ? parts[0] : c.op('Concat', parts, { axis }))
  },
})

const oneHot: TorchLowering = {
  makes: ['OneHot'],
  lower: (c) => {
    const classes = c.resultSizes().at(-1) as Dim
    if (typeof classes !== 'number') throw c.error('the number of classes depends on the data', { fix: 'give num_classes' })
    c.set(c.op('OneHot', [c.tensor('self'), c.scalar(classes, 'int64'), c.vector([0, 1])], { axis: -1 }))
  },
}

const repeatInterleave: TorchLowering = {
  makes: ['Unsqueeze', 'Tile', 'Reshape'], limits: 'a tensor of repeats',
  lower: (c) => {
    const x = c.tensor('self')
    if (c.argument('repeats')?.kind === 'tensor') throw c.error('the shape of the result depends on the data', { fix: 'repeat by a number' })
    const times = c.int('repeats')
    const flat = c.has('dim') ? x : c.reshape(x, [c.fixed(-1)])
    const axis = c.has('dim') ? c.axis('dim', c.rank(x)) : 0
    const sizes = c.sizesOf(flat)
    const repeats = Array.from({ length: sizes.length + 1 }, (_, i) => (i === axis + 1 ? times : 1))
    const tiled = c.op('Tile', [c.unsqueeze(flat, axis + 1), c.vector(repeats)])
    const size = sizes[axis]?.dim
    const joined = typeof size === 'number' ? c.fixed(size * times) : c.fixed(-1)
    c.set(c.reshape(tiled, [...sizes.slice(0, axis), joined, ...sizes.slice(axis + 1)]))
  },
}

export const indexing: Readonly<Record<string, TorchLowering>> = {
  'aten.embedding': embedding, 'aten.gather': gather, 'aten.take_along_dim': takeAlong, 'aten.index_select': indexSelect,
  'aten.index': index, 'aten._unsafe_index': index,
  'aten.index_put': indexPut, 'aten._unsafe_index_put': indexPut,
  'aten.scatter': scatter(), 'aten.scatter_add': scatter('add'), 'aten.scatter_reduce': scatter(),
  'aten.index_add': indexed1d('add'), 'aten.index_copy': indexed1d('copy'), 'aten.index_fill': indexed1d('fill'),
  'aten.slice_scatter': partScatter('slice'), 'aten.select_scatter': partScatter('select'),
  'aten.one_hot': oneHot, 'aten.repeat_interleave': repeatInterleave,
  'aten.take': { makes: ['Reshape', 'Gather'], lower: (c) => { c.set(c.op('Gather', [c.reshape(c.tensor('self'), [c.fixed(-1)]), c.tensor('index')], { axis: 0 })) } },
  'aten.nonzero': { makes: ['NonZero', 'Transpose'], lower: (c) => { c.set(c.op('Transpose', [c.op('NonZero', [c.tensor('self')])], { perm: [1, 0] })) } },
}
