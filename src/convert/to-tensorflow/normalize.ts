// Normalization: batch, layer, instance, group, root mean square.
import * as tf from '@tensorflow/tfjs'
import { Datum } from './datum'
import { axisIn, need, type Call, type Operator } from './operator'

/** [C] as [C, 1, …] for `spatial` axes behind it; nothing to do where the channels are last. */
const beside = (t: tf.Tensor, d: Datum): tf.Tensor => (d.isLast || d.rank < 3 ? t : tf.reshape(t, [t.size, ...new Array<number>(d.rank - 2).fill(1)]))

/**
 * y = (x − μ)/√(σ² + ε)·γ + β. In inference μ and σ² are the stored statistics. In training they are the batch's, and the
 * stored ones move: s ← s·momentum + batch·(1 − momentum) (ONNX, "BatchNormalization"; Ioffe & Szegedy, arXiv 1502.03167).
 */
const batchNormalization: Operator = (call) => {
  const x = need(call, 0)
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => need(call, i).tensor) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const epsilon = tf.scalar(call.node.float('epsilon', 1e-5))
  const stored = call.node.int('training_mode', 0) === 1
  const wrap = (y: tf.Tensor, dtype: Datum['dtype']): Datum => x.isLast ? Datum.channelsLast(y, dtype) : Datum.of(y, dtype)
  const t = x.isLast ? x.lastTensor : x.tensor
  if (!call.training && !stored) {
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)))
    return wrap(tf.add(tf.mul(t, beside(scale, x)), beside(tf.sub(beta, tf.mul(mean, scale)), x)), x.dtype)
  }
  const channel = x.isLast ? x.rank - 1 : 1
  const axes = t.shape.map((_, axis) => axis).filter((axis) => axis !== channel)
  const batch = tf.moments(t, axes)
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(batch.variance, epsilon)))
  const momentum = tf.scalar(call.node.float('momentum', 0.9))
  const rest = tf.scalar(1 - call.node.float('momentum', 0.9))
  const moved = [[mean, batch.mean], [variance, batch.variance]].map(([old, now]) =>
    tf.add(tf.mul(old as tf.Tensor, momentum), tf.mul(now as tf.Tensor, rest)))
  moved.forEach((value, i) => { call.assign(i + 3, value) })
  const y = wrap(tf.add(tf.mul(t, beside(scale, x)), beside(tf.sub(beta, tf.mul(batch.mean, scale)), x)), x.dtype)
  return call.node.outputs.length > 1 ? [y, ...moved.map((value) => Datum.of(value))] : y
}

/** y = (x − μ)/√(σ² + ε)·γ + β over the axes from `axis` on (Ba et al., arXiv 1607.06450). */
const layerNormalization: Operator = (call) => {
  const [x, gamma, beta] = [need(call, 0), call.inputs[1], call.inputs[2]]
  const axis = axisIn(call.node.int('axis', -1), x.rank)
  const axes = Array.from({ length: x.rank - axis }, (_, i) => axis + i)
  const t = x.tensor
  const mean = tf.mean(t, axes, true)
  const centred = tf.sub(t, mean)
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.mul(centred, centred), axes, true), tf.scalar(call.node.float('epsilon', 1e-5))))
  const scaled = tf.mul(centred, inverse)
  const weighted = gamma === undefined ? scaled : tf.mul(scaled, gamma.tensor)
  const y = Datum.of(beta === undefined ? weighted : tf.add(weighted, beta.tensor), x.dtype)
  return call.node.outputs.length > 1 ? [y, Datum.of(mean), Datum.of(inverse)] : y
}

/** y = x/√(E x² + ε)·γ over the axes from `axis` on (Zhang & Sennrich, arXiv 1910.07467). */
const rootMeanSquare: Operator = (call) => {
  const [x, gamma] = [need(call, 0), call.inputs[1]]
  const axis = axisIn(call.node.int('axis', -1), x.rank)
  const axes = Array.from({ length: x.rank - axis }, (_, i) => axis + i)
  const t = x.tensor
  const y = tf.mul(t, tf.rsqrt(tf.add(tf.mean(tf.mul(t, t), axes, true), tf.scalar(call.node.float('epsilon', 1e-5)))))
  return Datum.of(gamma === undefined ? y : tf.mul(y, gamma.tensor), x.dtype)
}

/** Each image's channels, in groups: instance normalization has as many groups as channels. */
function grouped(call: Call, groups: number, perGroup: boolean): Datum {
  const [x, gamma, beta] = [need(call, 0), need(call, 1), need(call, 2)]
  const t = x.tensor
  const [batch, channels] = [x.shape[0] ?? 1, x.shape[1] ?? 1]
  const rows = tf.reshape(t, [batch, groups, x.size / (batch * groups)])
  const centred = tf.sub(rows, tf.mean(rows, 2, true))
  const normal = tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.mul(centred, centred), 2, true), tf.scalar(call.node.float('epsilon', 1e-5)))))
  const [scale, shift] = [gamma, beta].map((d) => tf.reshape(d.tensor, [1, perGroup ? groups : channels, 1])) as [tf.Tensor, tf.Tensor]
  if (perGroup) return Datum.of(tf.reshape(tf.add(tf.mul(normal, scale), shift), x.shape), x.dtype)
  const byChannel = tf.reshape(normal, [batch, channels, x.size / (batch * channels)])
  return Datum.of(tf.reshape(tf.add(tf.mul(byChannel, scale), shift), x.shape), x.dtype)
}

const lpNormalization: Operator = (call) => {
  const x = need(call, 0)
  const axis = axisIn(call.node.int('axis', -1), x.rank)
  const t = x.tensor
  const norm = call.node.int('p', 2) === 1 ? tf.sum(tf.abs(t), axis, true) : tf.sqrt(tf.maximum(tf.sum(tf.mul(t, t), axis, true), tf.scalar(1e-30)))
  return Datum.of(tf.div(t, tf.maximum(norm, tf.scalar(1e-30))), x.dtype)
}

export const normalize: Readonly<Record<string, Operator>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rootMeanSquare,
  SimplifiedLayerNormalization: rootMeanSquare,
  InstanceNormalization: (call) => grouped(call, need(call, 0).shape[1] ?? 1, false),
  GroupNormalization: (call) => {
    const groups = call.node.int('num_groups', 1)
    return grouped(call, groups, call.opset < 21 && need(call, 1).size === groups)
  },
  LpNormalization: lpNormalization,
}
