// Compiled functions against the same code run call by call.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeModel } from '../onnx'
import { Session } from '../runtime'
import { compile, start, toOnnx } from '.'
import { backend } from './register'

beforeAll(async () => { await start() })

const net = (): tf.Sequential => tf.sequential({ layers: [
  tf.layers.dense({ inputShape: [4], units: 8, activation: 'relu', kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }) }),
  tf.layers.dense({ units: 3, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
] })
const x = (): tf.Tensor => tf.tensor2d(Array.from({ length: 24 }, (_, i) => Math.sin(i)), [6, 4])
const y = (): tf.Tensor => tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'), 3)

function stepOf(model: tf.LayersModel, optimizer: tf.Optimizer) {
  return (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
    optimizer.minimize(() => tf.losses.softmaxCrossEntropy(b, model.apply(a) as tf.Tensor).asScalar(), true)!
}

describe('compile', () => {
  it('runs a training step as one graph with the same losses as call by call', () => {
    const [eager, compiled] = [net(), net()]
    const plain = stepOf(eager, tf.train.adam(0.05))
    const fast = compile(stepOf(compiled, tf.train.adam(0.05)))
    const losses = Array.from({ length: 10 }, () => [plain(x(), y()).dataSync()[0]!, fast(x(), y()).dataSync()[0]!])
    for (const [a, b] of losses) expect(b).toBeCloseTo(a!, 5)
    expect(losses[9]![0]).toBeLessThan(losses[0]![0]!)
    expect(fast.signatures).toBe(1)
    const weights = (m: tf.LayersModel) => m.getWeights().flatMap((w) => [...w.dataSync()])
    const expected = weights(eager)
    weights(compiled).forEach((w, i) => { expect(w).toBeCloseTo(expected[i]!, 4) })
    fast.dispose()
  })

  it('keeps the form of the results and compiles again for another shape', () => {
    const f = compile((a: tf.Tensor) => ({ twice: a.mul(2), sum: a.sum() }))
    expect(f(tf.tensor1d([1, 2])).sum.dataSync()[0]).toBe(3)
    expect([...f(tf.tensor1d([1, 2, 3])).twice.dataSync()]).toEqual([2, 4, 6])
    expect(f.signatures).toBe(2)
    f.dispose()
  })

  it('leaks no tensors', () => {
    const model = net()
    const step = compile(stepOf(model, tf.train.sgd(0.1)))
    const [a, b] = [x(), y()]
    step(a, b).dispose()
    const before = tf.memory().numTensors
    for (let i = 0; i < 20; i++) step(a, b).dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('writes new weights into the arrays of the step before last, until somebody looks at one', () => {
    const weights = tf.variable(tf.ones([8, 8]))
    const halve = compile(() => { weights.assign(weights.mul(0.5)); return weights.sum() })
    const array = () => backend().view(weights)?.value.data
    const arrays = new Set(Array.from({ length: 8 }, () => { halve().dispose(); return array() }).slice(3))
    expect(arrays.size).toBe(2)
    // A recorded call and a caller each keep the array that they see.
    const later = weights.add(0), seen = weights.dataSync(), value = seen[0]
    for (let i = 0; i < 4; i++) halve().dispose()
    expect([seen[0], later.dataSync()[0]]).toEqual([value, value])
    expect(weights.dataSync()[0]).toBe(Number(value) / 16)
    halve.dispose()
    tf.dispose([weights, later])
  })

  it('refuses functions that read values or draw random numbers, and says what to do', () => {
    const reading = compile((a: tf.Tensor) => (a.dataSync()[0]! > 0 ? a : a.neg()))
    expect(() => reading(tf.tensor1d([1]))).toThrow(/tf\.where/)
    const drawing = compile((a: tf.Tensor) => a.add(tf.randomUniform([1])))
    expect(() => drawing(tf.tensor1d([1]))).toThrow(/random numbers/)
    // The variables and the engine are as before.
    expect(tf.tensor1d([1]).add(1).dataSync()[0]).toBe(2)
  })
})

describe('toOnnx of computations that are no models', () => {
  it('exports a gradient that equals the closed form', () => {
    const gradient = toOnnx((t) => tf.grad((v: tf.Tensor) => v.square().mul(3).sum())(t), [{ name: 't', shape: [null, 2] }])
    const session = Session.create(writeModel(gradient))
    const data = Float32Array.of(1, -2, 0.5, 4)
    const { output } = session.runSync({ t: { dtype: 'float32', shape: [2, 2], data } })
    expect([...output!.data as Float32Array]).toEqual([...data].map((v) => 6 * v))
    session.dispose()
  })

  it('exports a whole training step: weights in, weights out', () => {
    const model = net()
    const step = stepOf(model, tf.train.sgd(0.1))
    const before = model.getWeights().map((w) => [...w.dataSync()])
    const graph = toOnnx(step, [{ name: 'x', shape: [6, 4] }, { name: 'y', shape: [6, 3] }], { outputNames: ['loss'] })
    expect(model.getWeights().map((w) => [...w.dataSync()])).toEqual(before)
    const session = Session.create(writeModel(graph))
    const names = model.weights.map((w) => w.name)
    expect(session.inputs.map((i) => i.name)).toEqual(['x', 'y', ...names])
    const feed = (t: tf.Tensor) => ({ dtype: 'float32' as const, shape: t.shape, data: t.dataSync() as Float32Array })
    const results = session.runSync({
      x: feed(x()), y: feed(y().toFloat()), ...Object.fromEntries(model.getWeights().map((w, i) => [names[i]!, feed(w)])),
    })
    const loss = step(x(), y()).dataSync()[0]!
    expect((results.loss!.data as Float32Array)[0]).toBeCloseTo(loss, 6)
    model.getWeights().forEach((w, i) => {
      const next = results[`${names[i]!}.next`]!.data as Float32Array
      w.dataSync().forEach((v, k) => { expect(next[k]).toBeCloseTo(v, 6) })
    })
    session.dispose()
  })
})
