// Bad input: what quantization refuses, and what it leaves alone with a reason.
import { afterAll, describe, expect, test } from 'vitest'
import { Tensor, writeModel, type Model, type Value } from '../../onnx'
import { build, runner, weights } from '../../../test/support/run'
import { exampleInputs } from '..'
import type { RunTensors } from '../run'
import { quantizeDynamic } from './dynamic'
import { quantizeStatic } from './static'
import { quantizeWeights } from './weight-only'
import { layersOf } from './layers'

const run = runner({ optimization: 'disabled', threads: 1 })
afterAll(() => { run.dispose() })

const linear = (n: number | string = 4): Model => build(17, (g) => {
  const x = g.input('x', 'float32', [n, 32])
  g.output(g.op('Gemm', [x, weights([32, 16], 1, 0.2), weights([16], 2, 0.1)]), 'y')
})
const sample = (data: Float32Array, shape = [4, 32]): RunTensors => ({ x: { dtype: 'float32', shape, data } })
const good = (model: Model): RunTensors[] => [exampleInputs(model, 1), exampleInputs(model, 2)]
const code = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}

describe('calibration data', () => {
  const model = linear()
  test.each([
    ['none', [], 'QUANTIZE_DATA'],
    ['of the wrong shape', [sample(new Float32Array(64), [2, 32])], 'QUANTIZE_DATA'],
    ['of another rank', [sample(new Float32Array(128), [4, 32, 1])], 'QUANTIZE_DATA'],
    ['too short for their shape', [sample(new Float32Array(127))], 'QUANTIZE_DATA'],
    ['of the wrong type', [{ x: { dtype: 'float64', shape: [4, 32], data: new Float64Array(128) } }], 'QUANTIZE_DATA'],
    ['of another name', [{ z: { dtype: 'float32', shape: [4, 32], data: new Float32Array(128) } }], 'QUANTIZE_DATA'],
    ['without an input', [{}], 'QUANTIZE_DATA'],
    ['with NaN', [sample(new Float32Array(128).fill(1)), sample(new Float32Array(128).fill(NaN))], 'QUANTIZE_NOT_FINITE'],
    ['with an infinity', [sample(Float32Array.from({ length: 128 }, (_, i) => (i === 7 ? Infinity : 0)))], 'QUANTIZE_NOT_FINITE'],
  ] as [string, RunTensors[], string][])('%s', (_, data, expected) => {
    expect(code(() => quantizeStatic(model, { data, run }))).toBe(expected)
  })

  test('the message names the sample, the input and the element', () => {
    const bad = new Float32Array(128)
    bad[5] = NaN
    expect(() => quantizeStatic(model, { data: [sample(new Float32Array(128)), sample(bad)], run })).toThrow(/sample 1, input "x", element 5/)
  })

  test('an activation that overflows, though the data are finite', () => {
    const wild = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 32])
      g.output(g.op('MatMul', [g.op('Exp', [g.op('Mul', [x, 1000])]), weights([32, 8], 1, 0.1)]), 'y')
    })
    expect(code(() => quantizeStatic(wild, { data: [sample(new Float32Array(128).fill(1))], run }))).toBe('QUANTIZE_NOT_FINITE')
  })
})

describe('models', () => {
  test('one that is quantized already', () => {
    const { model: small } = quantizeStatic(linear(), { data: good(linear()), run })
    for (const again of [() => quantizeStatic(small, { data: good(linear()), run }), () => quantizeDynamic(small, { run }), () => quantizeWeights(small, { run })]) {
      expect(code(again)).toBe('QUANTIZE_ALREADY')
    }
  })

  test('open sizes without example data', () => {
    const model = linear('N')
    expect(code(() => quantizeDynamic(model, { run }))).toBe('QUANTIZE_DATA')
    expect(code(() => quantizeWeights(model, { run }))).toBe('QUANTIZE_DATA')
    expect(quantizeDynamic(model, { run, sizes: { N: 3 } }).report.quantized).toHaveLength(1)
    expect(quantizeDynamic(model, { run, data: [sample(new Float32Array(128).fill(0.3))] }).report.quantized).toHaveLength(1)
  })

  test('operators without an integer form are left, with the reason; a model of nothing else is refused', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 32])
      const w = g.input('w', 'float32', [32, 32])
      g.output(g.op('MatMul', [g.op('Tanh', [g.op('MatMul', [x, weights([32, 32], 1, 0.2)])]), w]), 'y')
    })
    const data = [exampleInputs(model, 1)]
    const { report } = quantizeStatic(model, { data, run })
    expect(report.left.find(({ opType }) => opType === 'Tanh')?.why).toContain('no integer kernel')
    const odd = build(17, (g) => { g.output(g.op('Tanh', [g.input('x', 'float32', [4, 32])]), 'y') })
    expect(code(() => quantizeStatic(odd, { data: [exampleInputs(odd, 1)], run }))).toBe('QUANTIZE_NOTHING')
    expect(code(() => quantizeDynamic(odd, { run }))).toBe('QUANTIZE_NOTHING')
    expect(code(() => quantizeWeights(odd, { run }))).toBe('QUANTIZE_NOTHING')
  })

  test('an operator that no schema knows stays in float', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 32])
      const y = g.op('Gelu', [g.op('MatMul', [x, weights([32, 32], 1, 0.2)])], {}, { domain: 'com.microsoft' })
      y.type = { kind: 'tensor', dtype: 'float32', shape: [4, 32] }
      g.output(g.op('MatMul', [y, weights([32, 8], 2, 0.2)]), 'y')
    })
    const { report } = quantizeStatic(model, { data: [exampleInputs(model, 1)], run })
    expect(report.quantized.filter(({ opType }) => opType === 'MatMul')).toHaveLength(2)
    expect(report.left.map(({ opType }) => opType)).toEqual(['Gelu'])
  })

  test('a weight that two layers share is stored once, and each reads it', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 16])
      const w: Value = g.constant(weights([16, 16], 1, 0.25), 'shared')
      g.output(g.op('MatMul', [g.op('Tanh', [g.op('MatMul', [x, w])]), w]), 'y')
    })
    const data = [exampleInputs(model, 1), exampleInputs(model, 2)]
    for (const made of [
      quantizeStatic(model, { data, run }), quantizeStatic(model, { data, run, perChannel: false }), quantizeDynamic(model, { run }),
      quantizeWeights(model, { run, blockSize: 16, format: 'DequantizeLinear', bits: 8 }),
    ]) {
      expect(made.report.sqnr).toBeGreaterThan(20)
      const stored = [...made.model.graph.initializers.values()].filter((tensor) => tensor.size === 256)
      expect(stored.map(({ dtype }) => dtype)).not.toContain('float32')
      expect(stored).toHaveLength(1)
    }
  })

  test('a weight that is an output of the model too stays as it is there', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [4, 16])
      const w: Value = g.constant(weights([16, 16], 1, 0.25), 'w')
      g.output(g.op('MatMul', [x, w]), 'y')
      g.output(w)
    })
    const data = [exampleInputs(model, 1), exampleInputs(model, 2)]
    const source = weights([16, 16], 1, 0.25).data
    for (const { model: small } of [quantizeStatic(model, { data, run }), quantizeDynamic(model, { run }), quantizeWeights(model, { run, blockSize: 16 })]) {
      expect(run(writeModel(small), exampleInputs(model, 3))['w']?.data).toEqual(source)
    }
  })

  test('a weight that a caller may replace is no constant', () => {
    const model = linear()
    const layer = layersOf(model.graph)[0]
    if (layer !== undefined) model.graph.addInput(layer.weight)
    expect(() => quantizeDynamic(model, { run })).toThrow(/a caller may replace it/)
  })

  test('a weight that is not finite', () => {
    const model = linear()
    const layer = layersOf(model.graph)[0]
    const data = Float32Array.from(layer?.tensor.data as Float32Array)
    data[3] = Infinity
    if (layer !== undefined) model.graph.setInitializer(layer.weight, Tensor.from(data, layer.tensor.shape))
    expect(code(() => quantizeStatic(model, { data: [sample(new Float32Array(128).fill(0))], run, minimumSqnr: -1000 }))).toBe('QUANTIZE_NOT_FINITE')
  })

  test('a result that is too far from its source', () => {
    const model = linear()
    expect(code(() => quantizeWeights(model, { run, minimumSqnr: 80 }))).toBe('QUANTIZE_QUALITY')
    expect(code(() => quantizeStatic(model, { data: good(model), run, minimumSqnr: 80 }))).toBe('QUANTIZE_QUALITY')
  })

  test('an older operator set is raised, one that is too old is refused', () => {
    const old = build(9, (g) => {
      const x = g.input('x', 'float32', [2, 3, 8, 8])
      const y = g.op('Clip', [g.op('Conv', [x, weights([4, 3, 3, 3], 1, 0.2)])], { min: 0, max: 6 })
      g.output(g.op('Softmax', [g.op('Squeeze', [g.op('ReduceMean', [y], { axes: [2], keepdims: 1 })], { axes: [2] })], { axis: 2 }), 'y')
    })
    const { model: small, report } = quantizeStatic(old, { data: [exampleInputs(old, 1)], run })
    expect(small.opset).toBe(13)
    expect(report.sqnr).toBeGreaterThan(25)
    old.opsets.set('', 5)
    expect(code(() => quantizeStatic(old, { data: [exampleInputs(old, 1)], run }))).toBe('QUANTIZE_OPSET')
  })

  test('options that mean nothing', () => {
    expect(code(() => quantizeWeights(linear(), { run, blockSize: 20 }))).toBe('QUANTIZE_OPTION')
    expect(code(() => quantizeWeights(linear(), { run, rounding: 'gptq' }))).toBe('QUANTIZE_DATA')
    expect(code(() => quantizeStatic(linear(), { run, data: good(linear()), smooth: 2 }))).toBe('QUANTIZE_OPTION')
  })
})
