// Cross-layer equalization through Relu6: exact with one bound for each channel.
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { cloneModel, Node, Tensor, validateModel, writeModel, type Model, type Value } from '../../onnx'
import { build, operators, runner, weights } from '../../../test/support/run'
import { exampleInputs, explain } from '..'
import type { RunTensors } from '../run'
import { sliceRanges, sqnr } from './arithmetic'
import { crossLayerEqualization, equalizer } from './equalize'
import { layersOf } from './layers'
import { quantizeStatic } from './static'

const run = runner({ optimization: 'disabled', threads: 1 })
afterAll(() => { run.dispose() })

const throughClip = equalizer({ throughClip: true })
const answer = (model: Model, inputs: RunTensors): Float32Array => run(writeModel(model), inputs)['y']?.data as Float32Array

/** Numbers whose channels have very different sizes, along the first axis. */
function uneven(shape: readonly number[], seed: number, scale: number): Tensor {
  const even = weights(shape, seed, scale)
  const run = even.size / (shape[0] ?? 1)
  return Tensor.from(Float32Array.from(even.data as Float32Array, (x, i) => x * 3 ** ((Math.floor(i / run) % 5) - 2)), shape)
}

/** A block of MobileNet-v2 without its residual: expand, depthwise, project, each bounded by what is given, then a classifier. */
function block(seed: number, bounded: (build: { op: (type: string, inputs: (Value | number | Tensor)[]) => Value }, y: Value, index: number) => Value): Model {
  return build(17, (g) => {
    const x = g.input('x', 'float32', ['N', 4, 6, 6])
    const conv = (from: Value, outs: number, ins: number, kernel: number, group: number, s: number): Value =>
      g.op('Conv', [from, uneven([outs, ins / group, kernel, kernel], s, 2 / Math.sqrt((kernel * kernel * ins) / group)), weights([outs], s + 1, 0.5)], { group, pads: kernel === 3 ? [1, 1, 1, 1] : [0, 0, 0, 0] })
    const a = bounded(g, conv(x, 10, 4, 1, 1, seed), 0)
    const b = bounded(g, conv(a, 10, 10, 3, 10, seed + 2), 1)
    const c = bounded(g, conv(b, 5, 10, 1, 1, seed + 4), 2)
    const flat = g.op('Flatten', [g.op('GlobalAveragePool', [c])])
    const hidden = bounded(g, g.op('Gemm', [flat, uneven([10, 5], seed + 6, 1), weights([10], seed + 7, 0.5)], { transB: 1 }), 3)
    g.output(g.op('Gemm', [hidden, weights([10, 3], seed + 8, 0.3)]), 'y')
  })
}

const relu6 = (seed: number): Model => block(seed, (g, y) => g.op('Clip', [y, 0, 6]))

describe('equalization through Clip', () => {
  test('keeps the function where 6 is reached, and makes ranges equal', () => {
    fc.assert(fc.property(fc.nat(1e6), (seed) => {
      const model = relu6(seed)
      const inputs = exampleInputs(model, seed, { N: 3 })
      const { model: equal, changes } = throughClip.run(model)
      validateModel(equal)
      expect(changes).toHaveLength(4)
      expect(operators(equal)).toMatchObject({ Relu: 4, Min: 4 })
      expect(operators(equal)).not.toHaveProperty('Clip')
      expect(sqnr(answer(model, inputs), answer(equal, inputs))).toBeGreaterThan(110)
      // The last two layers: the ranges of every channel are the same on both sides, as equation 11 of the paper has it.
      const [first, second] = layersOf(equal.graph).slice(-2)
      const rows = sliceRanges(first!.tensor.data as Float32Array, first!.tensor.shape, 0).map(({ low, high }) => Math.max(-low, high))
      const columns = sliceRanges(second!.tensor.data as Float32Array, second!.tensor.shape, 0).map(({ low, high }) => Math.max(-low, high))
      rows.forEach((range, c) => { expect(range / columns[c]!).toBeCloseTo(1, 2) })
    }), { numRuns: 12, seed: 4 })
  })

  test('where 6 is reached, Relu in its place is another function: the bound for each channel is needed', () => {
    const model = relu6(3), inputs = exampleInputs(model, 3, { N: 3 })
    const without = cloneModel(model)
    for (const node of [...without.graph.nodes].filter(({ opType }) => opType === 'Clip')) {
      const relu = new Node('Relu', [node.inputs[0]], 1)
      without.graph.insertBefore(node, relu)
      without.graph.replaceAllUses(node.output, relu.output)
      without.graph.remove(node)
    }
    expect(sqnr(answer(model, inputs), answer(without, inputs))).toBeLessThan(20)
  })

  test.each([
    ['bounds on both sides of 0', (g, y) => g.op('Clip', [y, -1, 2]), { Max: 4, Min: 4 }],
    ['one number for each channel, on either side', (g, y, i) => g.op('Min', [Tensor.from(Float32Array.from({ length: [10, 10, 5, 10][i]! }, (_, c) => 0.5 + c), i < 3 ? [[10, 10, 5][i]!, 1, 1] : [10]), y]), { Min: 4 }],
    ['one side alone', (g, y) => g.op('Max', [y, Tensor.scalar(-0.5, 'float32')]), { Max: 4 }],
  ] as [string, Parameters<typeof block>[1], Record<string, number>][])('%s', (_, bounded, made) => {
    const model = block(7, bounded), inputs = exampleInputs(model, 7, { N: 2 })
    const { model: equal, changes } = throughClip.run(model)
    expect(changes).toHaveLength(4)
    expect(operators(equal)).toMatchObject(made)
    expect(sqnr(answer(model, inputs), answer(equal, inputs))).toBeGreaterThan(110)
  })

  test('is left alone unless asked for, and where a bound is computed', () => {
    const model = relu6(5)
    const [first] = layersOf(model.graph)
    expect(crossLayerEqualization.run(model).modified).toBe(false)
    expect(explain(model, crossLayerEqualization, first!.key).why).toContain('Clip')
    expect(explain(model, throughClip, first!.key).fires).toBe(true)
    const computed = block(5, (g, y) => g.op('Min', [y, g.op('Abs', [y])]))
    expect(throughClip.run(computed).modified).toBe(false)
  })

  test('one scale for a whole weight loses less after it', () => {
    const model = relu6(8)
    const data = Array.from({ length: 12 }, (_, i) => exampleInputs(model, i + 1, { N: 2 }))
    const of = (equalize: boolean | 'through-clip'): number =>
      quantizeStatic(model, { data, run, perChannel: false, weightRange: 'min-max', biasCorrection: false, minimumSqnr: -100, equalize }).report.sqnr
    expect(of('through-clip')).toBeGreaterThan(of(true) + 3)
  })
})
