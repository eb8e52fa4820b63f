import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { fuseAffine as pass } from './fuse-affine'

const LINEAR: Record<string, { make: (g: GraphBuilder) => Value; channel: number[] }> = {
  Conv: { channel: [6, 1, 1], make: (g) => g.op('Conv', [g.input('x', 'float32', [1, 4, 5, 5]), g.constant(weights([6, 2, 3, 3]), 'w')], { group: 2 }, { name: 'linear' }) },
  ConvTranspose: { channel: [1, 6, 1, 1], make: (g) => g.op('ConvTranspose', [g.input('x', 'float32', [1, 4, 5, 5]), g.constant(weights([4, 3, 3, 3]), 'w'), g.constant(weights([6], 8), 'b')], { group: 2 }, { name: 'linear' }) },
  Gemm: { channel: [6], make: (g) => g.op('Gemm', [g.input('x', 'float32', [2, 4]), g.constant(weights([6, 4]), 'w'), g.constant(weights([1, 6], 8), 'b')], { transB: 1, alpha: 0.5, beta: 2.0 }, { name: 'linear' }) },
  MatMul: { channel: [6], make: (g) => g.op('MatMul', [g.input('x', 'float32', ['N', 3, 4]), g.constant(weights([4, 6]), 'w')], {}, { name: 'linear' }) },
}

const model = (opType: string, f: string, c: Tensor, swap = false): Model => build(17, (g) => {
  const linear = (LINEAR[opType] ?? LINEAR['Conv'])?.make(g)
  const constant = g.constant(c, 'c')
  g.output(g.op(f, swap ? [constant, linear] : [linear, constant], {}, { name: 'f' }), 'y')
})

describe('arithmetic with constants goes into the weights', () => {
  const cases = Object.keys(LINEAR).flatMap((opType) => ['Add', 'Sub', 'Mul', 'Div'].map((f) => [opType, f] as const))
  test.each(cases.filter(([opType, f]) => opType !== 'MatMul' || f === 'Mul' || f === 'Div'))('%s, then %s', (opType, f) => {
    for (const shape of [LINEAR[opType]?.channel ?? [], []]) {
      const { model: small } = applied(model(opType, f, weights(shape, 9, 0.2, 1.5)), pass)
      expect(operators(small)).toEqual({ [opType]: 1 })
    }
    const commutes = f === 'Add' || f === 'Mul'
    expect(pass.run(model(opType, f, weights([], 9, 0, 2), true)).modified).toBe(commutes)
  })
})

describe('leaves alone, and says why', () => {
  test.each<[string, string, Tensor, string]>([
    ['Conv', 'Add', weights([3]), 'the constant Tensor float32[3] is not one number for each of 6 channels'],
    ['Conv', 'Mul', weights([3, 3]), 'the constant Tensor float32[3,3] is not one number for each of 6 channels'],
    ['Conv', 'Add', weights([1, 1, 6, 1, 1]), 'the constant Tensor float32[1,1,6,1,1] has more axes than what it is combined with'],
    ['Gemm', 'Add', weights([2, 6]), 'the constant Tensor float32[2,6] is not one number for each of 6 channels'],
    ['Conv', 'Div', Tensor.from(new Float32Array([1, 1, 0, 1, 1, 1]), [6, 1, 1]), 'channel 2 is scaled by Infinity'],
    ['MatMul', 'Add', weights([6]), '"linear" (MatMul) is not a Conv'],
  ])('%s, then %s', (opType, f, c, reason) => {
    const one = model(opType, f, c)
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'f').toString()).toContain(reason)
  })

  test('weights that overflow float16', () => {
    const half = build(17, (g) => {
      const h = (value: number, shape: number[]) => g.constant(Tensor.from(new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(value), shape, 'float16'))
      const conv = g.op('Conv', [g.input('x', 'float16', [1, 1, 2, 2]), h(300, [1, 1, 1, 1])])
      g.output(g.op('Mul', [conv, h(300, [1, 1, 1])], {}, { name: 'f' }), 'y')
    })
    expect(pass.run(half).modified).toBe(false)
    expect(explain(half, pass, 'f').why).toBe('the folded weights do not fit into float16')
  })
})
