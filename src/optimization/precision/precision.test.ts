// 16-bit models in ONNX Runtime against their float32 source; which nodes stay, and why.
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Tensor, validateModel, type Model, type Value } from '../../onnx'
import { build, operators, runner, weights } from '../../../test/support/run'
import { exampleInputs } from '..'
import { convertPrecision } from './convert'
import { HALF, unsafeConstant, weightRange } from './range'

const run = runner({ optimization: 'disabled', threads: 1 })
afterAll(() => { run.dispose() })

const network = (): Model => build(17, (g) => {
  const x = g.input('x', 'float32', ['N', 3, 8, 8])
  const y = g.op('Relu', [g.op('Conv', [x, weights([8, 3, 3, 3], 1, 0.2), weights([8], 2, 0.1)], { pads: [1, 1, 1, 1] })])
  const flat = g.op('Flatten', [g.op('Resize', [g.op('MaxPool', [y], { kernel_shape: [2, 2], strides: [2, 2] }), undefined, Tensor.from([1, 1, 2, 2], [4], 'float32')])])
  g.output(g.op('Gemm', [flat, weights([512, 6], 3, 0.05), weights([6], 4, 0.1)]), 'y')
})
const samples = (model: Model, count = 4) => Array.from({ length: count }, (_, i) => exampleInputs(model, i + 1, { N: 2 }))

describe('what the types hold', () => {
  test('the border of overflow and underflow is where the codec rounds to infinity and to zero', () => {
    for (const type of ['float16', 'bfloat16'] as const) {
      const { largest, smallest, epsilon } = HALF[type]
      const stored = (x: number): number => Number((Tensor.from([x], [1], type).toArray() as Float32Array)[0])
      expect(stored(largest)).toBe(largest)
      expect(stored(smallest)).toBe(smallest)
      expect(stored(1 + epsilon)).toBe(1)
      expect(stored(1 + 2 * epsilon)).toBe(1 + 2 * epsilon)
      fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const range = weightRange(Tensor.from(Float32Array.of(x)), type)
        expect(range.overflowed > 0).toBe(!Number.isFinite(stored(x)))
        expect(range.flushed > 0).toBe(x !== 0 && stored(x) === 0)
      }), { numRuns: 300, seed: 1 })
    }
  })

  test('reasons', () => {
    expect(unsafeConstant(Tensor.scalar(1e-12, 'float32'), 'float16')).toContain('becomes 0')
    expect(unsafeConstant(Tensor.scalar(1e-12, 'float32'), 'bfloat16')).toBe(undefined)
    expect(unsafeConstant(Tensor.from([1, 7e4]), 'float16')).toContain('overflows')
    expect(unsafeConstant(weights([64]), 'float16')).toBe(undefined)
  })
})

describe('float16', () => {
  test('half the bytes, the same answers to three digits, inputs and outputs as they were', () => {
    const model = network()
    const { model: half, report } = convertPrecision(model, { run, data: samples(model) })
    expect(report.sqnr).toBeGreaterThan(55)
    expect(report.bytes.after).toBeLessThan(report.bytes.before * 0.52)
    expect(validateModel(half)).toEqual([])
    expect(half.graph.inputs[0]?.dtype).toBe('float32')
    expect(operators(half)['Cast']).toBe(2)
    expect(report.left).toEqual([])
  })

  test('inputs and outputs in float16 when asked', () => {
    const model = network()
    const { model: half } = convertPrecision(model, { run, data: samples(model), keepIoTypes: false })
    expect([half.graph.inputs[0]?.dtype, half.graph.outputs[0]?.dtype]).toEqual(['float16', 'float16'])
    expect(operators(half)['Cast']).toBe(undefined)
  })

  test('a node whose numbers do not fit stays, and the report says which and why', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 16])
      const big = g.op('Mul', [x, 60000], {}, { outputs: ['big'] })
      const back = g.op('Mul', [big, 1e-4])
      g.output(g.op('MatMul', [back, weights([16, 8], 1, 0.2)]), 'y')
    })
    const { report } = convertPrecision(model, { run, data: samples(model), simplify: false })
    expect(report.left.map(({ node, why }) => [node, why.includes('reaches')])).toEqual([['big', true], ['mul', true]])
    expect(report.sqnr).toBeGreaterThan(50)
    // Without data nobody knows. ONNX Runtime's CPU provider computes Mul in float32 and so does not show it either.
    expect(convertPrecision(model, { run, simplify: false }).report.left).toEqual([])
  })

  test('an ε that becomes zero keeps its division in float32', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 16])
      const mean = g.op('ReduceMean', [g.op('Mul', [x, x])], { axes: [-1] })
      const spread = g.op('Sqrt', [g.op('Add', [mean, 1e-12], {}, { outputs: ['safe'] })])
      g.output(g.op('Div', [x, spread]), 'y')
    })
    const { report } = convertPrecision(model, { run, data: samples(model), simplify: false })
    expect(report.left.map(({ node }) => node)).toEqual(['safe'])
    expect(report.left[0]?.why).toContain('becomes 0')
  })

  test('squares inside a normalization', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 16])
      const wide = g.op('Mul', [x, 400])
      g.output(g.op('LayerNormalization', [wide, weights([16], 1, 0.1, 1), weights([16], 2)]), 'y')
    })
    const { report } = convertPrecision(model, { run, data: samples(model) })
    expect(report.left.map(({ opType, why }) => [opType, why.includes('squares')])).toEqual([['LayerNormalization', true]])
  })

  test('random graphs of many operators convert, validate and run', () => {
    fc.assert(fc.property(fc.array(fc.nat(7), { minLength: 1, maxLength: 10 }), fc.nat(99), (pieces, seed) => {
      const model = build(17, (g) => {
        let x: Value = g.input('x', 'float32', [2, 4, 6])
        for (const [i, piece] of pieces.entries()) {
          const make = [
            () => g.op('Relu', [x]), () => g.op('Softmax', [x], { axis: -1 }), () => g.op('Add', [x, weights([6], seed + i)]),
            () => g.op('MatMul', [x, weights([6, 6], seed + i, 0.4)]), () => g.op('Mul', [x, g.op('Cast', [g.op('Greater', [x, 0.1]), ], { to: 1 })]),
            () => g.op('Where', [g.op('Less', [x, 0.2]), x, g.op('ConstantOfShape', [g.op('Shape', [x])], { value: Tensor.from([0.5], [1]) })]),
            () => g.op('Concat', [g.op('Slice', [x, Tensor.from([0], [1], 'int64'), Tensor.from([2], [1], 'int64'), Tensor.from([2], [1], 'int64')]),
              g.op('Slice', [x, Tensor.from([2], [1], 'int64'), Tensor.from([6], [1], 'int64'), Tensor.from([2], [1], 'int64')])], { axis: 2 }),
            () => g.op('LayerNormalization', [x, weights([6], seed + i, 0.1, 1)]),
          ][piece]
          if (make !== undefined) x = make()
        }
        g.output(g.op('Tanh', [x]), 'y')
      })
      const { model: half, report } = convertPrecision(model, { run, data: samples(model, 2), minimumSqnr: -100 })
      expect(validateModel(half)).toEqual([])
      // Comparisons may fall the other way for a number beside the threshold, so this is no bound on every element.
      expect(report.sqnr).toBeGreaterThan(pieces.some((piece) => piece === 4 || piece === 5) ? 5 : 40)
    }), { numRuns: 30, seed: 4 })
  })
})

describe('bfloat16', () => {
  test('stored only: half the bytes, every node in float32', () => {
    const model = network()
    const { model: small, report } = convertPrecision(model, { run, data: samples(model), type: 'bfloat16', mode: 'storage' })
    expect(report.bytes.after).toBeLessThan(report.bytes.before * 0.55)
    expect(report.sqnr).toBeGreaterThan(38)
    expect(operators(small)['Cast']).toBe(2)
  })

  test('computed: where the runtime has no kernels, it is said, and auto keeps those operators in float32', () => {
    const model = network()
    const of = (mode: 'compute' | 'auto') => () => convertPrecision(model, { run, data: samples(model), type: 'bfloat16', mode })
    expect(of('compute')).toThrow(/does not run/)
    let reason = ''
    try {
      reason = of('auto')().report.left.map(({ why }) => why).join(' ')
    } catch (error) {
      reason = (error as Error).message
    }
    expect(reason).toContain('bfloat16')
    expect(reason).toContain('Conv')
  })
})

test('refusals', () => {
  const model = network()
  expect(() => convertPrecision(model, { run })).toThrow(/sizes of the input x are open/)
  expect(() => convertPrecision(model, { run, data: samples(model), headroom: 0.5 })).toThrow(/headroom/)
  expect(() => convertPrecision(model, { run, data: samples(model), type: 'bfloat16', keepIoTypes: false })).toThrow(/cannot become bfloat16/)
  expect(() => convertPrecision(model, { run, data: samples(model), exclude: model.graph.nodes.map(({ opType }) => opType) })).toThrow(/No node/)
})
