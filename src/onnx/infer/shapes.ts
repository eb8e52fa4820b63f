// Inference for operators that move elements: reshape, slice, gather, concatenate and so on.
import type { Dim } from '../ir/types'
import { addDims, ceilDivDims, exactDivDims, floorDivDims, mulDims, productOf, subDims } from './dims'
import { dtypeAttribute } from './elementwise'
import { MAX_KNOWN_ELEMENTS, unknownShape, type InferContext, type InferFunction } from './context'

/** A list that is an attribute in old versions and an input in new ones. */
export function listOf(c: InferContext, attribute: string, input: number): number[] | undefined {
  if (c.node.attributes.has(attribute) && c.schema.attributes.has(attribute)) return c.ints(attribute)
  return c.has(input) ? c.numbers(input) : undefined
}

const unknowns = (rank: number): Dim[] => new Array<Dim>(rank).fill(null)

const shape: InferFunction = (c) => {
  const dims = c.shape(0)
  if (dims === undefined) {
    c.set(0, 'int64', [null])
    return
  }
  const rank = dims.length
  const bound = (at: number) => Math.max(0, Math.min(rank, at < 0 ? at + rank : at))
  const start = bound(c.int('start') ?? 0)
  const part = dims.slice(start, Math.max(start, bound(c.int('end') ?? rank)))
  c.set(0, 'int64', [part.length])
  c.setKnown(0, [part.length], part)
}

const size: InferFunction = (c) => {
  c.set(0, 'int64', [])
  const dims = c.shape(0)
  if (dims !== undefined) c.setKnown(0, [], [productOf(dims)])
}

const constant: InferFunction = (c) => {
  const tensor = c.get('value', 'tensor')
  const sparse = c.get('sparse_value', 'sparse')
  const ints = c.ints('value_ints')
  const floats = c.get('value_floats', 'floats')
  const strings = c.get('value_strings', 'strings')
  if (tensor !== undefined) c.set(0, tensor.dtype, tensor.shape)
  else if (sparse !== undefined) c.set(0, sparse.values.dtype, sparse.shape)
  else if (ints !== undefined) {
    c.set(0, 'int64', [ints.length])
    c.setKnown(0, [ints.length], ints)
  } else if (floats !== undefined) {
    c.set(0, 'float32', [floats.length])
    c.setKnown(0, [floats.length], [...floats])
  } else if (strings !== undefined) c.set(0, 'string', [strings.length])
  else if (c.node.attributes.has('value_int')) {
    c.set(0, 'int64', [])
    c.setKnown(0, [], [c.int('value_int') ?? null])
  } else if (c.node.attributes.has('value_float')) {
    c.set(0, 'float32', [])
    c.setKnown(0, [], [c.get('value_float', 'float') ?? null])
  } else if (c.node.attributes.has('value_string')) c.set(0, 'string', [])
}

const constantOfShape: InferFunction = (c) => {
  const value = c.get('value', 'tensor')
  const dtype = value?.dtype ?? 'float32'
  const dims = c.elements(0)
  const length = c.shape(0)?.[0]
  if (dims?.some((dim) => typeof dim === 'number' && dim < 0)) c.fail('ConstantOfShape got a negative size', 'sizes of 0 and more', `[${dims.join(', ')}]`)
  c.set(0, dtype, dims ?? unknownShape(length))
  if (dims?.every((dim) => typeof dim === 'number')) {
    const count = dims.reduce((a, b) => a * b, 1)
    if (count <= 1024 && dtype !== 'string') c.setKnown(0, dims, new Array<Dim>(count).fill(value === undefined ? 0 : value.item()))
  }
}

const reshape: InferFunction = (c) => {
  const target = c.since < 5 ? c.ints('shape') : c.elements(1)
  const input = c.shape(0)
  if (target === undefined) {
    const length = c.shape(1)?.[0]
    c.set(0, c.dtype(0), unknownShape(length))
    return
  }
  const keepsZero = c.int('allowzero') !== 1
  const out: Dim[] = target.map((dim, i) => {
    if (dim !== 0 || !keepsZero) return dim
    if (input !== undefined && i >= input.length) return c.fail('Reshape copies a size that its input does not have', `a position below ${input.length}`, String(i))
    return input?.[i] ?? null
  })
  const open = out.indexOf(-1)
  if (out.some((dim) => typeof dim === 'number' && dim < -1) || out.lastIndexOf(-1) !== open) {
    c.fail('Reshape got an impossible shape', 'sizes of 0 and more, and −1 at most once', `[${target.join(', ')}]`)
  }
  if (open >= 0) {
    // A size copied by 0 stands on both sides and cancels, also when it is unknown.
    const copied = new Set(target.flatMap((dim, i) => (dim === 0 && keepsZero && input?.[i] === null ? [i] : [])))
    const rest = productOf(out.filter((_, i) => i !== open && !copied.has(i)))
    const all = input === undefined ? null : productOf(input.filter((_, i) => !copied.has(i)))
    if (typeof all === 'number' && typeof rest === 'number' && rest > 0 && all % rest !== 0) {
      c.fail('Reshape cannot keep the number of elements', `a multiple of ${rest} elements`, String(all))
    }
    out[open] = all === 0 && rest === 0 ? 0 : exactDivDims(all, rest)
  } else if (input !== undefined) {
    const [before, after] = [productOf(input), productOf(out)]
    if (typeof before === 'number' && typeof after === 'number' && before !== after) {
      c.fail('Reshape cannot change the number of elements', String(before), `${after} in [${out.join(', ')}]`)
    }
  }
  c.set(0, c.dtype(0), out)
  const known = c.known_(0)
  if (known !== undefined && out.every((dim) => typeof dim === 'number')) c.setKnown(0, out, known.elements)
}

const flatten: InferFunction = (c) => {
  const dims = c.shape(0)
  if (dims === undefined) {
    c.set(0, c.dtype(0), [null, null])
    return
  }
  const raw = c.int('axis') ?? 1
  const axis = raw === dims.length ? raw : c.axis(raw, Math.max(1, dims.length))
  c.set(0, c.dtype(0), [productOf(dims.slice(0, axis)), productOf(dims.slice(axis))])
}

const squeeze: InferFunction = (c) => {
  const dims = c.shape(0)
  const axes = listOf(c, 'axes', 1)
  const givesAxes = c.node.attributes.has('axes') || c.has(1)
  if (dims === undefined || (givesAxes && axes === undefined) || (!givesAxes && dims.some((dim) => typeof dim !== 'number'))) {
    c.set(0, c.dtype(0))
    return
  }
  const removed = new Set(axes === undefined ? dims.flatMap((dim, i) => (dim === 1 ? [i] : [])) : axes.map((axis) => c.axis(axis, dims.length)))
  for (const axis of removed) {
    const dim = dims[axis]
    if (typeof dim === 'number' && dim !== 1) c.fail('Squeeze removes an axis whose size is not 1', '1', `${dim} at axis ${axis}`)
  }
  const out = dims.filter((_, i) => !removed.has(i))
  c.set(0, c.dtype(0), out)
  const known = c.known_(0)
  if (known !== undefined) c.setKnown(0, known.shape.filter((_, i) => !removed.has(i)), known.elements)
}

const unsqueeze: InferFunction = (c) => {
  const dims = c.shape(0)
  const axes = listOf(c, 'axes', 1)
  if (dims === undefined || axes === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const rank = dims.length + axes.length
  const added = new Set(axes.map((axis) => c.axis(axis, rank)))
  if (added.size < axes.length) c.fail('Unsqueeze names an axis twice', 'different axes', `[${axes.join(', ')}]`)
  const place = (from: readonly Dim[]) => {
    let at = 0
    return Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (from[at++] ?? null)))
  }
  c.set(0, c.dtype(0), place(dims))
  const known = c.known_(0)
  if (known !== undefined) c.setKnown(0, place(known.shape) as number[], known.elements)
}

const transpose: InferFunction = (c) => {
  const dims = c.shape(0)
  if (dims === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const order = c.ints('perm') ?? dims.map((_, i) => dims.length - 1 - i)
  if (order.length !== dims.length || new Set(order).size !== dims.length) {
    c.fail('Transpose has the wrong permutation', `each of 0 to ${dims.length - 1} once`, `[${order.join(', ')}]`)
  }
  c.set(0, c.dtype(0), order.map((axis) => dims[c.axis(axis, dims.length)] ?? null))
}

const concat: InferFunction = (c) => {
  const inputs = Array.from({ length: c.inputCount }, (_, i) => i)
  const shapes = inputs.map((i) => c.shape(i))
  const dtype = inputs.map((i) => c.dtype(i)).find((type) => type !== undefined)
  const rank = shapes.find((dims) => dims !== undefined)?.length
  if (rank === undefined) {
    c.set(0, dtype)
    return
  }
  const axis = c.axis(c.int('axis') ?? 1, rank)
  let out: Dim[] | undefined
  for (const dims of shapes) {
    if (dims !== undefined && dims.length !== rank) c.fail('Concat joins tensors of different ranks', String(rank), String(dims.length))
    const next = dims ?? unknowns(rank)
    out = out === undefined ? [...next] : out.map((dim, i) => (i === axis ? addDims(dim, next[i] ?? null) : c.same(dim, next[i] ?? null, `Concat joins tensors that differ at axis ${i}`)))
  }
  c.set(0, dtype, out)
  const known = inputs.map((i) => c.known_(i))
  const total = known.reduce((sum, k) => sum + (k?.elements.length ?? 0), 0)
  if (rank === 1 && total <= MAX_KNOWN_ELEMENTS && known.every((k) => k !== undefined)) {
    const elements = known.flatMap((k) => k.elements)
    c.setKnown(0, [elements.length], elements)
  }
}

const split: InferFunction = (c) => {
  const dims = c.shape(0)
  const outputs = c.node.outputs.length
  const sizes = listOf(c, 'split', 1)
  const givesSizes = c.node.attributes.has('split') || c.has(1)
  const axis = dims === undefined ? 0 : c.axis(c.int('axis') ?? 0, dims.length)
  const total = dims?.[axis] ?? null
  if (sizes !== undefined && sizes.length !== outputs) c.fail('Split makes another number of parts than it has outputs', String(outputs), String(sizes.length))
  if (sizes !== undefined && typeof total === 'number' && sizes.reduce((a, b) => a + b, 0) !== total) {
    c.fail('Split does not split the whole axis', String(total), sizes.join(' + '))
  }
  const each = ceilDivDims(total, outputs)
  const known = c.known_(0)
  let from = 0
  for (let i = 0; i < outputs; i++) {
    const even = i < outputs - 1 || typeof each !== 'number' || typeof total !== 'number' ? (typeof total === 'number' ? each : exactDivDims(total, outputs)) : total - each * (outputs - 1)
    const part = sizes?.[i] ?? (givesSizes ? null : even)
    c.set(i, c.dtype(0), dims?.map((dim, k) => (k === axis ? part : dim)))
    if (known?.shape.length === 1 && typeof part === 'number') c.setKnown(i, [part], known.elements.slice(from, from + part))
    from += typeof part === 'number' ? part : 0
  }
}

/** The size of one axis after slicing from `start` to `end` by `step` (Python's rule). */
function sliced(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  if (step === 0) return null
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') {
    const bound = (at: number, low: number, high: number) => Math.max(low, Math.min(high, at < 0 ? at + dim : at))
    const [from, to] = step > 0 ? [bound(start, 0, dim), bound(end, 0, dim)] : [bound(start, 0, dim - 1), bound(end, -1, dim - 1)]
    return Math.max(0, Math.ceil((to - from) / step))
  }
  if (step !== 1 || dim === null || typeof dim === 'number') return step === 1 && typeof dim === 'number' && start === 0 ? null : null
  const huge = typeof end === 'number' && end >= 2 ** 31 - 1
  if (typeof start !== 'number') return null
  if (huge || end === dim) return start === 0 ? dim : start < 0 ? null : subDims(dim, start)
  // A symbol is not known to be larger than a number, so only ends counted from the back are exact.
  return typeof end === 'number' && end < 0 && start === 0 ? addDims(dim, end) : null
}

const slice: InferFunction = (c) => {
  const dims = c.shape(0)
  const old = c.since < 10
  const starts = old ? c.ints('starts') : c.elements(1)
  const ends = old ? c.ints('ends') : c.elements(2)
  if (dims === undefined || starts === undefined || ends === undefined) {
    c.set(0, c.dtype(0), dims === undefined ? undefined : unknownAxes(c, dims, old))
    return
  }
  const givesAxes = old ? c.node.attributes.has('axes') : c.has(3)
  const axes = givesAxes ? (old ? c.ints('axes') : c.numbers(3)) : starts.map((_, i) => i)
  const steps = !old && c.has(4) ? c.numbers(4) : starts.map(() => 1)
  if (starts.length !== ends.length) c.fail('Slice has different numbers of starts and ends', String(starts.length), String(ends.length))
  if (axes === undefined || steps === undefined) {
    c.set(0, c.dtype(0), unknowns(dims.length))
    return
  }
  const out = [...dims]
  axes.forEach((raw, i) => {
    const axis = c.axis(raw, dims.length)
    if (steps[i] === 0) c.fail('Slice has a step of 0', 'another step', '0')
    out[axis] = sliced(dims[axis] ?? null, starts[i] ?? null, ends[i] ?? null, steps[i] ?? 1)
  })
  c.set(0, c.dtype(0), out)
  const known = c.known_(0)
  const [start, end, step] = [starts[0] ?? null, ends[0] ?? null, steps[0] ?? 1]
  if (known?.shape.length === 1 && axes.length === 1 && typeof start === 'number' && typeof end === 'number') {
    const n = known.elements.length
    const count = sliced(n, start, end, step)
    const from = step > 0 ? Math.max(0, Math.min(n, start < 0 ? start + n : start)) : Math.max(0, Math.min(n - 1, start < 0 ? start + n : start))
    if (typeof count === 'number') c.setKnown(0, [count], Array.from({ length: count }, (_, i) => known.elements[from + i * step] ?? null))
  }
}

function unknownAxes(c: InferContext, dims: readonly Dim[], old: boolean): Dim[] {
  const axes = old || !c.has(3) ? undefined : c.numbers(3)
  return axes === undefined ? unknowns(dims.length) : dims.map((dim, i) => (axes.some((axis) => c.axis(axis, dims.length) === i) ? null : dim))
}

const gather: InferFunction = (c) => {
  const data = c.shape(0)
  const indices = c.shape(1)
  if (data === undefined || indices === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  if (data.length === 0) c.fail('Gather needs a tensor of at least one axis', 'rank 1 or more', 'a scalar')
  const axis = c.axis(c.int('axis') ?? 0, data.length)
  c.set(0, c.dtype(0), [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)])
  const known = c.known_(0)
  const at = c.known_(1)
  if (known?.shape.length === 1 && at !== undefined) {
    const n = known.elements.length
    c.setKnown(0, at.shape, at.elements.map((i) => (typeof i === 'number' ? (known.elements[i < 0 ? i + n : i] ?? null) : null)))
  }
}

const gatherND: InferFunction = (c) => {
  const data = c.shape(0)
  const indices = c.shape(1)
  const last = indices?.at(-1)
  const batch = c.int('batch_dims') ?? 0
  if (data === undefined || indices === undefined || typeof last !== 'number') {
    c.set(0, c.dtype(0))
    return
  }
  if (batch + last > data.length) c.fail('GatherND has longer indices than its data has axes', `at most ${data.length - batch}`, String(last))
  c.set(0, c.dtype(0), [...indices.slice(0, -1), ...data.slice(batch + last)])
}

const expand: InferFunction = (c) => {
  const dims = c.shape(0)
  const target = c.elements(1)
  if (target === undefined || dims === undefined) {
    const length = c.shape(1)?.[0]
    c.set(0, c.dtype(0), typeof length === 'number' && dims !== undefined ? unknownShape(Math.max(length, dims.length)) : undefined)
    return
  }
  c.set(0, c.dtype(0), c.broadcast([dims, target]))
  const known = c.known_(0)
  if (known?.elements.length === 1 && target.every((dim) => typeof dim === 'number')) {
    const out = c.broadcast([known.shape, target]) as number[] | undefined
    const count = out?.reduce((a, b) => a * b, 1) ?? Infinity
    if (out !== undefined && count <= 1024) c.setKnown(0, out, new Array<Dim>(count).fill(known.elements[0] ?? null))
  }
}

const tile: InferFunction = (c) => {
  const dims = c.shape(0)
  const repeats = c.since < 6 ? undefined : c.elements(1)
  c.set(0, c.dtype(0), dims?.map((dim, i) => (repeats === undefined ? null : mulDims(dim, repeats[i] ?? null))))
}

const pad: InferFunction = (c) => {
  const dims = c.shape(0)
  const name = c.since < 2 ? 'paddings' : 'pads'
  const pads = c.since < 11 ? c.ints(name) : c.elements(1)
  if (dims === undefined || pads === undefined) {
    c.set(0, c.dtype(0), dims === undefined ? undefined : unknowns(dims.length))
    return
  }
  const axes = c.has(3) ? c.numbers(3) : dims.map((_, i) => i)
  if (axes === undefined) {
    c.set(0, c.dtype(0), unknowns(dims.length))
    return
  }
  if (pads.length !== 2 * axes.length) c.fail('Pad has the wrong number of paddings', String(2 * axes.length), String(pads.length))
  const out = [...dims]
  axes.forEach((raw, i) => {
    const axis = c.axis(raw, dims.length)
    out[axis] = addDims(dims[axis] ?? null, addDims(pads[i] ?? null, pads[i + axes.length] ?? null))
  })
  c.set(0, c.dtype(0), out)
}

const range: InferFunction = (c) => {
  const [start, limit, step] = [c.elements(0)?.[0] ?? null, c.elements(1)?.[0] ?? null, c.elements(2)?.[0] ?? null]
  let count: Dim = null
  if (typeof start === 'number' && typeof limit === 'number' && typeof step === 'number') {
    if (step === 0) c.fail('Range has a step of 0', 'another step', '0')
    count = Math.max(0, Math.ceil((limit - start) / step))
  } else if (step === 1) count = subDims(limit, start)
  c.set(0, c.dtype(0), [count])
  if (typeof count === 'number' && count <= 1024 && typeof start === 'number' && typeof step === 'number') {
    c.setKnown(0, [count], Array.from({ length: count }, (_, i) => start + i * step))
  }
}

const spaceDepth: InferFunction = (c) => {
  const [n, channels, h, w] = c.shape(0) ?? []
  const block = c.int('blocksize') ?? 1
  if (channels === undefined || n === undefined || h === undefined || w === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const area = block * block
  c.set(0, c.dtype(0), c.node.opType === 'SpaceToDepth'
    ? [n, mulDims(channels, area), floorDivDims(h, block), floorDivDims(w, block)]
    : [n, floorDivDims(channels, area), mulDims(h, block), mulDims(w, block)])
}

const nonZero: InferFunction = (c) => {
  c.set(0, 'int64', [c.rank(0) ?? null, null])
}

const topK: InferFunction = (c) => {
  const dims = c.shape(0)
  const k = c.since < 10 ? (c.int('k') ?? null) : (c.elements(1)?.[0] ?? null)
  const axis = dims === undefined ? 0 : c.axis(c.int('axis') ?? -1, dims.length)
  const size = dims?.[axis]
  if (typeof k === 'number' && typeof size === 'number' && k > size) c.fail('TopK asks for more elements than there are', `at most ${size}`, String(k))
  const out = dims?.map((dim, i) => (i === axis ? k : dim))
  c.set(0, c.dtype(0), out)
  c.set(1, 'int64', out)
}

const oneHot: InferFunction = (c) => {
  const dims = c.shape(0)
  const depth = c.elements(1)?.[0] ?? null
  if (dims === undefined) {
    c.set(0, c.dtype(2))
    return
  }
  const axis = c.axis(c.int('axis') ?? -1, dims.length + 1)
  c.set(0, c.dtype(2), [...dims.slice(0, axis), depth, ...dims.slice(axis)])
}

const unique: InferFunction = (c) => {
  const dims = c.shape(0)
  const axis = c.int('axis')
  c.set(0, c.dtype(0), axis === undefined ? [null] : dims?.map((dim, i) => (i === c.axis(axis, dims.length) ? null : dim)))
  for (let i = 1; i < 4; i++) if (c.hasOutput(i)) c.set(i, 'int64', [null])
}

const compress: InferFunction = (c) => {
  const dims = c.shape(0)
  const axis = c.int('axis')
  c.set(0, c.dtype(0), axis === undefined ? [null] : dims?.map((dim, i) => (i === c.axis(axis, dims.length) ? null : dim)))
}

const eyeLike: InferFunction = (c) => {
  c.set(0, c.node.attributes.has('dtype') ? dtypeAttribute(c, 'dtype') : c.dtype(0), c.shape(0))
}

const asIndices: InferFunction = (c) => {
  c.set(0, c.dtype(0), c.shape(1))
}

const centerCropPad: InferFunction = (c) => {
  const dims = c.shape(0)
  const target = c.elements(1)
  const axes = c.ints('axes') ?? dims?.map((_, i) => i)
  if (dims === undefined || target === undefined || axes === undefined) {
    c.set(0, c.dtype(0), dims === undefined ? undefined : unknowns(dims.length))
    return
  }
  const out = [...dims]
  axes.forEach((axis, i) => { out[c.axis(axis, dims.length)] = target[i] ?? null })
  c.set(0, c.dtype(0), out)
}

const col2Im: InferFunction = (c) => {
  const [n, columns] = c.shape(0) ?? [null, null]
  const image = c.elements(1)
  const block = c.elements(2)
  const rank = c.shape(1)?.[0]
  const channels = floorDivDims(columns ?? null, block === undefined ? null : productOf(block))
  c.set(0, c.dtype(0), image !== undefined ? [n ?? null, channels, ...image] : typeof rank === 'number' ? unknownShape(rank + 2) : undefined)
}

export const SHAPES: Readonly<Record<string, InferFunction>> = {
  Shape: shape, Size: size, Constant: constant, ConstantOfShape: constantOfShape, Reshape: reshape, Flatten: flatten,
  Squeeze: squeeze, Unsqueeze: unsqueeze, Transpose: transpose, Concat: concat, Split: split, Slice: slice, Gather: gather,
  GatherElements: asIndices, GatherND: gatherND, Expand: expand, Tile: tile, Pad: pad, Range: range,
  SpaceToDepth: spaceDepth, DepthToSpace: spaceDepth, NonZero: nonZero, TopK: topK, OneHot: oneHot, Unique: unique,
  Compress: compress, EyeLike: eyeLike, CenterCropPad: centerCropPad, Col2Im: col2Im,
}
