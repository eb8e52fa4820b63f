import { describe, expect, test } from 'vitest'
import { applied, build, operators } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { simplify } from '../optimize'
import { foldShapes as pass } from './fold-shapes'

const ints = (values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')

/** Splits the last axis into heads, as exporters write it: sizes are read from the shape. */
function heads(g: GraphBuilder, x: Value, count: number): Value {
  const size = (axis: number) => g.op('Gather', [g.op('Shape', [x]), g.constant(ints([axis]))])
  const each = g.op('Div', [size(2), g.constant(ints([count]))])
  const shape = g.op('Concat', [size(0), size(1), g.constant(ints([count])), each], { axis: 0 }, { outputs: ['target'] })
  return g.op('Reshape', [x, shape], {}, { name: 'split' })
}

const model = (dims: (number | string)[]): Model => build(17, (g) => g.output(heads(g, g.input('x', 'float32', dims), 4), 'y'))

describe('computed shapes', () => {
  test('with one free size become constants', () => {
    const { model: small } = simplify(model(['N', 6, 8]), { passes: [pass] })
    const target = small.graph.nodes.find((node) => node.opType === 'Reshape')?.inputs[1]
    expect(target?.tensor?.numbers()).toEqual([0, 6, 4, 2])
    applied(model(['N', 6, 8]), pass)
  })

  test('with two free sizes copy those that stay in place', () => {
    const { model: small } = applied(model(['N', 'T', 8]), pass)
    expect(small.graph.nodes.find((node) => node.opType === 'Reshape')?.inputs[1]?.tensor?.numbers()).toEqual([0, 0, 4, 2])
    expect(operators(simplify(model(['N', 'T', 8])).model)).toEqual({ Reshape: 1 })
  })

  test('numbers that follow from a shape that is only partly known', () => {
    const one = build(17, (g) => {
      const x = g.input('x', 'float32', ['N', 6])
      const columns = g.op('Cast', [g.op('Gather', [g.op('Shape', [x]), g.constant(Tensor.scalar(1n, 'int64'))])], { to: 1 })
      g.output(g.op('Div', [x, columns]), 'y')
    })
    expect(operators(simplify(one).model)).toEqual({ Div: 1 })
  })
})

describe('leaves alone, and says why', () => {
  test('a target with a size that only the run knows', () => {
    const free = build(17, (g) => {
      const x = g.input('x', 'float32', ['N', 'T', 8])
      const size = (axis: number) => g.op('Gather', [g.op('Shape', [x]), g.constant(ints([axis]))])
      g.output(g.op('Reshape', [x, g.op('Concat', [size(1), size(0), g.constant(ints([8]))], { axis: 0 })], {}, { name: 'split' }), 'y')
    })
    expect(pass.run(free).modified).toBe(false)
    expect(explain(free, pass, 'split').why).toBe('2 sizes of [T,N,8] are known only when the model runs')
  })

  test('a shape that is returned, and a target that is an input', () => {
    const returned = build(17, (g) => {
      const shape = g.op('Shape', [g.input('x', 'float32', [2, 3])], {}, { name: 's' })
      g.output(shape, 'y')
    })
    expect(explain(returned, pass, 's').why).toBe('"y" is an output of the graph')
    const open = build(17, (g) => g.output(g.op('Reshape', [g.input('x', 'float32', [6]), g.input('shape', 'int64', [2])], {}, { name: 'r' }), 'y'))
    expect(explain(open, pass, 'r').why).toBe('the target of "r" (Reshape) is not computed')
  })
})
