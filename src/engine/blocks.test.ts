// Recurrent layers whose gates are wide enough to be multiplied each for itself, against TensorFlow.js's cpu backend.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { Builder } from './builder'
import type { V } from './graph'
import { computeConstants, trace } from './trace'
import { rewritten } from './rewrite'
import { writeGraph } from './write'
import { start } from '.'

beforeAll(async () => { await start() })

const UNITS = 32
const STEPS = 5
const SIZE = 7

const plain = { units: UNITS, recurrentInitializer: 'glorotUniform' as const }
const sigmoids = { ...plain, recurrentActivation: 'sigmoid' as const }
/** Layers on [batch, STEPS, SIZE] that end in [batch, n]. */
const NETS: Readonly<Record<string, () => tf.layers.Layer[]>> = {
  'LSTM with sigmoids': () => [tf.layers.lstm(sigmoids)],
  'LSTM without bias': () => [tf.layers.lstm({ ...sigmoids, useBias: false })],
  'LSTM with hard sigmoids': () => [tf.layers.lstm(plain)],
  'LSTM with relu': () => [tf.layers.lstm({ ...sigmoids, activation: 'relu' })],
  'two LSTMs': () => [tf.layers.lstm({ ...sigmoids, returnSequences: true }), tf.layers.lstm({ ...sigmoids, units: 40 })],
  'LSTM in both directions': () => [tf.layers.bidirectional({ layer: tf.layers.lstm(sigmoids), mergeMode: 'concat' })],
  'GRU': () => [tf.layers.gru(sigmoids)],
  'simple recurrence': () => [tf.layers.simpleRNN({ ...plain, units: 48 })],
}

const filled = (shape: readonly number[], seed: number, scale: number): tf.Tensor => {
  const next = random(seed)
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (next.next() - 0.5) * scale), [...shape])
}

/** Loss and gradients of a net with seeded weights, on the current backend. */
function gradients(make: () => tf.layers.Layer[], batch: number): Float32Array[] {
  const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [STEPS, SIZE] }), ...make(), tf.layers.dense({ units: 3 })] })
  model.setWeights(model.getWeights().map((w, i) => filled(w.shape, 10 + i, 0.8)))
  const x = filled([batch, STEPS, SIZE], 3, 2)
  const { value, grads } = tf.variableGrads(() => (model.apply(x) as tf.Tensor).square().mean().asScalar())
  expect(Object.values(grads).length).toBe(model.trainableWeights.length)
  const list = [value, ...Object.values(grads)].map((t) => t.dataSync() as Float32Array)
  model.dispose()
  return list
}

describe('gates multiplied each for itself', () => {
  for (const [name, make] of Object.entries(NETS)) {
    it(`${name}: loss and gradients as on cpu`, async () => {
      for (const batch of [64, 3]) {
        const results: Float32Array[][] = []
        for (const backend of ['cpu', 'onnx']) {
          await tf.setBackend(backend)
          results.push(tf.tidy(() => gradients(make, batch)))
        }
        const [cpu, onnx] = results as [Float32Array[], Float32Array[]]
        onnx.forEach((got, i) => {
          const largest = cpu[i]!.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
          expect(largest).toBeGreaterThan(0)
          got.forEach((v, k) => { expect(Math.abs(v - cpu[i]![k]!)).toBeLessThan(3e-6 + 2e-5 * largest) })
        })
      }
    })
  }

  it('leaves no gate to be cut out or joined, and one gradient of a sigmoid for three operators', () => {
    const model = tf.sequential({ layers: [tf.layers.lstm({ inputShape: [STEPS, SIZE], ...sigmoids })] })
    const traced = trace((x) => {
      const { value, grads } = tf.variableGrads(() => (model.apply(x) as tf.Tensor).square().mean().asScalar())
      return [value, ...Object.values(grads)]
    }, [{ name: 'x', shape: [64, STEPS, SIZE], dtype: 'float32' }], { variablesAsInputs: true })
    const b = new Builder()
    const leaves = new Map(traced.inputs.map((i) => [i.value, b.input(i.value)]))
    for (const { before } of traced.variables) leaves.set(before, b.input(before))
    computeConstants(traced.outputs.map((o) => o.view.value))
    const written = writeGraph(b, traced.outputs.map((o) => o.view), (_, value) =>
      leaves.get(value) ?? b.constant(value.dtype, value.shape, value.data ?? new Float32Array()), (value) => value.traced)
    const count = (list: readonly V[], op: string): number => b.live(list).filter((node) => node.op === op).length
    const after = rewritten(b, written)
    // A step: four gates, four weight gradients, and the gradient of the state before it in four parts (none for the first).
    expect(count(after, 'Gemm')).toBe(STEPS * 12 - 4)
    // [x h 1] of each step, [W; U; b], and the gradient of that.
    expect(count(after, 'Concat')).toBe(STEPS + 2)
    // The backward pass: 16 products, then 11 and
    // 5 differences; the first step has no state before it, and its forget gate nothing to share.
    expect([count(written, 'Mul') - count(after, 'Mul'), count(after, 'Sub')]).toEqual([5 * STEPS - 1, 5 * STEPS])
  })
})
