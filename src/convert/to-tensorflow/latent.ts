// Quantized weights in training: the numbers before rounding, and back to integers for the model file.
import * as tf from '@tensorflow/tfjs'
import type { Tensor, Value } from '../../onnx'
import { Datum, tensorOf } from './datum'
import { quantized, spread } from './quantize'

/** Scale and zero point of the node that makes numbers of these integers. */
function parts(value: Value, like: tf.Tensor): { scale: tf.Tensor; zero: tf.Tensor | undefined } {
  const [node] = value.consumers
  const [, scale, zero] = node?.inputs ?? []
  const beside = (source: Value): tf.Tensor => (node === undefined || source.tensor === undefined ? tf.scalar(1) : spread({ node }, Datum.known(source.tensor), like))
  return { scale: scale === undefined ? tf.scalar(1) : beside(scale), zero: zero === undefined ? undefined : beside(zero) }
}

/** (q − z)·s of a tensor of integers. */
export function dequantized(value: Value, tensor: Tensor): tf.Tensor {
  return tf.tidy(() => {
    const q = tf.cast(tensorOf(tensor), 'float32')
    const { scale, zero } = parts(value, q)
    return tf.mul(zero === undefined ? q : tf.sub(q, zero), scale)
  })
}

/** The integers that stand for the numbers of a variable: clip(round(w/s) + z). */
export function requantized(value: Value, variable: tf.Tensor): Float32Array {
  return tf.tidy(() => {
    const { scale, zero } = parts(value, variable)
    return quantized(variable, scale, zero, value.tensor?.dtype ?? 'int8').dataSync() as Float32Array
  })
}
