// What stays bounded, and what an interrupt and a switched-off fallback leave behind.
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compile, start, status, use } from '.'
import { backend } from './register'

beforeAll(async () => { await start() })
afterEach(async () => { await use({ fallback: true, maxSessions: 256, replayAfterMs: 200 }) })

/** Runs 10,000 steps that give a loss; what is held after 1,000 of them must be all that is held at the end. */
async function steady(step: () => number | Promise<number>): Promise<void> {
  const held = () => ({
    tensors: tf.memory().numTensors, data: backend().numDataIds(), sessions: status().sessions, replays: status().replays,
    made: status().counts.compilations, pending: status().pendingCalls,
  })
  for (let i = 0; i < 1000; i++) await step()
  const [before, rss] = [held(), process.memoryUsage().rss]
  let last = Number.NaN
  for (let i = 1000; i < 10_000; i++) {
    last = await step()
    if (!Number.isFinite(last)) break
  }
  expect(last).toSatisfy(Number.isFinite)
  expect(held()).toEqual(before)
  // Room for garbage that the collector has not come to yet: weights and moments that leaked in each step would be 450 MB.
  expect(process.memoryUsage().rss - rss).toBeLessThan(150 * 2 ** 20)
}

/** 128 → 32 → 2: weights and Adam's moments are 50 kB. */
const tiny = (): tf.Sequential => tf.sequential({ layers: [
  tf.layers.dense({ inputShape: [128], units: 32, activation: 'tanh' }), tf.layers.dense({ units: 2, activation: 'softmax' })] })
const samples = (): [tf.Tensor, tf.Tensor] => [tf.randomUniform([8, 128], -1, 1, 'float32', 3), tf.oneHot(tf.tensor1d([0, 1, 1, 0, 1, 0, 0, 1], 'int32'), 2).toFloat()]

describe('limits', () => {
  it('keeps memory steady over 10,000 steps that nothing reads', async () => {
    const w = tf.variable(tf.ones([8, 8]))
    const optimizer = tf.train.adam(1e-3)
    const x = tf.ones([4, 8])
    const step = () => { optimizer.minimize(() => tf.matMul(x, w).square().mean<tf.Scalar>(), false, [w]) }
    for (let i = 0; i < 2000; i++) step()
    await tf.nextFrame().catch(() => undefined)
    const before = { tensors: tf.memory().numTensors, data: backend().numDataIds(), sessions: status().sessions, rss: process.memoryUsage().rss }
    for (let i = 0; i < 8000; i++) step()
    const after = status()
    expect(tf.memory().numTensors).toBe(before.tensors)
    expect(backend().numDataIds()).toBe(before.data)
    expect(after.sessions).toBe(before.sessions)
    expect(after.pendingCalls).toBeLessThan(backend().options.maxCalls)
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(150 * 2 ** 20)
    expect(w.dataSync().every(Number.isFinite)).toBe(true)
  }, 300_000)

  it('keeps memory steady over 10,000 compiled steps that read the loss', async () => {
    const model = tiny()
    const optimizer = tf.train.adam(1e-3)
    const [x, y] = samples()
    const step = compile((a: tf.Tensor, b: tf.Tensor) =>
      optimizer.minimize(() => tf.losses.logLoss(b, model.apply(a) as tf.Tensor).asScalar(), true) as tf.Scalar)
    await steady(() => {
      const loss = step(x, y)
      const value = loss.dataSync()[0] ?? Number.NaN
      loss.dispose()
      return value
    })
    step.dispose()
  }, 300_000)

  it('keeps memory steady over 10,000 replayed steps of trainOnBatch', async () => {
    await use({ replayAfterMs: 1 })
    const model = tiny()
    model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy' })
    const [x, y] = samples()
    const replays = status().replays
    await steady(async () => Number(await model.trainOnBatch(x, y)))
    expect(status().replays).toBe(replays + 1)
    model.dispose()
  }, 300_000)

  it('drops the least recently used sessions', async () => {
    await use({ maxSessions: 4 })
    for (let i = 1; i <= 10; i++) tf.ones([i, 3]).add(i).dataSync()
    expect(status().sessions).toBeLessThanOrEqual(4)
    expect(status().counts.evictions).toBeGreaterThan(0)
  })

  it('stops between steps when the cell is interrupted, with the weights intact', () => {
    const symbol = Symbol.for('whetstone.kernel')
    const host = globalThis as unknown as Record<symbol, unknown>
    const w = tf.variable(tf.tensor1d([1, 2]))
    const controller = new AbortController()
    host[symbol] = { signal: controller.signal }
    try {
      const next = w.mul(2)
      controller.abort()
      expect(() => next.dataSync()).toThrow(/Interrupted/)
      host[symbol] = undefined
      expect([...w.dataSync()]).toEqual([1, 2])
      expect([...next.dataSync()]).toEqual([2, 4])
    } finally {
      host[symbol] = undefined
    }
  })

  it('stops a compiled loop between steps, with the weights intact, and goes on from there', () => {
    const symbol = Symbol.for('whetstone.kernel')
    const host = globalThis as unknown as Record<symbol, unknown>
    const w = tf.variable(tf.tensor1d([1, 2]))
    const step = compile((x: tf.Tensor) => tf.train.sgd(0.25).minimize(() => w.mul(x).sum<tf.Scalar>(), true, [w]) as tf.Scalar)
    const x = tf.tensor1d([1, 4])
    const controller = new AbortController()
    host[symbol] = { signal: controller.signal }
    let steps = 0
    try {
      expect(() => {
        for (; steps < 100; steps++) {
          if (steps === 3) controller.abort()
          step(x).dispose()
        }
      }).toThrow(expect.objectContaining({ code: 'INTERRUPTED' }))
      host[symbol] = undefined
      expect(steps).toBe(3)
      expect([...w.dataSync()]).toEqual([1 - 3 * 0.25, 2 - 3])
      step(x).dispose()
      expect([...w.dataSync()]).toEqual([0, -2])
    } finally {
      host[symbol] = undefined
      step.dispose()
    }
  })

  it('refuses kernels without an ONNX form when the fallback is off, and names them', async () => {
    await use({ fallback: false })
    expect(() => tf.unique(tf.tensor1d([1, 1, 2]))).toThrow(expect.objectContaining({ code: 'ENGINE_NO_LOWERING' }))
    await use({ fallback: true })
    expect([...tf.unique(tf.tensor1d([1, 1, 2])).values.dataSync()]).toEqual([1, 2])
  })

  it('keeps an error with the value it belongs to', () => {
    const indices = tf.tensor1d([7], 'int32').add(tf.scalar(0, 'int32')).toInt()
    const wrong = tf.gather(tf.tensor1d([1, 2]), indices)
    const right = tf.tensor1d([1, 2]).add(1)
    expect(() => wrong.dataSync()).toThrow()
    expect([...right.dataSync()]).toEqual([2, 3])
  })

  it('refuses providers that do not work here, and settings that make no sense', async () => {
    await expect(use({ provider: 'tensorrt' })).rejects.toMatchObject({ code: 'ENGINE_PROVIDER' })
    await expect(use({ threads: 0 })).rejects.toMatchObject({ code: 'ENGINE_ARGUMENT' })
    expect(status().provider).toBe('cpu')
  })
})
