import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { fuseBatchNormalization as pass } from './fuse-batch-normalization'

interface Case {
  opType?: 'Conv' | 'ConvTranspose'
  group?: number
  bias?: boolean
  weight?: (g: GraphBuilder, tensor: Tensor) => Value
  training?: boolean
  variance?: Tensor
  after?: (g: GraphBuilder, conv: Value, norm: Value) => void
  irVersion?: number
}

/** x [1, 4, 7, 7] → Conv to 6 channels → BatchNormalization. */
function model({ opType = 'Conv', group = 1, bias = true, weight, training = false, variance, after, irVersion = 10 }: Case = {}): Model {
  return build(17, (g) => {
    const x = g.input('x', 'float32', [1, 4, 7, 7])
    const shape = opType === 'Conv' ? [6, 4 / group, 3, 3] : [4, 6 / group, 3, 3]
    const w = weight?.(g, weights(shape, 2)) ?? g.constant(weights(shape, 2), 'w')
    const conv = g.op(opType, [x, w, bias ? g.constant(weights([6], 3), 'b') : undefined], { group, strides: [2, 2], pads: [1, 1, 1, 1] }, { name: 'conv', outputs: ['c'] })
    const [norm] = g.ops('BatchNormalization', [
      conv, g.constant(weights([6], 4)), g.constant(weights([6], 5)), g.constant(weights([6], 6)),
      g.constant(variance ?? weights([6], 7, 0.1, 1)),
    ], { epsilon: 1e-3, ...(training ? { training_mode: 1 } : {}) }, { name: 'bn', outputs: training ? 3 : 1 })
    if (norm === undefined) throw new Error('no output')
    if (after === undefined) g.output(norm, 'y')
    else after(g, conv, norm)
  }, { irVersion })
}

const why = (one: Model, node = 'bn'): string => explain(one, pass, node).why

describe('Conv + BatchNormalization', () => {
  test.each([
    ['Conv', 1, true], ['Conv', 1, false], ['Conv', 2, true], ['ConvTranspose', 1, true], ['ConvTranspose', 2, false],
  ] as const)('%s with %i groups, bias: %s', (opType, group, bias) => {
    const { model: fused, changes } = applied(model({ opType, group, bias }), pass)
    expect(operators(fused)).toEqual({ [opType]: 1 })
    expect(fused.graph.outputs.map((value) => value.name)).toEqual(['y'])
    expect(changes[0]?.what).toBe(`"conv" (${opType}) + "bn" (BatchNormalization) → ${opType}`)
  })

  test('a weight that another convolution shares is kept for it', () => {
    const shared = model({
      after: (g, conv, norm) => {
        const other = g.op('Conv', [g.graph.inputs[0], conv.producer?.inputs[1]], { strides: [2, 2], pads: [1, 1, 1, 1] })
        g.output(g.op('Add', [other, norm]), 'y')
      },
    })
    expect(operators(applied(shared, pass).model)).toEqual({ Add: 1, Conv: 2 })
  })

  test('after a Gemm with α and β', () => {
    const dense = build(17, (g) => {
      const product = g.op('Gemm', [g.input('x', 'float32', ['N', 4]), g.constant(weights([3, 4])), g.constant(weights([3], 2))], { transB: 1, alpha: 0.5, beta: 0.25 })
      const c = (seed: number, shift: number) => g.constant(weights([3], seed, 0.1, shift))
      g.output(g.op('BatchNormalization', [product, c(3, 1), c(4, 0), c(5, 0), c(6, 1)]), 'y')
    })
    expect(operators(applied(dense, pass).model)).toEqual({ Gemm: 1 })
  })

  test('float16 weights stay float16', () => {
    const half = build(17, (g) => {
      const x = g.input('x', 'float16', [1, 2, 4, 4])
      const h = (shape: number[], seed: number, shift = 0) => g.constant(Tensor.from(weights(shape, seed, 0.3, shift).numbers(), shape, 'float16'))
      const conv = g.op('Conv', [x, h([3, 2, 1, 1], 1)])
      g.output(g.op('BatchNormalization', [conv, h([3], 2), h([3], 3), h([3], 4), h([3], 5, 2)]), 'y')
    })
    const { model: fused } = applied(half, pass, { tolerance: { relative: 1e-2, absolute: 1e-2 } })
    expect([...fused.graph.nodes[0]?.inputs ?? []].map((value) => value?.dtype)).toEqual(['float16', 'float16', 'float16'])
  })
})

describe('leaves alone, and says why', () => {
  test('an output of the convolution that is used elsewhere', () => {
    const used = model({ after: (g, conv, norm) => g.output(g.op('Add', [conv, norm]), 'y') })
    expect(pass.run(used).modified).toBe(false)
    expect(why(used)).toBe('"c", made by "conv" (Conv), is also used by Add')
    expect(why(used, 'conv')).toBe('"c", made by "conv" (Conv), is also used by Add')
  })

  test('an output of the convolution that the graph returns', () => {
    const returned = model({ after: (g, conv, norm) => { g.output(norm, 'y'); g.output(conv) } })
    expect(pass.run(returned).modified).toBe(false)
    expect(why(returned)).toBe('"c", made by "conv" (Conv), is an output of the graph')
  })

  test('weights that callers may replace', () => {
    const open = model({ weight: (g, tensor) => { const w = g.input('w', 'float32', tensor.shape); g.graph.addInitializer(w, tensor); return w } })
    expect(pass.run(open).modified).toBe(false)
    expect(why(open)).toBe('input 1 of "conv" (Conv) is not constant: "w" is an initializer that is also an input of the graph, so a caller may replace it')
  })

  test('weights that are inputs', () => {
    const open = model({ weight: (g, tensor) => g.input('w', 'float32', tensor.shape) })
    expect(why(open)).toBe('input 1 of "conv" (Conv) is not constant: "w" is an input of the graph')
  })

  test('training mode', () => {
    const training = model({ training: true })
    expect(pass.run(training).modified).toBe(false)
    expect(why(training)).toBe('"bn" (BatchNormalization) is in training mode')
  })

  test('a variance that makes the result not a number', () => {
    const broken = model({ variance: Tensor.from(new Float32Array([1, 1, -3, 1, 1, 1])) })
    expect(pass.run(broken).modified).toBe(false)
    expect(why(broken)).toBe('the variance of channel 2 is -3, so its normalization is not a number')
  })

  test('no convolution before it', () => {
    const alone = build(17, (g) => {
      const x = g.input('x', 'float32', [1, 2, 3, 3])
      const c = (shift: number) => g.constant(weights([2], shift, 0.1, 1))
      g.output(g.op('BatchNormalization', [g.op('Relu', [x], {}, { name: 'r' }), c(1), c(2), c(3), c(4)], {}, { name: 'bn' }), 'y')
    })
    expect(why(alone)).toBe('"r" (Relu) is not a Conv')
    expect(explain(alone, pass, 'r').why).toBe('"r" (Relu) is not a Conv')
  })
})
