// The training steps that `bench -- training` times, in TensorFlow.js. peer.py has the same ones in PyTorch: same layers,
// batch, optimizer (Adam) and loss, and the loss is read after each step.
import * as tf from '@tensorflow/tfjs'

/** One training step on fixed random data; gives the loss as a tensor. */
export interface TrainingCase {
  readonly name: string
  /** Inputs of a step: shape, and for labels the number of classes. */
  readonly inputs: readonly { readonly shape: readonly number[]; readonly classes?: number }[]
  /** A new model's step. */
  make(): (...inputs: tf.Tensor[]) => tf.Scalar
  /** The same model with a softmax at its end, for `trainOnBatch`; undefined when it is no layers model. */
  layers?(): tf.LayersModel
}

const classify = (build: () => tf.LayersModel): Pick<TrainingCase, 'make' | 'layers'> => ({
  make: () => {
    const model = build()
    const optimizer = tf.train.adam(0.001)
    return (x: tf.Tensor, y: tf.Tensor) => {
      const loss = (): tf.Scalar => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor).asScalar()
      return optimizer.minimize(loss, true) as tf.Scalar
    }
  },
  layers: () => {
    const model = build()
    return tf.model({ inputs: model.inputs, outputs: apply(tf.layers.softmax(), model.outputs) })
  },
})

const conv = (filters: number, strides = 1) =>
  tf.layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', useBias: false })
const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]): tf.SymbolicTensor => layer.apply(x) as tf.SymbolicTensor

function residual(x: tf.SymbolicTensor, filters: number, strides: number): tf.SymbolicTensor {
  let y = apply(tf.layers.reLU(), apply(tf.layers.batchNormalization(), apply(conv(filters, strides), x)))
  y = apply(tf.layers.batchNormalization(), apply(conv(filters), y))
  const short = strides === 1 ? x : apply(tf.layers.conv2d({ filters, kernelSize: 1, strides, useBias: false }), x)
  return apply(tf.layers.reLU(), apply(tf.layers.add(), [y, short]))
}

function resnet8(): tf.LayersModel {
  const input = tf.input({ shape: [32, 32, 3] })
  let x = apply(tf.layers.reLU(), apply(tf.layers.batchNormalization(), apply(conv(16), input)))
  x = residual(residual(residual(x, 16, 1), 32, 2), 64, 2)
  const logits = apply(tf.layers.dense({ units: 10 }), apply(tf.layers.globalAveragePooling2d({}), x))
  return tf.model({ inputs: input, outputs: logits })
}

/** Pre-norm transformer encoder block, width 128, 4 heads, then the mean over positions and 10 classes. */
function transformer(): (x: tf.Tensor, y: tf.Tensor) => tf.Scalar {
  const [batch, length, width, heads] = [16, 64, 128, 4]
  const weight = (rows: number, columns: number): tf.Variable<tf.Rank.R2> => tf.variable(tf.randomNormal([rows, columns], 0, 0.05))
  const line = (n: number, value: number): tf.Variable => tf.variable(tf.fill([n], value))
  const [q, k, v, o] = [weight(width, width), weight(width, width), weight(width, width), weight(width, width)]
  const [up, down, out] = [weight(width, 4 * width), weight(4 * width, width), weight(width, 10)]
  const norms = [line(width, 1), line(width, 0), line(width, 1), line(width, 0)]
  const variables = [q, k, v, o, up, down, out, ...norms]
  const optimizer = tf.train.adam(0.001)
  const norm = (t: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor => {
    const { mean, variance } = tf.moments(t, -1, true)
    return t.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(scale).add(shift)
  }
  return (x, y) => optimizer.minimize(() => {
    const flat = (t: tf.Tensor, w: tf.Tensor2D): tf.Tensor => tf.matMul(t.reshape([-1, w.shape[0]]), w)
    const split = (t: tf.Tensor): tf.Tensor => t.reshape([batch, length, heads, width / heads]).transpose([0, 2, 1, 3])
    const h = norm(x, norms[0] as tf.Tensor, norms[1] as tf.Tensor)
    const scores = tf.matMul(split(flat(h, q)), split(flat(h, k)), false, true).mul(1 / Math.sqrt(width / heads))
    const mixed = tf.matMul(tf.softmax(scores), split(flat(h, v))).transpose([0, 2, 1, 3])
    const a = x.add(flat(mixed, o).reshape([batch, length, width]))
    const hidden = tf.relu(flat(norm(a, norms[2] as tf.Tensor, norms[3] as tf.Tensor), up))
    const b = a.add(tf.matMul(hidden, down).reshape([batch, length, width]))
    return tf.losses.softmaxCrossEntropy(y, tf.matMul(b.mean<tf.Tensor2D>(1), out)).asScalar()
  }, true, variables) as tf.Scalar
}

/** The cases, by name. */
export const cases: Readonly<Record<string, TrainingCase>> = {
  mlp: {
    name: 'MLP 784-256-10, batch 64', inputs: [{ shape: [64, 784] }, { shape: [64], classes: 10 }],
    ...classify(() => tf.sequential({ layers: [
      tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu' }), tf.layers.dense({ units: 10 })] })),
  },
  cnn: {
    name: 'CNN 16-32-128-10, batch 64', inputs: [{ shape: [64, 28, 28, 1] }, { shape: [64], classes: 10 }],
    ...classify(() => tf.sequential({ layers: [
      tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(), tf.layers.dense({ units: 128, activation: 'relu' }), tf.layers.dense({ units: 10 })] })),
  },
  resnet8: {
    name: 'ResNet-8 on 32×32×3, batch 32', inputs: [{ shape: [32, 32, 32, 3] }, { shape: [32], classes: 10 }],
    ...classify(resnet8),
  },
  lstm: {
    name: 'LSTM 128 over 28 steps of 28, batch 64', inputs: [{ shape: [64, 28, 28] }, { shape: [64], classes: 10 }],
    // nn.LSTM's gates are sigmoids; TensorFlow.js's are hard sigmoids by default.
    ...classify(() => tf.sequential({ layers: [
      tf.layers.lstm({ inputShape: [28, 28], units: 128, recurrentActivation: 'sigmoid' }), tf.layers.dense({ units: 10 })] })),
  },
  transformer: {
    name: 'Transformer block 128, 4 heads, 64 positions, batch 16', inputs: [{ shape: [16, 64, 128] }, { shape: [16], classes: 10 }],
    make: transformer,
  },
}

/** Fixed random data for a case. */
export function dataOf(one: TrainingCase): tf.Tensor[] {
  return one.inputs.map(({ shape, classes }) => classes === undefined ? tf.randomUniform([...shape], 0, 1, 'float32', 7)
    : tf.oneHot(tf.tensor1d(Int32Array.from({ length: shape[0] ?? 1 }, (_, i) => (i * 7) % classes), 'int32'), classes).toFloat())
}
