import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { eliminateIdentity as pass } from './eliminate-identity'

const ints = (values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')

/** Relu, then what is tested, then Neg: so that names of inputs and outputs do not matter. */
function around(make: (g: GraphBuilder, x: Value) => Value, shape: readonly (number | string)[] = [2, 3], opset = 17): Model {
  return build(opset, (g) => {
    const x = g.op('Relu', [g.input('x', 'float32', shape)], {}, { outputs: ['r'] })
    x.type = { kind: 'tensor', dtype: 'float32', shape }
    const made = make(g, x)
    if (made.producer !== undefined && made.producer.name === '') made.producer.name = 'it'
    g.output(g.op('Neg', [made]), 'y')
  })
}

const why = (model: Model): string => explain(model, pass, 'it').why

describe('operators that return their input', () => {
  const gone: [string, (g: GraphBuilder, x: Value) => Value, number?][] = [
    ['Identity', (g, x) => g.op('Identity', [x])],
    ['Dropout, opset 12 on', (g, x) => g.op('Dropout', [x, g.constant(0.5), g.constant(Tensor.scalar(false, 'bool'))])],
    ['Dropout before opset 12', (g, x) => g.op('Dropout', [x], { ratio: 0.25 }), 10],
    ['Cast to the same type', (g, x) => g.op('Cast', [x], { to: 1 })],
    ['Transpose in order', (g, x) => g.op('Transpose', [x], { perm: [0, 1] })],
    ['Reshape to the same shape', (g, x) => g.op('Reshape', [x, g.constant(ints([2, 3]))])],
    ['Reshape that copies and infers', (g, x) => g.op('Reshape', [x, g.constant(ints([0, -1]))])],
    ['Expand to ones', (g, x) => g.op('Expand', [x, g.constant(ints([1]))])],
    ['Pad by nothing', (g, x) => g.op('Pad', [x, g.constant(ints([0, 0, 0, 0]))])],
    ['Slice of everything', (g, x) => g.op('Slice', [x, g.constant(ints([0, 0])), g.constant(ints([2, 2 ** 31])), g.constant(ints([0, -1]))])],
    ['Slice before opset 10', (g, x) => g.op('Slice', [x], { starts: [0], ends: [2], axes: [0] }), 9],
    ['Tile once', (g, x) => g.op('Tile', [x, g.constant(ints([1, 1]))])],
    ['Concat of one', (g, x) => g.op('Concat', [x], { axis: 0 })],
    ['Max of one', (g, x) => g.op('Max', [x])],
    ['x + 0', (g, x) => g.op('Add', [g.constant(0), x])],
    ['x − 0', (g, x) => g.op('Sub', [x, g.constant(weights([3], 1, 0))])],
    ['x × 1', (g, x) => g.op('Mul', [x, g.constant(weights([2, 3], 1, 0, 1))])],
    ['x ÷ 1', (g, x) => g.op('Div', [x, g.constant(weights([1], 1, 0, 1))])],
    ['x ^ 1', (g, x) => g.op('Pow', [x, g.constant(1)])],
  ]
  test.each(gone)('%s', (_, make, opset) => {
    const { model, modified } = applied(around(make, [2, 3], opset), pass)
    expect(modified).toBe(true)
    expect(operators(model)).toEqual({ Relu: 1, Neg: 1 })
  })

  test('Not(Not(x)) of booleans', () => {
    const model = build(17, (g) => {
      const flag = g.op('Greater', [g.input('x', 'float32', [3]), g.constant(0)])
      g.output(g.op('And', [g.op('Not', [g.op('Not', [flag])]), flag]), 'y')
    })
    expect(operators(applied(model, pass).model)).toEqual({ Greater: 1, And: 1 })
  })

  test('the name of an output of the model moves to what made its value', () => {
    const model = build(17, (g) => g.output(g.op('Identity', [g.op('Relu', [g.input('x', 'float32', [2])])]), 'y'))
    const { model: small } = applied(model, pass)
    expect(operators(small)).toEqual({ Relu: 1 })
    expect(small.graph.outputs[0]?.name).toBe('y')
  })

  test('an identity that reads outer values inside a branch', () => {
    const model = build(17, (g) => {
      const x = g.op('Relu', [g.input('x', 'float32', [2])])
      const condition = g.op('ReduceMax', [g.op('Cast', [g.op('Greater', [x, g.constant(0.5)])], { to: 6 })], { keepdims: 0 })
      const then = g.subgraph('then', (inner) => inner.output(inner.op('Identity', [x])))
      const otherwise = g.subgraph('else', (inner) => inner.output(inner.op('Neg', [inner.op('Identity', [x])])))
      g.output(g.op('If', [g.op('Cast', [condition], { to: 9 })], { then_branch: then, else_branch: otherwise }), 'y')
    })
    const { model: small } = applied(model, pass)
    expect(operators(small)['Identity']).toBe(1)
  })
})

describe('leaves alone, and says why', () => {
  test('x × 0 is not 0', () => {
    const model = around((g, x) => g.op('Mul', [x, g.constant(0)]))
    expect(pass.run(model).modified).toBe(false)
    expect(why(model)).toBe('input 1 of "it" (Mul) is not the constant 1')
  })

  test('a neutral constant that makes x larger', () => {
    const model = around((g, x) => g.op('Add', [x, g.constant(weights([4, 2, 3], 1, 0))]))
    expect(pass.run(model).modified).toBe(false)
    expect(why(model)).toBe('"it" (Add) broadcasts "r" [2,3] to a larger shape')
  })

  test('a symbolic size that may be 1', () => {
    const model = around((g, x) => g.op('Mul', [x, g.constant(weights([2, 3], 1, 0, 1))]), ['N', 3])
    expect(pass.run(model).modified).toBe(false)
  })

  test('a constant that a caller may replace', () => {
    const model = around((g, x) => {
      const one = g.input('one', 'float32', [])
      g.graph.addInitializer(one, Tensor.scalar(1, 'float32'))
      return g.op('Mul', [x, one])
    })
    expect(pass.run(model).modified).toBe(false)
  })

  test('an empty constant: the result is empty', () => {
    const model = around((g, x) => g.op('Add', [x, g.constant(Tensor.from(new Float32Array(0), [0, 1, 1]))]))
    expect(pass.run(model).modified).toBe(false)
  })

  test('an identity from an input to an output of the model', () => {
    const model = build(17, (g) => g.output(g.op('Identity', [g.input('x', 'float32', [2])], {}, { name: 'it' }), 'y'))
    expect(pass.run(model).modified).toBe(false)
    expect(why(model)).toBe('"y" is an output of the graph, and "x" is not computed by a node that could take its name')
  })

  test('Dropout that trains, or may', () => {
    const train = around((g, x) => g.op('Dropout', [x, g.constant(0.5), g.constant(Tensor.scalar(true, 'bool'))]))
    expect(why(train)).toBe('"it" (Dropout) is in training mode')
    const open = around((g, x) => g.op('Dropout', [x, g.constant(0.5), g.input('training', 'bool', [])]))
    expect(why(open)).toBe('training_mode of "it" (Dropout) is not constant: it may be training')
    expect(pass.run(open).modified).toBe(false)
  })

  test('Dropout whose mask is used', () => {
    const model = build(17, (g) => {
      const [y, mask] = g.ops('Dropout', [g.input('x', 'float32', [2])], {}, { outputs: ['y', 'mask'], name: 'it' })
      if (y !== undefined && mask !== undefined) { g.output(g.op('Neg', [y])); g.output(mask) }
    })
    expect(pass.run(model).modified).toBe(false)
    expect(why(model)).toBe('"mask", made by "it" (Dropout), is an output of the graph')
  })

  test.each<[string, (g: GraphBuilder, x: Value) => Value, string]>([
    ['Cast', (g, x) => g.op('Cast', [x], { to: 11 }), '"it" (Cast) changes float32 to float64'],
    ['Transpose', (g, x) => g.op('Transpose', [x]), '"it" (Transpose) reorders the axes: reversed'],
    ['Reshape', (g, x) => g.op('Reshape', [x, g.constant(ints([3, 2]))]), '"it" (Reshape) changes [2,3] to [3,2]'],
    ['Pad', (g, x) => g.op('Pad', [x, g.constant(ints([0, 1, 0, 0]))]), '"it" (Pad) pads by 0, 1, 0, 0'],
    ['Slice', (g, x) => g.op('Slice', [x, g.constant(ints([0])), g.constant(ints([1]))]), '"it" (Slice) takes a part: from 0 to 1'],
  ])('%s that does something', (_, make, reason) => {
    const model = around(make)
    expect(pass.run(model).modified).toBe(false)
    expect(why(model)).toBe(reason)
  })
})
