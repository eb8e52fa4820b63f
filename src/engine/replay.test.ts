// Compiled training steps of layers models against the same training call by call.
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { start, status, use } from '.'

beforeAll(async () => { await start() })
afterEach(async () => { await use({ replay: true, replayAfterMs: 200 }) })

const uniform = (shape: number[], seed: number): tf.Tensor => {
  const next = random(seed)
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next.next()), shape)
}
const seeded = (seed: number) => tf.initializers.glorotUniform({ seed })
const labels = (n: number) => tf.oneHot(tf.tensor1d(Array.from({ length: n }, (_, i) => (i * 7) % 3), 'int32'), 3).toFloat()

const models: Record<string, { input: number[]; layers: () => tf.layers.Layer[] }> = {
  'dense with regularizer': { input: [5], layers: () => [
    tf.layers.dense({ inputShape: [5], units: 8, activation: 'tanh', kernelInitializer: seeded(1), kernelRegularizer: 'l1l2' }),
    tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(2) })] },
  'convolution with batch norm': { input: [6, 6, 2], layers: () => [
    tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 4, kernelSize: 3, useBias: false, kernelInitializer: seeded(1) }),
    tf.layers.batchNormalization(), tf.layers.reLU(), tf.layers.flatten(),
    tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(2) })] },
  'LSTM, two layers': { input: [3, 4], layers: () => [
    tf.layers.lstm({ inputShape: [3, 4], units: 6, returnSequences: true, kernelInitializer: seeded(1), recurrentInitializer: seeded(2) }),
    tf.layers.lstm({ units: 6, kernelInitializer: seeded(3), recurrentInitializer: seeded(4) }),
    tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(5) })] },
  'bidirectional GRU': { input: [2, 4], layers: () => [
    tf.layers.bidirectional({ inputShape: [2, 4], mergeMode: 'concat',
      layer: tf.layers.gru({ units: 4, kernelInitializer: seeded(1), recurrentInitializer: seeded(2) }) }),
    tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(3) })] },
}

interface Options {
  readonly optimizer?: () => tf.Optimizer
  readonly callbacks?: tf.CustomCallbackArgs
}

/** Ten samples in batches of four: a smaller batch ends every epoch. */
async function train(backend: string, name: string, replay: boolean, options: Options = {}) {
  await tf.setBackend(backend)
  if (backend === 'onnx') await use({ replay, replayAfterMs: 1 })
  const { input, layers } = models[name]!
  const model = tf.sequential({ layers: layers() })
  const optimizer = options.optimizer?.() ?? tf.train.adam(0.05)
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
  const history = await model.fit(uniform([10, ...input], 42), labels(10), {
    epochs: 5, batchSize: 4, shuffle: false, ...(options.callbacks ? { callbacks: options.callbacks } : {}),
  })
  const weights = model.getWeights().map((w) => Float32Array.from(w.dataSync()))
  const iterations = (optimizer as unknown as { iterations_: number }).iterations_
  const compiled = status().replays
  model.dispose()
  optimizer.dispose()
  await tf.setBackend('onnx')
  return { loss: history.history.loss as number[], accuracy: history.history.acc as number[], weights, iterations, compiled }
}

const distance = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.map((w, i) => Math.max(...w.map((v, k) => Math.abs(v - b[i]![k]!)))))

describe('fit compiles a step that repeats', () => {
  for (const name of Object.keys(models)) {
    it(`${name}: losses, metrics and weights as call by call, and as on cpu`, async () => {
      const [fast, slow, reference] = [await train('onnx', name, true), await train('onnx', name, false), await train('cpu', name, false)]
      expect([fast.compiled, slow.compiled]).toEqual([2, 0])
      expect(fast.iterations).toBe(slow.iterations)
      for (const other of [slow, reference]) {
        fast.loss.forEach((v, i) => { expect(v).toBeCloseTo(other.loss[i]!, 4) })
        expect(fast.accuracy).toEqual(other.accuracy)
        expect(distance(fast.weights, other.weights)).toBeLessThan(2e-3)
      }
    }, 180_000)
  }

  for (const [name, optimizer] of Object.entries({
    sgd: () => tf.train.sgd(0.1), momentum: () => tf.train.momentum(0.1, 0.9), adamax: () => tf.train.adamax(0.05), rmsprop: () => tf.train.rmsprop(0.01),
  })) {
    it(`${name}: the same weights as call by call`, async () => {
      const [fast, slow] = [await train('onnx', 'dense with regularizer', true, { optimizer }), await train('onnx', 'dense with regularizer', false, { optimizer })]
      expect(fast.compiled).toBe(2)
      expect(distance(fast.weights, slow.weights)).toBeLessThan(1e-5)
    })
  }

  it('follows a learning rate that a callback changes', async () => {
    const decaying = (): Options => {
      const optimizer = tf.train.sgd(0.5)
      return { optimizer: () => optimizer, callbacks: { onEpochEnd: (epoch) => {
        if (epoch === 3) (optimizer as unknown as { setLearningRate(rate: number): void }).setLearningRate(0.001)
      } } }
    }
    const [fast, slow] = [await train('onnx', 'dense with regularizer', true, decaying()), await train('onnx', 'dense with regularizer', false, decaying())]
    expect(distance(fast.weights, slow.weights)).toBeLessThan(1e-5)
  })
})

const step = async (model: tf.LayersModel, x: tf.Tensor, y: tf.Tensor): Promise<number> => {
  const [loss] = [await model.trainOnBatch(x, y)].flat()
  return loss as number
}
const dense = (extra: tf.layers.Layer[] = []): tf.Sequential => tf.sequential({ layers: [
  tf.layers.dense({ inputShape: [5], units: 8, activation: 'relu', kernelInitializer: seeded(1) }), ...extra,
  tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(2) })] })

describe('trainOnBatch', () => {
  it('replays, leaks no tensors, and arrays that were read do not change under the reader', async () => {
    await use({ replayAfterMs: 1 })
    const model = dense()
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' })
    const [x, y] = [uniform([6, 5], 1), labels(6)]
    for (let i = 0; i < 8; i++) await step(model, x, y)
    expect(status().replays).toBe(1)
    const tensors = tf.memory().numTensors
    const [w] = model.getWeights() as [tf.Tensor]
    const seen = w.dataSync()
    const copy = Float32Array.from(seen)
    const clone = w.clone()
    for (let i = 0; i < 5; i++) await step(model, x, y)
    expect([...seen]).toEqual([...copy])
    expect([...clone.dataSync()]).toEqual([...copy])
    clone.dispose()
    expect(tf.memory().numTensors).toBe(tensors)
    model.dispose()
    expect(status().replays).toBe(0)
  })

  it('leaves what is not known to repeat to the ordinary way', async () => {
    await use({ replayAfterMs: 1 })
    const [x, y] = [uniform([6, 5], 1), labels(6)]
    const compiled = async (model: tf.LayersModel, loss: tf.ModelCompileArgs['loss']): Promise<number> => {
      model.compile({ optimizer: 'sgd', loss })
      for (let i = 0; i < 6; i++) await step(model, x, y)
      const count = status().replays
      model.dispose()
      return count
    }
    class Custom extends tf.layers.Layer {
      static className = 'CustomOfReplayTest'
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor { return ([inputs].flat()[0] as tf.Tensor).mul(Math.random()) }
    }
    const patched = dense()
    const [layer] = patched.layers as [tf.layers.Layer]
    const call = layer.call.bind(layer)
    layer.call = (inputs, kwargs) => call(inputs, kwargs)
    expect(await compiled(dense([tf.layers.dropout({ rate: 0.5 })]), 'meanSquaredError')).toBe(0)
    expect(await compiled(dense([new Custom({})]), 'meanSquaredError')).toBe(0)
    expect(await compiled(dense(), (a, b) => tf.losses.meanSquaredError(a, b))).toBe(0)
    expect(await compiled(patched, 'meanSquaredError')).toBe(0)
    expect(await compiled(dense(), 'meanSquaredError')).toBe(1)
  })

  it('follows weights, optimizer state and settings that are set from outside', async () => {
    const run = async (replay: boolean): Promise<number[]> => {
      await use({ replay, replayAfterMs: 1 })
      const model = dense([tf.layers.leakyReLU({ alpha: 0.3 })])
      const optimizer = tf.train.adam(0.05)
      model.compile({ optimizer, loss: 'categoricalCrossentropy' })
      const [x, y] = [uniform([6, 5], 1), labels(6)]
      const losses: number[] = []
      const steps = async (n: number): Promise<void> => { for (let i = 0; i < n; i++) losses.push(await step(model, x, y)) }
      await steps(8)
      model.setWeights(model.getWeights().map((w) => w.mul(0.5)))
      await steps(3)
      const state = await optimizer.getWeights()
      await optimizer.setWeights(state.map(({ name, tensor }) => ({ name, tensor: tensor.clone() })))
      await steps(3)
      Object.assign(model.layers[1] as object, { alpha: 0.9 })
      await steps(8)
      model.dispose()
      return losses
    }
    const [fast, slow] = [await run(true), await run(false)]
    fast.forEach((v, i) => { expect(v).toBeCloseTo(slow[i]!, 5) })
  })

  it('stops between steps when it is interrupted, with the weights whole', async () => {
    await use({ replayAfterMs: 1 })
    const model = dense()
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' })
    const [x, y] = [uniform([6, 5], 1), labels(6)]
    for (let i = 0; i < 8; i++) await step(model, x, y)
    const before = model.getWeights().map((w) => Float32Array.from(w.dataSync()))
    const host = globalThis as unknown as Record<symbol, unknown>
    const symbol = Symbol.for('whetstone.kernel')
    host[symbol] = { signal: AbortSignal.abort() }
    try {
      await expect(step(model, x, y)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    } finally {
      host[symbol] = undefined
    }
    expect(distance(model.getWeights().map((w) => w.dataSync() as Float32Array), before)).toBe(0)
    expect(await step(model, x, y)).toBeGreaterThan(0)
    model.dispose()
  })
})
