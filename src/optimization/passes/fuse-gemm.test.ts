import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import type { GraphBuilder, Model, Value } from '../../onnx'
import { explain } from '../explain'
import { fuseGemm as pass } from './fuse-gemm'

const model = (make: (g: GraphBuilder, x: Value) => Value, dims: (number | string)[] = ['N', 4], opset = 17): Model =>
  build(opset, (g) => g.output(make(g, g.input('x', 'float32', dims)), 'y'))

describe('one Gemm', () => {
  test.each<[string, (g: GraphBuilder, x: Value) => Value]>([
    ['MatMul + vector', (g, x) => g.op('Add', [g.op('MatMul', [x, g.constant(weights([4, 3]))]), g.constant(weights([3]))])],
    ['scalar + MatMul', (g, x) => g.op('Add', [g.constant(weights([])), g.op('MatMul', [x, g.constant(weights([4, 3]))])])],
    ['MatMul + what is computed', (g, x) => g.op('Add', [g.op('MatMul', [x, g.constant(weights([4, 4]))]), g.op('MatMul', [x, g.constant(weights([4, 4], 2))])])],
    ['Gemm without C', (g, x) => g.op('Add', [g.op('Gemm', [x, g.constant(weights([4, 3]))], { beta: 0.5 }), g.constant(weights([1, 3]))])],
    ['MatMul of transposes', (g, x) => g.op('MatMul', [g.op('Transpose', [x]), g.op('Transpose', [g.op('Transpose', [x], { perm: [1, 0] })])])],
    ['Gemm of transposes', (g, x) => g.op('Gemm', [g.op('Transpose', [x]), g.op('Relu', [x])], { transA: 0 })],
  ])('%s', (name, make) => {
    const counts = operators(applied(model(make), pass).model)
    expect(counts['Add']).toBeUndefined()
    expect(counts['Gemm']).toBe(1)
    if (name.includes('transposes')) expect(counts['Transpose'] ?? 0).toBeLessThan(2)
  })
})

describe('leaves alone, and says why', () => {
  test.each<[string, (g: GraphBuilder, x: Value) => Value, (number | string)[], string]>([
    ['three axes', (g, x) => g.op('Add', [g.op('MatMul', [x, g.constant(weights([4, 3]))]), g.constant(weights([3]))], {}, { name: 'it' }), [2, 5, 4],
      'input 0 of MatMul: "x" [2,5,4] is no matrix, and Gemm takes only matrices'],
    ['a bias that makes the product larger', (g, x) => g.op('Add', [g.op('MatMul', [x, g.constant(weights([4, 1]))]), g.constant(weights([3]), 'c')], {}, { name: 'it' }), [2, 4],
      '"c" [3] does not broadcast to [2,1]'],
    ['two products', (g, x) => { const m = g.op('MatMul', [x, g.constant(weights([4, 4]))], {}, { outputs: ['m'] }); return g.op('Add', [m, g.op('Relu', [m])], {}, { name: 'it' }) }, [4, 4],
      '"m", made by MatMul, is also used by Relu'],
  ])('%s', (_, make, dims, reason) => {
    const one = model(make, dims)
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'it').why).toBe(reason)
  })

  test('integers', () => {
    const one = build(17, (g) => {
      const x = g.input('x', 'int32', [2, 2])
      g.output(g.op('Add', [g.op('MatMul', [x, x]), x], {}, { name: 'it' }), 'y')
    })
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'it').why).toBe('input 0 of MatMul: "x" is int32, and Gemm is for floats')
  })
})
