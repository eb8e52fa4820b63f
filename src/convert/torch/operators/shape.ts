// Operators that move elements and do not compute: views, which share storage with their argument, and copies. Joining and
// turning is in joining.ts, padding in padding.ts.
import { DTYPES } from '../../../core'
import type { Value } from '../../../onnx'
import type { Cell, ViewStep } from '../alias'
import type { SizeValue } from '../arguments'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** Beyond it, an end means "to the end". */
export const FAR = 2 ** 53

/** A view that is a reshape: back is a reshape to the base's shape. */
function reshaping(c: TorchContext, of: Cell, forward: (value: Value) => Value, shares: boolean): void {
  if (shares) c.setView(of, { forward, backward: (base, updated) => c.reshape(updated, c.sizesOf(base)) })
  else c.set(forward(of.value))
}

/** A reshape to the sizes of an argument. */
const reshape = (sizes: string): TorchLowering => ({
  makes: ['Reshape'],
  lower: (c) => {
    const stated = c.resultSizes()
    const target = (): SizeValue[] => c.sizes(sizes).map((size, i) => (size.dim === -1 && typeof stated[i] === 'number' ? c.fixed(stated[i]) : size))
    reshaping(c, c.cell('self'), (value) => c.reshape(value, target()), c.sharesWhenReshaped('self'))
  },
})

/** A reshape whose target follows from the input. */
const reshapeBy = (makes: readonly string[], name: string, target: (c: TorchContext, value: Value) => SizeValue[]): TorchLowering => ({
  makes, lower: (c) => { reshaping(c, c.cell(name), (value) => c.reshape(value, target(c, value)), c.sharesWhenReshaped(name)) },
})

const transposing = (order: (c: TorchContext, rank: number) => number[]): TorchLowering => ({
  makes: ['Transpose'],
  lower: (c) => {
    const perm = order(c, c.rank(c.tensor('self')))
    const back = perm.map((_, axis) => perm.indexOf(axis))
    c.setView(c.cell('self'), { forward: (value) => c.transpose(value, perm), backward: (_, updated) => c.transpose(updated, back) })
  },
})

function swapped(rank: number, a: number, b: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis === a ? b : axis === b ? a : axis))
}

const same = (name = 'self'): TorchLowering => ({ makes: [], lower: (c) => { c.setSame(name) } })

/** The same elements in another type: itself when the type is the same and no copy is asked for. */
const converting: TorchLowering = {
  makes: ['Cast'],
  lower: (c) => {
    const value = c.tensor('self')
    if (value.dtype === c.resultType && !c.bool('copy')) c.setSame('self')
    else c.set(c.cast(value, c.resultType))
  },
}

/** A range along one axis of a base: how it is read and written. */
function rangeStep(c: TorchContext, axis: number, start: SizeValue, end: SizeValue, step: number): ViewStep {
  const forward = (value: Value): Value => c.slice(value, axis, start, end, step)
  if (step !== 1) return { forward, backward: (base, updated) => scattered(c, base, updated, axis, start, end, step) }
  return {
    forward,
    backward: (base, updated) => {
      const parts: Value[] = []
      if (start.dim !== 0) parts.push(c.slice(base, axis, c.fixed(0), start))
      parts.push(updated)
      const size = c.shape(base)[axis]
      const toEnd = typeof end.dim === 'number' && (end.dim >= FAR || (typeof size === 'number' && end.dim >= size))
      if (!toEnd) parts.push(c.slice(base, axis, end, c.fixed(FAR)))
      return parts.length === 1 ? updated : c.op('Concat', parts, { axis })
    },
  }
}

/** The base with elements start, start + step, … along an axis replaced. */
export function scattered(c: TorchContext, base: Value, updated: Value, axis: number, start: SizeValue, end: SizeValue, step: number): Value {
  const size = c.shape(base)[axis]
  if (typeof size !== 'number' || typeof start.dim !== 'number' || typeof end.dim !== 'number') throw c.error('it writes into every n-th element of an axis of unknown size')
  const at: number[] = []
  const stop = Math.min(size, end.dim < 0 ? end.dim + size : end.dim)
  for (let i = start.dim < 0 ? start.dim + size : start.dim; i < stop; i += step) at.push(i)
  const rank = c.rank(base)
  const front = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)]
  const back = front.map((_, i) => front.indexOf(i))
  const indices = c.lowerer.constant(at, 'int64', [at.length, 1])
  return c.transpose(c.op('ScatterND', [c.transpose(base, front), indices, c.transpose(updated, front)]), back)
}

const slice: TorchLowering = {
  makes: ['Slice'],
  lower: (c) => {
    const cell = c.cell('self')
    const value = cell.value
    const axis = c.axis('dim', c.rank(value), 0)
    const start = c.has('start') ? c.size('start') : c.fixed(0)
    const end = c.has('end') ? c.size('end') : c.fixed(FAR)
    const step = c.int('step', 1)
    const size = c.shape(value)[axis]
    const whole = step === 1 && start.dim === 0 && typeof end.dim === 'number' && (end.dim >= FAR || (typeof size === 'number' && end.dim >= size))
    if (whole) c.setSame('self')
    else c.setView(cell, rangeStep(c, axis, start, end, step))
  },
}

const narrow: TorchLowering = {
  makes: ['Slice'],
  lower: (c) => {
    const value = c.tensor('self')
    const axis = c.axis('dim', c.rank(value))
    const start = c.size('start')
    const length = c.size('length')
    const end: SizeValue = typeof start.dim === 'number' && typeof length.dim === 'number' ? c.fixed(start.dim + length.dim)
      : { dim: null, vector: () => c.op('Add', [start.vector(), length.vector()]) }
    c.setView(c.cell('self'), rangeStep(c, axis, start, end, 1))
  },
}

function selectStep(c: TorchContext, axis: number, index: SizeValue): ViewStep {
  return {
    forward: (value) => typeof index.dim === 'number' ? c.op('Gather', [value, c.scalar(index.dim, 'int64')], { axis })
      : c.squeeze(c.op('Gather', [value, index.vector()], { axis }), axis),
    backward: (base, updated) => {
      if (typeof index.dim !== 'number') throw c.error('it writes into a place that is not known when converting')
      const end = index.dim === -1 ? FAR : index.dim + 1
      return rangeStep(c, axis, c.fixed(index.dim), c.fixed(end), 1).backward?.(base, c.unsqueeze(updated, axis)) ?? base
    },
  }
}

const select: TorchLowering = {
  makes: ['Gather'],
  lower: (c) => { c.setView(c.cell('self'), selectStep(c, c.axis('dim', c.rank(c.tensor('self'))), c.size('index'))) },
}

const unbind: TorchLowering = {
  makes: ['Gather'],
  lower: (c) => {
    const axis = c.axis('dim', c.rank(c.tensor('self')), 0)
    c.results.forEach((_, i) => { c.setView(c.cell('self'), selectStep(c, axis, c.fixed(i)), i) })
  },
}

/** Splits into the sizes that the file states for the results. */
const split: TorchLowering = {
  makes: ['Split'],
  lower: (c) => {
    const cell = c.cell('self')
    const axis = c.axis('dim', c.rank(cell.value), 0)
    if (c.results.length === 1) {
      c.setSame('self')
      return
    }
    const sizes = c.results.map((_, i) => c.resultSizes(i)[axis])
    if (!sizes.every((size) => typeof size === 'number')) throw c.error('it splits an axis of unknown size', { fix: 'give the axis a fixed size when exporting' })
    const parts = c.ops('Split', [cell.value, c.vector(sizes)], { axis }, sizes.length)
    let from = 0
    parts.forEach((part, i) => {
      const start = from
      from += sizes[i] ?? 0
      c.setView(cell, rangeStep(c, axis, c.fixed(start), c.fixed(from), 1), i, part)
    })
  },
}

const expandTo = (c: TorchContext, sizes: () => SizeValue[]): void => {
  c.setView(c.cell('self'), { forward: (value) => c.expand(value, sizes()), backward: undefined })
}

/** -1 keeps a size; in ONNX a 1 does. */
const expand: TorchLowering = {
  makes: ['Expand'],
  lower: (c) => { expandTo(c, () => {
    const from = c.sizesOf(c.tensor('self'))
    const sizes = c.sizes('size')
    return sizes.map((size, i) => (size.dim === -1 ? from[i - sizes.length + from.length] ?? c.fixed(1) : size)).map((size, i) => {
      const own = from[i - sizes.length + from.length]
      return own !== undefined && typeof own.dim !== 'number' ? { dim: own.dim, vector: () => c.vector([1]) } : size
    })
  }) },
}

const squeeze: TorchLowering = {
  makes: ['Squeeze'],
  lower: (c) => {
    const value = c.tensor('self')
    const shape = c.shape(value)
    const asked = c.has('dim') ? c.ints('dim').map((axis) => c.normal(axis, shape.length)) : shape.map((_, axis) => axis)
    const axes = asked.filter((axis) => shape[axis] === 1)
    if (axes.length === 0) c.setSame('self')
    else c.setView(c.cell('self'), { forward: (v) => c.squeeze(v, ...axes), backward: (_, updated) => c.unsqueeze(updated, ...axes) })
  },
}

const unsqueeze: TorchLowering = {
  makes: ['Unsqueeze'],
  lower: (c) => {
    const axis = c.axis('dim', c.rank(c.tensor('self')) + 1)
    c.setView(c.cell('self'), { forward: (value) => c.unsqueeze(value, axis), backward: (_, updated) => c.squeeze(updated, axis) })
  },
}

const merged = (c: TorchContext, sizes: readonly SizeValue[]): SizeValue =>
  sizes.every(({ dim }) => typeof dim === 'number') ? c.fixed(sizes.reduce((product, { dim }) => product * Number(dim), 1)) : c.fixed(-1)

const trilu = (upper: number): TorchLowering => ({
  makes: ['Trilu'], lower: (c) => { c.set(c.op('Trilu', [c.tensor('self'), c.scalar(c.int('diagonal', 0), 'int64')], { upper })) },
})

const diagonal: TorchLowering = {
  makes: ['Reshape', 'Slice', 'Gather'], limits: 'the two axes must have known sizes',
  lower: (c) => {
    const value = c.tensor('self')
    const rank = c.rank(value)
    const [a, b] = [c.axis('dim1', rank, 0), c.axis('dim2', rank, 1)]
    const [rows, columns] = [c.shape(value)[a], c.shape(value)[b]]
    if (typeof rows !== 'number' || typeof columns !== 'number') throw c.error('it takes a diagonal of axes of unknown size')
    const offset = c.int('offset', 0)
    const [row, column] = [Math.max(0, -offset), Math.max(0, offset)]
    const count = Math.max(0, Math.min(rows - row, columns - column))
    const rest = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== a && i !== b)
    const flat = c.reshape(c.transpose(value, [...rest, a, b]), [...rest.map((axis) => c.sizeOf(value, axis)), c.fixed(rows * columns)])
    c.set(c.op('Gather', [flat, c.vector(Array.from({ length: count }, (_, i) => (row + i) * columns + column + i))], { axis: rest.length }))
  },
}

/** Sliding windows along an axis; their elements become the last axis. */
const unfold: TorchLowering = {
  makes: ['Gather', 'Transpose'],
  lower: (c) => {
    const given = c.tensor('self')
    const value = c.rank(given) === 0 ? c.unsqueeze(given, 0) : given
    const rank = c.rank(value)
    const axis = c.axis('dimension', rank)
    const size = c.shape(value)[axis]
    const [window, step] = [c.int('size'), c.int('step')]
    if (typeof size !== 'number') throw c.error('it takes windows of an axis of unknown size')
    const count = Math.floor((size - window) / step) + 1
    const at = Array.from({ length: count * window }, (_, i) => Math.floor(i / window) * step + (i % window))
    const windows = c.op('Gather', [value, c.lowerer.constant(at, 'int64', [count, window])], { axis })
    const order = Array.from({ length: rank + 1 }, (_, i) => i).filter((i) => i !== axis + 1)
    const result = c.transpose(windows, [...order, axis + 1])
    c.set(c.rank(given) === 0 ? c.squeeze(result, 0) : result)
  },
}

const pixelShuffle: TorchLowering = {
  makes: ['DepthToSpace'],
  lower: (c) => {
    const [given, r] = [c.tensor('self'), c.int('upscale_factor')]
    // Runtimes do it for floating point numbers of 64 bits, and so for all integers up to 2^53.
    const x = DTYPES[c.dtype(given)].kind === 'float' ? given : c.cast(given, 'float64')
    const extra = c.rank(x) - 4
    const sizes = c.sizesOf(x)
    const planes = extra === 0 ? x : c.reshape(x, [c.fixed(-1), ...sizes.slice(-3)])
    const y = c.op('DepthToSpace', [planes], { blocksize: r, mode: 'CRD' })
    c.set(extra === 0 ? y : c.reshape(y, [...sizes.slice(0, -3), ...c.sizesOf(y).slice(1)]))
  },
}

/** [N, C, H·r, W·r] → [N, C·r², H, W] */
const pixelUnshuffle: TorchLowering = {
  makes: ['Reshape', 'Transpose'],
  lower: (c) => {
    const value = c.tensor('self')
    const r = c.int('downscale_factor')
    const [, channels, height, width] = c.shape(value)
    if (typeof channels !== 'number' || typeof height !== 'number' || typeof width !== 'number') throw c.error('it needs known sizes of channels, height and width')
    const [batch] = c.sizesOf(value)
    const fixed = (...sizes: number[]): SizeValue[] => [batch ?? c.fixed(1), ...sizes.map((size) => c.fixed(size))]
    const blocks = c.reshape(value, fixed(channels, height / r, r, width / r, r))
    c.set(c.reshape(c.transpose(blocks, [0, 1, 3, 5, 2, 4]), fixed(channels * r * r, height / r, width / r)))
  },
}

const channelShuffle: TorchLowering = {
  makes: ['Reshape', 'Transpose'],
  lower: (c) => {
    const value = c.tensor('self')
    const groups = c.int('groups')
    const [batch, channels, ...space] = c.sizesOf(value)
    if (batch === undefined || typeof channels?.dim !== 'number') throw c.error('it needs a known number of channels')
    const parts = c.reshape(value, [batch, c.fixed(groups), c.fixed(channels.dim / groups), ...space])
    c.set(c.reshape(c.transpose(parts, [0, 2, 1, ...space.map((_, i) => i + 3)]), [batch, channels, ...space]))
  },
}

export const shape: Readonly<Record<string, TorchLowering>> = {
  'aten.view': reshape('size'), 'aten._unsafe_view': reshape('size'), 'aten.reshape': reshape('shape'), 'aten._reshape_alias': reshape('size'),
  'aten.view.dtype': { makes: ['BitCast'], limits: 'only to the same type', lower: (c) => {
    if (c.dtype(c.tensor('self')) !== c.resultType) throw c.error('it reads the bits of a tensor as another type', { fix: 'use .to(dtype), which converts the numbers' })
    c.setSame('self')
  } },
  'aten.reshape_as': reshapeBy(['Reshape'], 'self', (c) => c.sizesOf(c.tensor('other'))),
  'aten.view_as': reshapeBy(['Reshape'], 'self', (c) => c.sizesOf(c.tensor('other'))),
  'aten.flatten': reshapeBy(['Reshape'], 'self', (c, value) => {
    const sizes = c.sizesOf(value)
    if (sizes.length === 0) return [c.fixed(1)]
    const [start, end] = [c.axis('start_dim', sizes.length, 0), c.axis('end_dim', sizes.length, -1)]
    return [...sizes.slice(0, start), merged(c, sizes.slice(start, end + 1)), ...sizes.slice(end + 1)]
  }),
  'aten.ravel': reshapeBy(['Reshape'], 'self', (c, value) => [merged(c, c.sizesOf(value))]),
  'aten.unflatten': reshapeBy(['Reshape'], 'self', (c, value) => {
    const sizes = c.sizesOf(value)
    const axis = c.axis('dim', sizes.length)
    const stated = c.resultSizes()
    const inner = c.sizes('sizes').map((size, i) => (size.dim === -1 && typeof stated[axis + i] === 'number' ? c.fixed(Number(stated[axis + i])) : size))
    return [...sizes.slice(0, axis), ...inner, ...sizes.slice(axis + 1)]
  }),
  'aten.permute': transposing((c, rank) => c.ints('dims').map((axis) => c.normal(axis, rank))),
  'aten.transpose': transposing((c, rank) => swapped(rank, c.axis('dim0', rank), c.axis('dim1', rank))),
  'aten.swapaxes': transposing((c, rank) => swapped(rank, c.axis('axis0', rank), c.axis('axis1', rank))),
  'aten.swapdims': transposing((c, rank) => swapped(rank, c.axis('dim0', rank), c.axis('dim1', rank))),
  'aten.t': transposing((_, rank) => (rank < 2 ? Array.from({ length: rank }, (__, i) => i) : [1, 0])),
  'aten.numpy_T': transposing((_, rank) => Array.from({ length: rank }, (__, i) => rank - 1 - i)),
  'aten.mT': transposing((_, rank) => swapped(rank, rank - 2, rank - 1)), 'aten.mH': transposing((_, rank) => swapped(rank, rank - 2, rank - 1)), 'aten.matrix_H': transposing((_, rank) => swapped(rank, rank - 2, rank - 1)), 'aten.adjoint': transposing((_, rank) => swapped(rank, rank - 2, rank - 1)),
  'aten.movedim': transposing((c, rank) => {
    const from = c.ints('source').map((axis) => c.normal(axis, rank))
    const to = c.ints('destination').map((axis) => c.normal(axis, rank))
    const rest = Array.from({ length: rank }, (_, i) => i).filter((i) => !from.includes(i))
    return Array.from({ length: rank }, (_, i) => (to.includes(i) ? from[to.indexOf(i)] : rest.shift()) ?? 0)
  }),
  'aten.slice': slice, 'aten.narrow': narrow, 'aten.select': select, 'aten.unbind': unbind,
  'aten.split': split, 'aten.split_with_sizes': split, 'aten.chunk': split, 'aten.unsafe_split': split, 'aten.unsafe_chunk': split, 'aten.tensor_split': split,
  'aten.expand': expand,
  'aten.expand_as': { makes: ['Expand'], lower: (c) => { expandTo(c, () => c.sizesOf(c.tensor('other'))) } },
  'aten.broadcast_to': expand,
  'aten.squeeze': squeeze, 'aten.unsqueeze': unsqueeze,
  'aten.alias': same(), 'aten.detach': same(), 'aten.view_of': same(), 'aten.positive': same(), 'aten.resolve_conj': same(), 'aten.resolve_neg': same(), 'aten.conj': same(), 'aten.conj_physical': same(), 'aten.real': same(),
  'aten.requires_grad_': same(), 'aten.dropout': dropping(), 'aten.feature_dropout': dropping(), 'aten.alpha_dropout': dropping(), 'aten.native_dropout': dropping(),
  'aten.contiguous': { makes: [], lower: (c) => {
    if (c.isContiguous('self')) c.setSame('self')
    else c.set(c.tensor('self'))
  } },
  'aten.clone': { makes: [], lower: (c) => { c.set(c.tensor('self')) } }, 'aten.lift_fresh_copy': { makes: [], lower: (c) => { c.set(c.tensor('self')) } },
  'aten.lift_fresh': same(), 'aten.lift': same(),
  'aten.to': converting, 'aten._to_copy': converting, 'aten.type_as': converting, 'prims.convert_element_type': { makes: ['Cast'], lower: (c) => { c.set(c.cast(c.tensor('a'), c.resultType)) } },
  'aten.copy': { makes: ['Cast', 'Expand'], lower: (c) => {
    const target = c.tensor('self')
    c.set(c.expand(c.cast(c.tensor('src'), c.dtype(target)), c.sizesOf(target)))
  } },
  'aten.tril': trilu(0), 'aten.triu': trilu(1), 'aten.diagonal': diagonal, 'aten.unfold': unfold,
  'aten.pixel_shuffle': pixelShuffle, 'aten.pixel_unshuffle': pixelUnshuffle, 'aten.channel_shuffle': channelShuffle, 'aten.native_channel_shuffle': channelShuffle,
}

/** In inference, dropout is nothing; PyTorch returns the argument itself. */
function dropping(): TorchLowering {
  return {
    makes: [], limits: 'training mode',
    lower: (c) => {
      if (c.bool('train')) throw c.error('the module was exported in training mode', { fix: 'call module.eval() before torch.export.export' })
      c.setSame(c.has('self') ? 'self' : 'input')
    },
  }
}
