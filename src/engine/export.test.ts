// Exported models compute TensorFlow.js's own numbers in onnxruntime, for a batch size that was never traced.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { saveModel, writeModel } from '../onnx'
import { Session } from '../runtime'
import { start, toOnnx } from '.'

beforeAll(async () => { await start() })

const numbers = (shape: readonly number[], seed: number): Float32Array => {
  const next = random(seed)
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next.next() * 2 - 1)
}
const dense = (units: number, activation?: 'relu' | 'softmax' | 'tanh', inputShape?: number[]) =>
  tf.layers.dense({ units, ...(activation ? { activation } : {}), ...(inputShape ? { inputShape } : {}), biasInitializer: 'randomNormal' })
const conv = (filters: number, options: object = {}) =>
  tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same', biasInitializer: 'randomNormal', ...options })
const norm = () => tf.layers.batchNormalization({ movingMeanInitializer: 'randomNormal', movingVarianceInitializer: 'ones', gammaInitializer: 'randomUniform' })

function residual(x: tf.SymbolicTensor, filters: number, strides: number): tf.SymbolicTensor {
  const apply = (layer: tf.layers.Layer, t: tf.SymbolicTensor | tf.SymbolicTensor[]) => layer.apply(t) as tf.SymbolicTensor
  let y = apply(tf.layers.reLU(), apply(norm(), apply(conv(filters, { strides, useBias: false }), x)))
  y = apply(norm(), apply(conv(filters, { useBias: false }), y))
  const short = strides === 1 ? x : apply(tf.layers.conv2d({ filters, kernelSize: 1, strides, useBias: false }), x)
  return apply(tf.layers.reLU(), apply(tf.layers.add(), [y, short]))
}

const architectures: Record<string, () => tf.LayersModel> = {
  'multi-layer perceptron': () => tf.sequential({ layers: [dense(16, 'relu', [10]), dense(8, 'tanh'), dense(3, 'softmax')] }),
  'LeNet': () => tf.sequential({ layers: [
    conv(6, { inputShape: [28, 28, 1], kernelSize: 5, activation: 'tanh' }), tf.layers.averagePooling2d({ poolSize: 2 }),
    conv(16, { kernelSize: 5, padding: 'valid', activation: 'tanh' }), tf.layers.averagePooling2d({ poolSize: 2 }),
    tf.layers.flatten(), dense(120, 'tanh'), dense(84, 'tanh'), dense(10, 'softmax')] }),
  'ResNet with batch norm': () => {
    const input = tf.input({ shape: [16, 16, 3] })
    let x = conv(8, { useBias: false }).apply(input) as tf.SymbolicTensor
    x = residual(residual(x, 8, 1), 16, 2)
    x = dense(10, 'softmax').apply(tf.layers.globalAveragePooling2d({}).apply(x)) as tf.SymbolicTensor
    return tf.model({ inputs: input, outputs: x })
  },
  'depthwise-separable network': () => tf.sequential({ layers: [
    conv(8, { inputShape: [16, 16, 3], strides: 2 }), norm(), tf.layers.reLU({ maxValue: 6 }),
    tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', strides: 2 }), norm(), tf.layers.reLU({ maxValue: 6 }),
    tf.layers.separableConv2d({ filters: 12, kernelSize: 3, padding: 'same' }),
    tf.layers.globalAveragePooling2d({}), dense(5, 'softmax')] }),
  'U-Net-like': () => {
    const input = tf.input({ shape: [16, 16, 1] })
    const down = conv(8, { activation: 'relu' }).apply(input) as tf.SymbolicTensor
    const low = conv(16, { activation: 'relu' }).apply(tf.layers.maxPooling2d({ poolSize: 2 }).apply(down)) as tf.SymbolicTensor
    const up = tf.layers.conv2dTranspose({ filters: 8, kernelSize: 2, strides: 2, padding: 'same' }).apply(low) as tf.SymbolicTensor
    const joined = tf.layers.concatenate().apply([down, up]) as tf.SymbolicTensor
    return tf.model({ inputs: input, outputs: conv(1, { activation: 'sigmoid' }).apply(joined) as tf.SymbolicTensor })
  },
  'convolutional autoencoder': () => tf.sequential({ layers: [
    conv(8, { inputShape: [12, 12, 1], strides: 2, activation: 'relu' }), conv(4, { activation: 'relu' }),
    tf.layers.upSampling2d({ size: [2, 2] }), conv(1, { activation: 'sigmoid' })] }),
  // Its scales are tiled to the size of the batch: fresh ones are all 1, trained ones are not.
  'layer normalization with trained scales': () => tf.sequential({ layers: [
    dense(6, undefined, [4, 5]), tf.layers.layerNormalization({ axis: -1, gammaInitializer: 'randomUniform', betaInitializer: 'randomNormal' }), dense(3, 'relu')] }),
  'LSTM': () => tf.sequential({ layers: [
    tf.layers.lstm({ inputShape: [7, 5], units: 6, returnSequences: true }), tf.layers.lstm({ units: 4 }), dense(3, 'softmax')] }),
  'GRU': () => tf.sequential({ layers: [tf.layers.gru({ inputShape: [7, 5], units: 6 }), dense(3, 'softmax')] }),
  'bidirectional': () => tf.sequential({ layers: [
    tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 5, returnSequences: true }), inputShape: [6, 4], mergeMode: 'concat' }),
    tf.layers.globalAveragePooling1d({}), dense(2, 'softmax')] }),
  'one-dimensional convolution with embedding': () => tf.sequential({ layers: [
    tf.layers.embedding({ inputDim: 20, outputDim: 6, inputLength: 9 }),
    tf.layers.conv1d({ filters: 8, kernelSize: 3, activation: 'relu' }), tf.layers.globalMaxPooling1d({}), dense(2, 'softmax')] }),
}

/** Functions on tensors, for what layers do not offer. */
const functions: Record<string, { inputs: (number | null)[][]; int?: boolean; make: () => (...x: tf.Tensor[]) => tf.Tensor }> = {
  'transformer encoder block': { inputs: [[null, 6, 8]], make: () => block(8, 2, false) },
  'GPT block with embeddings': {
    inputs: [[null, 6]], int: true,
    make: () => {
      const [tokens, places] = [weight([20, 8], 21), weight([6, 8], 22)]
      const body = block(8, 2, true)
      return (ids) => tf.matMul(body(tf.add(tf.gather(tokens, ids.toInt()), places)).reshape([-1, 8]), tokens, false, true).reshape([-1, 6, 20])
    },
  },
  'graph convolution': {
    inputs: [[null, 5, 5], [null, 5, 4]],
    make: () => {
      const [w1, w2] = [weight([4, 6], 31), weight([6, 2], 32)]
      return (adjacency, nodes) => {
        const degree = adjacency.abs().sum(-1, true).add(1).rsqrt()
        const layer = (h: tf.Tensor, w: tf.Tensor) =>
          tf.matMul(adjacency, h.mul(degree)).mul(degree).reshape([-1, w.shape[0]]).matMul(w).reshape([-1, 5, w.shape[1]!])
        return tf.softmax(layer(tf.relu(layer(nodes, w1)), w2))
      }
    },
  },
}

function weight(shape: number[], seed: number): tf.Tensor {
  return tf.tensor(numbers(shape, seed), shape)
}

function block(width: number, heads: number, causal: boolean): (x: tf.Tensor) => tf.Tensor {
  const [wq, wk, wv, wo, w1, w2] = [1, 2, 3, 4, 5, 6].map((s) => weight(s === 5 ? [width, 4 * width] : s === 6 ? [4 * width, width] : [width, width], s))
  const layerNorm = (t: tf.Tensor) => {
    const { mean, variance } = tf.moments(t, -1, true)
    return t.sub(mean).div(variance.add(1e-5).sqrt())
  }
  return (x) => {
    const length = x.shape[1]!
    const project = (t: tf.Tensor, w: tf.Tensor) => tf.matMul(t.reshape([-1, width]), w).reshape([-1, length, heads, width / heads]).transpose([0, 2, 1, 3])
    const h = layerNorm(x)
    let scores = tf.matMul(project(h, wq!), project(h, wk!), false, true).div(Math.sqrt(width / heads))
    if (causal) scores = scores.add(tf.tensor(Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0)), [length, length]))
    const mixed = tf.matMul(tf.softmax(scores), project(h, wv!)).transpose([0, 2, 1, 3]).reshape([-1, width])
    const y = x.add(tf.matMul(mixed, wo!).reshape([-1, length, width]))
    const hidden = tf.relu(tf.matMul(layerNorm(y).reshape([-1, width]), w1!))
    return y.add(tf.matMul(hidden, w2!).reshape([-1, length, width]))
  }
}

/** Runs the model with ONNX Runtime's optimizer off, so that the graph itself is tested. */
function run(model: ReturnType<typeof toOnnx>, inputs: Record<string, tf.Tensor>): Float32Array {
  const session = Session.create(writeModel(model), { optimization: 'disabled', threads: 1 })
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, t]) =>
    [name, { dtype: t.dtype as 'float32', shape: t.shape, data: t.dataSync() as Float32Array }]))
  const [out] = Object.values(session.runSync(feeds))
  session.dispose()
  return out!.data as Float32Array
}

const distance = (a: Float32Array, b: Float32Array): number => {
  expect(a.length).toBe(b.length)
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))
}

/** A Python that has the official onnx package. */
const python = [process.env.WHETSTONE_PYTHON, path.resolve(__dirname, '../../.venv/bin/python')]
  .find((file) => file !== undefined && existsSync(file) && spawnSync(file, ['-c', 'import onnx']).status === 0)

describe('toOnnx', () => {
  it.skipIf(python === undefined)('writes models that the official checker accepts (needs the Python package onnx)', async () => {
    await tf.setBackend('onnx')
    const folder = mkdtempSync(path.join(tmpdir(), 'exported-'))
    Object.values(architectures).forEach((make, i) => { saveModel(toOnnx(make()), path.join(folder, `${i}.onnx`)) })
    Object.values(functions).forEach(({ inputs, int, make }, i) => {
      saveModel(toOnnx(make(), inputs.map((shape, k) => ({ name: `in${k}`, shape, dtype: int ? 'int32' as const : 'float32' as const }))),
        path.join(folder, `f${i}.onnx`))
    })
    const script = 'import glob, onnx, sys\nfiles = glob.glob(sys.argv[1] + "/*.onnx")\n'
      + 'for f in files: onnx.checker.check_model(onnx.load(f), full_check=True)\nprint(len(files))'
    const checked = spawnSync(python!, ['-c', script, folder], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect(checked.stderr).toBe('')
    expect(Number(checked.stdout)).toBe(Object.keys(architectures).length + Object.keys(functions).length)
  })

  for (const [name, make] of Object.entries(architectures)) {
    it(`exports: ${name}`, async () => {
      await tf.setBackend('onnx')
      const net = make()
      const shape = net.inputs[0]!.shape.slice(1) as number[]
      const data = numbers([3, ...shape], 5).map((x) => (name.includes('embedding') ? Math.floor(Math.abs(x) * 20) : x))
      const model = toOnnx(net)
      await tf.setBackend('cpu')
      const x = tf.tensor(data, [3, ...shape])
      const expected = (net.predict(x) as tf.Tensor).dataSync() as Float32Array
      expect(distance(run(model, { [model.graph.inputs[0]!.name]: x }), expected)).toBeLessThan(1e-5)
      expect(model.graph.inputs[0]!.type).toMatchObject({ shape: ['batch', ...shape] })
    })
  }

  for (const [name, { inputs, int, make }] of Object.entries(functions)) {
    it(`exports: ${name}`, async () => {
      await tf.setBackend('onnx')
      const fn = make()
      const model = toOnnx(fn, inputs.map((shape, i) => ({ name: `in${i}`, shape, dtype: int ? 'int32' as const : 'float32' as const })))
      await tf.setBackend('cpu')
      const given = inputs.map((shape, i) => {
        const sizes = shape.map((s) => s ?? 3)
        return tf.tensor(numbers(sizes, 50 + i).map((v) => (int ? Math.floor(Math.abs(v) * 20) : v)), sizes, int ? 'int32' : 'float32')
      })
      const expected = fn(...given).dataSync() as Float32Array
      expect(distance(run(model, Object.fromEntries(given.map((t, i) => [`in${i}`, t]))), expected)).toBeLessThan(1e-5)
    })
  }
})
