import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../../core'
import * as models from '../models'
import { evaluate } from './evaluate'
import { learner, type Samples } from './learner'
import { adam, sgd, type Optimizer } from './optimizers'
import { constantRate, cosine, steps, warmup } from './schedules'
import { crossEntropy, meanSquaredError, train } from './train'

beforeAll(async () => { await tf.setBackend('cpu') })

/** Two noisy rings: separable, not linearly. */
function rings(n: number, seed: number): Samples {
  const source = random(seed)
  const labels = Float32Array.from({ length: n }, (_, i) => i % 2)
  const points = Array.from(labels, (label) => {
    const [angle, radius] = [2 * Math.PI * source.next(), 1 + label + 0.1 * source.normal()]
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  })
  return {
    length: n,
    * batches(size, { seed: order = 0, dropLast = false } = {}) {
      const indices = random(order).shuffle(Array.from({ length: n }, (_, i) => i))
      for (let b = 0; b < n; b += size) {
        const part = indices.slice(b, b + size)
        if (part.length < size && dropLast) return
        yield {
          features: Float32Array.from(part.flatMap((i) => points[i] ?? [])), shape: [part.length, 2],
          labels: Float32Array.from(part, (i) => labels[i] ?? 0), size: part.length,
        }
      }
    },
  }
}

const net = (seed = 3): tf.LayersModel => models.mlp({ inputShape: [2], hidden: [16], classes: 2, seed })
const weightsOf = (model: tf.LayersModel): number[] => model.getWeights().flatMap((w) => [...w.dataSync()])

describe('train', () => {
  it('learns what a linear model cannot', async () => {
    const model = net()
    const test = rings(200, 2)
    const before = await evaluate(model, test)
    const history = await train(model, rings(400, 1), { epochs: 40, batchSize: 40, schedule: cosine(0.02), validation: test })
    const after = await evaluate(model, test)
    expect(before.accuracy).toBeLessThan(0.8)
    expect(after.accuracy).toBeGreaterThan(0.97)
    expect(history).toMatchObject({ steps: 400, stopped: 'done' })
    expect(history.epochs.at(-1)?.validation?.accuracy).toBe(after.accuracy)
    expect(after.confusion.flat().reduce((a, b) => a + b)).toBe(200)
  })

  it('gives the same weights for the same seed and others for another', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const model = net()
      await train(model, rings(80, 1), { epochs: 2, batchSize: 16, seed })
      return weightsOf(model)
    }
    expect(await run(1)).toEqual(await run(1))
    expect(await run(1)).not.toEqual(await run(2))
  })

  it('stops early and goes back to the best weights', async () => {
    const model = net()
    // After the first epoch the rate is so high that it only gets worse.
    const history = await train(model, rings(200, 1), {
      epochs: 30, batchSize: 20, optimizer: sgd({ momentum: 0 }), schedule: (p) => (p < 0.2 ? 0.3 : 6), clipNorm: 1,
      validation: rings(100, 2), earlyStopping: { patience: 2 },
    })
    const best = Math.max(...history.epochs.map((e) => e.validation?.accuracy ?? 0))
    expect(history.stopped).toBe('early')
    expect((await evaluate(model, rings(100, 2))).accuracy).toBe(best)
  })

  it('refuses what means nothing', async () => {
    const data = rings(10, 1)
    await expect(train(net(), data, { batchSize: 64 })).rejects.toMatchObject({ code: 'NN_DATA' })
    await expect(train(net(), data, { epochs: 0, batchSize: 5 })).rejects.toMatchObject({ code: 'NN_OPTION' })
    await expect(train(net(), data, { batchSize: 5, earlyStopping: { patience: 1 } })).rejects.toMatchObject({ code: 'NN_OPTION' })
    await expect(train(net(), data, { batchSize: 5, optimizer: sgd(), schedule: constantRate(1e30), epochs: 5 }))
      .rejects.toMatchObject({ code: 'NN_DIVERGED' })
  })

  it('scales gradients down to the norm asked for', async () => {
    const w = tf.variable(tf.tensor1d([3, 4]))
    const one: Samples = { length: 1, batches: () => [{ features: new Float32Array([1]), shape: [1, 1], labels: new Float32Array(1), size: 1 }] }
    // The gradient of w·w/2 is w, of norm 5.
    await train({ variables: [w], forward: () => w.square().sum().div(2).reshape([1, 1]) }, one, {
      batchSize: 1, optimizer: sgd({ momentum: 0 }), schedule: constantRate(1), clipNorm: 1, loss: ({ logits }) => logits.sum(),
    })
    expect([...w.dataSync()]).toEqual([expect.closeTo(2.4, 5), expect.closeTo(3.2, 5)])
  })
})

describe('optimizers', () => {
  const follow = (make: () => Optimizer, rate: number): number[] => {
    const w = tf.variable(tf.tensor1d([1, -2, 0.5]))
    const optimizer = make()
    optimizer.prepare([w])
    for (let i = 0; i < 20; i++) optimizer.apply([tf.grad((x) => x.pow(4).sum())(w)], tf.scalar(rate))
    optimizer.dispose()
    return [...w.dataSync()]
  }
  const peer = (optimizer: tf.Optimizer): number[] => {
    const w = tf.variable(tf.tensor1d([1, -2, 0.5]))
    for (let i = 0; i < 20; i++) optimizer.minimize(() => w.pow(4).sum().asScalar(), false, [w])
    return [...w.dataSync()]
  }
  const near = (a: number[], b: number[]): void => { a.forEach((value, i) => { expect(value).toBeCloseTo(b[i] ?? NaN, 4) }) }

  it("Adam takes the steps of TensorFlow.js's", () => { near(follow(() => adam(), 0.05), peer(tf.train.adam(0.05))) })
  it("SGD with momentum takes the steps of TensorFlow.js's", () => { near(follow(() => sgd(), 0.002), peer(tf.train.momentum(0.002, 0.9))) })

  it('decays matrices towards zero and leaves vectors', () => {
    const [matrix, vector] = [tf.variable(tf.ones([2, 2])), tf.variable(tf.ones([2]))]
    const optimizer = adam({ weightDecay: 0.1 })
    optimizer.prepare([matrix, vector])
    optimizer.apply([tf.zeros([2, 2]), tf.zeros([2])], tf.scalar(0.5))
    expect([...matrix.dataSync()]).toEqual(Array(4).fill(expect.closeTo(0.95, 6)))
    expect([...vector.dataSync()]).toEqual([1, 1])
  })

  it('frees its state', () => {
    const w = tf.variable(tf.ones([3]))
    const before = tf.memory().numTensors
    const optimizer = adam()
    optimizer.prepare([w])
    optimizer.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('schedules and losses', () => {
  it('follow their formulas', () => {
    expect(cosine(1, 0.1)(0.5)).toBeCloseTo(0.55, 12)
    expect(steps(1, [0.5, 0.75])(0.8)).toBeCloseTo(0.01, 12)
    expect(warmup(0.1, constantRate(2))(0.05)).toBeCloseTo(1, 6)
    expect(warmup(0.1, cosine(2))(0.55)).toBeCloseTo(1, 6)
  })

  it("cross entropy is TensorFlow.js's", () => {
    const logits = tf.tensor2d([[1, 2, -1], [0, 0.5, 3]])
    const labels = tf.tensor1d([1, 0])
    for (const smoothing of [0, 0.2]) {
      const ours = crossEntropy({ smoothing })({ logits, labels, x: logits }).dataSync()[0]
      const theirs = tf.losses.softmaxCrossEntropy(tf.oneHot(labels.toInt(), 3), logits, undefined, smoothing).dataSync()[0]
      expect(ours).toBeCloseTo(theirs ?? NaN, 5)
    }
    expect(meanSquaredError()({ logits: tf.tensor2d([[1], [3]]), labels, x: logits }).dataSync()[0]).toBeCloseTo(4.5, 6)
  })

  it('evaluation counts what a function answers', async () => {
    const result = await evaluate((x) => Float32Array.from({ length: x.length }, (_, i) => (i % 2 === 0 ? 1 : 0)), rings(10, 1))
    expect(result).toMatchObject({ accuracy: 0.5, samples: 10, confusion: [[5, 0], [5, 0]] })
    expect(result.loss).toBeCloseTo((Math.log(1 + Math.exp(-1)) + Math.log(1 + Math.E)) / 2, 6)
  })
})

describe('models', () => {
  it.each([
    // Han et al., arXiv 1510.00149, tables 2 and 3: 266K and 431K parameters.
    ['lenet300100', models.lenet300100(), 266_610], ['lenet5', models.lenet5(), 431_080],
    ['mnistCnn', models.mnistCnn(), 320 + 18_496 + 3136 * 128 + 128 + 1290],
  ] as const)('%s has the parameters of the papers', (_, model, count) => { expect(model.countParams()).toBe(count) })

  it.each(['mlp', 'mobileNet', 'resNet', 'transformer'] as const)('%s gives logits, the same ones for the same seed', (name) => {
    const x = tf.randomNormal([2, 12, 12, 1], 0, 1, 'float32', 5)
    const answer = (seed: number): number[] => [...learner(models[name]({ inputShape: [12, 12, 1], classes: 4, seed })).forward(x, false).dataSync()]
    expect(answer(1)).toHaveLength(8)
    expect(answer(1)).toEqual(answer(1))
    expect(answer(1)).not.toEqual(answer(2))
  })
})
