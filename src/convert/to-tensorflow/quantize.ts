// Quantization nodes as fake quantization: numbers are rounded, gradients pass as if they were not (straight-through).
import * as tf from '@tensorflow/tfjs'
import { DTYPES, type DType } from '../../core'
import { dtypeOfCode } from '../../onnx/codec/codes'
import { Datum } from './datum'
import { axisIn, expandTo, need, refuse, roundStraight, type Call, type Operator } from './operator'
import { convolution } from './spatial'
import { product } from './matrix'

/** The smallest and largest integer of a type. */
export function rangeOf(dtype: DType): readonly [number, number] {
  const { bits, kind } = DTYPES[dtype]
  return kind === 'signed' ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1]
}

/** A scale or zero point, shaped to stand beside x: one number, one an axis, or one a block. */
export function spread(call: Pick<Call, 'node'>, p: Datum, x: tf.Tensor): tf.Tensor {
  const t = tf.cast(p.tensor, 'float32')
  if (p.size === 1) return tf.reshape(t, [])
  const axis = axisIn(call.node.int('axis', 1), x.rank)
  const block = call.node.int('block_size', 0)
  if (block > 0 || p.rank === x.rank) {
    const repeat = block > 0 ? block : (x.shape[axis] ?? 1) / (p.shape[axis] ?? 1)
    const apart = expandTo(tf.expandDims(t, axis + 1), [...p.shape.slice(0, axis + 1), repeat, ...p.shape.slice(axis + 1)])
    const wide = tf.reshape(apart, p.shape.map((size, i) => (i === axis ? size * repeat : size)))
    return tf.slice(wide, wide.shape.map(() => 0), x.shape)
  }
  return tf.reshape(t, x.shape.map((size, i) => (i === axis ? size : 1)))
}

/** clip(round(x/s) + z, low, high), as floats: the gradient is 1/s inside the range and 0 outside. */
export function quantized(x: tf.Tensor, scale: tf.Tensor, zero: tf.Tensor | undefined, dtype: DType): tf.Tensor {
  const steps = roundStraight(tf.div(x, scale))
  const [low, high] = rangeOf(dtype)
  return tf.clipByValue(zero === undefined ? steps : tf.add(steps, zero), low, high)
}

function whole(call: Call, dtype: DType): DType {
  if (DTYPES[dtype].kind === 'float') refuse(call, 'Quantization to small floats has no TensorFlow.js form', dtype)
  return dtype
}

const quantizeLinear: Operator = (call) => {
  const [x, scale, zero] = [need(call, 0), need(call, 1), call.inputs[2]]
  const code = call.node.int('output_dtype', 0)
  const dtype = whole(call, zero?.dtype ?? (code === 0 ? 'uint8' : dtypeOfCode(code) ?? 'uint8'))
  const t = tf.cast(x.tensor, 'float32')
  return Datum.of(quantized(t, spread(call, scale, t), zero && spread(call, zero, t), dtype), dtype)
}

const dequantizeLinear: Operator = (call) => {
  const [x, scale, zero] = [need(call, 0), need(call, 1), call.inputs[2]]
  const t = tf.cast(x.tensor, 'float32')
  const [s, z] = [spread(call, scale, t), zero && spread(call, zero, t)]
  // A weight that is trained is kept unrounded; here it is rounded as the model file will have it.
  const q = x.latent ? quantized(t, s, z, x.dtype) : t
  return Datum.of(tf.mul(z === undefined ? q : tf.sub(q, z), s), 'float32')
}

/** Scale and zero point from the range of x itself (ONNX, "DynamicQuantizeLinear"). */
const dynamicQuantizeLinear: Operator = (call) => {
  const x = need(call, 0).tensor
  const [low, high] = [tf.minimum(tf.min(x), tf.scalar(0)), tf.maximum(tf.max(x), tf.scalar(0))]
  const scale = tf.div(tf.sub(high, low), tf.scalar(255))
  const zero = tf.clipByValue(tf.round(tf.neg(tf.div(low, tf.maximum(scale, tf.scalar(1e-30))))), 0, 255)
  return [Datum.of(quantized(x, scale, zero, 'uint8'), 'uint8'), Datum.of(scale), Datum.of(zero, 'uint8')]
}

/** An operator on integers with a scale and zero point for each of its parts. */
const real = (call: Call, first: number, axis?: number): tf.Tensor => {
  const [q, scale, zero] = [need(call, first), need(call, first + 1), call.inputs[first + 2]]
  const t = tf.cast(q.tensor, 'float32')
  const along = (p: Datum): tf.Tensor => {
    const f = tf.cast(p.tensor, 'float32')
    return p.size === 1 || axis === undefined ? (p.size === 1 ? tf.reshape(f, []) : f) : tf.reshape(f, t.shape.map((size, i) => (i === axis ? size : 1)))
  }
  return tf.mul(zero === undefined ? t : tf.sub(t, along(zero)), along(scale))
}

const requantized = (call: Call, y: tf.Tensor, at: number): Datum => {
  const zero = need(call, at + 1)
  return Datum.of(quantized(y, tf.reshape(need(call, at).tensor, []), tf.reshape(tf.cast(zero.tensor, 'float32'), []), whole(call, zero.dtype)), zero.dtype)
}

export const quantization: Readonly<Record<string, Operator>> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QLinearMatMul: (call) => requantized(call, product(real(call, 0), real(call, 3)), 6),
  QLinearConv: (call) => {
    const bias = call.inputs[8]
    const unit = tf.mul(need(call, 1).tensor, need(call, 4).tensor)
    const y = convolution(call, Datum.of(real(call, 0)), real(call, 3, 0), bias === undefined ? undefined : tf.mul(tf.cast(bias.tensor, 'float32'), unit))
    return requantized(call, y.tensor, 6)
  },
  ConvInteger: (call) => {
    const centred = (index: number, zero: number): tf.Tensor => {
      const t = tf.cast(need(call, index).tensor, 'float32')
      const point = call.inputs[zero]
      return point === undefined ? t : tf.sub(t, tf.reshape(tf.cast(point.tensor, 'float32'), point.size === 1 ? [] : t.shape.map((size, i) => (i === 0 ? size : 1))))
    }
    return convolution(call, Datum.of(centred(0, 2)), centred(1, 3), undefined).map((t) => tf.cast(tf.round(t), 'int32'), 'int32')
  },
}
