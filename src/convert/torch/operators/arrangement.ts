// Operators that arrange elements anew: grids, diagonals, blocks, copies of views, parts by strides.
import { DTYPES } from '../../../core'
import type { Value } from '../../../onnx'
import { Cell } from '../alias'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

const known = (c: TorchContext, value: Value): number[] => c.shape(value).map((dim) => {
  if (typeof dim !== 'number') throw c.error('it needs known sizes', { fix: 'give the axes fixed sizes when exporting' })
  return dim
})

/** At least so many axes: in front, the third behind (torch.atleast_3d). */
function atLeast(c: TorchContext, value: Value, least: number): Value {
  const rank = c.rank(value)
  if (rank >= least) return value
  if (least === 3 && rank === 2) return c.unsqueeze(value, 2)
  return c.unsqueeze(value, ...(least === 3 && rank === 1 ? [0, 2] : range(least - rank)))
}

const atLeastAxes = (least: number): TorchLowering => ({
  makes: ['Unsqueeze'],
  lower: (c) => {
    if (c.has('self')) {
      const value = c.tensor('self')
      if (c.rank(value) >= least) c.setSame('self')
      else c.set(atLeast(c, value, least))
    } else c.setAll(c.tensors('tensors').map((value) => atLeast(c, value, least)))
  },
})

/** Splits where `axisOf` says, into the sizes that the file states. */
const splitAt = (axisOf: (rank: number) => number): TorchLowering => ({
  makes: ['Slice'],
  lower: (c) => {
    const value = c.tensor('self')
    const axis = axisOf(c.rank(value))
    let from = 0
    c.results.forEach((_, i) => {
      const size = c.resultSizes(i)[axis]
      if (typeof size !== 'number') throw c.error('it splits an axis of unknown size')
      c.set(c.slice(value, axis, c.fixed(from), c.fixed(from + size)), i)
      from += size
    })
  },
})

function flipped(c: TorchContext, value: Value, axes: readonly number[]): Value {
  const all = (of: number): Value => c.vector(axes.map(() => of))
  return axes.length === 0 ? value : c.op('Slice', [value, all(-1), all(-(2 ** 63)), c.vector(axes), all(-1)])
}

const rotated: TorchLowering = {
  makes: ['Slice', 'Transpose'],
  lower: (c) => {
    const value = c.tensor('self')
    const rank = c.rank(value)
    const [a = 0, b = 1] = c.ints('dims', [0, 1]).map((axis) => c.normal(axis, rank))
    const turns = ((c.int('k', 1) % 4) + 4) % 4
    const swap = range(rank).map((axis) => (axis === a ? b : axis === b ? a : axis))
    if (turns === 0) c.set(value)
    else if (turns === 2) c.set(flipped(c, value, [a, b]))
    else c.set(turns === 1 ? c.transpose(flipped(c, value, [b]), swap) : flipped(c, c.transpose(value, swap), [b]))
  },
}

/** Each tensor along an axis of its own. */
function grid(c: TorchContext, values: readonly Value[]): Value[] {
  const flat = values.map((value) => (c.rank(value) === 0 ? c.unsqueeze(value, 0) : value))
  const sizes = flat.map((value) => c.sizeOf(value, 0))
  return flat.map((value, i) => {
    const others = range(flat.length).filter((axis) => axis !== i)
    return c.expand(others.length === 0 ? value : c.unsqueeze(value, ...others), sizes)
  })
}

const meshgrid: TorchLowering = {
  makes: ['Unsqueeze', 'Expand'],
  lower: (c) => {
    const made = grid(c, c.tensors('tensors'))
    const swap = c.text('indexing', 'ij') === 'xy' && made.length > 1
    const order = [1, 0, ...range(made.length).slice(2)]
    // With "xy" the first two tensors change places, and so do the first two axes.
    c.setAll(swap ? grid(c, [1, 0, ...range(made.length).slice(2)].map((i) => c.tensors('tensors')[i]).filter((value) => value !== undefined)).reduce<Value[]>((all, value, i) => {
      all[order[i] ?? i] = value
      return all
    }, []) : made)
  },
}

/** All in the shape that they broadcast to: the shape that the file states. */
const broadcastTensors: TorchLowering = {
  makes: ['Expand'],
  lower: (c) => {
    const values = c.tensors('tensors')
    const sizes = c.resultSizes()
    const from = (axis: number): SizeValue => {
      const dim = sizes[axis]
      if (typeof dim === 'number') return c.fixed(dim)
      const source = values.find((value) => c.shape(value)[axis - sizes.length + c.rank(value)] === dim)
      if (source === undefined) throw c.error('it broadcasts to a size that none of the tensors has')
      return c.sizeOf(source, axis - sizes.length + c.rank(source))
    }
    c.setAll(values.map((value) => c.expand(value, sizes.map((_, axis) => from(axis)))))
  },
}

const combinations: TorchLowering = {
  makes: ['Gather'],
  lower: (c) => {
    const value = c.tensor('self')
    const [n = 0] = known(c, value)
    const [r, again] = [c.int('r', 2), c.bool('with_replacement')]
    const found: number[][] = []
    const extend = (chosen: number[]): void => {
      if (chosen.length === r) {
        found.push(chosen)
        return
      }
      const last = chosen.at(-1)
      for (let i = last === undefined ? 0 : last + Number(!again); i < n; i++) extend([...chosen, i])
    }
    extend([])
    c.set(c.op('Gather', [value, c.lowerer.constant(found.flat(), 'int64', [found.length, r])], { axis: 0 }))
  },
}

const cartesian: TorchLowering = {
  makes: ['Unsqueeze', 'Expand', 'Reshape', 'Concat'],
  lower: (c) => {
    const values = c.tensors('tensors')
    const [only] = values
    if (values.length === 1 && only !== undefined) c.set(only)
    else c.set(c.op('Concat', grid(c, values).map((value) => c.reshape(value, [c.fixed(-1), c.fixed(1)])), { axis: 1 }))
  },
}

/** Zeros of a type, in a shape. */
const zeros = (c: TorchContext, like: Value, sizes: readonly number[]): Value => c.expand(c.scalar(0, c.dtype(like)), sizes.map((size) => c.fixed(size)))

const blocks: TorchLowering = {
  makes: ['Concat', 'Expand'],
  lower: (c) => {
    const parts = c.tensors('tensors').map((value) => atLeast(c, c.cast(value, c.resultType), 2))
    const width = parts.reduce((sum, value) => sum + (known(c, value)[1] ?? 0), 0)
    let before = 0
    const rows = parts.map((value) => {
      const [height = 0, own = 0] = known(c, value)
      const after = width - before - own
      const row = [...(before > 0 ? [zeros(c, value, [height, before])] : []), value, ...(after > 0 ? [zeros(c, value, [height, after])] : [])]
      before += own
      return row.length === 1 ? value : c.op('Concat', row, { axis: 1 })
    })
    c.set(rows.length === 1 && rows[0] !== undefined ? rows[0] : c.op('Concat', rows, { axis: 0 }))
  },
}

/** A vector for each row, n elements of a diagonal, with zeros before and after so that there is one for every row. */
function alongRows(c: TorchContext, value: Value, rows: number, offset: number): Value {
  const rank = c.rank(value)
  const n = known(c, value).at(-1) ?? 0
  const begin = Math.max(0, -offset)
  const front = c.shape(value).slice(0, -1).map(Number)
  const [before, after] = [begin, rows - n - begin].map((count) => (count > 0 ? zeros(c, value, [...front, count]) : undefined))
  const parts = [before, value, after].filter((part) => part !== undefined)
  return c.unsqueeze(parts.length === 1 ? value : c.op('Concat', parts, { axis: rank - 1 }), rank)
}

/** Where a matrix has its diagonal. */
const diagonalMask = (c: TorchContext, rows: number, columns: number, offset: number): Value =>
  c.lowerer.constant(range(rows * columns).map((i) => Number(i % columns === Math.floor(i / columns) + offset)), 'bool', [rows, columns])

/** The last two axes moved to where they are wanted. */
function placed(c: TorchContext, value: Value, a: number, b: number): Value {
  const rank = c.rank(value)
  const rest = range(rank - 2)
  const order: number[] = []
  for (let axis = 0; axis < rank; axis++) order.push(axis === a ? rank - 2 : axis === b ? rank - 1 : rest.shift() ?? 0)
  return c.transpose(value, order)
}

function embedded(c: TorchContext, value: Value, offset: number): Value {
  const size = (known(c, value).at(-1) ?? 0) + Math.abs(offset)
  return c.op('Where', [diagonalMask(c, size, size, offset), alongRows(c, value, size, offset), c.scalar(0, c.dtype(value))])
}

const diagEmbed: TorchLowering = {
  makes: ['Where', 'Concat'],
  lower: (c) => {
    const value = c.tensor('self')
    const rank = c.rank(value) + 1
    c.set(placed(c, embedded(c, value, c.int('offset', 0)), c.axis('dim1', rank, -2), c.axis('dim2', rank, -1)))
  },
}

function diagonalOf(c: TorchContext, value: Value, offset: number): Value {
  const [rows = 0, columns = 0] = known(c, value)
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)]
  const count = Math.max(0, Math.min(rows - row, columns - column))
  const flat = c.reshape(value, [c.fixed(rows * columns)])
  return c.op('Gather', [flat, c.vector(range(count).map((i) => (row + i) * columns + column + i))], { axis: 0 })
}

const diag: TorchLowering = {
  makes: ['Where', 'Gather'],
  lower: (c) => {
    const value = c.tensor('self')
    const offset = c.int('diagonal', 0)
    c.set(c.rank(value) === 1 ? embedded(c, value, offset) : diagonalOf(c, value, offset))
  },
}

const diagonalScatter: TorchLowering = {
  makes: ['Transpose', 'Where', 'Concat'],
  lower: (c) => {
    const value = c.tensor('self')
    const rank = c.rank(value)
    const [a, b] = [c.axis('dim1', rank, 0), c.axis('dim2', rank, 1)]
    const order = [...range(rank).filter((axis) => axis !== a && axis !== b), a, b]
    const front = c.transpose(value, order)
    const [rows = 0, columns = 0] = known(c, front).slice(-2)
    const offset = c.int('offset', 0)
    const source = alongRows(c, c.cast(c.tensor('src'), c.dtype(value)), rows, offset)
    const made = c.op('Where', [diagonalMask(c, rows, columns, offset), source, front])
    c.set(c.transpose(made, order.map((_, axis) => order.indexOf(axis))))
  },
}

/** Elements that are written out as indices at most. */
const MOST_INDICES = 2 ** 20

/** Places in the storage by size, stride and offset; the storage is the tensor itself, in order. */
function stridedPlaces(c: TorchContext, name: string): Value {
  const [size, stride] = [c.ints('size'), c.ints('stride')]
  const count = size.reduce((a, b) => a * b, 1)
  if (!c.isContiguous(name) || c.int('storage_offset', 0) < 0 || count > MOST_INDICES) throw c.error('it reads a storage by strides of another layout', { fix: 'use slices, unfold or index operators' })
  const places = range(count).map((flat) => {
    let [rest, at] = [flat, c.int('storage_offset', 0)]
    for (let axis = size.length - 1; axis >= 0; axis--) {
      at += (rest % (size[axis] ?? 1)) * (stride[axis] ?? 0)
      rest = Math.floor(rest / (size[axis] ?? 1))
    }
    return at
  })
  const elements = known(c, c.tensor(name)).reduce((a, b) => a * b, 1)
  if (places.some((place) => place >= elements)) throw c.error('it reads beyond the tensor, into the storage that it is a part of', { fix: 'read from the whole tensor' })
  return c.lowerer.constant(places, 'int64', size)
}

const asStrided: TorchLowering = {
  makes: ['Reshape', 'Gather'], limits: 'other layouts than contiguous; writing through it',
  lower: (c) => {
    const at = stridedPlaces(c, 'self')
    c.setView(c.cell('self'), { forward: (value) => c.op('Gather', [c.reshape(value, [c.fixed(-1)]), at], { axis: 0 }), backward: undefined })
  },
}

const asStridedScatter: TorchLowering = {
  makes: ['Reshape', 'ScatterElements'], limits: 'other layouts than contiguous',
  lower: (c) => {
    const value = c.tensor('self')
    const flat = (of: Value): Value => c.reshape(of, [c.fixed(-1)])
    const source = flat(c.cast(c.tensor('src'), c.dtype(value)))
    c.set(c.reshape(c.op('ScatterElements', [flat(value), flat(stridedPlaces(c, 'self')), source], { axis: 0 }), c.sizesOf(value)))
  },
}

/** Summed over the axes that broadcasting to the tensor's shape would have made. */
const sumToSize: TorchLowering = {
  makes: ['ReduceSum'],
  lower: (c) => {
    const value = c.tensor('self')
    const sizes = c.ints('size')
    const [rank, own] = [c.rank(value), c.shape(value)]
    const extra = rank - sizes.length
    const axes = range(rank).filter((axis) => axis < extra || (sizes[axis - extra] === 1 && own[axis] !== 1))
    const summed = axes.length === 0 ? c.op('Identity', [value]) : c.op('ReduceSum', [c.cast(value, c.resultType), c.vector(axes)], { keepdims: 1 })
    c.set(extra === 0 ? summed : c.squeeze(summed, ...range(extra)))
  },
}

/** Kronecker's product: every element of the first times the second. */
const kron: TorchLowering = {
  makes: ['Unsqueeze', 'Mul', 'Reshape'],
  lower: (c) => {
    const d = c.resultType
    const rank = Math.max(c.rank(c.tensor('self')), c.rank(c.tensor('other')))
    const full = (name: string): Value => {
      const value = c.operand(name, d)
      return c.rank(value) === rank ? value : c.unsqueeze(value, ...range(rank - c.rank(value)))
    }
    const [a, b] = [full('self'), full('other')]
    if (rank === 0) {
      c.set(c.op(d === 'bool' ? 'And' : 'Mul', [a, b]))
      return
    }
    const product = c.op(d === 'bool' ? 'And' : 'Mul', [c.unsqueeze(a, ...range(rank).map((i) => 2 * i + 1)), c.unsqueeze(b, ...range(rank).map((i) => 2 * i))])
    c.set(c.reshape(product, c.resultSizes().map((dim) => c.fixed(typeof dim === 'number' ? dim : -1))))
  },
}

/** Into chunks along an axis, each tensor for itself, and chunks of all side by side. */
const columnStack: TorchLowering = {
  makes: ['Unsqueeze', 'Concat'],
  lower: (c) => {
    const parts = c.tensors('tensors').map((value) => c.cast(value, c.resultType))
      .map((value) => (c.rank(value) === 0 ? c.unsqueeze(value, 0, 1) : c.rank(value) === 1 ? c.unsqueeze(value, 1) : value))
    c.set(parts.length === 1 && parts[0] !== undefined ? c.op('Identity', parts) : c.op('Concat', parts, { axis: 1 }))
  },
}

/** ½ (y_i + y_{i+1}) · dx, summed along an axis. */
const trapezoid: TorchLowering = {
  makes: ['Slice', 'Add', 'Mul', 'ReduceSum'],
  lower: (c) => {
    const d = c.resultType
    const y = c.cast(c.tensor('y'), d)
    const axis = c.axis('dim', c.rank(y), -1)
    const later = (value: Value, at: number): Value => c.slice(value, at, c.fixed(1), c.fixed(2 ** 53))
    const earlier = (value: Value, at: number): Value => c.slice(value, at, c.fixed(0), c.fixed(-1))
    const sums = c.op('Add', [later(y, axis), earlier(y, axis)])
    let width = c.scalar(c.float('dx', 1), d)
    if (c.has('x')) {
      const x = c.cast(c.tensor('x'), d)
      const at = c.rank(x) === 1 ? 0 : axis - c.rank(y) + c.rank(x)
      const gaps = c.op('Sub', [later(x, at), earlier(x, at)])
      const behind = c.rank(x) === 1 ? c.rank(y) - 1 - axis : 0
      width = behind === 0 ? gaps : c.unsqueeze(gaps, ...range(behind).map((i) => i + 1))
    }
    const half = c.op('Mul', [c.op('Mul', [sums, width]), c.scalar(0.5, d)])
    if (DTYPES[d].kind !== 'float') throw c.error('it needs floating point numbers', { fix: 'x.float()' })
    c.set(c.op('ReduceSum', [half, c.vector([axis - c.rank(y)])], { keepdims: 0 }))
  },
}

/** The operator without `_copy`, its results with storage of their own. */
export function copying({ makes, lower, limits }: TorchLowering): TorchLowering {
  return {
    makes, ...(limits === undefined ? {} : { limits }),
    lower: (c) => {
      lower(c)
      for (const name of c.results) if (name !== '') c.lowerer.define(name, Cell.of(c.lowerer.cell(name).value))
    },
  }
}

export const arrangement: Readonly<Record<string, TorchLowering>> = {
  'aten.atleast_1d': atLeastAxes(1), 'aten.atleast_2d': atLeastAxes(2), 'aten.atleast_3d': atLeastAxes(3),
  'aten.hsplit': splitAt((rank) => (rank === 1 ? 0 : 1)), 'aten.vsplit': splitAt(() => 0), 'aten.dsplit': splitAt(() => 2),
  'aten.flipud': { makes: ['Slice'], lower: (c) => { c.set(flipped(c, c.tensor('self'), [0])) } },
  'aten.fliplr': { makes: ['Slice'], lower: (c) => { c.set(flipped(c, c.tensor('self'), [1])) } },
  'aten.rot90': rotated, 'aten.meshgrid': meshgrid, 'aten.broadcast_tensors': broadcastTensors,
  'aten.combinations': combinations, 'aten.cartesian_prod': cartesian, 'aten.block_diag': blocks, 'aten.column_stack': columnStack,
  'aten.trace': { makes: ['Gather', 'ReduceSum'], lower: (c) => {
    c.set(c.op('ReduceSum', [c.cast(diagonalOf(c, c.tensor('self'), 0), c.resultType), c.vector([0])], { keepdims: 0 }))
  } },
  'aten.diagflat': { makes: ['Reshape', 'Where'], lower: (c) => {
    const flat = c.reshape(c.tensor('self'), [c.fixed(known(c, c.tensor('self')).reduce((a, b) => a * b, 1))])
    c.set(embedded(c, flat, c.int('offset', 0)))
  } },
  'aten.diag': diag, 'aten.diag_embed': diagEmbed, 'aten.diagonal_scatter': diagonalScatter,
  'aten.as_strided': asStrided, 'aten.as_strided_scatter': asStridedScatter,
  'aten.sum_to_size': sumToSize, 'aten.kron': kron, 'aten.trapezoid': trapezoid, 'aten.trapz': trapezoid,
}
