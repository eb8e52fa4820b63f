// Convolutions and pooling in ONNX Runtime's blocked layout against the same kernels in NCHW, and against TensorFlow.js.
import fc from 'fast-check'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { random } from '../core'
import { writeModel } from '../onnx'
import { Session } from '../runtime'
import { channelBlock } from './blocked'
import { Builder } from './builder'
import { toModel } from './encode'
import type { GraphNode, V } from './graph'
import type { KernelSpec, Lowering } from './lowering'
import { defaultOptions } from './options'
import { table } from './table'
import { start, use } from '.'

beforeAll(async () => { await start() })

/** Runs the graph on seeded inputs: small whole numbers, so that windows have equal maxima and sums are exact. */
function run(b: Builder, values: readonly V[]): Float32Array[] {
  const names = values.map((_, i) => `o${i}`)
  const session = Session.create(writeModel(toModel(b, values, { graph: 'test', outputs: names })), { optimization: 'disabled', threads: 1 })
  const next = random(9)
  const feeds = Object.fromEntries(session.inputs.map((input) => {
    const shape = input.shape as number[]
    const data = Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => Math.floor(next.next() * 7) - 3)
    return [input.name, { dtype: 'float32' as const, shape, data }]
  }))
  const results = session.runSync(feeds)
  session.dispose()
  return names.map((name) => results[name]!.data as Float32Array)
}

type Attributes = Readonly<Record<string, unknown>>

/** One kernel's nodes for inputs of these shapes. */
function write(b: Builder, kernel: keyof typeof table, inputs: Readonly<Record<string, readonly number[]>>, attributes: Attributes): V {
  const entry = table[kernel] as Lowering
  const specs = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, { shape, dtype: 'float32' as const }]))
  const out = entry.infer(specs, attributes) as KernelSpec
  const values = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, b.input({ shape, dtype: 'float32' })]))
  const v = entry.emit(b, values, attributes, [out]) as V
  expect([...v.shape]).toEqual([...out.shape])
  // Something of another layout behind it, as in a model.
  return b.binary('Mul', v, b.scalar(0.5))
}

const nodesOf = (b: Builder, v: V): readonly GraphNode[] => b.live([v])

const cases = fc.record({
  n: fc.integer({ min: 1, max: 3 }), h: fc.integer({ min: 4, max: 9 }), w: fc.integer({ min: 4, max: 9 }),
  input: fc.constantFrom(1, 3, 8, 16, 32), output: fc.constantFrom(8, 16, 32), kh: fc.integer({ min: 1, max: 3 }),
  kw: fc.integer({ min: 1, max: 3 }), stride: fc.constantFrom(1, 1, 2), pad: fc.constantFrom('same', 'valid'), dilation: fc.constantFrom(1, 1, 2),
})

describe('blocked convolutions', () => {
  it('finds the block of this processor', () => {
    expect([0, 8, 16]).toContain(channelBlock())
  })

  it('compute what convolutions in NCHW compute, with their gradients, for random shapes', () => {
    fc.assert(fc.property(cases, ({ n, h, w, input, output, kh, kw, stride, pad, dilation }) => {
      const dilations = stride === 1 ? dilation : 1
      const [x, filter] = [[n, h, w, input], [kh, kw, input, output]]
      fc.pre(pad === 'same' || (h > (kh - 1) * dilations && w > (kw - 1) * dilations))
      const attributes = { strides: stride, pad, dilations, dataFormat: 'NHWC' }
      const { outShape } = tf.backend_util.computeConv2DInfo(x as [number, number, number, number],
        filter as [number, number, number, number], stride, dilations, pad)
      const all = (b: Builder): V[] => [
        write(b, 'Conv2D', { x, filter }, attributes),
        write(b, 'FusedConv2D', { x, filter, bias: [output] }, { ...attributes, activation: 'relu' }),
        write(b, 'Conv2DBackpropInput', { dy: outShape, filter }, { ...attributes, inputShape: x }),
        write(b, 'Conv2DBackpropFilter', { x, dy: outShape }, { ...attributes, filterShape: filter }),
      ]
      // The plain form: no blocks, and the filter's gradient as exports have it.
      const [plain, fast] = [new Builder('export'), new Builder('run', channelBlock())]
      const expected = run(plain, all(plain))
      run(fast, all(fast)).forEach((got, i) => { expect([...got]).toEqual([...expected[i]!]) })
    }), { numRuns: 60, seed: 5 })
  })

  it('writes no transpose of an image between convolutions', () => {
    const block = channelBlock()
    if (block === 0) return
    const b = new Builder('run', block)
    const attributes = { strides: 1, pad: 'same', dilations: 1, dataFormat: 'NHWC' }
    const v = write(b, 'Conv2D', { x: [5, 8, 8, 32], filter: [3, 3, 32, 32] }, attributes)
    const large = nodesOf(b, v).filter((node) => node.op === 'Transpose' && node.outputs[0]!.shape[0] === 5)
    expect(large).toEqual([])
  })

  it('give the same images through the backend, on and off', async () => {
    const next = random(4)
    const make = (shape: number[]): tf.Tensor => tf.tensor(Float32Array.from({ length: shape.reduce((p, q) => p * q, 1) }, () => next.next() - 0.5), shape)
    const [x, k1, k2] = [make([2, 9, 9, 3]), make([3, 3, 3, 16]), make([3, 3, 16, 32])]
    const f = (image: tf.Tensor): tf.Tensor => tf.maxPool(tf.conv2d(tf.conv2d(image as tf.Tensor4D, k1 as tf.Tensor4D, 1, 'same').relu(), k2 as tf.Tensor4D, 2, 'same'), 2, 2, 'valid')
    const values = async (blocked: boolean): Promise<Float32Array[]> => {
      await use({ blocked })
      return [f(x), tf.grad((t: tf.Tensor) => f(t).square().sum())(x)].map((t) => t.dataSync() as Float32Array)
    }
    const [off, on] = [await values(false), await values(true)]
    await use({ blocked: defaultOptions().blocked })
    on.forEach((got, i) => { got.forEach((v, k) => { expect(Math.abs(v - off[i]![k]!)).toBeLessThan(1e-4 * (1 + Math.abs(off[i]![k]!))) }) })
  })
})

describe('max pooling', () => {
  it('sends the gradient to the first of equal maxima, as TensorFlow.js does, for random shapes', async () => {
    const shapes = fc.record({ n: fc.integer({ min: 1, max: 2 }), h: fc.integer({ min: 1, max: 4 }), w: fc.integer({ min: 1, max: 4 }), c: fc.constantFrom(3, 8, 16, 32), seed: fc.integer({ min: 1, max: 1e6 }) })
    await fc.assert(fc.asyncProperty(shapes, async ({ n, h, w, c, seed }) => {
      const next = random(seed)
      // Three values: most windows have equal maxima.
      const data = Float32Array.from({ length: n * 4 * h * w * c }, () => Math.floor(next.next() * 3))
      const results: number[][] = []
      for (const backend of ['cpu', 'onnx']) {
        await tf.setBackend(backend)
        const x = tf.tensor4d(data, [n, 2 * h, 2 * w, c])
        const factor = tf.range(1, n * h * w * c + 1).reshape([n, h, w, c])
        const { value, grad } = tf.valueAndGrad((t: tf.Tensor) => tf.maxPool(t as tf.Tensor4D, 2, 2, 'valid').mul(factor).sum())(x)
        results.push([...value.dataSync(), ...grad.dataSync()])
      }
      expect(results[1]).toEqual(results[0])
    }), { numRuns: 15, seed: 2 })
  })
})

describe('a vector beside a large image', () => {
  it('is the same added, subtracted, multiplied and divided by, on both sides', async () => {
    const next = random(8)
    const [x, v] = [Float32Array.from({ length: 8 * 16 * 8 * 12 }, () => next.next() + 0.5), Float32Array.from({ length: 12 }, () => next.next() + 0.5)]
    const results: Float32Array[][] = []
    for (const backend of ['cpu', 'onnx']) {
      await tf.setBackend(backend)
      const [a, b] = [tf.tensor4d(x, [8, 16, 8, 12]), tf.tensor1d(v)]
      results.push([a.add(b), a.sub(b), b.sub(a), a.mul(b), a.div(b), b.div(a), a.mul(b.reshape([1, 1, 1, 12])).sub(a)].map((t) => t.dataSync() as Float32Array))
    }
    results[1]!.forEach((got, i) => { got.forEach((value, k) => { expect(value).toBeCloseTo(results[0]![i]![k]!, 5) }) })
  })
})
