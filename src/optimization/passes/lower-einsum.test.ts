import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applied, build, operators, simplify, run, weights } from '../../../test/support/run'
import { Tensor, type Dim, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { lowerEinsum as pass } from './lower-einsum'

const SIZES: Readonly<Record<string, number>> = { b: 2, n: 3, k: 4, i: 5, h: 2, j: 6 }
const model = (equation: string, shapes: readonly (readonly Dim[])[], opset = 17): Model => build(opset, (g) => {
  g.output(g.op('Einsum', shapes.map((shape, i) => g.input('xyz'[i] ?? 'w', 'float32', shape)), { equation }, { name: 'it' }), 'out')
})
const sized = (equation: string): Model => model(equation, (equation.split('->')[0] ?? '').split(',').map((term) => Array.from(term).map((letter) => SIZES[letter] ?? 1)))

describe('Einsum as MatMul', () => {
  test('any order of the axes of a batched product, and rows of several axes', () => {
    const shuffled = (letters: string): fc.Arbitrary<string> => fc.shuffledSubarray(Array.from(letters), { minLength: letters.length }).map((list) => list.join(''))
    const equation = fc.constantFrom(['', 'i'], ['b', 'i'], ['bn', 'i'], ['', 'ih'], ['', 'ihn']).chain(([batch = '', rows = '']) =>
      fc.tuple(shuffled(`${batch}${rows}k`), shuffled(`${batch}kj`), shuffled(`${batch}${rows}j`)).map(([a, b, out]) => `${a},${b}->${out}`))
    fc.assert(fc.property(equation, (text) => {
      const { model: lowered } = applied(sized(text), pass)
      const { MatMul, Transpose = 0, ...rest } = operators(lowered)
      expect([MatMul, rest]).toEqual([1, {}])
      expect(Transpose).toBeLessThanOrEqual(3)
    }), { numRuns: 60 })
  })

  test('no transposes where none are needed, and open sizes stay open', () => {
    expect(operators(applied(model('bik, bkj -> bij', [['N', 5, 'K'], ['N', 'K', 6]]), pass).model)).toEqual({ MatMul: 1 })
  })

  test.each<[string, string | Model, RegExp]>([
    ['a diagonal', 'ii,ik->ik', /repeats a letter/],
    ['a sum over one operand', 'ik,kjh->ij', /only one operand has/],
    ['an outer product', 'i,j->ij', /sums over 0 axes/],
    ['two summed axes', 'ikh,khj->ij', /sums over 2 axes/],
    ['two axes of columns', 'ik,kjh->ijh', /1 and 2 axes/],
    ['batches and two axes of rows', 'bihk,bkj->bihj', /2 and 1 axes/],
    ['an ellipsis', model('...ik,kj->...ij', [[2, 5, 4], [4, 6]]), /not of the form/],
    ['three operands', 'ik,kj,jh->ih', /Einsum|operands|inputs/],
    ['a summed axis that is broadcast', model('ik,kj->ij', [[5, 1], [4, 6]]), /equally long/],
    ['a summed axis of unknown size', model('ik,kj->ij', [[5, 'K'], ['L', 6]]), /equally long/],
  ])('leaves alone: %s', (_, given, why) => {
    const one = typeof given === 'string' ? sized(given) : given
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'it').toString()).toMatch(why)
  })

  test("Keras's attention becomes one operator", () => {
    const heads = (g: GraphBuilder, x: Value, seed: number): Value =>
      g.op('Reshape', [g.op('MatMul', [x, g.constant(weights([16, 16], seed))]), g.constant(Tensor.from([0, 10, 2, 8], [4], 'int64'))])
    const attention = build(17, (g) => {
      const x = g.input('x', 'float32', ['N', 10, 16])
      const scores = g.op('Einsum', [heads(g, x, 1), heads(g, x, 2)], { equation: 'BTNH,BSNH->BNTS' })
      const mixed = g.op('Einsum', [g.op('Softmax', [g.op('Mul', [scores, g.constant(0.35)])], { axis: -1 }), heads(g, x, 3)], { equation: 'BNTS,BSNH->BTNH' })
      g.output(g.op('Reshape', [mixed, g.constant(Tensor.from([-1, 10, 16], [3], 'int64'))]), 'y')
    })
    expect(operators(simplify(attention, { run, target: 'onnxruntime' }).model)).toEqual({ 'MatMul': 3, 'com.microsoft.MultiHeadAttention': 1 })
  })
})
