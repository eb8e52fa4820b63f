import { describe, expect, test } from 'vitest'
import { applied, build, operators, run, weights } from '../../../test/support/run'
import { Tensor, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { simplify } from '../optimize'
import { fuseAttention as pass } from './fuse-attention'

interface Case { opset?: number; mask?: boolean; where?: 'score' | 'both' | 'none'; axis?: number; used?: boolean }

/** Self-attention as PyTorch exports it: [N, 5, 8] with two heads of 4. */
function model({ opset = 17, mask = false, where = 'score', axis = -1, used = false }: Case): Model {
  return build(opset, (g) => {
    const x = g.input('x', 'float32', ['N', 5, 8])
    const split = (name: string, seed: number, perm: number[]): Value => {
      const projected = g.op('Add', [g.op('MatMul', [x, g.constant(weights([8, 8], seed), `w_${name}`)]), g.constant(weights([8], seed + 10))], {}, { outputs: [name] })
      return g.op('Transpose', [g.op('Reshape', [projected, g.constant(Tensor.from([0, 5, 2, 4], [4], 'int64'))])], { perm })
    }
    let [q, k] = [split('q', 1, [0, 2, 1, 3]), g.op('Transpose', [split('k', 2, [0, 2, 1, 3])], { perm: [0, 1, 3, 2] })]
    if (where === 'both') [q, k] = [q, k].map((y) => g.op('Mul', [y, g.constant(Math.SQRT1_2)])) as [Value, Value]
    let scores = g.op('MatMul', [q, k])
    if (where === 'score') scores = g.op('Div', [scores, g.constant(2)])
    if (mask) scores = g.op('Add', [scores, g.input('mask', 'float32', [1, 1, 5, 5])])
    const probabilities = g.op('Softmax', [scores], { axis }, { name: 'softmax', outputs: ['p'] })
    const joined = g.op('Transpose', [g.op('MatMul', [probabilities, split('v', 3, [0, 2, 1, 3])], {}, { name: 'product' })], { perm: [0, 2, 1, 3] })
    g.output(g.op('Reshape', [joined, g.constant(Tensor.from([0, 5, 8], [3], 'int64'))], {}, { name: 'join' }), 'y')
    if (used) g.output(probabilities)
  })
}

describe('scaled dot-product attention', () => {
  test.each<Case>([{}, { mask: true }, { where: 'both' }, { where: 'none', mask: true }])('for ONNX Runtime: %j', (one) => {
    const { model: small } = simplify(model(one), { target: 'onnxruntime', run, sizes: { N: 2 } })
    expect(operators(small)['com.microsoft.MultiHeadAttention']).toBe(1)
    expect(operators(small)['Softmax']).toBeUndefined()
    expect(operators(small)['Transpose']).toBeUndefined()
  })

  test.each<Case>([{}, { mask: true }, { where: 'both' }])('in operator set 23: %j', (one) => {
    const counts = operators(applied(model({ ...one, opset: 23 }), pass).model)
    expect(counts['Attention']).toBe(1)
    expect(counts['Softmax']).toBeUndefined()
    const whole = simplify(model({ ...one, opset: 23 }), { run, sizes: { N: 3 } })
    expect(operators(whole.model)['Attention']).toBe(1)
  })
})

describe('grouped queries', () => {
  /** Six heads of queries in three groups, as PyTorch writes `repeat_kv`; `order` of the expanded axes. */
  const groups = (order: 'each' | 'tiled', mask: boolean): Model => build(23, (g) => {
    const part = (name: string, heads: number): Value => g.input(name, 'float32', [2, heads, 5, 4])
    const int64 = (...values: number[]): Value => g.constant(Tensor.from(values, [values.length], 'int64'))
    const repeat = (x: Value): Value => {
      const [axis, sizes] = order === 'each' ? [2, [2, 3, 2, 5, 4]] : [1, [2, 2, 3, 5, 4]]
      return g.op('Reshape', [g.op('Expand', [g.op('Unsqueeze', [x, int64(axis)]), int64(...sizes)]), int64(2, 6, 5, 4)])
    }
    const [k, v] = [repeat(part('k', 3)), repeat(part('v', 3))]
    const scores = g.op('Mul', [g.op('MatMul', [part('q', 6), g.op('Transpose', [k], { perm: [0, 1, 3, 2] })]), g.constant(0.5)])
    const masked = mask ? g.op('Add', [scores, g.input('mask', 'float32', [1, 1, 5, 5])]) : scores
    g.output(g.op('MatMul', [g.op('Softmax', [masked], { axis: -1 }), v], {}, { name: 'product' }), 'y')
  })

  test.each([false, true])('keys and values are not repeated any more (mask: %s)', (mask) => {
    const { model: small } = simplify(groups('each', mask), { run })
    expect(operators(small)).toEqual({ Attention: 1 })
    expect(small.graph.nodes[0]?.inputs.map((value) => value?.name)).toEqual(['q', 'k', 'v', ...mask ? ['mask'] : []])
  })

  test('heads that are tiled instead belong to other queries, and stay', () => {
    const one = groups('tiled', false)
    const { model: small } = simplify(one, { run })
    expect(operators(small)).toMatchObject({ Attention: 1, Expand: 2 })
    const [attention] = small.graph.nodes.filter(({ opType }) => opType === 'Attention')
    expect(explain(small, pass, attention?.name ?? '').toString()).toContain('does not repeat each head of "k"')
  })
})

describe('leaves alone, and says why', () => {
  test('operator sets before 23, for every runtime', () => {
    expect(pass.run(model({})).modified).toBe(false)
    expect(explain(model({}), pass, 'product').toString()).toContain('operator set 17 has no Attention (23 has)')
  })

  test('a softmax over another axis', () => {
    const one = model({ opset: 23, axis: 2 })
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'product').why).toBe('"softmax" (Softmax) is over axis 2, not over the last one')
  })

  test('probabilities that are returned', () => {
    const one = model({ opset: 23, used: true })
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'product').toString()).toContain('"p", made by "softmax" (Softmax), is an output of the graph')
  })
})
