import { describe, expect, test } from 'vitest'
import { applied, build, operators } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { simplify } from '../optimize'
import { mergeReshapes as pass } from './merge-reshapes'

const ints = (values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')
const model = (dims: (number | string)[], make: (g: GraphBuilder, x: Value) => Value): Model =>
  build(17, (g) => g.output(g.op('Neg', [make(g, g.op('Relu', [g.input('x', 'float32', dims)]))]), 'y'))
const reshape = (g: GraphBuilder, x: Value, shape: number[], name = ''): Value => g.op('Reshape', [x, g.constant(ints(shape))], {}, { name })

describe('views of views', () => {
  test.each<[string, (number | string)[], (g: GraphBuilder, x: Value) => Value]>([
    ['Reshape, Reshape', [2, 6], (g, x) => reshape(g, reshape(g, x, [3, 4]), [4, -1])],
    ['Unsqueeze, Squeeze', ['N', 6], (g, x) => g.op('Squeeze', [g.op('Unsqueeze', [x, g.constant(ints([1]))]), g.constant(ints([1]))])],
    ['Flatten, Reshape', ['N', 2, 3], (g, x) => reshape(g, g.op('Flatten', [x]), [-1, 3, 2])],
    ['three in a row', [4, 3], (g, x) => reshape(g, g.op('Unsqueeze', [reshape(g, x, [12]), g.constant(ints([0]))]), [2, 6])],
  ])('%s', (_, dims, make) => {
    const { model: small } = applied(model(dims, make), pass)
    expect(operators(small)).toEqual({ Relu: 1, Reshape: 1, Neg: 1 })
  })

  test('there and back is nothing', () => {
    const back = model(['N', 6], (g, x) => g.op('Squeeze', [g.op('Unsqueeze', [x, g.constant(ints([1]))]), g.constant(ints([1]))]))
    expect(operators(simplify(back).model)).toEqual({ Relu: 1, Neg: 1 })
  })

  test('a view that something else reads stays for it', () => {
    const used = build(17, (g) => {
      const flat = reshape(g, g.input('x', 'float32', [2, 6]), [12])
      g.output(g.op('Neg', [flat]), 'a')
      g.output(g.op('Neg', [reshape(g, flat, [3, 4])]), 'b')
    })
    expect(operators(applied(used, pass).model)).toEqual({ Reshape: 2, Neg: 2 })
  })
})

test('leaves alone shapes with two free sizes, and says so', () => {
  const free = build(17, (g) => {
    const x = g.input('x', 'float32', ['A', 'B', 'C'])
    const view = g.op('Unsqueeze', [g.op('Reshape', [x, g.input('s', 'int64', [2])]), g.constant(ints([0]))], {}, { name: 'v' })
    g.output(view, 'y')
  })
  expect(pass.run(free).modified).toBe(false)
  expect(explain(free, pass, 'v').why).toContain('are known only when the model runs')
})
