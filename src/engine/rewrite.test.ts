// Rewritten graphs against the same graphs as they were written: random unrolled recurrences with their gradients.
import fc from 'fast-check'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { writeModel } from '../onnx'
import { Session } from '../runtime'
import { Builder } from './builder'
import { toModel } from './encode'
import type { V } from './graph'
import { rewritten } from './rewrite'
import { compile, start, status } from '.'

beforeAll(async () => { await start() })

/** Runs the graph without ONNX Runtime's own optimizer, on seeded inputs. */
function run(b: Builder, values: readonly V[]): Float32Array[] {
  const names = values.map((_, i) => `o${i}`)
  const session = Session.create(writeModel(toModel(b, values, { graph: 'test', outputs: names })), { optimization: 'disabled', threads: 1 })
  const next = random(3)
  const feeds = Object.fromEntries(session.inputs.map((input) => {
    const shape = input.shape as number[]
    const data = Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => next.next() * 2 - 1)
    return [input.name, { dtype: 'float32' as const, shape, data }]
  }))
  const results = session.runSync(feeds)
  session.dispose()
  return names.map((name) => results[name]!.data as Float32Array)
}

interface Sizes {
  readonly steps: number
  readonly batch: number
  readonly inputs: number
  readonly units: number
  readonly gates: number
  readonly bias: boolean
  readonly clip: boolean
}

/** h ← gates of x·W + h·U (+ b), mixed; then what a gradient adds up: Σ xᵀ·d, Σ hᵀ·d, Σ 1ᵀ·d, and d·Wᵀ of every step. */
function recurrence(b: Builder, s: Sizes): V[] {
  const input = (...shape: number[]): V => b.input({ shape, dtype: 'float32' })
  const [x, w, u, bias] = [input(s.batch, s.steps, s.inputs), input(s.inputs, s.gates * s.units), input(s.units, s.gates * s.units), input(s.gates * s.units)]
  let h = input(s.batch, s.units)
  const [dw, du, db]: V[][] = [[], [], []]
  const back: V[] = []
  const masked: V[] = []
  for (let t = 0; t < s.steps; t++) {
    const xt = b.reshape(b.slice(x, [0, t, 0], [s.batch, 1, s.inputs]), [s.batch, s.inputs])
    const sum = b.binary('Add', b.matmul(xt, w), b.matmul(h, u))
    const z = s.bias ? b.binary('Add', sum, bias) : sum
    const gates = Array.from({ length: s.gates }, (_, g) => {
      const part = b.slice(z, [0, g * s.units], [s.batch, s.units])
      if (g === s.gates - 1) return b.unary('Tanh', part)
      if (!s.clip) return b.unary('Sigmoid', part)
      const line = b.binary('Add', b.binary('Mul', part, b.scalar(0.2)), b.scalar(0.5))
      return b.elementwise('Clip', [line, b.scalar(0), b.scalar(1)], 'float32')
    })
    const d = b.binary('Mul', z, b.scalar(0.1 * (t + 1)))
    // The gates' own gradients, each masked where its line was clipped, side by side.
    masked.push(b.concat(gates.map((gate, g) => {
      const incoming = b.binary('Mul', h, b.scalar(g + 1))
      const line = gate.node?.inputs[0]
      if (gate.node?.op !== 'Clip' || !line) return incoming
      return b.binary('Mul', b.scalar(0.2), b.where(b.compare('Equal', gate, line), incoming, b.scalar(0)))
    }), 1))
    dw!.push(b.matmul(xt, d, true))
    du!.push(b.matmul(h, d, true))
    db!.push(b.reshape(b.matmul(b.full([1, s.batch], 1), d), [s.gates * s.units]))
    back.push(b.matmul(d, w, false, true))
    h = gates.reduce((p, q) => b.binary('Mul', p, q))
  }
  const total = (list: readonly V[] | undefined): V => (list ?? []).reduce((p, q) => b.binary('Add', p, q))
  return [h, total(dw), total(du), total(db), ...back, ...masked]
}

const sizes = fc.record({
  steps: fc.integer({ min: 1, max: 6 }), batch: fc.integer({ min: 1, max: 4 }), inputs: fc.integer({ min: 1, max: 5 }),
  units: fc.integer({ min: 1, max: 5 }), gates: fc.integer({ min: 2, max: 4 }), bias: fc.boolean(), clip: fc.boolean(),
})

describe('rewritten', () => {
  it('computes what the graph computed, for random recurrences', () => {
    fc.assert(fc.property(sizes, (s) => {
      const b = new Builder()
      const values = recurrence(b, s)
      const expected = run(b, values)
      run(b, rewritten(b, values)).forEach((got, i) => {
        expect(got.length).toBe(expected[i]!.length)
        got.forEach((v, k) => { expect(Math.abs(v - expected[i]![k]!)).toBeLessThan(1e-4 * (1 + Math.abs(expected[i]![k]!))) })
      })
    }), { numRuns: 40, seed: 11 })
  })

  it('makes one product of the inputs of all steps, and one of each gradient', () => {
    const b = new Builder()
    const values = recurrence(b, { steps: 6, batch: 4, inputs: 3, units: 5, gates: 4, bias: true, clip: true })
    const count = (list: readonly V[], op: string): number => b.live(list).filter((node) => node.op === op).length
    expect(count(values, 'Gemm')).toBe(6 * 6)
    const after = rewritten(b, values)
    // [x h 1]·[W; U; b] of every step, d·Wᵀ, and the gradient of [W; U; b].
    expect(count(after, 'Gemm')).toBe(6 + 2)
    // One Split for the inputs, one a step for the hard gates, one for d·Wᵀ. The tanh takes a Slice, and so do the three gradients.
    expect([count(after, 'Slice'), count(after, 'Split')]).toEqual([6 + 3, 6 + 2])
    // One hard sigmoid and one mask a step for all gates.
    expect([count(values, 'Clip'), count(values, 'Where')]).toEqual([18, 18])
    expect([count(after, 'Clip'), count(after, 'Equal'), count(after, 'HardSigmoid'), count(after, 'Where')]).toEqual([0, 0, 6, 6])
  })

  it('merges nothing that waits for itself, also through another weight', () => {
    const b = new Builder()
    const [w, u] = [b.input({ shape: [3, 3], dtype: 'float32' }), b.input({ shape: [3, 3], dtype: 'float32' })]
    // a₂ reads b₁ and b₂ reads a₁: each group alone could be merged, both together could not.
    const x = [0, 1, 2].map(() => b.input({ shape: [2, 3], dtype: 'float32' })) as [V, V, V]
    const a1 = b.matmul(x[0], w)
    const b1 = b.matmul(x[1], u)
    const values = [a1, b1, b.matmul(b.unary('Tanh', b1), w), b.matmul(b.unary('Tanh', a1), u), b.matmul(x[2], w), b.matmul(b.unary('Neg', x[2]), u)]
    const expected = run(b, values)
    run(b, rewritten(b, values)).forEach((got, i) => { got.forEach((v, k) => { expect(v).toBeCloseTo(expected[i]![k]!, 5) }) })
  })
})

describe('algebra', () => {
  it('sums of products with per-channel factors as on cpu, in both layouts', async () => {
    const f = (x: tf.Tensor, s: tf.Tensor, t: tf.Tensor): tf.Tensor[] => {
      const y = tf.conv2d(x as tf.Tensor4D, tf.ones([1, 1, 4, 4]), 1, 'same')
      const [p, q] = [y.mul(s).mul(x).mul(t), x.mul(s).mul(t)]
      return [p.sum([0, 1, 2]), q.sum([0, 1, 2]), p.neg().sum([1, 2]), q.mean([0, 1]), q.add(p), x.mul(s).mul(t.reshape([1, 1, 1, 4])).sum()]
    }
    const results: Float32Array[][] = []
    for (const backend of ['cpu', 'onnx']) {
      await tf.setBackend(backend)
      const next = random(5)
      const make = (shape: number[]): tf.Tensor => tf.tensor(Float32Array.from({ length: shape.reduce((a, c) => a * c, 1) }, () => next.next() - 0.5), shape)
      results.push(f(make([8, 16, 16, 4]), make([4]), make([4])).map((t) => t.dataSync() as Float32Array))
    }
    const [cpu, onnx] = results as [Float32Array[], Float32Array[]]
    onnx.forEach((got, i) => { got.forEach((v, k) => { expect(Math.abs(v - cpu[i]![k]!)).toBeLessThan(2e-4 * (1 + Math.abs(cpu[i]![k]!))) }) })
  })

  it('gives the gradient of a clip at and outside its bounds', () => {
    const gradient = tf.grad((x: tf.Tensor) => x.clipByValue(-1, 2).mul(3).sum())
    expect([...gradient(tf.tensor1d([-2, -1, 0, 2, 2.5, NaN, Infinity])).dataSync()]).toEqual([0, 3, 3, 3, 0, 0, 0])
  })
})

/** Adam's update of a weight with the gradient xᵀ·d, as TensorFlow.js records it: moments and weight. */
function adam(b: Builder, rows: number, columns: number, extra: boolean): V[] {
  const input = (...shape: number[]): V => b.input({ shape, dtype: 'float32' })
  const [x, d, w, first, root, e, f] = [input(8, rows), input(8, columns), input(rows, columns), input(rows, columns), input(rows, columns), input(), input()]
  const [c1, c2] = [e, f].map((v) => b.binary('Add', b.binary('Mul', v, v), b.scalar(0.01))) as [V, V]
  const times = (v: V, k: number): V => b.binary('Mul', v, b.scalar(k))
  const g = b.matmul(x, d, true)
  const m = b.binary('Add', times(first, 0.9), times(g, 1 - 0.9))
  const v = b.binary('Add', times(b.binary('Mul', root, root), 0.999), times(b.binary('Mul', g, g), 1 - 0.999))
  const step = b.binary('Div', b.binary('Div', m, c1), b.binary('Add', b.unary('Sqrt', b.binary('Div', v, c2)), b.scalar(1e-7)))
  return [m, v, b.binary('Add', times(step, -0.01), w), ...(extra ? [g] : [])]
}

describe("Adam's update", () => {
  it('takes three passes less over a large weight, and none less where the gradient is an output or the weight small', () => {
    const passes = (b: Builder, list: readonly V[]): number =>
      b.live(list).filter((node) => ['Add', 'Mul', 'Div', 'Sqrt'].includes(node.op) && node.outputs[0]!.shape.length === 2).length
    for (const [rows, columns, extra, saved] of [[64, 64, false, 3], [64, 64, true, 2], [32, 32, false, 0]] as const) {
      const b = new Builder()
      const values = adam(b, rows, columns, extra)
      const expected = run(b, values)
      const after = rewritten(b, values)
      expect(passes(b, values) - passes(b, after)).toBe(saved)
      run(b, after).forEach((got, i) => {
        got.forEach((v, k) => { expect(Math.abs(v - expected[i]![k]!)).toBeLessThan(2e-6 * (1 + Math.abs(expected[i]![k]!))) })
      })
    }
  })

  it('trains a large weight as on cpu, also where gradients are zero', async () => {
    const results: Float32Array[] = []
    for (const backend of ['cpu', 'onnx']) {
      await tf.setBackend(backend)
      const next = random(9)
      const make = (shape: number[]): tf.Tensor => tf.tensor(Float32Array.from({ length: shape.reduce((a, c) => a * c, 1) }, () => next.next() - 0.5), shape)
      const w = tf.variable(make([80, 64]))
      // A column of zeros in x: a row of w has no gradient.
      const [x, y] = [make([8, 80]).mul(tf.oneHot(3, 80).mul(-1).add(1)), make([8, 64])]
      const optimizer = tf.train.adam(0.02)
      const plain = (a: tf.Tensor, t: tf.Tensor): tf.Scalar => optimizer.minimize(() =>
        tf.matMul(a as tf.Tensor2D, w as tf.Tensor as tf.Tensor2D).sub(t).square().mean().asScalar(), true, [w]) as tf.Scalar
      const step = backend === 'onnx' ? compile(plain) : plain
      for (let i = 0; i < 6; i++) step(x, y).dispose()
      results.push(w.dataSync() as Float32Array)
    }
    const [cpu, onnx] = results as [Float32Array, Float32Array]
    onnx.forEach((v, k) => { expect(Math.abs(v - cpu[k]!)).toBeLessThan(2e-5) })
  })
})

describe('numbers that stay the same', () => {
  it('become constants, and are followed when they change', () => {
    const f = (x: tf.Tensor, rate: number): number => tf.tidy(() => {
      let y = x
      for (let i = 0; i < 20; i++) y = y.mul(0.9).add(i === 7 ? rate : 0.25)
      return y.sum().dataSync()[0]!
    })
    const expected = (rate: number): number => {
      let y = 2
      for (let i = 0; i < 20; i++) y = y * 0.9 + (i === 7 ? rate : 0.25)
      return y * 3
    }
    const x = tf.tensor1d([2, 2, 2])
    const before = status().counts.compilations
    for (let i = 0; i < 12; i++) expect(f(x, 0.5)).toBeCloseTo(expected(0.5), 4)
    expect(status().counts.compilations - before).toBe(2)
    for (let i = 0; i < 30; i++) expect(f(x, i / 10)).toBeCloseTo(expected(i / 10), 4)
    for (let i = 0; i < 30; i++) expect(f(x, i < 15 ? 3 : -3)).toBeCloseTo(expected(i < 15 ? 3 : -3), 4)
    expect(status().counts.compilations - before).toBe(4)
  })
})
