// Reductions, cumulative sums, arg-extremes and sorting.
import * as tf from '@tensorflow/tfjs'
import { Tensor } from '../../onnx'
import { Datum } from './datum'
import { axisIn, detached, integers, need, type Call, type Operator } from './operator'
import { gatherElements, lastAxis } from './shape'

type Reduction = (x: tf.Tensor, axes: number[]) => tf.Tensor

/** Axes to reduce: given, all, or none when the node says that empty means none. */
function axesOf(call: Call, rank: number): number[] {
  const axes = integers(call, 'axes', 1)
  if (axes !== undefined && axes.length > 0) return axes.map((axis) => axisIn(axis, rank))
  return call.node.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, axis) => axis)
}

const reduction = (f: Reduction, whenNone: (x: tf.Tensor) => tf.Tensor = (x) => x): Operator => (call) => {
  const x = need(call, 0)
  const axes = axesOf(call, x.rank)
  if (axes.length === 0) return x.map((t) => (x.rank === 0 ? f(t, []) : whenNone(t)))
  const keep = call.node.int('keepdims', 1) === 1
  const bool = x.dtype === 'bool'
  const [t, at] = x.isLast ? [x.lastTensor, axes.map((axis) => lastAxis(axis, x.rank))] : [x.tensor, axes]
  const reduced = f(bool ? tf.cast(t, 'int32') : t, at)
  const result = bool ? tf.cast(reduced, 'bool') : reduced
  if (!x.isLast) return Datum.of(keep ? tf.reshape(result, x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))) : result, x.dtype)
  if (keep) return Datum.channelsLast(tf.reshape(result, t.shape.map((size, axis) => (at.includes(axis) ? 1 : size))), x.dtype)
  // What is left of the axes, batch, pixels, channels, goes back into ONNX's order.
  const left = t.shape.map((_, axis) => axis).filter((axis) => !at.includes(axis))
  const wanted = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis)).map((axis) => left.indexOf(lastAxis(axis, x.rank)))
  return Datum.of(wanted.every((axis, i) => axis === i) ? result : tf.transpose(result, wanted), x.dtype)
}

/** log Σ exp x, with the largest taken out first. */
const logSumExp: Reduction = (x, axes) => tf.logSumExp(x, axes)

const extreme = (f: (x: tf.Tensor, axis: number) => tf.Tensor): Operator => (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', 0), x.rank)
  const last = call.node.int('select_last_index', 0) === 1
  const t = last ? tf.reverse(x.tensor, axis) : x.tensor
  const found = f(t, axis)
  const places = last ? tf.sub(tf.scalar((x.shape[axis] ?? 1) - 1, 'int32'), found) : found
  return Datum.of(call.node.int('keepdims', 1) === 1 ? tf.expandDims(places, axis) : places, 'int64')
}

const cumulative: Operator = (call) => {
  const x = need(call, 0)
  const axis = axisIn(need(call, 1).numbers()[0] ?? 0, x.rank)
  // The gradient of TensorFlow.js is right for the last axis only.
  const order = x.shape.map((_, i) => i)
  order[axis] = x.rank - 1
  order[x.rank - 1] = axis
  const sums = tf.cumsum(tf.transpose(x.tensor, order), x.rank - 1, call.node.int('exclusive', 0) === 1, call.node.int('reverse', 0) === 1)
  return Datum.of(tf.transpose(sums, order), x.dtype)
}

/** The k largest (or smallest) along an axis and their places; the gradient goes to the places they came from. */
const topK: Operator = (call) => {
  const x = need(call, 0)
  const k = call.inputs[1]?.numbers()[0] ?? call.node.int('k', 1)
  const axis = axisIn(call.node.int('axis', -1), x.rank)
  const order = x.shape.map((_, i) => i)
  order[axis] = x.rank - 1
  order[x.rank - 1] = axis
  const moved = tf.transpose(x.tensor, order)
  const sought = call.node.int('largest', 1) === 1 ? moved : tf.neg(moved)
  const places = Datum.of(tf.transpose(detached(tf.topk(detached(sought), k, true).indices), order), 'int64')
  return [Datum.of(gatherElements(x.tensor, places, axis), x.dtype), places]
}

/** Softmax over one axis; before operator set 13, over all axes from `axis` on as if they were one. */
const softmax = (f: (x: tf.Tensor) => tf.Tensor): Operator => (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', call.opset < 13 ? 1 : -1), x.rank)
  if (call.opset < 13) {
    const rows = x.shape.slice(0, axis).reduce((a, b) => a * b, 1)
    return Datum.of(tf.reshape(f(tf.reshape(x.tensor, [rows, rows === 0 ? 0 : x.size / rows])), x.shape), x.dtype)
  }
  if (x.isLast && axis === 1) return Datum.channelsLast(f(x.lastTensor), x.dtype)
  if (axis === x.rank - 1) return Datum.of(f(x.tensor), x.dtype)
  const order = x.shape.map((_, i) => i)
  order[axis] = x.rank - 1
  order[x.rank - 1] = axis
  return Datum.of(tf.transpose(f(tf.transpose(x.tensor, order)), order), x.dtype)
}

const hardmax: Operator = (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', call.opset < 13 ? 1 : -1), x.rank)
  const first = tf.expandDims(tf.argMax(detached(x.tensor), axis), axis)
  const ramp = tf.reshape(tf.range(0, x.shape[axis] ?? 0, 1, 'int32'), x.shape.map((size, i) => (i === axis ? size : 1)))
  return Datum.of(tf.cast(tf.equal(first, ramp), 'float32'), x.dtype)
}

export const reduce: Readonly<Record<string, Operator>> = {
  ReduceSum: reduction((x, axes) => tf.sum(x, axes)),
  ReduceMean: reduction((x, axes) => tf.mean(x, axes)),
  ReduceMax: reduction((x, axes) => tf.max(x, axes)),
  ReduceMin: reduction((x, axes) => tf.min(x, axes)),
  ReduceProd: reduction((x, axes) => tf.prod(x, axes)),
  ReduceSumSquare: reduction((x, axes) => tf.sum(tf.mul(x, x), axes), (x) => tf.mul(x, x)),
  ReduceL1: reduction((x, axes) => tf.sum(tf.abs(x), axes), tf.abs),
  ReduceL2: reduction((x, axes) => tf.sqrt(tf.sum(tf.mul(x, x), axes)), tf.abs),
  ReduceLogSum: reduction((x, axes) => tf.log(tf.sum(x, axes)), tf.log),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: extreme((x, axis) => tf.argMax(detached(x), axis)),
  ArgMin: extreme((x, axis) => tf.argMin(detached(x), axis)),
  CumSum: cumulative,
  TopK: topK,
  Softmax: softmax((x) => tf.softmax(x)),
  LogSoftmax: softmax((x) => tf.logSoftmax(x)),
  Hardmax: hardmax,
  /** Mean and variance, ONNX's MeanVarianceNormalization: (x − E x) / √(Var x + 1e-9). */
  MeanVarianceNormalization: (call) => {
    const x = need(call, 0)
    const axes = [...(call.node.ints('axes') ?? [0, 2, 3])]
    const { mean, variance } = tf.moments(x.tensor, axes, true)
    return Datum.of(tf.div(tf.sub(x.tensor, mean), tf.add(tf.sqrt(variance), tf.scalar(1e-9))), x.dtype)
  },
  NonMaxSuppression: (call) => {
    const boxes = need(call, 0)
    const scores = need(call, 1)
    const most = call.inputs[2]?.numbers()[0] ?? 0
    const overlap = call.inputs[3]?.numbers()[0] ?? 0
    const least = call.inputs[4]?.numbers()[0] ?? -Infinity
    const [batches, classes, count] = scores.shape as [number, number, number]
    const centre = call.node.int('center_point_box', 0) === 1
    const found: number[] = []
    for (let b = 0; b < batches; b++) {
      const raw = tf.reshape(tf.slice(boxes.tensor, [b, 0, 0], [1, count, 4]), [count, 4])
      const [x, y, w, h] = tf.split(raw, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
      const two = tf.scalar(2)
      const corners = centre ? tf.concat([tf.sub(y, tf.div(h, two)), tf.sub(x, tf.div(w, two)), tf.add(y, tf.div(h, two)), tf.add(x, tf.div(w, two))], 1) : raw
      for (let c = 0; c < classes; c++) {
        const row = tf.reshape(tf.slice(scores.tensor, [b, c, 0], [1, 1, count]), [count])
        const kept = most > 0 ? tf.image.nonMaxSuppression(corners as tf.Tensor2D, row as tf.Tensor1D, Math.min(most, count), overlap, least).dataSync() : []
        for (const i of kept) found.push(b, c, i)
      }
    }
    return Datum.known(Tensor.from(found, [found.length / 3, 3], 'int64'))
  },
}
