// Quantization-aware training, distillation, adapters and scores: against ONNX Runtime, closed forms and finite differences.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { run, weights } from '../../test/support/run'
import { build, Tensor, validateModel, writeModel, type Model } from '../onnx'
import { lowRankAdapters, sparseUpdate } from './adapters/low-rank'
import { attentionMap, averagedTeacher, distill, responseLoss } from './distillation/distill'
import { answersTo, recordedTeacher, type LabelledSamples } from './distillation/recorded'
import { gradients, movementScores } from './graph/gradients'
import { GraphLearner } from './graph/learner'
import { sharedWeights } from './graph/shared'
import { fakeQuantize } from './quantization/fake-quantize'
import { QatLearner } from './quantization/qat'
import type { Samples } from './training/learner'
import { sgd } from './training/optimizers'
import { constantRate } from './training/schedules'
import { crossEntropy, train, type Loss } from './training/train'

beforeAll(async () => { await tf.setBackend('cpu') })

const f32 = (tensor: Tensor | undefined): Float32Array => tensor?.toArray() as Float32Array
/** 24 points of four features; the class is the sign of a fixed linear function. */
const features = f32(weights([24, 4], 50, 1))
const labels = Float32Array.from({ length: 24 }, (_, i) => ((features[4 * i] ?? 0) + (features[4 * i + 1] ?? 0) > 0 ? 1 : 0))
const samples: Samples = { length: 24, batches: () => [{ features, shape: [24, 4], labels, size: 24 }] }
/** The same points in batches, with a seed in another order. */
const labelled = (own: Float32Array): LabelledSamples => ({
  length: 24, labels: own, withLabels: labelled,
  batches: (size, { seed } = {}) => Array.from({ length: Math.ceil(24 / size) }, (_, batch) => {
    const rows = Array.from({ length: Math.min(size, 24 - batch * size) }, (_, i) => (seed === undefined ? batch * size + i : (7 * (batch * size + i) + seed) % 24))
    return {
      features: Float32Array.from(rows.flatMap((row) => [...features.subarray(4 * row, 4 * row + 4)])), shape: [rows.length, 4],
      labels: Float32Array.from(rows, (row) => own[row] ?? 0), size: rows.length,
    }
  }),
})
const x = (): tf.Tensor => tf.tensor(features, [24, 4])

function mlp(seed = 1, hidden = 6): Model {
  return build('mlp', (g) => {
    const h = g.op('Relu', [g.op('Gemm', [g.input('x', 'float32', ['N', 4]), g.constant(weights([4, hidden], seed), 'w1'), g.constant(weights([hidden], seed + 1), 'b1')])], {}, { outputs: ['hidden'] })
    g.output(g.op('MatMul', [h, g.constant(weights([hidden, 2], seed + 2), 'w2')]), 'logits')
  }, { opsets: { '': 21 } })
}

/** The same network quantized: weights per column, activations per tensor, the bias in 32 bits. */
function qdq(model: Model): Model {
  const weight = (name: string): { q: Int8Array; scale: Float32Array; shape: readonly number[] } => {
    const tensor = model.graph.find(name)?.tensor
    const [rows = 1, columns = 1] = tensor?.shape ?? []
    const data = f32(tensor)
    const scale = Float32Array.from({ length: columns }, (_, c) => Math.max(...Array.from({ length: rows }, (__, r) => Math.abs(data[r * columns + c] ?? 0))) / 127)
    return { q: Int8Array.from(data, (w, i) => Math.round(w / (scale[i % columns] ?? 1))), scale, shape: [rows, columns] }
  }
  const [w1, w2] = [weight('w1'), weight('w2')]
  return build('qdq', (g) => {
    const scalar = (name: string, value: number) => g.constant(new Float32Array([value]), name, 'float32', [])
    const zero = (value: number) => g.constant(Tensor.from(new Uint8Array([value]), []), 'zero')
    const [sx, zx, sh, zh] = [scalar('sx', 0.03), zero(128), scalar('sh', 0.02), zero(0)]
    const pair = (v: Parameters<typeof g.op>[1][number], s: typeof sx, z: typeof zx) => g.op('DequantizeLinear', [g.op('QuantizeLinear', [v, s, z]), s, z])
    const held = (name: string, w: typeof w1) => g.op('DequantizeLinear', [g.constant(Tensor.from(w.q, w.shape), `${name}_q`), g.constant(w.scale, `${name}_s`)], { axis: 1 })
    const biasScale = w1.scale.map((s) => s * 0.03)
    const bias = g.op('DequantizeLinear', [
      g.constant(Tensor.from(Int32Array.from(f32(model.graph.find('b1')?.tensor), (b, i) => Math.round(b / (biasScale[i] ?? 1))), [w1.scale.length]), 'b1_q'), g.constant(biasScale, 'b1_s')], { axis: 0 })
    const h = g.op('Relu', [g.op('Gemm', [pair(g.input('x', 'float32', ['N', 4]), sx, zx), held('w1', w1), bias])])
    g.output(g.op('MatMul', [pair(h, sh, zh), held('w2', w2)]), 'logits')
  }, { opsets: { '': 21 } })
}

const answer = (model: Model): Float32Array => run(writeModel(model), { x: { dtype: 'float32', shape: [24, 4], data: features } }).logits?.data as Float32Array
const close = (a: ArrayLike<number>, b: ArrayLike<number>, within: number): void => {
  expect(a.length).toBe(b.length)
  for (let i = 0; i < a.length; i++) expect(Math.abs((a[i] ?? NaN) - (b[i] ?? NaN))).toBeLessThanOrEqual(within)
}
const lossOf = (logits: tf.Tensor): number => crossEntropy()({ logits, labels: tf.tensor1d(labels), x: x() }).dataSync()[0] ?? NaN

describe('fakeQuantize', () => {
  it('computes what QuantizeLinear and DequantizeLinear do, ties included', () => {
    const values = Float32Array.from({ length: 200 }, (_, i) => (i - 100) * 0.25)
    const model = build('q', (g) => {
      const s = g.constant(new Float32Array([0.5]), 's', 'float32', [])
      const z = g.constant(Tensor.from(new Uint8Array([40]), []), 'z')
      g.output(g.op('DequantizeLinear', [g.op('QuantizeLinear', [g.input('x', 'float32', [200]), s, z]), s, z]), 'y')
    })
    const expected = run(writeModel(model), { x: { dtype: 'float32', shape: [200], data: values } }).y?.data as Float32Array
    close(fakeQuantize(tf.tensor1d(values), tf.scalar(0.5), 40, { low: 0, high: 255 }).dataSync(), expected, 0)
  })

  it('has the gradients of LSQ', () => {
    const [s, points] = [0.3, [-5, -0.7, -0.2, 0.1, 0.44, 1.9, 9]]
    const range = { low: -4, high: 3 }
    const [dx, ds] = tf.grads((v, scale) => fakeQuantize(v, scale, 0, range))([tf.tensor1d(points), tf.scalar(s)])
    close(dx?.dataSync() ?? [], points.map((p) => (p / s > range.low && p / s < range.high ? 1 : 0)), 0)
    const each = points.map((p) => (p / s <= range.low ? range.low : p / s >= range.high ? range.high : Math.round(p / s) - p / s))
    expect(ds?.dataSync()[0]).toBeCloseTo(each.reduce((a, b) => a + b), 4)
    // Where all is clipped the rounding has no say, and the gradient of the scale is the finite difference.
    const clipped = (scale: number): number => fakeQuantize(tf.tensor1d([50, -50]), tf.scalar(scale), 0, range).sum().dataSync()[0] ?? NaN
    const [, exact] = tf.grads((v, scale) => fakeQuantize(v, scale, 0, range))([tf.tensor1d([50, -50]), tf.scalar(s)])
    expect(exact?.dataSync()[0]).toBeCloseTo((clipped(s + 0.01) - clipped(s - 0.01)) / 0.02, 3)
  })
})

describe('QatLearner', () => {
  it('computes what the QDQ model computes in ONNX Runtime', () => {
    close(new QatLearner(qdq(mlp())).forward(x(), false).dataSync(), answer(qdq(mlp())), 1e-4)
  })

  it('starts from the float weights, trains weights and scales, and gives back a QDQ model that computes the same', async () => {
    const float = mlp(5)
    const qat = new QatLearner(qdq(float), { float })
    const before = lossOf(qat.forward(x(), false))
    const started = qat.scales()
    await train(qat, samples, { epochs: 60, batchSize: 24, optimizer: sgd(), schedule: constantRate(0.05) })
    const after = qat.forward(x(), false)
    expect(lossOf(after)).toBeLessThan(0.7 * before)
    expect(qat.scales().get('sh')?.[0]).not.toBe(started.get('sh')?.[0])
    const trained = qat.toModel()
    expect(validateModel(trained)).toEqual([])
    expect(trained.graph.nodes.map(({ opType }) => opType)).toEqual(qdq(float).graph.nodes.map(({ opType }) => opType))
    close(answer(trained), after.dataSync(), 2e-2)
    // The scale of a bias is that of its product.
    const [s, w, b] = ['sx', 'w1_s', 'b1_s'].map((name) => f32(trained.graph.find(name)?.tensor))
    close(b ?? [], Array.from(w ?? [], (v) => v * (s?.[0] ?? NaN)), 1e-9)
  })

  it('leaves calibrated scales alone when asked, and refuses a model without quantization', async () => {
    const qat = new QatLearner(qdq(mlp()), { learnScales: false })
    const before = qat.scales()
    await train(qat, samples, { batchSize: 24, optimizer: sgd(), schedule: constantRate(0.1) })
    expect(qat.scales()).toEqual(before)
    expect(() => new QatLearner(mlp())).toThrow(expect.objectContaining({ code: 'NN_GRAPH' }))
  })
})

describe('distillation', () => {
  it('the response loss is T² times the divergence, and zero for equal answers', () => {
    const [s, t] = [[1, 2, 0.5], [0.2, 1, 3]]
    const soft = (z: number[]): number[] => { const e = z.map((v) => Math.exp(v / 2)); const sum = e.reduce((a, b) => a + b); return e.map((v) => v / sum) }
    const expected = 4 * soft(t).reduce((sum, p, i) => sum + p * Math.log(p / (soft(s)[i] ?? NaN)), 0)
    expect(responseLoss(tf.tensor2d([s]), [tf.tensor2d([t])], 2).dataSync()[0]).toBeCloseTo(expected, 5)
    expect(responseLoss(tf.tensor2d([t]), [tf.tensor2d([t])], 3).dataSync()[0]).toBeCloseTo(0, 5)
    const two = [tf.tensor2d([s]), tf.tensor2d([t])]
    expect(responseLoss(tf.tensor2d([t]), two, 2, [0, 1]).dataSync()[0]).toBeCloseTo(0, 5)
  })

  it('its gradient at high temperature is that of matching logits', () => {
    // Hinton et al., section 2.1: for T → ∞ and logits of mean zero, dL/dz = (z − v) / classes.
    const [z, v] = [tf.tensor2d([[0.3, -0.1, -0.2]]), tf.tensor2d([[-0.2, 0.4, -0.2]])]
    close(tf.grad((s) => responseLoss(s, [v], 1000))(z).dataSync(), z.sub(v).div(3).dataSync(), 1e-3)
  })

  it('attention maps have length one and follow the energy of the channels', () => {
    const map = attentionMap(tf.tensor4d([3, 0, 0, 0, 4, 0, 0, 0], [1, 2, 2, 2]))
    close(map.dataSync(), [1, 0, 0, 0], 1e-6)
  })

  it.each([['response', []], ['features', [{ student: 'hidden', teacher: 'hidden' }]]] as const)('a student comes nearer to its teacher (%s)', async (_, pairs) => {
    const teacher = new GraphLearner(mlp(3, 8))
    const student = new GraphLearner(mlp(9, 4))
    const gap = (): number => student.forward(x(), false).sub(teacher.forward(x(), false)).square().mean().dataSync()[0] ?? NaN
    const before = gap()
    const kept = [...teacher.forward(x(), false).dataSync()]
    const { learner, loss, dispose } = distill(student, { teachers: [teacher], hard: 0, pairs, sample: tf.zeros([1, 4]) })
    await train(learner, samples, { epochs: 80, batchSize: 24, optimizer: sgd(), schedule: constantRate(0.02), loss })
    expect(gap()).toBeLessThan(0.5 * before)
    expect([...teacher.forward(x(), false).dataSync()]).toEqual(kept)
    dispose()
  })

  it('recorded answers give the loss and the gradients of a teacher that runs, whatever the order of the samples', async () => {
    const [teacher, student] = [new GraphLearner(mlp(3)), new GraphLearner(mlp(9))]
    const all = labelled(labels)
    const answers = await answersTo(all, (numbers, shape) => teacher.forward(tf.tensor(numbers, shape), false).dataSync(), { batchSize: 7 })
    const recorded = recordedTeacher(all, answers, { temperature: 3, hard: 0.3 })
    const live = distill(student, { teachers: [teacher], temperature: 3, hard: 0.3 })
    let order = ''
    for (const [batch, known] of Array.from(all.batches(8, { seed: 5 })).map((each, i) => [each, Array.from(recorded.samples.batches(8, { seed: 5 }))[i]] as const)) {
      const parts = (loss: Loss, given: Float32Array): Record<string, number[]> => {
        const { value, grads } = tf.variableGrads(() => {
          const inputs = tf.tensor2d(batch.features, [batch.size, 4])
          return loss({ logits: student.forward(inputs, true), labels: tf.tensor1d(given), x: inputs })
        }, [...student.variables])
        return { loss: [...value.dataSync()], ...Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, [...g.dataSync()]])) }
      }
      const [a, b] = [parts(live.loss, batch.labels), parts(recorded.loss, known?.labels ?? new Float32Array())]
      expect(Object.keys(a).length).toBeGreaterThan(2)
      for (const [name, numbers] of Object.entries(a)) close(b[name] ?? [], numbers, 1e-5)
      order += [...known?.labels ?? []].join()
    }
    expect(order).not.toBe([...labels.keys()].join())
    recorded.dispose()
    expect(() => recordedTeacher(all, answers.subarray(1))).toThrow(expect.objectContaining({ code: 'NN_DATA' }))
  })

  it('an averaged teacher follows its student', () => {
    const [student, copy] = [new GraphLearner(mlp(1)), new GraphLearner(mlp(1))]
    const { teacher, follow } = averagedTeacher(student, copy, 0.9)
    expect(teacher).toBe(copy)
    student.weight('w2').assign(student.weight('w2').add(1))
    follow()
    close(copy.weight('w2').dataSync(), f32(mlp(1).graph.find('w2')?.tensor).map((w) => w + 0.1), 1e-5)
  })

  it('refuses what it cannot compare', () => {
    const [a, b] = [new GraphLearner(mlp()), new GraphLearner(mlp())]
    const refused = (f: () => unknown): void => { expect(f).toThrow(expect.objectContaining({ code: 'NN_OPTION' })) }
    refused(() => distill(a, { teachers: [] }))
    refused(() => distill({ variables: [], forward: (t) => t }, { teachers: [b], pairs: [{ student: 'hidden', teacher: 'hidden' }] }))
    refused(() => distill(a, { teachers: [b], pairs: [{ student: 'hidden', teacher: 'hidden' }] }))
    refused(() => averagedTeacher(a, { variables: [], forward: (t) => t }))
  })
})

describe('adapters', () => {
  it('start at the model, train far fewer numbers, and merge into the same computation', async () => {
    const model = mlp(2)
    const adapters = lowRankAdapters(model, { rank: 1, alpha: 2, targets: ['w1'], seed: 3 })
    const graph = new GraphLearner(model, { frozen: true, hooks: adapters.hooks, extra: adapters.variables })
    expect(adapters.parameters).toBe(4 + 6)
    close(graph.forward(x(), false).dataSync(), answer(model), 1e-5)
    const before = lossOf(graph.forward(x(), false))
    await train(graph, samples, { epochs: 60, batchSize: 24, optimizer: sgd(), schedule: constantRate(0.05) })
    expect(lossOf(graph.forward(x(), false))).toBeLessThan(0.8 * before)
    close(f32(graph.toModel().graph.find('w1')?.tensor), f32(model.graph.find('w1')?.tensor), 0)
    close(answer(adapters.merge(model)), graph.forward(x(), false).dataSync(), 1e-4)
    expect(() => lowRankAdapters(model, { rank: 1, targets: ['nobody'] })).toThrow(expect.objectContaining({ code: 'NN_OPTION' }))
    expect(() => lowRankAdapters(model, { rank: 0 })).toThrow(expect.objectContaining({ code: 'NN_OPTION' }))
  })

  it('sparse updates change exactly the chosen elements', async () => {
    const graph = new GraphLearner(mlp(2))
    const start = graph.numbers()
    const update = sparseUpdate(graph, await gradients(graph, samples), 0.25)
    await train(graph, samples, { epochs: 5, batchSize: 24, afterStep: update.afterStep, schedule: constantRate(0.01) })
    const changed = (name: string): number[] => [...graph.numbers().get(name) ?? []].flatMap((w, i) => (w === start.get(name)?.[i] ? [] : [i]))
    expect(changed('w1').length).toBeGreaterThan(0)
    for (const [name, { places, values }] of update.difference()) {
      expect(changed(name).every((i) => places.includes(i))).toBe(true)
      values.forEach((d, i) => { expect((start.get(name)?.[places[i] ?? 0] ?? NaN) + d).toBeCloseTo(graph.numbers().get(name)?.[places[i] ?? 0] ?? NaN, 5) })
    }
    expect(update.parameters).toBe(6 + 3 + 2)
    expect(() => sparseUpdate(graph, new Map(), 0)).toThrow(expect.objectContaining({ code: 'NN_OPTION' }))
  })

  it('the gradient of a shared value is the sum over its weights', async () => {
    const model = mlp(4)
    const size = 24
    const assignments = Array.from({ length: size }, (_, i) => i % 4)
    const centres = new Float32Array([-0.5, 0.25, 0.75])
    const shared = sharedWeights([{ weight: 'w1', centres, assignments }])
    const graph = new GraphLearner(model, { frozen: ['w1'], hooks: shared.hooks, extra: shared.variables })
    const loss = (): tf.Scalar => crossEntropy()({ logits: graph.forward(x(), false), labels: tf.tensor1d(labels), x: x() })
    const own = shared.variables[0] as tf.Variable
    const gradient = tf.variableGrads(loss, [own]).grads[own.name]?.dataSync() ?? []
    centres.forEach((c, k) => {
      const at = (by: number): number => {
        own.assign(tf.tensor1d(centres.map((value, i) => (i === k ? c + by : value))))
        return loss().dataSync()[0] ?? NaN
      }
      const difference = (at(2e-3) - at(-2e-3)) / 4e-3
      own.assign(tf.tensor1d(centres))
      expect(gradient[k]).toBeCloseTo(difference, 2)
    })
    await train(graph, samples, { epochs: 3, batchSize: 24 })
    expect(shared.centres('w1')).not.toEqual(centres)
  })
})

describe('scores', () => {
  it('gradients are the root mean square over batches, movements the sum of −w g', async () => {
    const one = (): GraphLearner => new GraphLearner(mlp(6))
    const graph = one()
    const { grads } = tf.variableGrads(() => crossEntropy()({ logits: graph.forward(x(), false), labels: tf.tensor1d(labels), x: x() }), [graph.weight('w1')])
    const g = [...grads[graph.weight('w1').name]?.dataSync() ?? []]
    close((await gradients(one(), samples)).get('w1') ?? [], g.map(Math.abs), 1e-5)
    close((await movementScores(one(), samples, 0.1)).get('w1') ?? [], g.map((v, i) => -v * (graph.numbers().get('w1')?.[i] ?? NaN)), 1e-5)
  })
})
