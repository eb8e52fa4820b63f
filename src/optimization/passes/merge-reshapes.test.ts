import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applied, build, operators, run, weights } from '../../../test/support/run'
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

  test.each<[string, (number | string)[], (g: GraphBuilder, x: Value) => Value, Record<string, number>]>([
    ['an activation', ['N', 6], (g, x) => reshape(g, g.op('Tanh', [reshape(g, x, [1, -1, 6])]), [-1, 6]), { Relu: 1, Tanh: 1, Neg: 1 }],
    ['two activations', [2, 6], (g, x) => reshape(g, g.op('Tanh', [g.op('LeakyRelu', [reshape(g, x, [12])], { alpha: 0.3 })]), [6, 2]), { Relu: 1, LeakyRelu: 1, Tanh: 1, Reshape: 1, Neg: 1 }],
    ['a cast', [2, 6], (g, x) => g.op('Cast', [reshape(g, g.op('Cast', [reshape(g, x, [12])], { to: 7 }), [3, 4])], { to: 1 }), { Relu: 1, Cast: 2, Reshape: 1, Neg: 1 }],
  ])('meet through %s', (_, dims, make, left) => {
    const one = model(dims, make)
    applied(one, pass)
    expect(operators(simplify(one, { run }).model)).toEqual(left)
  })

  test('an activation that something else reads keeps its shape', () => {
    const used = build(17, (g) => {
      const active = g.op('Tanh', [reshape(g, g.input('x', 'float32', [2, 6]), [12])])
      g.output(active, 'a')
      g.output(reshape(g, active, [3, 4], 'back'), 'b')
    })
    expect(pass.run(used).modified).toBe(false)
    expect(String(explain(used, pass, 'back'))).toMatch(/is an output of the graph/)
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

describe('views around a matrix product', () => {
  const around = (dims: (number | string)[], flat: number[], back: number[], [K, N]: [number, number], between: (g: GraphBuilder, y: Value) => Value = (_, y) => y): Model =>
    model(dims, (g, x) => reshape(g, between(g, g.op('MatMul', [reshape(g, x, flat), g.constant(weights([K, N]))])), back, 'back'))

  test.each<[string, Model]>([
    ['an image of channels last', around(['N', 3, 5, 4], [-1, 4], [-1, 3, 5, 6], [4, 6])],
    ['a sequence', around([2, 7, 4], [14, 4], [2, 7, 4], [4, 4])],
  ])('%s', (_, one) => {
    expect(operators(applied(one, pass).model)).toEqual({ Relu: 1, MatMul: 1, Neg: 1 })
  })

  test.each<[string, Model, RegExp]>([
    ['axes in another order', around([2, 7, 4], [14, 4], [7, 2, 6], [4, 6]), /other axes in front/],
    ['columns taken from the rows', around([2, 6, 4], [16, 3], [2, 6, 4], [3, 3]), /other axes in front/],
    ['columns that become rows', around([2, 7, 4], [14, 4], [2, 14, 3], [4, 6]), /other axes in front/],
    ['rows that nobody knows', around(['N', 'M', 4], [-1, 4], [-1, 7, 6], [4, 6]), /other axes in front/],
  ])('stay: %s', (_, one, why) => {
    expect(pass.run(one).modified).toBe(false)
    expect(String(explain(one, pass, 'back'))).toMatch(why)
  })

  test('generated: the product is the same, whatever is flattened', () => {
    const size = fc.integer({ min: 1, max: 4 })
    fc.assert(fc.property(fc.array(size, { minLength: 1, maxLength: 3 }), fc.array(size, { minLength: 1, maxLength: 3 }), size, size, size, (front, other, k, n, cut) => {
      const count = front.reduce((product, one) => product * one, 1)
      const same = other.reduce((product, one) => product * one, 1) === count
      // Flattened along its own last axis, or another that divides its elements.
      const width = (count * k) % cut === 0 ? cut : k
      const rowCount = (count * k) / width
      const shape = width === k ? [...(same ? other : front), n] : [rowCount, 1, n]
      const one = around([...front, k], [rowCount, width], shape, [width, n])
      const { model: small, modified } = pass.run(one)
      if (modified) applied(one, pass)
      expect(operators(small)['MatMul']).toBe(1)
    }), { numRuns: 40 })
  })
})
