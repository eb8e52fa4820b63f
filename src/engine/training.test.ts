// Ordinary TensorFlow.js code on both backends: the same seeds give the same losses and weights.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { start, status, use } from '.'

beforeAll(async () => {
  await start({ threads: 2 })
})

const uniform = (shape: number[], seed: number): tf.Tensor => {
  const next = random(seed)
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next.next()), shape)
}
const seeded = (seed: number) => tf.initializers.glorotUniform({ seed })

const models: Record<string, { build: () => tf.LayersModel; input: number[] }> = {
  'convolutional network with batch norm': {
    input: [12, 12, 2],
    build: () => tf.sequential({ layers: [
      tf.layers.conv2d({ inputShape: [12, 12, 2], filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', kernelInitializer: seeded(1) }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 6, kernelSize: 3, strides: 2, activation: 'relu', kernelInitializer: seeded(2) }),
      tf.layers.batchNormalization(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 16, activation: 'relu', kernelInitializer: seeded(3) }),
      tf.layers.dense({ units: 10, activation: 'softmax', kernelInitializer: seeded(4) }),
    ] }),
  },
  'depthwise-separable network with average pooling': {
    input: [8, 8, 3],
    build: () => tf.sequential({ layers: [
      tf.layers.separableConv2d({ inputShape: [8, 8, 3], filters: 6, kernelSize: 3, padding: 'same', activation: 'relu6',
        depthwiseInitializer: seeded(1), pointwiseInitializer: seeded(2) }),
      tf.layers.averagePooling2d({ poolSize: 2 }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 10, activation: 'softmax', kernelInitializer: seeded(3) }),
    ] }),
  },
  'recurrent network': {
    input: [6, 5],
    build: () => tf.sequential({ layers: [
      tf.layers.lstm({ inputShape: [6, 5], units: 7, kernelInitializer: seeded(1), recurrentInitializer: seeded(2) }),
      tf.layers.dense({ units: 10, activation: 'softmax', kernelInitializer: seeded(3) }),
    ] }),
  },
}

interface Trained {
  losses: number[]
  weights: Float32Array[]
}

async function train(backend: string, name: string, optimizer: string): Promise<Trained> {
  await tf.setBackend(backend)
  const { build, input } = models[name]!
  const model = build()
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
  const x = uniform([8, ...input], 42)
  const y = tf.oneHot(tf.tensor1d(Array.from({ length: 8 }, (_, i) => (i * 7) % 10), 'int32'), 10)
  const history = await model.fit(x, y, { epochs: 4, batchSize: 4, shuffle: false })
  const weights = model.getWeights().map((w) => Float32Array.from(w.dataSync()))
  model.dispose()
  return { losses: history.history.loss as number[], weights }
}

describe('training on onnx gives what training on cpu gives', () => {
  for (const name of Object.keys(models)) {
    for (const optimizer of ['sgd', 'adam', 'rmsprop']) {
      it(`${name}, ${optimizer}`, async () => {
        const reference = await train('cpu', name, optimizer)
        const ours = await train('onnx', name, optimizer)
        reference.losses.forEach((loss, i) => { expect(ours.losses[i]).toBeCloseTo(loss, 3) })
        reference.weights.forEach((w, i) => {
          expect(Math.max(...w.map((v, k) => Math.abs(v - ours.weights[i]![k]!)))).toBeLessThan(5e-3)
        })
      })
    }
  }

  it('needs no CPU kernel and compiles a step once', async () => {
    // Call by call: when a replay would begin depends on the machine's speed.
    await use({ replay: false })
    await train('onnx', 'convolutional network with batch norm', 'adam')
    await tf.setBackend('onnx')
    const before = status()
    await train('onnx', 'convolutional network with batch norm', 'adam')
    expect(status().fallbacks).toEqual(before.fallbacks)
    expect(status().counts.compilations).toBe(before.counts.compilations)
    await use({ replay: true })
  })
})
