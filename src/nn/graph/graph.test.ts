// The trainable form of a graph against ONNX Runtime: the same outputs, and gradients that are the finite differences of
// what ONNX Runtime computes.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { run, weights } from '../../../test/support/run'
import { random } from '../../core'
import { build, cloneModel, Tensor, writeModel, type GraphBuilder, type Model, type Value } from '../../onnx'
import { constantRate } from '../training/schedules'
import { sgd } from '../training/optimizers'
import { train } from '../training/train'
import { GraphLearner } from './learner'

beforeAll(async () => { await tf.setBackend('cpu') })

const ints = (...values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')
let seed = 1
const w = (...shape: number[]): Tensor => weights(shape, seed++, 0.5)
const image = (body: (g: GraphBuilder, x: Value) => Value, shape: (number | string)[] = ['N', 4, 5, 6]): Model =>
  build('test', (g) => { g.output(body(g, g.input('x', 'float32', shape)), 'y') }, { opsets: { '': 21 } })

const flat = (g: GraphBuilder, x: Value): Value => g.op('Reshape', [x, ints(0, -1)])
const cases: Record<string, () => Model> = {
  'convolution with stride and padding': () => image((g, x) => flat(g, g.op('Relu', [g.op('Conv', [x, w(3, 4, 3, 3), w(3)], { strides: [2, 1], pads: [1, 0, 2, 1] })]))),
  'depthwise and grouped convolution': () => image((g, x) => flat(g, g.op('Conv', [g.op('Conv', [x, w(8, 1, 3, 3)], { group: 4 }), w(6, 4, 1, 1)], { group: 2 }))),
  'pools': () => image((g, x) => g.op('Concat', [
    flat(g, g.op('MaxPool', [x], { kernel_shape: [2, 3], strides: [1, 2], pads: [1, 0, 0, 1] })), flat(g, g.op('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] })),
    flat(g, g.op('GlobalAveragePool', [g.op('Conv', [x, w(2, 4, 1, 1)])])), flat(g, g.op('GlobalMaxPool', [x])),
  ], { axis: 1 })),
  'batch normalization': () => image((g, x) => flat(g, g.op('BatchNormalization', [x, w(4), w(4), w(4), Tensor.from(new Float32Array([1, 2, 0.5, 3]), [4])]))),
  'dense layers': () => image((g, x) => g.op('Gemm', [g.op('Tanh', [g.op('Add', [g.op('MatMul', [x, w(6, 5)]), w(5)])]), w(3, 5), w(3)], { transB: 1, alpha: 0.5, beta: 2 }), ['N', 6]),
  'layer normalization and GELU': () => image((g, x) => flat(g, g.op('Gelu', [g.op('LayerNormalization', [g.op('MatMul', [x, w(6, 6)]), w(6), w(6)])])), ['N', 3, 6]),
  'attention': () => image((g, x) => {
    const split = (t: Value): Value => g.op('Transpose', [g.op('Reshape', [t, ints(0, 3, 2, 4)])], { perm: [0, 2, 1, 3] })
    const [q, k, v] = g.ops('Split', [g.op('MatMul', [x, w(8, 24)])], { axis: -1, num_outputs: 3 }, { outputs: 3 })
    if (!q || !k || !v) throw new Error('no split')
    const scores = g.op('Softmax', [g.op('MatMul', [split(q), g.op('Transpose', [split(k)], { perm: [0, 1, 3, 2] })])], { axis: -1 })
    return flat(g, g.op('Transpose', [g.op('MatMul', [scores, split(v)])], { perm: [0, 2, 1, 3] }))
  }, ['N', 3, 8]),
  'computed shapes': () => image((g, x) => {
    const n = g.op('Unsqueeze', [g.op('Gather', [g.op('Shape', [x]), Tensor.scalar(0, 'int64')]), ints(0)])
    return g.op('MatMul', [g.op('Reshape', [x, g.op('Concat', [n, ints(-1)], { axis: 0 })]), w(120, 3)])
  }),
  'slices, pads, squeezes and reductions': () => image((g, x) => {
    const cut = g.op('Slice', [x, ints(1, -3), ints(3, 100), ints(1, 3)])
    const padded = g.op('Pad', [cut, ints(0, 0, 1, 0, 0, 0, 0, 2)])
    const mean = g.op('ReduceMean', [padded, ints(3)], { keepdims: 0 })
    return g.op('Add', [g.op('Squeeze', [g.op('Unsqueeze', [g.op('ReduceSum', [mean, ints(2)], { keepdims: 0 }), ints(0)]), ints(0)]), w(2)])
  }),
  'local response normalization, branches of constants and a fixed batch': () => image((g, x) => {
    const scale = g.op('Constant', [], { value: weights([4, 1, 1], 101, 0.5) })
    return flat(g, g.op('LRN', [g.op('Add', [g.op('Mul', [x, scale]), weights([4, 1, 1], 101, 0.5)])], { size: 3 }))
  }, [2, 4, 5, 6]),
  'activations': () => image((g, x) => {
    const h = g.op('MatMul', [x, w(4, 4)])
    return g.op('Concat', ['Sigmoid', 'Elu', 'Softplus', 'Erf', 'HardSwish', 'LeakyRelu', 'LogSoftmax'].map((op) => g.op(op, [h])), { axis: 1 })
  }, ['N', 4]),
}

const loss = (model: Model, x: Tensor, r: Float32Array): number => {
  const y = run(writeModel(model), { x: { dtype: 'float32', shape: x.shape, data: x.toArray() } }).y?.data as Float32Array
  return y.reduce((sum, value, i) => sum + value * (r[i] ?? 0), 0)
}

describe('GraphLearner', () => {
  it.each(Object.keys(cases))('%s: outputs and gradients are those of ONNX Runtime', (name) => {
    const model = cases[name]?.() as Model
    const shape = (model.graph.inputs[0]?.shape ?? []).map((size) => (typeof size === 'number' ? size : 2))
    const x = weights(shape, 77, 1)
    const learner = new GraphLearner(model)
    const input = tf.tensor(x.toArray() as Float32Array, shape)
    const y = learner.forward(input, false)
    const expected = run(writeModel(model), { x: { dtype: 'float32', shape, data: x.toArray() } }).y
    expect(y.shape).toEqual(expected?.shape)
    y.dataSync().forEach((value, i) => { expect(value).toBeCloseTo((expected?.data as Float32Array)[i] ?? NaN, 3) })

    if (learner.variables.length === 0) return
    const r = weights([y.size], 5, 1).toArray() as Float32Array
    const { grads } = tf.variableGrads(() => learner.forward(input, false).mul(tf.tensor(r, y.shape)).sum().asScalar(), [...learner.variables])
    const numbers = random(3)
    for (const weight of learner.names) {
      const gradient = grads[learner.weight(weight).name]?.dataSync()
      if (!gradient || !learner.variables.includes(learner.weight(weight))) continue
      const i = numbers.int(gradient.length)
      const moved = (by: number): Model => {
        const copy = cloneModel(model)
        const value = copy.graph.find(weight)
        const data = Float32Array.from(value?.tensor?.toArray() as Float32Array)
        data[i] = (data[i] ?? 0) + by
        if (value?.tensor) copy.graph.setInitializer(value, Tensor.from(data, value.tensor.shape))
        return copy
      }
      const difference = (loss(moved(1e-2), x, r) - loss(moved(-1e-2), x, r)) / 2e-2
      expect(Math.abs((gradient[i] ?? NaN) - difference)).toBeLessThan(2e-2 * Math.max(1, Math.abs(difference)))
    }
  })

  it('trains, follows the batch statistics, and gives the model back under its names', async () => {
    const model = image((g, x) => flat(g, g.op('GlobalAveragePool', [g.op('BatchNormalization', [
      g.op('Conv', [x, g.constant(w(2, 4, 1, 1), 'kernel')]), g.constant(new Float32Array([1, 1]), 'gamma'), g.constant(new Float32Array(2), 'beta'),
      g.constant(new Float32Array(2), 'mean'), g.constant(new Float32Array([1, 1]), 'variance')])])))
    const learner = new GraphLearner(model, { frozen: ['gamma'] })
    const features = weights([16, 4, 5, 6], 9, 1, 3).toArray() as Float32Array
    const samples = { length: 16, batches: () => [{ features, shape: [16, 4, 5, 6], labels: Float32Array.from({ length: 16 }, (_, i) => i % 2), size: 16 }] }
    const input = tf.tensor(features, [16, 4, 5, 6])
    const batch = learner.run(input, false, [model.graph.nodes[0]?.output.name ?? ''])[0]?.mean([0, 2, 3]).dataSync() ?? []
    const fit = (epochs: number) => train(learner, samples, { epochs, batchSize: 16, optimizer: sgd(), schedule: constantRate(0.5) })
    await fit(1)
    learner.weight('mean').dataSync().forEach((m, c) => { expect(m).toBeCloseTo(0.1 * (batch[c] ?? NaN), 5) })
    const { epochs } = await fit(30)
    expect(epochs.at(-1)?.loss).toBeLessThan((epochs[0]?.loss ?? 0) - 0.02)
    const after = learner.toModel()
    const of = (name: string): number[] => after.graph.find(name)?.tensor?.numbers() ?? []
    expect(of('gamma')).toEqual([1, 1])
    expect(of('kernel')).toEqual([...learner.numbers().get('kernel') ?? []])
    expect(learner.forward(input, false).shape).toEqual([16, 2])
  })

  it('trains a model that was exported for one batch size with another, and leaves its Constant nodes alone', () => {
    const model = image((g, x) => g.op('Add', [g.op('Mul', [g.op('GlobalAveragePool', [x]), g.op('Constant', [], { value: weights([4, 1, 1], 102, 0.5) })]), g.constant(weights([4, 1, 1], 102, 0.5), 'bias')]), [1, 4, 5, 6])
    const learner = new GraphLearner(model)
    expect(learner.names).toEqual(['bias'])
    expect(learner.forward(tf.zeros([3, 4, 5, 6]), true).shape).toEqual([3, 4, 1, 1])
    expect(learner.toModel().graph.inputs[0]?.shape).toEqual([1, 4, 5, 6])
    expect(learner.toModel().graph.nodes.map(({ opType }) => opType)).toEqual(model.graph.nodes.map(({ opType }) => opType))
  })

  it('leaves the names of its weights to layers that are made later', () => {
    const model = (): Model => image((g, x) => g.op('Add', [x, g.constant(weights([4, 1, 1], 105, 0.5), 'twice/bias')]))
    const [one, two] = [new GraphLearner(model()), new GraphLearner(model())]
    const layer = tf.sequential({ layers: [tf.layers.dense({ name: 'twice', units: 2, inputShape: [3] })] })
    expect(layer.predict(tf.zeros([1, 3]))).toBeInstanceOf(tf.Tensor)
    expect([one.names, two.names]).toEqual([['twice/bias'], ['twice/bias']])
    one.dispose()
    two.dispose()
    layer.dispose()
  })

  it('hooks see weights where they are read and values where they are made, and may replace them', () => {
    const model = image((g, x) => g.op('Relu', [g.op('Conv', [x, g.constant(weights([2, 4, 1, 1], 103, 0.5), 'kernel'), g.constant(weights([2], 104, 0.5), 'bias')])]))
    const [conv, relu] = model.graph.nodes.map((node) => node.output.name)
    const seen: string[] = []
    const learner = new GraphLearner(model, { hooks: {
      weight: (name, weight, node, index) => { seen.push(`${name} of ${node.opType} ${index}`); return name === 'kernel' ? weight.mul(0) : weight },
      value: (name, value) => { seen.push(`${name} ${value.shape.join()}`); return name === conv ? value.add(1) : value },
    } })
    const y = learner.forward(tf.ones([1, 4, 5, 6]), false)
    expect(seen).toEqual(['x 1,4,5,6', 'kernel of Conv 1', 'bias of Conv 2', `${conv ?? ''} 1,2,5,6`, `${relu ?? ''} 1,2,5,6`])
    const bias = learner.weight('bias').dataSync()
    y.max([0, 2, 3]).dataSync().forEach((value, i) => { expect(value).toBeCloseTo(Math.max(0, (bias[i] ?? NaN) + 1), 5) })
  })

  it('refuses what it cannot train, and says where', () => {
    const refused = (model: Model): void => { expect(() => new GraphLearner(model)).toThrow(expect.objectContaining({ code: 'NN_GRAPH' })) }
    refused(build('two', (g) => { g.output(g.op('Add', [g.input('a', 'float32', [2]), g.input('b', 'float32', [2])]), 'y') }))
    refused(image((g, x) => g.op('RandomNormalLike', [x])))
    expect(() => new GraphLearner(image((g, x) => g.op('Relu', [x]))).run(tf.zeros([1, 4, 5, 6]), false, ['nowhere'])).toThrow(expect.objectContaining({ code: 'NN_GRAPH' }))
    expect(() => new GraphLearner(image((g, x) => g.op('Relu', [x]))).weight('nobody')).toThrow(expect.objectContaining({ code: 'NN_GRAPH' }))
  })
})
