import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadDigits, loadPretrained } from '../../src/data'
import { readModel, writeModel } from '../../src/onnx'
import * as engine from '../../src/engine'
import { Session } from '../../src/runtime'
import { adam, GraphLearner, parameterGroups, rangeTest, sgd, train, withNewHead } from '../../src/nn'

const pretrained = () => readModel(loadPretrained())
beforeAll(async () => { await engine.start() })

describe('a new head', () => {
  it('reads the features that the old one read, and answers for as many classes as asked', () => {
    const { model, head, features } = withNewHead(pretrained(), 7, { seed: 3 })
    const session = Session.create(writeModel(model))
    const x = { dtype: 'float32' as const, shape: [2, 8, 8, 1], data: Float32Array.from({ length: 128 }, (_, i) => (i % 7) / 7) }
    const logits = session.runSync({ x })['logits']
    expect(logits?.shape).toEqual([2, 7])
    session.dispose()
    const learner = new GraphLearner(model)
    const old = new GraphLearner(pretrained())
    const input = tf.tensor(x.data, x.shape)
    const [new_, before] = [learner, old].map((l) => l.run(input, false, [features])[0]!.dataSync())
    expect([...new_!]).toEqual([...before!])
    const byHand = tf.matMul(tf.tensor2d([...new_!], [2, 64]), learner.weight(head[0]!))
    ;[...byHand.dataSync()].forEach((v, i) => { expect(logits!.data[i]).toBeCloseTo(v, 4) })
  })

  it('the 1/n of the mean is part of the formula and not trained', () => {
    const learner = new GraphLearner(pretrained())
    expect(learner.names.filter((name) => !/^(block\d_(conv|bn)|logits)\//.test(name))).toEqual([])
    learner.dispose()
  })

  it('a model that ends otherwise is refused', () => {
    const model = pretrained()
    const relu = model.graph.nodes.find((node) => node.opType === 'Relu')!
    model.graph.setOutputs([relu.outputs[0]!])
    expect(() => withNewHead(model, 3)).toThrow(/does not end in a linear layer/)
  })
})

describe('parameter groups', () => {
  it('each group moves at its own rate; a factor of 0 stands still', () => {
    const [a, b, c] = [tf.variable(tf.ones([2])), tf.variable(tf.ones([2])), tf.variable(tf.ones([2]))]
    const optimizer = parameterGroups([{ variables: [c], factor: 0 }, { variables: [b], factor: 0.1 }, { variables: [a], factor: 1 }], () => sgd({ momentum: 0 }))
    optimizer.prepare([a, b, c])
    optimizer.apply([tf.fill([2], 2), tf.fill([2], 3), tf.fill([2], 4)], tf.scalar(0.5))
    expect([a, b, c].map((v) => v.dataSync()[0])).toEqual([0, expect.closeTo(0.85, 6), 1])
    const before = tf.memory().numTensors
    const two = parameterGroups([{ variables: [a, b, c], factor: 1 }], adam)
    two.prepare([a, b, c])
    two.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('a variable without a group, or with two, is refused', () => {
    const a = tf.variable(tf.ones([1]))
    expect(() => { parameterGroups([]).prepare([a]) }).toThrow(/exactly one group/)
    expect(() => { parameterGroups([{ variables: [a, a], factor: 1 }]).prepare([a]) }).toThrow(/2 groups/)
  })
})

describe('the range test', () => {
  it('rates grow by one factor, losses fall and then blow up, and every weight is as before', async () => {
    const samples = loadDigits().take(128).apply(loadDigits().fit('unit'))
    const learner = new GraphLearner(withNewHead(pretrained(), 10).model)
    const before = learner.weights.map((v) => [...v.dataSync()])
    const { rates, losses } = await rangeTest(learner, samples, { low: 1e-4, high: 100, steps: 25, compile: engine.compile })
    expect(rates[1]! / rates[0]!).toBeCloseTo(10 ** (6 / 24), 6)
    expect(rates.length).toBe(losses.length)
    expect(Math.min(...losses)).toBeLessThan(losses[0]! - 0.2)
    expect(losses.at(-1)!).toBeGreaterThan(2 * Math.min(...losses))
    expect(learner.weights.map((v) => [...v.dataSync()])).toEqual(before)
  })

  it('the rate of a step is the one that is noted', async () => {
    const w = tf.variable(tf.zeros([1]))
    const subject = { variables: [w], forward: (x: tf.Tensor) => x.mul(0).add(w) }
    const places: number[] = []
    const noting = { prepare: () => undefined, dispose: () => undefined, apply: (_: unknown, rate: tf.Scalar) => { places.push(rate.dataSync()[0]!) } }
    const samples = loadDigits().take(48)
    const { rates } = await rangeTest(subject, samples, { low: 0.01, high: 1, steps: 5, batchSize: 16, optimizer: noting, loss: ({ logits }) => logits.square().mean().add(1) })
    places.forEach((rate, i) => { expect(rate).toBeCloseTo(rates[i]!, 6) })
    expect(rates).toHaveLength(5)
    await expect(train(subject, samples, { batchSize: 64 })).rejects.toThrow(/not one whole batch/)
  })
})
