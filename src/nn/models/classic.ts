// Perceptrons and small convolutional networks: what papers on compression measure on MNIST.
import * as tf from '@tensorflow/tfjs'
import { apply, Layers } from './layers'

/** What every builder takes. */
export interface ModelOptions {
  /** Axes of one sample, images as [height, width, channels]. */
  readonly inputShape?: readonly number[]
  readonly classes?: number
  /** Decides the initial weights; default 0. */
  readonly seed?: number
}

/** Layers of a perceptron. */
export interface MlpOptions extends ModelOptions {
  /** Units of the hidden layers. */
  readonly hidden?: readonly number[]
}

const MNIST: readonly number[] = [28, 28, 1]

/**
 * A multilayer perceptron: flatten, then x ← max(0, x W + b) for each hidden size, then the logits.
 *
 * @example
 * const net = models.mlp({ inputShape: [8, 8, 1], hidden: [64], classes: 10 })
 */
export function mlp(options: MlpOptions = {}): tf.LayersModel {
  const { inputShape = MNIST, hidden = [256], classes = 10, seed = 0 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  let x = inputShape.length > 1 ? apply(tf.layers.flatten(), input) : input
  hidden.forEach((units, i) => { x = layers.dense(x, units, 'relu', `fc${i + 1}`) })
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'mlp' })
}

/** LeNet-300-100 (LeCun et al., 1998): 784-300-100-10, 266,610 parameters. */
export function lenet300100(options: ModelOptions = {}): tf.LayersModel {
  return mlp({ ...options, hidden: [300, 100] })
}

/**
 * LeNet-5 in the form of Caffe, which papers on compression use: conv 20@5×5, pool, conv 50@5×5, pool, 500, 10; no
 * padding. 431,080 parameters (Han et al., arXiv 1510.00149, table 3).
 */
export function lenet5(options: ModelOptions = {}): tf.LayersModel {
  const { inputShape = MNIST, classes = 10, seed = 0 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  let x = layers.conv(input, 20, 5, { padding: 'valid', name: 'conv1' })
  x = apply(tf.layers.maxPooling2d({ poolSize: 2 }), x)
  x = layers.conv(x, 50, 5, { padding: 'valid', name: 'conv2' })
  x = apply(tf.layers.maxPooling2d({ poolSize: 2 }), x)
  x = layers.dense(apply(tf.layers.flatten(), x), 500, 'relu', 'fc1')
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'lenet5' })
}

/** Widths of the MNIST network. */
export interface CnnOptions extends ModelOptions {
  /** Filters of the convolutions, 3 × 3 and ReLU, each followed by a 2 × 2 max pool. */
  readonly filters?: readonly number[]
  /** Units of the hidden dense layer. */
  readonly units?: number
}

/** The network of the benchmarks: conv 32, pool, conv 64, pool, dense 128, logits (as in the examples of many libraries). */
export function mnistCnn(options: CnnOptions = {}): tf.LayersModel {
  const { inputShape = MNIST, classes = 10, seed = 0, filters = [32, 64], units = 128 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  let x = input
  filters.forEach((count, i) => {
    x = layers.conv(x, count, 3, { activation: 'relu', name: `conv${i + 1}` })
    x = apply(tf.layers.maxPooling2d({ poolSize: 2 }), x)
  })
  x = layers.dense(apply(tf.layers.flatten(), x), units, 'relu', 'fc1')
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'mnist_cnn' })
}

/**
 * A small student: a 5 × 5 convolution with stride 2, a 3 × 3 one with stride 2, the logits. Strides in the place of pools:
 * the arithmetic that a pool would throw away is never done.
 */
export function stridedCnn(options: CnnOptions = {}): tf.LayersModel {
  const { inputShape = MNIST, classes = 10, seed = 0, filters = [16, 32], units = 0 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  let x = input
  filters.forEach((count, i) => { x = layers.conv(x, count, i === 0 ? 5 : 3, { strides: 2, padding: 'valid', activation: 'relu', name: `conv${i + 1}` }) })
  x = apply(tf.layers.flatten(), x)
  if (units > 0) x = layers.dense(x, units, 'relu', 'fc1')
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'strided_cnn' })
}

/** Widths of the network with batch normalization. */
export interface ConvNetOptions extends ModelOptions {
  /** Filters of the blocks. */
  readonly filters?: readonly number[]
}

/**
 * Blocks of a 3 × 3 convolution, batch normalization, ReLU and a 2 × 2 max pool (the last block without the pool); then the
 * global average, one number for each filter; then the logits. The blocks are `block1`, `block2`, …, the head `logits`.
 * Small, and layered as networks are that one transfers: features below, one linear head above.
 */
export function convNet(options: ConvNetOptions = {}): tf.LayersModel {
  const { inputShape = MNIST, classes = 10, seed = 0, filters = [16, 32, 64] } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  let x = input
  filters.forEach((count, i) => {
    const name = `block${i + 1}`
    x = layers.relu(layers.norm(layers.conv(x, count, 3, { useBias: false, name: `${name}_conv` }), `${name}_bn`))
    if (i < filters.length - 1) x = apply(tf.layers.maxPooling2d({ poolSize: 2 }), x)
  })
  x = apply(tf.layers.globalAveragePooling2d({ name: 'features' }), x)
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'conv_net' })
}
