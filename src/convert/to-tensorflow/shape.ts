// Operators that move elements: reshape, transpose, slice, gather, scatter, pad, concatenate and the like.
import * as tf from '@tensorflow/tfjs'
import { elementCount, rowMajorStrides } from '../../core'
import { Tensor } from '../../onnx'
import { Datum, tensorFlowType, tensorOf } from './datum'
import { axisIn, commonShape, detached, expandTo, integers, need, refuse, takeAlong, type Call, type Operator } from './operator'

const reshape: Operator = (call) => {
  const x = need(call, 0)
  const target = integers(call, 'shape', 1) ?? refuse(call, 'The shape to take is missing')
  const copies = call.node.int('allowzero', 0) === 0
  const shape = target.map((size, axis) => (size === 0 && copies ? x.shape[axis] ?? 0 : size))
  return Datum.of(tf.reshape(x.tensor, shape), x.dtype)
}

const flatten: Operator = (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', 1), x.rank)
  return Datum.of(tf.reshape(x.tensor, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]), x.dtype)
}

const squeeze: Operator = (call) => {
  const x = need(call, 0)
  const axes = integers(call, 'axes', 1)?.map((axis) => axisIn(axis, x.rank))
  return Datum.of(tf.reshape(x.tensor, x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis)))), x.dtype)
}

const unsqueeze: Operator = (call) => {
  const x = need(call, 0)
  const given = integers(call, 'axes', 1) ?? []
  const rank = x.rank + given.length
  const axes = given.map((axis) => axisIn(axis, rank))
  const sizes = [...x.shape]
  return Datum.of(tf.reshape(x.tensor, Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : sizes.shift() ?? 1))), x.dtype)
}

const transpose: Operator = (call) => {
  const x = need(call, 0)
  const order = call.node.ints('perm') ?? x.shape.map((_, axis) => x.rank - 1 - axis)
  // The order that puts channels last is the form that may be there already.
  const last = x.rank >= 3 && order.every((axis, i) => axis === (i === 0 ? 0 : i === x.rank - 1 ? 1 : i + 1))
  if (last && x.isLast) return Datum.of(x.lastTensor, x.dtype)
  const first = x.rank >= 3 && order.every((axis, i) => axis === (i === 0 ? 0 : i === 1 ? x.rank - 1 : i - 1))
  if (first && !x.isLast) return Datum.channelsLast(x.tensor, x.dtype)
  return Datum.of(tf.transpose(x.tensor, [...order]), x.dtype)
}

const concat: Operator = (call) => {
  const all = call.inputs.filter((d) => d !== undefined)
  const parts = all.filter((d) => d.size > 0)
  const [first] = parts.length > 0 ? parts : all
  if (first === undefined) refuse(call, 'There are no inputs')
  if (parts.length <= 1) return first
  const axis = axisIn(call.node.int('axis', 1), first.rank)
  if (parts.some((d) => d.isLast)) {
    return Datum.channelsLast(tf.concat(parts.map((d) => d.lastTensor), lastAxis(axis, first.rank)), first.dtype)
  }
  return Datum.of(tf.concat(parts.map((d) => d.tensor), axis), first.dtype)
}

/** Where an axis is when the channels are last. */
export function lastAxis(axis: number, rank: number): number {
  return rank < 3 || axis === 0 ? axis : axis === 1 ? rank - 1 : axis - 1
}

const split: Operator = (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', 0), x.rank)
  const size = x.shape[axis] ?? 0
  const count = call.node.outputs.length
  const each = Math.ceil(size / count)
  const sizes = integers(call, 'split', 1) ?? Array.from({ length: count }, (_, i) => Math.min(each, size - i * each))
  const [source, at] = x.isLast ? [x.lastTensor, lastAxis(axis, x.rank)] : [x.tensor, axis]
  const wrap = (t: tf.Tensor, dtype?: Datum['dtype']): Datum => x.isLast ? Datum.channelsLast(t, dtype) : Datum.of(t, dtype)
  let begin = 0
  return sizes.map((length) => {
    const starts = source.shape.map((_, i) => (i === at ? begin : 0))
    begin += length
    return wrap(tf.slice(source, starts, source.shape.map((full, i) => (i === at ? length : full))), x.dtype)
  })
}

/** Start, end and step of each axis as numbers inside it; ONNX, "Slice". */
const slice: Operator = (call) => {
  const x = need(call, 0)
  const starts = integers(call, 'starts', 1) ?? []
  const ends = integers(call, 'ends', 2) ?? []
  const axes = integers(call, 'axes', 3) ?? starts.map((_, axis) => axis)
  const steps = call.inputs[4]?.numbers() ?? starts.map(() => 1)
  const begin = x.shape.map(() => 0)
  const size = [...x.shape]
  const strided: [number, number[]][] = []
  for (const [i, given] of axes.entries()) {
    const axis = axisIn(given, x.rank)
    const step = steps[i] ?? 1
    const length = x.shape[axis] ?? 0
    const inside = (index: number, low: number, high: number): number => Math.min(high, Math.max(low, index < 0 ? index + length : index))
    if (step === 0) refuse(call, 'A step of zero goes nowhere')
    const from = step > 0 ? inside(starts[i] ?? 0, 0, length) : inside(starts[i] ?? 0, 0, length - 1)
    const to = step > 0 ? inside(ends[i] ?? 0, 0, length) : Math.max(-1, inside(ends[i] ?? 0, -1, length - 1))
    const count = Math.max(0, Math.ceil((to - from) / step))
    if (step === 1) {
      begin[axis] = from
      size[axis] = count
    } else strided.push([axis, Array.from({ length: count }, (_, k) => from + k * step)])
  }
  let source = x.isLast ? x.lastTensor : x.tensor
  const place = (axis: number): number => (x.isLast ? lastAxis(axis, x.rank) : axis)
  const move = (list: number[]): number[] => list.reduce<number[]>((moved, value, axis) => { moved[place(axis)] = value; return moved }, [])
  if (begin.some((value) => value !== 0) || size.some((value, axis) => value !== x.shape[axis])) source = tf.slice(source, move(begin), move(size))
  for (const [axis, places] of strided) source = takeAlong(source, place(axis), places)
  return x.isLast ? Datum.channelsLast(source, x.dtype) : Datum.of(source, x.dtype)
}

/** Indices counted from the end become places. */
function wrapped(indices: tf.Tensor, size: number): tf.Tensor {
  const whole = tf.cast(detached(indices), 'int32')
  return tf.where(tf.less(whole, tf.scalar(0, 'int32')), tf.add(whole, tf.scalar(size, 'int32')), whole)
}

function placesOf(d: Datum, size: number): tf.Tensor {
  const { known } = d
  if (known === undefined) return wrapped(d.tensor, size)
  return tf.tensor(Int32Array.from(known.numbers(), (index) => (index < 0 ? index + size : index)), d.shape, 'int32')
}

const gather: Operator = (call) => {
  const [x, indices] = [need(call, 0), need(call, 1)]
  const axis = axisIn(call.node.int('axis', 0), x.rank)
  const places = placesOf(indices, x.shape[axis] ?? 0)
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
  return Datum.of(tf.reshape(tf.gather(x.tensor, tf.reshape(places, [indices.size]), axis), shape), x.dtype)
}

/** For a table of coordinates [count, depth] into the first axes of `shape`: their places when those axes are one. */
function linear(coordinates: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const depth = coordinates.shape[1] ?? 0
  const strides = rowMajorStrides(shape.slice(0, depth))
  const sizes = tf.tensor1d(shape.slice(0, depth), 'int32')
  const inside = tf.where(tf.less(coordinates, tf.scalar(0, 'int32')), tf.add(coordinates, sizes), coordinates)
  return tf.sum(tf.mul(inside, tf.tensor1d(strides, 'int32')), 1)
}

/** The places in the flattened tensor that GatherElements and ScatterElements mean. */
function elementPlaces(indices: Datum, shape: readonly number[], axis: number): tf.Tensor {
  const strides = rowMajorStrides(shape)
  const own = rowMajorStrides(indices.shape)
  const base = new Int32Array(indices.size)
  for (let i = 0; i < base.length; i++) {
    let place = 0
    for (let k = 0; k < indices.rank; k++) {
      if (k !== axis) place += (Math.floor(i / (own[k] ?? 1)) % (indices.shape[k] ?? 1)) * (strides[k] ?? 1)
    }
    base[i] = place
  }
  const along = tf.reshape(placesOf(indices, shape[axis] ?? 0), [indices.size])
  return tf.add(tf.tensor1d(base, 'int32'), tf.mul(along, tf.scalar(strides[axis] ?? 1, 'int32')))
}

/** x at `indices` along `axis`, element by element; the gradient goes back to where each came from. */
export function gatherElements(x: tf.Tensor, indices: Datum, axis: number): tf.Tensor {
  return tf.reshape(tf.gather(tf.reshape(x, [x.size]), elementPlaces(indices, x.shape, axis)), indices.shape)
}

const gatherND: Operator = (call) => {
  const [x, indices] = [need(call, 0), need(call, 1)]
  const batch = call.node.int('batch_dims', 0)
  const depth = indices.shape[indices.rank - 1] ?? 0
  const rows = elementCount(x.shape.slice(0, batch))
  const inner = x.shape.slice(batch)
  const outside = elementCount(inner.slice(0, depth))
  const rest = inner.slice(depth)
  const count = indices.size / Math.max(1, depth)
  let places = linear(tf.reshape(tf.cast(detached(indices.tensor), 'int32'), [count, depth]), inner)
  if (batch > 0) {
    const each = count / Math.max(1, rows)
    places = tf.add(places, tf.tensor1d(Int32Array.from({ length: count }, (_, i) => Math.floor(i / each) * outside), 'int32'))
  }
  const taken = tf.gather(tf.reshape(x.tensor, [rows * outside, elementCount(rest)]), places)
  return Datum.of(tf.reshape(taken, [...indices.shape.slice(0, -1), ...rest]), x.dtype)
}

/**
 * Rows of `x` replaced, or added to, at `places`. A replacement is a choice among the rows of both, so that each gradient
 * goes to the row that was chosen.
 */
function scatter(call: Call, x: tf.Tensor, places: tf.Tensor, updates: tf.Tensor): tf.Tensor {
  const reduction = call.node.string('reduction', 'none')
  const rows = x.shape[0]
  if (reduction === 'add') return tf.add(x, tf.unsortedSegmentSum(updates, places as tf.Tensor1D, rows))
  if (reduction !== 'none') {
    refuse(call, `Scattering with the reduction ${reduction} has no gradient form here`, reduction, 'use none or add')
  }
  const source = Int32Array.from({ length: rows }, (_, i) => i)
  places.dataSync().forEach((place, i) => { source[place] = rows + i })
  return tf.gather(tf.concat([x, updates], 0), tf.tensor1d(source, 'int32'))
}

const scatterElements: Operator = (call) => {
  const [x, indices, updates] = [need(call, 0), need(call, 1), need(call, 2)]
  const places = elementPlaces(indices, x.shape, axisIn(call.node.int('axis', 0), x.rank))
  return Datum.of(tf.reshape(scatter(call, tf.reshape(x.tensor, [x.size]), places, tf.reshape(updates.tensor, [updates.size])), x.shape), x.dtype)
}

const scatterND: Operator = (call) => {
  const [x, indices, updates] = [need(call, 0), need(call, 1), need(call, 2)]
  const depth = indices.shape[indices.rank - 1] ?? 0
  const count = indices.size / Math.max(1, depth)
  const [rows, width] = [elementCount(x.shape.slice(0, depth)), elementCount(x.shape.slice(depth))]
  const places = linear(tf.reshape(tf.cast(detached(indices.tensor), 'int32'), [count, depth]), x.shape)
  const result = scatter(call, tf.reshape(x.tensor, [rows, width]), places, tf.reshape(updates.tensor, [count, width]))
  return Datum.of(tf.reshape(result, x.shape), x.dtype)
}

/** Pads an axis by repeating what is inside: mirrored without the edge, the edge itself, or from the other side. */
function padPlaces(mode: string, size: number, before: number, after: number): number[] {
  return Array.from({ length: size + before + after }, (_, i) => {
    const at = i - before
    if (mode === 'edge') return Math.min(size - 1, Math.max(0, at))
    if (mode === 'wrap') return ((at % size) + size) % size
    const period = Math.max(1, 2 * (size - 1))
    const folded = ((at % period) + period) % period
    return folded < size ? folded : period - folded
  })
}

const pad: Operator = (call) => {
  const x = need(call, 0)
  const given = integers(call, 'pads', 1) ?? call.node.ints('paddings') ?? refuse(call, 'The pads are missing')
  const axes = call.inputs[3]?.numbers().map((axis) => axisIn(axis, x.rank)) ?? Array.from({ length: given.length / 2 }, (_, axis) => axis)
  const mode = call.node.string('mode', 'constant')
  const filler = call.inputs[2]
  const computed = filler !== undefined && filler.known === undefined && filler.isFloat && filler.size > 0
  const value = call.node.float('value') ?? (computed ? 0 : filler?.numbers()[0]) ?? 0
  const pairs = x.shape.map((): [number, number] => [0, 0])
  axes.forEach((axis, i) => { pairs[axis] = [given[i] ?? 0, given[i + axes.length] ?? 0] })
  const place = (axis: number): number => (x.isLast ? lastAxis(axis, x.rank) : axis)
  let t = x.isLast ? x.lastTensor : x.tensor
  pairs.forEach(([before, after], axis) => {
    const at = place(axis)
    const size = t.shape[at] ?? 0
    // Negative pads cut off.
    const [cut, end] = [Math.max(0, -before), size - Math.max(0, -after)]
    if (cut > 0 || end < size) t = tf.slice(t, t.shape.map((_, i) => (i === at ? cut : 0)), t.shape.map((full, i) => (i === at ? end - cut : full)))
    if (mode !== 'constant') t = takeAlong(t, at, padPlaces(mode, t.shape[at] ?? 0, Math.max(0, before), Math.max(0, after)))
  })
  if (mode === 'constant' && pairs.some(([a, b]) => a > 0 || b > 0)) {
    const moved: [number, number][] = []
    pairs.forEach(([a, b], axis) => { moved[place(axis)] = [Math.max(0, a), Math.max(0, b)] })
    const outside = computed ? tf.pad(tf.zeros(t.shape), moved, 1) : undefined
    t = t.dtype === 'bool' ? tf.cast(tf.pad(tf.cast(t, 'int32'), moved, value ? 1 : 0), 'bool') : tf.pad(t, moved, value)
    if (outside !== undefined && filler !== undefined) t = tf.add(t, tf.mul(outside, tf.reshape(filler.tensor, [])))
  }
  return x.isLast ? Datum.channelsLast(t, x.dtype) : Datum.of(t, x.dtype)
}

const expand: Operator = (call) => {
  const [x, target] = [need(call, 0), need(call, 1)]
  const shape = commonShape([x, Datum.known(new ShapeOnly(target.numbers()).tensor)])
  return Datum.of(expandTo(x.tensor, shape), x.dtype)
}

/** A tensor without elements of interest: only its shape counts. */
class ShapeOnly {
  readonly tensor: Tensor
  constructor(shape: readonly number[]) {
    this.tensor = Tensor.ofSource('float32', shape, { read: () => new Uint8Array() })
  }
}

const tile: Operator = (call) => {
  const x = need(call, 0)
  const repeats = need(call, 1).numbers()
  let t = x.tensor
  repeats.forEach((count, axis) => {
    if (count === 0) t = tf.slice(t, t.shape.map(() => 0), t.shape.map((size, i) => (i === axis ? 0 : size)))
    else if (count > 1) t = tf.concat(new Array<tf.Tensor>(count).fill(t), axis)
  })
  return Datum.of(t, x.dtype)
}

const constantOfShape: Operator = (call) => {
  const shape = need(call, 0).numbers()
  const value = call.node.get('value', 'tensor') ?? Tensor.scalar(0, 'float32')
  if (elementCount(shape) === 0) return Datum.of(tf.zeros(shape, tensorFlowType(value.dtype)), value.dtype)
  return Datum.of(expandTo(tf.reshape(tensorOf(value), shape.map(() => 1)), shape), value.dtype)
}

const range: Operator = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => need(call, i).numbers()[0] ?? 0) as [number, number, number]
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  return Datum.known(Tensor.from(Array.from({ length: count }, (_, i) => start + i * delta), [count], need(call, 0).dtype))
}

/** Places to reach blocks of channels as blocks of pixels, and back; ONNX, "DepthToSpace". */
const depthToSpace: Operator = (call) => {
  const x = need(call, 0)
  const size = call.node.int('blocksize', 2)
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const depth = c / size ** 2
  const crd = call.node.string('mode', 'DCR') === 'CRD'
  const split_ = tf.reshape(x.tensor, crd ? [n * depth, size, size, h, w] : [n, size, size, depth, h * w])
  if (crd) return Datum.of(tf.reshape(tf.transpose(split_, [0, 3, 1, 4, 2]), [n, depth, h * size, w * size]), x.dtype)
  const first = tf.reshape(tf.transpose(split_, [0, 3, 1, 2, 4]), [n * depth, size, size, h, w])
  return Datum.of(tf.reshape(tf.transpose(first, [0, 3, 1, 4, 2]), [n, depth, h * size, w * size]), x.dtype)
}

const spaceToDepth: Operator = (call) => {
  const x = need(call, 0)
  const size = call.node.int('blocksize', 2)
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const parts = tf.transpose(tf.reshape(x.tensor, [n * c, h / size, size, w / size, size]), [0, 2, 4, 1, 3])
  const blocks = tf.reshape(parts, [n, c, size * size, (h / size) * (w / size)])
  const moved = call.node.string('mode', 'DCR') === 'CRD' ? blocks : tf.transpose(blocks, [0, 2, 1, 3])
  return Datum.of(tf.reshape(moved, [n, c * size * size, h / size, w / size]), x.dtype)
}

const oneHot: Operator = (call) => {
  const [indices, depth, values] = [need(call, 0), need(call, 1), need(call, 2)]
  const count = depth.numbers()[0] ?? 0
  const axis = axisIn(call.node.int('axis', -1), indices.rank + 1)
  const [off, on] = values.numbers() as [number, number]
  const hot = tf.cast(tf.oneHot(tf.reshape<tf.Rank.R1>(wrapped(indices.tensor, count), [indices.size]), count), 'float32')
  const spread = tf.reshape(tf.add(tf.mul(hot, tf.scalar(on - off)), tf.scalar(off)), [...indices.shape, count])
  const order = Array.from({ length: indices.rank }, (_, i) => i)
  order.splice(axis, 0, indices.rank)
  const moved = tf.transpose(spread, order)
  return Datum.of(values.isFloat ? moved : tf.cast(moved, 'int32'), values.dtype)
}

const nonZero: Operator = (call) => {
  const x = need(call, 0)
  const strides = rowMajorStrides(x.shape)
  const found: number[] = []
  x.numbers().forEach((value, i) => { if (value !== 0) found.push(i) })
  const table = x.shape.flatMap((size, axis) => found.map((i) => Math.floor(i / (strides[axis] ?? 1)) % size))
  return Datum.known(Tensor.from(table, [x.rank, found.length], 'int64'))
}

/** Keeps one triangle: a mask of zeros and ones. */
const trilu: Operator = (call) => {
  const x = need(call, 0)
  const k = call.inputs[1]?.numbers()[0] ?? 0
  const upper = call.node.int('upper', 1) === 1
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const mask = Float32Array.from({ length: rows * columns }, (_, i) => {
    const distance = (i % columns) - Math.floor(i / columns)
    return (upper ? distance >= k : distance <= k) ? 1 : 0
  })
  const flags = tf.cast(tf.tensor2d(mask, [rows, columns]), 'bool')
  const t = x.tensor
  return Datum.of(tf.where(expandTo(flags, x.shape), t, tf.zerosLike(t)), x.dtype)
}

const reverseSequence: Operator = (call) => {
  const x = need(call, 0)
  const lengths = need(call, 1).numbers()
  const [batch, time] = [call.node.int('batch_axis', 1), call.node.int('time_axis', 0)]
  const rows = lengths.map((length, i) => {
    const row = tf.slice(x.tensor, x.shape.map((_, a) => (a === batch ? i : 0)), x.shape.map((size, a) => (a === batch ? 1 : size)))
    return takeAlong(row, time, Array.from({ length: x.shape[time] ?? 0 }, (_, t) => (t < length ? length - 1 - t : t)))
  })
  return Datum.of(tf.concat(rows, batch), x.dtype)
}

export const shape: Readonly<Record<string, Operator>> = {
  Shape: (call) => {
    const { shape: full } = need(call, 0)
    const sizes = full.slice(call.node.int('start', 0), call.node.int('end') ?? full.length)
    return Datum.known(Tensor.from(sizes, [sizes.length], 'int64'))
  },
  Size: (call) => Datum.known(Tensor.scalar(need(call, 0).size, 'int64')),
  Constant: (call) => {
    const { node } = call
    const tensor = node.get('value', 'tensor')
    if (tensor !== undefined) return Datum.known(tensor)
    const [name, value] = [...node.attributes][0] ?? []
    if (value?.kind === 'float' || value?.kind === 'int') return Datum.known(Tensor.scalar(value.value, value.kind === 'int' ? 'int64' : 'float32'))
    if (value?.kind === 'floats' || value?.kind === 'ints') return Datum.known(Tensor.from(value.value, undefined, value.kind === 'ints' ? 'int64' : 'float32'))
    return refuse(call, `A constant of the form ${name ?? 'none'} has no TensorFlow.js form`)
  },
  Reshape: reshape, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze, Transpose: transpose,
  Concat: concat, Split: split, Slice: slice, Gather: gather, GatherND: gatherND,
  GatherElements: (call) => {
    const x = need(call, 0)
    return Datum.of(gatherElements(x.tensor, need(call, 1), axisIn(call.node.int('axis', 0), x.rank)), x.dtype)
  },
  ScatterElements: scatterElements, Scatter: scatterElements, ScatterND: scatterND,
  Pad: pad, Expand: expand, Tile: tile, ConstantOfShape: constantOfShape, Range: range,
  DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth, OneHot: oneHot, NonZero: nonZero, Trilu: trilu,
  ReverseSequence: reverseSequence,
  EyeLike: (call) => {
    const x = need(call, 0)
    const [rows, columns] = x.shape as [number, number]
    const k = call.node.int('k', 0)
    const type = call.node.int('dtype') === undefined ? x.dtype : 'float32'
    return Datum.known(Tensor.from(Float32Array.from({ length: rows * columns }, (_, i) => ((i % columns) - Math.floor(i / columns) === k ? 1 : 0)), [rows, columns], type))
  },
}
