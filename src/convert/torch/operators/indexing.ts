// Reading and writing by index.
import { DTYPES, type DType } from '../../../core'
import type { Dim, Value } from '../../../onnx'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'
import { floorDivide } from './binary'
import { scattered } from './shape'

const embedding: TorchLowering = {
  makes: ['Gather'], lower: (c) => { c.set(c.op('Gather', [c.tensor('weight'), c.tensor('indices')], { axis: 0 })) },
}

/** A tensor without axes as one with one element, which operators with an axis want. */
function lifted(c: TorchContext, value: Value): Value {
  return c.rank(value) === 0 ? c.unsqueeze(value, 0) : value
}

/** The result of an operator on a lifted tensor, with the axes that the tensor had. */
function lowered(c: TorchContext, value: Value, like: Value): Value {
  return c.rank(like) === 0 ? c.squeeze(value, 0) : value
}

const gather: TorchLowering = {
  makes: ['GatherElements'],
  lower: (c) => {
    const [x, index] = [lifted(c, c.tensor('self')), c.cast(c.tensor('index'), 'int64')]
    const found = c.op('GatherElements', [x, lifted(c, index)], { axis: c.axis('dim', c.rank(x)) })
    c.set(c.rank(index) === 0 ? c.squeeze(found, 0) : found)
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
  lower: (c) => {
    const x = c.tensor('self')
    const found = c.op('Gather', [lifted(c, x), lifted(c, c.tensor('index'))], { axis: c.axis('dim', Math.max(1, c.rank(x))) })
    c.set(lowered(c, found, x))
  },
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
  const places = given.flatMap((index) => (index !== undefined && isMask(index) ? placesOf(c, index) : [index]))
  const axes = places.flatMap((index, axis) => (index === undefined ? [] : [axis]))
  const tensors = places.filter((index) => index !== undefined)
  const rank = Math.max(...tensors.map((index) => c.rank(index)))
  const order = [...axes, ...Array.from({ length: c.rank(value) }, (_, i) => i).filter((axis) => !axes.includes(axis))]
  const neighbours = axes.every((axis, i) => i === 0 || axis === (axes[i - 1] ?? 0) + 1)
  const columns = tensors.map((index) => c.cast(index, 'int64'))
  const full = columns.length === 1 ? columns : broadcast(c, columns, rank)
  const indices = c.op('Concat', full.map((index) => c.unsqueeze(index, rank)), { axis: rank })
  return { value: c.transpose(value, order), indices: full.length === 1 && full[0] !== undefined ? c.unsqueeze(full[0], rank) : indices, count: axes.length, rank, at: neighbours ? axes[0] ?? 0 : 0, order }
}

const isMask = (index: Value): boolean => index.dtype === 'bool' || index.dtype === 'uint8'

/** A mask as an index tensor for each of its axes: where it holds. How many there are depends on the data. */
function placesOf(c: TorchContext, mask: Value): Value[] {
  const all = c.op('NonZero', [c.cast(mask, 'bool')])
  return Array.from({ length: c.rank(mask) }, (_, axis) => c.op('Gather', [all, c.scalar(axis, 'int64')], { axis: 0 }))
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
  makes: ['Gather', 'GatherND', 'NonZero', 'Transpose'],
  lower: (c) => {
    const value = c.tensor('self')
    const given = c.optionals('indices')
    const used = given.flatMap((one, axis) => (one === undefined ? [] : [{ one, axis }]))
    const [only] = used
    if (only === undefined) {
      c.setSame('self')
      return
    }
    if (used.length === 1 && !isMask(only.one)) {
      c.set(c.op('Gather', [value, c.cast(only.one, 'int64')], { axis: only.axis }))
      return
    }
    const parts = indexed(c, value, given)
    c.set(arranged(c, c.op('GatherND', [parts.value, parts.indices]), parts))
  },
}

const indexPut: TorchLowering = {
  makes: ['ScatterND', 'Where', 'NonZero'],
  lower: (c) => {
    const value = c.tensor('self')
    const given = c.optionals('indices')
    const updates = c.cast(c.tensor('values'), c.dtype(value))
    const [mask] = given
    if (given.length === 1 && mask !== undefined && isMask(mask) && !c.bool('accumulate') && c.rank(updates) === 0) {
      const missing = c.rank(value) - c.rank(mask)
      const full = missing === 0 ? mask : c.unsqueeze(mask, ...Array.from({ length: missing }, (_, i) => c.rank(mask) + i))
      c.set(c.op('Where', [c.cast(full, 'bool'), updates, value]))
      return
    }
    if (c.dtype(value) === 'bool' && c.bool('accumulate')) throw c.error('truth values cannot be added up', { fix: 'count in integers: mask.int()' })
    const parts = indexed(c, value, given)
    const rest = c.sizesOf(parts.value).slice(parts.count)
    const front = c.sizesOf(parts.indices).slice(0, parts.rank)
    // Updates come with the index axes where the result has them.
    const shape = [...rest.slice(0, parts.at), ...front, ...rest.slice(parts.at)]
    const full = c.expand(updates, shape)
    const all = Array.from({ length: shape.length }, (_, i) => i)
    const order = [...all.slice(parts.at, parts.at + parts.rank), ...all.slice(0, parts.at), ...all.slice(parts.at + parts.rank)]
    const made = placed(c, 'ScatterND', parts.value, parts.indices, c.transpose(full, order), { reduction: c.bool('accumulate') ? 'add' : undefined })
    c.set(c.transpose(made, parts.order.map((_, axis) => parts.order.indexOf(axis))))
  },
}

const REDUCTIONS: Readonly<Record<string, string>> = { sum: 'add', add: 'add', prod: 'mul', multiply: 'mul', amax: 'max', amin: 'min', mean: 'add' }
/** What changes nothing: sums, products, the largest, the smallest. */
const NEUTRAL: Readonly<Record<string, number>> = { add: 0, mul: 1, max: -Infinity, min: Infinity }

/** Updates into their places. Runtimes combine halves only as float32, which also rounds once instead of at every sum. */
function placed(c: TorchContext, operator: 'ScatterElements' | 'ScatterND', into: Value, at: Value, what: Value, options: { readonly axis?: number; readonly reduction?: string | undefined }): Value {
  const { reduction, ...rest } = options
  if (reduction === undefined) return c.op(operator, [into, at, what], rest)
  const d = c.dtype(into)
  if (d !== 'float16' && d !== 'bfloat16') return c.op(operator, [into, at, what], { ...rest, reduction })
  return c.cast(c.op(operator, [c.cast(into, 'float32'), at, c.cast(what, 'float32')], { ...rest, reduction }), d)
}

/** Updates put into their places, alone or with what is there. */
function gathered(c: TorchContext, x: Value, at: Value, updates: Value, asked: string): Value {
  const axis = c.axis('dim', c.rank(x))
  const reduction = REDUCTIONS[asked]
  const d = c.dtype(x)
  const put = (into: Value, what: Value, how?: string): Value => placed(c, 'ScatterElements', into, at, what, { axis, reduction: how })
  const own = c.bool('include_self', true)
  const full = (value: number): Value => c.expand(c.scalar(value, d), c.sizesOf(at))
  const { kind, bits } = DTYPES[d]
  const limit = (value: number): number => (Number.isFinite(value) || kind === 'float' ? value : kind === 'unsigned' ? (value > 0 ? 2 ** bits - 1 : 0) : value > 0 ? 2 ** (bits - 1) - 1 : -(2 ** (bits - 1)))
  const start = own || reduction === undefined ? x : put(x, full(limit(NEUTRAL[reduction] ?? 0)))
  const made = put(start, updates, reduction)
  if (asked !== 'mean') return made
  const ones = c.expand(c.scalar(1, d), c.sizesOf(x))
  const count = c.op('Max', [put(own ? ones : put(ones, full(0)), full(1), 'add'), c.scalar(1, d)])
  return floorDivided(c, made, count, d)
}

const floorDivided = (c: TorchContext, a: Value, b: Value, d: DType): Value => (DTYPES[d].kind === 'float' ? c.op('Div', [a, b]) : floorDivide(c, a, b, d))

/** Rows along an axis combined at indices. */
const indexReduce: TorchLowering = {
  makes: ['ScatterElements', 'Expand'],
  lower: (c) => {
    const self = c.tensor('self')
    const x = lifted(c, self)
    const source = lifted(c, c.cast(c.tensor('source'), c.dtype(x)))
    const axis = c.axis('dim', c.rank(x))
    const index = lifted(c, c.cast(c.tensor('index'), 'int64'))
    const others = c.sizesOf(source).map((_, i) => i).filter((i) => i !== axis)
    const at = c.expand(others.length === 0 ? index : c.unsqueeze(index, ...others), c.sizesOf(source))
    c.set(lowered(c, gathered(c, x, at, source, c.text('reduce')), self))
  },
}

const scatter = (fixed?: string): TorchLowering => ({
  makes: ['ScatterElements'],
  lower: (c) => {
    const self = c.tensor('self')
    const at = lifted(c, c.cast(c.tensor('index'), 'int64'))
    const asked = fixed ?? c.text('reduce', '')
    const reduction = asked === '' ? undefined : REDUCTIONS[asked]
    if (asked !== '' && reduction === undefined) throw c.error('ONNX has no such reduction', { got: asked })
    // Runtimes reduce no truth values.
    const d = c.dtype(self) === 'bool' && reduction !== undefined ? 'int32' : c.dtype(self)
    const x = lifted(c, c.cast(self, d))
    const source = c.argument('src')?.kind === 'tensor' ? c.cast(c.tensor('src'), d) : c.operand(c.has('value') ? 'value' : 'src', d)
    const sizes = c.sizesOf(at)
    // Of a larger source only the part that has indices is used.
    let updates = c.rank(source) === 0 ? c.expand(source, sizes) : source
    const larger = c.shape(updates).flatMap((dim, axis) => (dim !== c.shape(at)[axis] ? [axis] : []))
    if (larger.length > 0) {
      const ends = c.vectorOf(larger.map((axis): SizeValue => sizes[axis] ?? c.fixed(1)))
      updates = c.op('Slice', [updates, c.vector(larger.map(() => 0)), ends, c.vector(larger)])
    }
    c.set(lowered(c, gathered(c, x, at, updates, asked), self))
  },
})

/** Rows along an axis added, copied, filled at indices. */
const indexed1d = (kind: 'add' | 'copy' | 'fill'): TorchLowering => ({
  makes: ['ScatterND', 'Transpose'],
  lower: (c) => {
    const self = c.tensor('self')
    const d = kind === 'add' && c.dtype(self) === 'bool' ? 'int32' : c.dtype(self)
    const x = lifted(c, c.cast(self, d))
    const axis = c.axis('dim', c.rank(x))
    const all = Array.from({ length: c.rank(x) }, (_, i) => i)
    const front = [axis, ...all.filter((i) => i !== axis)]
    const at = c.unsqueeze(lifted(c, c.cast(c.tensor('index'), 'int64')), 1)
    let source: Value
    if (kind === 'fill') {
      const sizes = front.map((i) => c.sizeOf(x, i))
      source = c.expand(c.operand('value', d), [c.sizeOf(at, 0), ...sizes.slice(1)])
    } else source = c.transpose(lifted(c, c.cast(c.tensor('source'), d)), front)
    const alpha = kind === 'add' ? c.float('alpha', 1) : 1
    const updates = alpha === 1 ? source : c.op('Mul', [source, c.scalar(alpha, d)])
    const made = placed(c, 'ScatterND', c.transpose(x, front), at, updates, { reduction: kind === 'add' ? 'add' : undefined })
    c.set(lowered(c, c.transpose(made, front.map((_, i) => front.indexOf(i))), self))
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

function unpool(space: number): TorchLowering {
  return {
    makes: ['ScatterElements', 'Reshape'],
    lower: (c) => {
      const [x, index] = [c.tensor('self'), c.tensor('indices')]
      const front = c.rank(x) - space
      const plane = c.ints('output_size').slice(-space).reduce((a, b) => a * b, 1)
      const sizes = c.sizesOf(x).slice(0, front)
      const zeros = c.expand(c.scalar(0, c.dtype(x)), [...sizes, c.fixed(plane)])
      const flat = (value: Value): Value => c.reshape(value, [...c.sizesOf(value).slice(0, front), c.fixed(-1)])
      const made = c.op('ScatterElements', [zeros, flat(index), flat(x)], { axis: front })
      c.set(c.reshape(made, [...sizes, ...c.ints('output_size').slice(-space).map((size) => c.fixed(size))]))
    },
  }
}

const nonzero: TorchLowering = { makes: ['NonZero', 'Transpose'], lower: (c) => { 
  // Of a tensor without axes there is a row without columns, or none.
  const x = c.tensor('self')
  const found = c.op('Transpose', [c.op('NonZero', [lifted(c, x)])], { perm: [1, 0] })
  c.set(c.rank(x) === 0 ? c.slice(found, 1, c.fixed(0), c.fixed(0)) : found)
} }

export const indexing: Readonly<Record<string, TorchLowering>> = {
  'aten.embedding': embedding, 'aten.gather': gather, 'aten.take_along_dim': takeAlong, 'aten.index_select': indexSelect,
  'aten.index': index, 'aten._unsafe_index': index,
  'aten.index_put': indexPut, 'aten._unsafe_index_put': indexPut,
  'aten.scatter': scatter(), 'aten.scatter_add': scatter('add'), 'aten.scatter_reduce': scatter(),
  'aten.index_reduce': indexReduce,
  'aten.index_add': indexed1d('add'), 'aten.index_copy': indexed1d('copy'), 'aten.index_fill': indexed1d('fill'),
  'aten.slice_scatter': partScatter('slice'), 'aten.select_scatter': partScatter('select'),
  'aten.one_hot': oneHot, 'aten.repeat_interleave': repeatInterleave,
  'aten.take': { makes: ['Reshape', 'Gather'], lower: (c) => { c.set(c.op('Gather', [c.reshape(c.tensor('self'), [c.fixed(-1)]), c.tensor('index')], { axis: 0 })) } },
  // Everything under the mask, in order; how many depends on the data.
  'aten.masked_select': { makes: ['Compress', 'Expand'], lower: (c) => {
    const [x, mask] = [c.tensor('self'), c.cast(c.tensor('mask'), 'bool')]
    const flat = (value: Value): Value => c.reshape(value, [c.fixed(-1)])
    const sameShape = c.rank(x) === c.rank(mask) && c.shape(x).every((dim, i) => typeof dim === 'number' && dim === c.shape(mask)[i])
    if (sameShape) {
      c.set(c.op('Compress', [flat(x), flat(mask)]))
      return
    }
    const full = c.op('Where', [mask, x, c.scalar(0, c.dtype(x))])
    c.set(c.op('Compress', [flat(full), flat(c.expand(mask, c.sizesOf(full)))]))
  } },
  // Element number n under the mask becomes element number n of the source.
  'aten.masked_scatter': { makes: ['CumSum', 'Gather', 'Where'], lower: (c) => {
    const x = c.tensor('self')
    const wide = c.op('Where', [c.cast(c.tensor('mask'), 'bool'), x, c.scalar(0, c.dtype(x))])
    const mask = c.expand(c.cast(c.tensor('mask'), 'bool'), c.sizesOf(wide))
    const flat = c.reshape(c.cast(mask, 'int64'), [c.fixed(-1)])
    const at = c.op('Max', [c.op('Sub', [c.op('CumSum', [flat, c.scalar(0, 'int64')]), c.scalar(1, 'int64')]), c.scalar(0, 'int64')])
    const source = c.reshape(c.cast(c.tensor('source'), c.dtype(x)), [c.fixed(-1)])
    c.set(c.op('Where', [mask, c.reshape(c.op('Gather', [source, at], { axis: 0 }), c.sizesOf(wide)), x]))
  } },
  'aten.put': { makes: ['ScatterElements', 'Reshape'], lower: (c) => {
    const x = c.tensor('self')
    const flat = (value: Value): Value => c.reshape(value, [c.fixed(-1)])
    const size = c.shape(x).reduce<number>((product, dim) => product * Number(dim), 1)
    const index = flat(c.cast(c.tensor('index'), 'int64'))
    const positive = c.op('Where', [c.op('Less', [index, c.scalar(0, 'int64')]), c.op('Add', [index, c.scalar(size, 'int64')]), index])
    const adding = c.bool('accumulate')
    if (adding && c.dtype(x) === 'bool') throw c.error('truth values cannot be added up', { fix: 'count in integers: mask.int()' })
    const made = placed(c, 'ScatterElements', flat(x), positive, flat(c.cast(c.tensor('source'), c.dtype(x))), { axis: 0, reduction: adding ? 'add' : undefined })
    c.set(c.reshape(made, c.sizesOf(x)))
  } },
  // x at flat places, and back: what max pooling with indices remembers.
  'aten.max_unpool2d': unpool(2), 'aten.max_unpool3d': unpool(3),
  'aten.argwhere': nonzero, 'aten.nonzero': nonzero,
  'aten.nonzero_numpy': { makes: ['NonZero', 'Gather'], lower: (c) => { c.setAll(placesOf(c, lifted(c, c.tensor('self')))) } },
}
