import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import type { GraphBuilder, Model, Value } from '../../onnx'
import { explain } from '../explain'
import { mergeTransposes as pass } from './merge-transposes'

const NHWC = [0, 2, 3, 1]
const NCHW = [0, 3, 1, 2]
const turn = (g: GraphBuilder, x: Value, perm: number[], name = ''): Value => g.op('Transpose', [x], { perm }, { name })
const model = (make: (g: GraphBuilder, x: Value) => Value): Model =>
  build(17, (g) => g.output(g.op('Softmax', [make(g, g.op('Softmax', [g.input('x', 'float32', [2, 3, 4, 5])]))]), 'y'))

describe('transposes come together', () => {
  test.each<[string, Record<string, number>, (g: GraphBuilder, x: Value) => Value]>([
    ['there and back', {}, (g, x) => turn(g, turn(g, x, NHWC), NCHW)],
    ['twice forward', { Transpose: 1 }, (g, x) => turn(g, turn(g, x, NHWC), NHWC)],
    ['reversed twice', {}, (g, x) => g.op('Transpose', [g.op('Transpose', [x])])],
    ['around an activation', { Relu: 1, Exp: 1 }, (g, x) => turn(g, g.op('Relu', [g.op('Exp', [turn(g, x, NHWC)])]), NCHW)],
    ['around a bias', { Add: 1 }, (g, x) => turn(g, g.op('Add', [turn(g, x, NHWC), g.constant(weights([3]))]), NCHW)],
    ['around a difference from a constant', { Sub: 1 }, (g, x) => turn(g, g.op('Sub', [g.constant(weights([5, 3])), turn(g, x, NHWC)]), NCHW)],
    ['around a residual', { Relu: 1, Add: 1 }, (g, x) => {
      const a = turn(g, x, NHWC)
      return turn(g, g.op('Add', [turn(g, g.op('Relu', [x]), NHWC), a]), NCHW)
    }],
    ['around a concatenation', { Concat: 1, Relu: 1 }, (g, x) => turn(g, g.op('Concat', [turn(g, x, NHWC), turn(g, g.op('Relu', [x]), NHWC)], { axis: -1 }), NCHW)],
  ])('%s', (_, expected, make) => {
    expect(operators(applied(model(make), pass).model)).toEqual({ Softmax: 2, ...expected })
  })
})

describe('leaves alone, and says why', () => {
  test.each<[string, string, (g: GraphBuilder, x: Value) => Value]>([
    ['a lone transpose', 'no other transpose lies above "f" (Relu)', (g, x) => turn(g, g.op('Relu', [x], {}, { name: 'f' }), NCHW, 't')],
    ['an operator with axes', '"s" (Softmax) is not an Abs', (g, x) => turn(g, g.op('Softmax', [turn(g, x, NHWC)], {}, { name: 's' }), NCHW, 't')],
  ])('%s', (_, reason, make) => {
    const one = model(make)
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 't').toString()).toContain(reason)
  })

  test('a value between two transposes that is returned', () => {
    const one = build(17, (g) => {
      const relu = g.op('Relu', [turn(g, g.input('x', 'float32', [2, 3, 4, 5]), NHWC)])
      g.output(turn(g, g.op('Exp', [relu], {}, { name: 'f' }), NCHW, 't'), 'y')
      g.output(relu)
    })
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 't').why).toBe('no other transpose lies above "f" (Exp)')
  })
})
