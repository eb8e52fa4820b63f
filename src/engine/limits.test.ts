// What stays bounded, and what an interrupt and a switched-off fallback leave behind.
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { start, status, use } from '.'
import { backend } from './register'

beforeAll(async () => { await start() })
afterEach(async () => { await use({ fallback: true, maxSessions: 256 }) })

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
