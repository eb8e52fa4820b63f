// Dead code, common subexpressions and constant folding.
import { describe, expect, test } from 'vitest'
import { applied, build, operators, run, weights } from '../../../test/support/run'
import { Tensor } from '../../onnx'
import { explain } from '../explain'
import { commonSubexpressions, deadCode, foldConstants } from './index'

const ints = (values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')

describe('dead code', () => {
  test('chains, initializers and branches that nothing needs', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [2])
      g.op('Exp', [g.op('Neg', [x])])
      g.constant(weights([3]), 'unused')
      const condition = g.op('Cast', [g.op('ReduceMax', [x], { keepdims: 0 })], { to: 9 })
      const then = g.subgraph('then', (inner) => { inner.op('Abs', [x]); inner.output(inner.op('Neg', [x])) })
      const otherwise = g.subgraph('else', (inner) => inner.output(inner.op('Relu', [x])))
      g.output(g.op('If', [condition], { then_branch: then, else_branch: otherwise }), 'y')
    })
    const { model: small } = applied(model, deadCode)
    expect(operators(small)).toEqual({ Cast: 1, If: 1, Neg: 1, ReduceMax: 1, Relu: 1 })
    expect(small.graph.initializers.size).toBe(0)
  })

  test('keeps inputs, captured values and nodes with one output in use', () => {
    const model = build(17, (g) => {
      g.input('unused', 'float32', [1])
      const x = g.input('x', 'float32', [4])
      const [first] = g.ops('Split', [x], { axis: 0 }, { outputs: 2 })
      if (first !== undefined) g.output(first, 'y')
    })
    expect(deadCode.run(model).modified).toBe(false)
    expect(explain(model, deadCode, 'y').why).toBe('"y" is an output of the graph')
  })
})

describe('common subexpressions', () => {
  test('equal nodes and equal constants become one', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [2, 3])
      const [a, b] = [g.op('Mul', [x, g.constant(weights([3], 1), 'a')]), g.op('Mul', [x, g.constant(weights([3], 1), 'b')])]
      const [s, t] = [g.op('Softmax', [a], { axis: 1 }), g.op('Softmax', [b], { axis: 1 })]
      g.output(g.op('Add', [g.op('Add', [s, t]), g.op('Softmax', [a], { axis: 0 })]), 'y')
    })
    const { model: small } = applied(model, commonSubexpressions)
    expect(operators(small)).toEqual({ Mul: 1, Softmax: 2, Add: 2 })
    expect(small.graph.initializers.size).toBe(1)
  })

  test('the name of an output moves to the node that stays', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [2])
      const [a, b] = [g.op('Exp', [x]), g.op('Exp', [x])]
      g.output(g.op('Neg', [a]), 'z')
      g.output(b, 'y')
    })
    const { model: small } = applied(model, commonSubexpressions)
    expect(operators(small)).toEqual({ Exp: 1, Neg: 1 })
  })

  test('random numbers, two outputs and different zeros stay apart', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [2])
      g.output(g.op('Exp', [x], {}, { name: 'e1' }), 'a')
      g.output(g.op('Exp', [x], {}, { name: 'e2' }), 'b')
      const random = [1, 2].map((i) => g.op('RandomNormalLike', [x], { seed: 1 }, { name: `r${i}` }))
      g.output(g.op('Sub', [...random]), 'c')
      g.output(g.op('Div', [g.op('Add', [x, g.constant(-0)]), g.op('Add', [x, g.constant(0)])]), 'd')
    })
    expect(commonSubexpressions.run(model).modified).toBe(false)
    expect(explain(model, commonSubexpressions, 'e2').why).toBe('"b" is an output of the graph, and so is "a"')
    expect(explain(model, commonSubexpressions, 'r1').why).toBe('"r1" (RandomNormalLike) is random: each has its own numbers')
  })
})

describe('constant folding', () => {
  test('shape arithmetic on a static shape', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [2, 3, 4])
      const size = g.op('Gather', [g.op('Shape', [x]), g.constant(ints([1]))])
      const target = g.op('Concat', [size, g.constant(ints([-1]))], { axis: 0 })
      g.output(g.op('Reshape', [x, target]), 'y')
    })
    const { model: small } = applied(model, foldConstants)
    expect(operators(small)).toEqual({ Reshape: 1 })
  })

  test('operators that are not evaluated here go through the run function', () => {
    const model = build(17, (g) => {
      const table = g.op('Erf', [g.op('Exp', [g.constant(weights([3, 3]))], {}, { name: 'e' })])
      g.output(g.op('MatMul', [g.input('x', 'float32', [2, 3]), table]), 'y')
    })
    expect(foldConstants.run(model).modified).toBe(false)
    expect(explain(model, foldConstants, 'e').why).toBe('Exp is not evaluated without a runtime: give a run function')
    expect(operators(applied(model, foldConstants, { run }).model)).toEqual({ MatMul: 1 })
  })

  test('a folded output of the model stays a node', () => {
    const model = build(17, (g) => {
      g.output(g.op('Add', [g.constant(1), g.constant(2)]), 'three')
      g.output(g.op('Neg', [g.input('x', 'float32', [1])]), 'y')
    })
    expect(operators(applied(model, foldConstants).model)).toEqual({ Constant: 1, Neg: 1 })
  })

  test('nothing larger than the limit', () => {
    const model = build(17, (g) => {
      const big = g.op('ConstantOfShape', [g.constant(ints([2000, 2000]))], {}, { name: 'big' })
      g.output(g.op('ReduceSum', [big], { keepdims: 0 }), 'y')
    })
    expect(foldConstants.run(model, { run }).changes).toEqual([])
    expect(explain(model, foldConstants, 'big').why).toBe('the result of "big" (ConstantOfShape) is larger than the limit of 1048576 bytes')
  })

  test('an initializer that is also an input is not constant, and old models become ones that can hold others', () => {
    const make = (open: boolean) => build(9, (g) => {
      const b = g.input('b', 'float32', [2])
      g.graph.addInitializer(b, weights([2]))
      const c = g.op('Constant', [], { value: weights([2], 2) })
      g.output(g.op('Add', [g.op('Mul', [open ? b : c, c], {}, { name: 'm' }), g.input('x', 'float32', [2])]), 'y')
    }, { irVersion: 3 })
    expect(explain(make(true), foldConstants, 'm').why).toContain('"b" is an initializer that is also an input of the graph')
    const { model } = applied(make(false), foldConstants)
    expect(operators(model)).toEqual({ Add: 1 })
    expect(model.irVersion).toBe(4)
  })

  test('weights that were quantized stay quantized', () => {
    const model = build(17, (g) => {
      const w = g.op('DequantizeLinear', [g.constant(Tensor.from([1, 2, 3, 4], [2, 2], 'int8')), g.constant(0.5), g.constant(Tensor.scalar(0, 'int8'))], {}, { name: 'dq' })
      g.output(g.op('MatMul', [g.input('x', 'float32', [1, 2]), w]), 'y')
    })
    expect(foldConstants.run(model, { run }).modified).toBe(false)
    expect(explain(model, foldConstants, 'dq').why).toBe('"dq" (DequantizeLinear) is part of a quantized model')
  })

  test('shapes with symbolic sizes stay', () => {
    const model = build(17, (g) => g.output(g.op('Shape', [g.input('x', 'float32', ['N', 3])], {}, { name: 's' }), 'y'))
    expect(foldConstants.run(model).modified).toBe(false)
    expect(explain(model, foldConstants, 's').why).toBe('"s" (Shape) depends on what is not constant: "x" is an input of the graph')
  })
})
