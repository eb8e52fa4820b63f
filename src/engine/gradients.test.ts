// Gradients on onnx against central differences, computed in double precision from float32 evaluations.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { start } from '.'

beforeAll(async () => { await start() })

const numbers = (count: number, seed: number): Float32Array => {
  const next = random(seed)
  return Float32Array.from({ length: count }, () => next.next() * 2 - 1)
}

const w = (shape: number[], seed: number): tf.Tensor => tf.tensor(numbers(shape.reduce((a, b) => a * b, 1), seed), shape)

const functions: Record<string, { shape: number[]; f: (x: tf.Tensor) => tf.Tensor }> = {
  'dense with tanh': { shape: [3, 4], f: (x) => tf.tanh(tf.matMul(x, w([4, 5], 1))) },
  'convolution, same padding': { shape: [2, 5, 5, 2], f: (x) => tf.conv2d(x as tf.Tensor4D, w([3, 3, 2, 3], 2) as tf.Tensor4D, 1, 'same') },
  'convolution, stride 2': { shape: [1, 6, 7, 2], f: (x) => tf.conv2d(x as tf.Tensor4D, w([3, 3, 2, 2], 3) as tf.Tensor4D, 2, 'same') },
  'convolution by its kernel': { shape: [3, 3, 2, 2], f: (k) => tf.conv2d(w([2, 6, 5, 2], 4) as tf.Tensor4D, k as tf.Tensor4D, [2, 1], 'valid') },
  'dilated convolution by its kernel': { shape: [2, 2, 1, 2], f: (k) => tf.conv2d(w([1, 6, 6, 1], 4) as tf.Tensor4D, k as tf.Tensor4D, 1, 'same') },
  'depthwise convolution': { shape: [1, 5, 5, 3], f: (x) => tf.depthwiseConv2d(x as tf.Tensor4D, w([3, 3, 3, 2], 5) as tf.Tensor4D, 1, 'same') },
  'depthwise convolution by its kernel': { shape: [3, 3, 2, 2], f: (k) => tf.depthwiseConv2d(w([2, 5, 5, 2], 6) as tf.Tensor4D, k as tf.Tensor4D, 2, 'same') },
  'max pooling, disjoint': { shape: [1, 4, 4, 2], f: (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid').square() },
  'max pooling, overlapping': { shape: [1, 5, 5, 1], f: (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 'same').square() },
  'average pooling': { shape: [1, 5, 5, 2], f: (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid').square() },
  'batch norm of batch statistics': {
    shape: [4, 2, 2, 3], f: (x) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2])
      return tf.batchNorm(x as tf.Tensor4D, mean as tf.Tensor1D, variance as tf.Tensor1D, w([3], 7) as tf.Tensor1D, w([3], 8) as tf.Tensor1D).mul(w([4, 2, 2, 3], 9))
    },
  },
  'softmax cross-entropy': { shape: [4, 5], f: (x) => tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d([0, 3, 2, 4], 'int32'), 5), x) },
  'layer normalization': { shape: [3, 6], f: (x) => {
    const { mean, variance } = tf.moments(x, -1, true)
    return x.sub(mean).div(variance.add(1e-3).sqrt()).mul(w([3, 6], 10))
  } },
  'gather and segment sums': { shape: [4, 3], f: (x) => tf.gather(x, tf.tensor1d([2, 0, 2, 1, 3], 'int32')).square() },
  'upsampling': { shape: [1, 2, 3, 2], f: (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [4, 6]).square() },
  'bilinear resizing': { shape: [1, 3, 3, 1], f: (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [5, 7], true).square() },
  'concat, slice, pad, transpose': { shape: [2, 3], f: (x) => tf.concat([x.slice([0, 1], [2, 2]), x.pad([[0, 0], [1, 0]])], 1).transpose().square() },
  'elu, selu, softplus, sigmoid': { shape: [8], f: (x) => tf.elu(x).add(tf.selu(x)).add(tf.softplus(x)).add(tf.sigmoid(x)) },
}

describe('gradients equal finite differences', () => {
  for (const [name, { shape, f }] of Object.entries(functions)) {
    it(name, () => {
      const count = shape.reduce((a, b) => a * b, 1)
      const x = numbers(count, 77)
      const weights = new Map<number, tf.Tensor>()
      const loss = (t: tf.Tensor): tf.Scalar => {
        const y = f(t)
        const weight = weights.get(y.size) ?? tf.keep(tf.tensor(numbers(y.size, 99), y.shape))
        weights.set(y.size, weight)
        return y.mul(weight).sum().asScalar()
      }
      const gradient = tf.grad(loss)(tf.tensor(x, shape)).dataSync()
      const step = 1e-2
      for (let i = 0; i < Math.min(count, 12); i++) {
        const at = Math.floor((i * count) / Math.min(count, 12))
        const moved = (by: number): number => {
          const copy = x.slice()
          copy[at] = copy[at]! + by
          return loss(tf.tensor(copy, shape)).dataSync()[0]!
        }
        // Fourth order: the error is of the fourth power of the step.
        const expected = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
        expect(Math.abs(gradient[at]! - expected)).toBeLessThan(5e-3 * Math.max(1, Math.abs(expected)))
      }
    })
  }
})
