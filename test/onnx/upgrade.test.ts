// Models raised to newer operator sets compute the same in ONNX Runtime, which implements every version.
import { describe, expect, test } from 'vitest'
import { build, run, weights } from '../support/run'
import { exampleInputs, verifySame } from '../../src/optimization'
import { upgradeOpset } from '../../src/onnx/upgrade'
import { Tensor, validateModel, type GraphBuilder, type Value } from '../../src/onnx'

const f = (...values: number[]): Tensor => Tensor.from(values, [values.length], 'float32')

const CASES: readonly [name: string, opset: number, make: (g: GraphBuilder, x: Value) => Value][] = [
  ['Slice', 9, (g, x) => g.op('Slice', [x], { starts: [1, 0], ends: [3, 5], axes: [2, 3] })],
  ['Clip', 9, (g, x) => g.op('Clip', [x], { min: -0.5, max: 0.7 })],
  ['Clip with one bound', 9, (g, x) => g.op('Clip', [x], { min: 0 })],
  ['Pad', 9, (g, x) => g.op('Pad', [x], { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: 0.5 })],
  ['TopK', 9, (g, x) => g.op('TopK', [x], { k: 2, axis: -1 }, { outputs: 2 })],
  ['Upsample', 9, (g, x) => g.op('Upsample', [x, f(1, 1, 2, 3)], { mode: 'nearest' })],
  ['Upsample by attribute', 8, (g, x) => g.op('Upsample', [x], { mode: 'nearest', scales: [1, 1, 2, 2] })],
  ['Resize', 10, (g, x) => g.op('Resize', [x, f(1, 1, 2, 2)], { mode: 'linear' })],
  ['Squeeze and Unsqueeze', 9, (g, x) => g.op('Squeeze', [g.op('Unsqueeze', [x], { axes: [0] })], { axes: [0] })],
  ['ReduceSum and ReduceMean', 11, (g, x) => g.op('ReduceMean', [g.op('ReduceSum', [x], { axes: [1], keepdims: 1 })], { axes: [-1], keepdims: 0 })],
  ['Reduce over all axes', 11, (g, x) => g.op('ReduceMax', [g.op('ReduceSum', [x])])],
  ['Softmax over the last axis', 9, (g, x) => g.op('Softmax', [x], { axis: 3 })],
  ['Softmax over several axes', 9, (g, x) => g.op('Softmax', [x], { axis: 1 })],
  ['LogSoftmax with the default axis', 11, (g, x) => g.op('LogSoftmax', [x])],
  ['Split', 9, (g, x) => { const [a, b] = g.ops('Split', [x], { axis: 2, split: [1, 3] }, { outputs: 2 }); return g.op('Concat', [b, a], { axis: 2 }) }],
  ['Split in equal parts', 11, (g, x) => { const [a, b] = g.ops('Split', [x], { axis: 2 }, { outputs: 2 }); return g.op('Sub', [a, b]) }],
  ['Dropout', 10, (g, x) => g.op('Dropout', [x], { ratio: 0.3 })],
  ['BatchNormalization', 7, (g, x) => g.op('BatchNormalization', [x, f(1, 2, 3), f(0, 1, 2), f(0, 0, 1), f(1, 2, 1)])],
  ['Scatter', 9, (g, x) => g.op('Scatter', [x, Tensor.from([0, 1, 2], [1, 1, 1, 3], 'int64'), weights([1, 1, 1, 3])], { axis: 2 })],
  ['inside an If', 9, (g, x) => {
    const flag = g.op('Cast', [g.op('ReduceMax', [x], { keepdims: 0 })], { to: 9 })
    const branch = (name: string, axes: number[]) => g.subgraph(name, (inner) => inner.output(inner.op('ReduceSum', [inner.op('Clip', [x], { min: 0 })], { axes })))
    const made = g.op('If', [flag], { then_branch: branch('a', [1]), else_branch: branch('b', [1]) })
    made.type = { kind: 'tensor', dtype: 'float32', shape: [2, 1, 4, 5] }
    return made
  }],
]

describe('upgradeOpset', () => {
  test.each(CASES)('%s', (_, opset, make) => {
    const model = build(opset, (g) => { g.output(make(g, g.input('x', 'float32', [2, 3, 4, 5]))) })
    for (const version of [13, 18, 21, 23]) {
      const raised = upgradeOpset(model, version)
      expect(raised.opset).toBe(version)
      expect(model.opset).toBe(opset)
      expect(validateModel(raised)).toEqual([])
      const [difference] = verifySame(model, raised, run, exampleInputs(model, 5), { relative: 1e-5, absolute: 1e-6 })
      expect(difference?.within).toBe(true)
    }
  })

  test('what has no equal form, or goes the wrong way, is refused', () => {
    const model = build(17, (g) => { g.output(g.op('Relu', [g.input('x', 'float32', [2])])) })
    expect(() => upgradeOpset(model, 13)).toThrow(/cannot become/)
    expect(() => upgradeOpset(model, 99)).toThrow(/cannot become/)
    model.opsets.set('', 6)
    expect(() => upgradeOpset(model, 13)).toThrow(/cannot become/)
    const unknown = build(9, (g) => {
      const x = g.input('x', 'float32', [2, 3])
      x.type = undefined
      g.output(g.op('Softmax', [x]))
    })
    expect(() => upgradeOpset(unknown, 13)).toThrow(/cannot be raised/)
  })
})
