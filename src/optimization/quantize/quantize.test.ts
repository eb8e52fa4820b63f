// Quantized models in ONNX Runtime: against the float model, against simulated quantization, and what is refused.
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { random } from '../../core'
import { readModel, Tensor, validateModel, writeModel, type GraphBuilder, type Model, type Value } from '../../onnx'
import { build, runner, Session, weights } from '../../../test/support/run'
import { countOperators, exampleInputs, explain } from '..'
import type { RunTensors } from '../run'
import { sqnr } from './arithmetic'
import { quantizeDynamic } from './dynamic'
import { crossLayerEqualization } from './equalize'
import { smoothLayers } from './smooth'
import { outputNoises } from './noise'
import { assemble, calibrate, quantizeStatic } from './static'
import { keepIfBetter, quantizeMixed, sensitivity } from './search'
import { quantizeWeights } from './weight-only'
import { layersOf } from './layers'

const run = runner({ optimization: 'disabled', threads: 1 })
const optimized = runner({ threads: 1 })
afterAll(() => { run.dispose(); optimized.dispose() })

/** Convolutions with a residual connection, pooling and a classifier. */
export function network(seed = 1, options: { relu6?: boolean } = {}): Model {
  return build(17, (g) => {
    const x = g.input('x', 'float32', ['N', 3, 8, 8])
    const conv = (from: Value, ins: number, outs: number, s: number, group = 1): Value =>
      g.op('Conv', [from, weights([outs, ins / group, 3, 3], s, 1 / Math.sqrt(9 * ins / group)), weights([outs], s + 1, 0.1)], { pads: [1, 1, 1, 1], group })
    const act = (y: Value): Value => (options.relu6 === true ? g.op('Clip', [y, 0, 6]) : g.op('Relu', [y]))
    const a = act(conv(x, 3, 8, seed))
    const b = act(conv(act(conv(a, 8, 8, seed + 2, 8)), 8, 8, seed + 4))
    const pooled = g.op('MaxPool', [act(g.op('Add', [a, b]))], { kernel_shape: [2, 2], strides: [2, 2] })
    const flat = g.op('Flatten', [g.op('AveragePool', [pooled], { kernel_shape: [2, 2], strides: [2, 2] })])
    const hidden = g.op('Relu', [g.op('Gemm', [flat, weights([32, 16], seed + 6, 0.2), weights([16], seed + 7, 0.1)])])
    g.output(g.op('Gemm', [hidden, weights([5, 16], seed + 8, 0.3), weights([5], seed + 9, 0.1)], { transB: 1 }), 'y')
  })
}

/** Attention with three projections of one normalized input. */
export function attention(outliers = 1): Model {
  return build(17, (g) => {
    const x = g.input('x', 'float32', ['N', 6, 32])
    const scale = Float32Array.from({ length: 32 }, (_, k) => (k % 11 === 3 ? outliers : 1))
    const norm = g.op('LayerNormalization', [x, Tensor.from(scale), weights([32], 9, 0.1)])
    const linear = (from: Value, seed: number, n = 32): Value => g.op('Add', [g.op('MatMul', [from, weights([32, n], seed, 0.18)]), weights([n], seed + 1, 0.05)])
    const [q, k, v] = [linear(norm, 1), linear(norm, 3), linear(norm, 5)]
    const scores = g.op('Softmax', [g.op('MatMul', [g.op('Mul', [q, 0.2]), g.op('Transpose', [k], { perm: [0, 2, 1] })])], { axis: -1 })
    g.output(g.op('Add', [linear(g.op('MatMul', [scores, v]), 7), x]), 'y')
  })
}

const samples = (model: Model, count = 12): RunTensors[] => Array.from({ length: count }, (_, i) => exampleInputs(model, i + 1, { N: 2 }))
const output = (model: Model, inputs: RunTensors, by: typeof run = run): Float32Array => by(writeModel(model), inputs)['y']?.data as Float32Array

/** Operators after ONNX Runtime's own optimizer. */
function kernels(model: Model): Record<string, number> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-quantize-'))
  try {
    const file = path.join(folder, 'm.onnx')
    Session.create(writeModel(model), { optimization: 'extended', optimizedModelPath: file }).dispose()
    return Object.fromEntries(countOperators(readModel(readFileSync(file))))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('static quantization', () => {
  test('becomes integer kernels, from the input to the classifier', () => {
    const model = network()
    const { model: small, report } = quantizeStatic(model, { data: samples(model), run })
    expect(kernels(small)).toEqual({
      'QuantizeLinear': 1, 'QLinearConv': 3, 'com.microsoft.QLinearAdd': 1, 'MaxPool': 1, 'com.microsoft.QLinearAveragePool': 1, 'Flatten': 1, 'com.microsoft.QGemm': 2,
    })
    expect(report.sqnr).toBeGreaterThan(28)
    expect(report.bytes.after).toBeLessThan(report.bytes.before / 2.5)
    expect(validateModel(small)).toEqual([])
    expect(report.toString()).toContain('SQNR')
  })

  test('the integer kernels give what the simulated quantization gives, to within a step or two', () => {
    for (const seed of [1, 20, 40]) {
      const model = network(seed, { relu6: seed > 30 })
      const { model: small } = quantizeStatic(model, { data: samples(model), run })
      const inputs = exampleInputs(model, 77, { N: 4 })
      // MLAS rounds sums of integers once where the simulation rounds floats: differences are single steps of the last activations.
      expect(sqnr(output(small, inputs), output(small, inputs, optimized))).toBeGreaterThan(38)
    }
  })

  test('attention: both kinds of products in integers', () => {
    const model = attention()
    const { model: small, report } = quantizeStatic(model, { data: samples(model), run })
    expect(report.quantized.filter(({ opType }) => opType === 'MatMul')).toHaveLength(6)
    const found = kernels(small)
    expect((found['com.microsoft.MatMulIntegerToFloat'] ?? 0) + (found['QLinearMatMul'] ?? 0)).toBe(6)
    expect(report.sqnr).toBeGreaterThan(30)
  })

  test.each([
    { activations: 'int8' }, { activations: 'uint16' }, { activations: 'int16' }, { weights: 'uint8' }, { symmetricActivations: true, activations: 'int8' },
    { symmetricWeights: false }, { perChannel: false }, { reduceRange: true }, { calibration: 'percentile' }, { calibration: 'entropy' },
    { calibration: 'min-max' }, { equalize: true }, { biasCorrection: false }, { rounding: 'gptq' }, { rounding: 'adaround' }, { weightRange: 'mse' }, { smooth: 0.5 },
  ] as const)('with %o', (options) => {
    const model = network(5)
    const { report } = quantizeStatic(model, { data: samples(model, 4), run, ...options })
    expect(report.sqnr).toBeGreaterThan('activations' in options && options.activations.endsWith('16') ? 38 : 18)
  })

  test('a Relu that the integers cannot do stays', () => {
    const model = network(3)
    const { model: small } = quantizeStatic(model, { data: samples(model), run, activations: 'int8', symmetricActivations: true })
    expect(countOperators(small).get('Relu')).toBe(5)
    expect(countOperators(quantizeStatic(model, { data: samples(model), run, activations: 'int8' }).model).get('Relu')).toBe(undefined)
  })

  test('better rounding makes the error of layers smaller', () => {
    const model = network(8)
    const data = samples(model, 24)
    const local = (rounding: 'nearest' | 'gptq' | 'adaround'): number => {
      const { layers } = calibrate(model, { data, run, rounding, weights: 'int8', activations: 'uint16', perChannel: false, equalize: false, weightRange: 'min-max' })
      return [...layers.values()].reduce((sum, { sqnr: decibels }) => sum + decibels, 0) / layers.size
    }
    const nearest = local('nearest')
    expect(local('gptq')).toBeGreaterThan(nearest)
    expect(local('adaround')).toBeGreaterThan(nearest)
  })

  test('bias correction takes the mean error of each channel away', () => {
    const model = network(4)
    const data = samples(model, 24)
    const shift = (biasCorrection: boolean): number => {
      const { model: small } = assemble(calibrate(model, { data, run, biasCorrection, perChannel: false, equalize: false, calibration: 'min-max' }))
      const [a, b] = [model, small].map((one) => data.map((sample) => output(one, sample)))
      const mean = new Float64Array(5)
      a?.forEach((row, i) => row.forEach((x, c) => { mean[c % 5] = (mean[c % 5] ?? 0) + (x - (b?.[i]?.[c] ?? 0)) }))
      return mean.reduce((sum, x) => sum + Math.abs(x), 0)
    }
    expect(shift(true)).toBeLessThan(0.7 * shift(false))
  })

  test('biases are corrected only where that brings the outputs nearer', () => {
    // A strongest place decides, and most places are background: their mean error is not that of the place that counts.
    const background = (seed: number): Model => build(17, (g) => {
      const conv = (from: Value, ins: number, s: number): Value => g.op('Relu', [g.op('Conv', [from, weights([8, ins, 1, 1], s, 0.25), weights([8], s + 1, 0.1)])])
      const strongest = g.op('GlobalMaxPool', [conv(g.input('x', 'float32', ['N', 3, 12, 12]), 3, seed)])
      g.output(g.op('Gemm', [g.op('Flatten', [strongest]), weights([5, 8], seed + 4, 0.3)], { transB: 1 }), 'y')
    })
    const sparse = (model: Model): RunTensors[] => samples(model, 16).map((inputs) => {
      const x = inputs['x']
      return x === undefined ? {} : { x: { ...x, data: Float32Array.from(x.data as Float32Array, (value, i) => ((i % 144) % 17 === 3 ? 5 + value : -1)) } }
    })
    const chosen = new Set<boolean>()
    for (const [model, data] of [1, 2].flatMap((seed): [Model, RunTensors[]][] => [[network(seed), samples(network(seed))], [background(seed), sparse(background(seed))]])) {
      const made = ([true, false, 'auto'] as const).map((biasCorrection) => calibrate(model, { data, run, biasCorrection, perChannel: false, equalize: false, calibration: 'min-max' }))
      const [always = NaN, never = NaN, auto = NaN] = outputNoises(model, made.map((one) => assemble(one).model), data, run, 24)
      expect(auto).toBe(Math.max(always, never))
      chosen.add((made[2]?.biases.size ?? 0) > 0)
      if (never > always) expect(made[2]?.notes.join()).toMatch(/biases not corrected: SQNR [\d.]+ dB, corrected [\d.]+ dB/)
    }
    expect(chosen.size).toBe(2)
  })

  test('data are seen one sample at a time, and a stream can be given as a function', () => {
    const model = network(2)
    let alive = 0
    const stream = function* (): Generator<RunTensors> {
      for (let i = 0; i < 5; i++) {
        alive++
        yield exampleInputs(model, i, { N: 1 })
      }
    }
    const { count } = calibrate(model, { data: stream, run, compareOn: 1 })
    expect(count).toBe(5)
    expect(alive).toBeGreaterThanOrEqual(10)
    expect(() => calibrate(model, { data: stream(), run })).toThrow(/no calibration data/)
  })

  test('random networks: valid, integer, close to the source', () => {
    fc.assert(fc.property(fc.nat(1e6), fc.integer({ min: 2, max: 9 }), (seed, pieces) => {
      const model = randomNetwork(seed, pieces)
      const data = samples(model, 6)
      const { model: small, report } = quantizeStatic(model, { data, run, minimumSqnr: -100 })
      expect(validateModel(small)).toEqual([])
      const inputs = data[0] ?? {}
      expect(sqnr(output(model, inputs), output(small, inputs))).toBeGreaterThan(12)
      expect(sqnr(output(small, inputs), output(small, inputs, optimized))).toBeGreaterThan(25)
      for (const { node } of report.quantized) expect(node).not.toBe('')
    }), { numRuns: 25, seed: 7 })
  })
})

/** Pieces that quantization meets, in random order; the last value is returned. */
function randomNetwork(seed: number, pieces: number): Model {
  const numbers = random(seed)
  return build(17, (g: GraphBuilder) => {
    let x = g.input('x', 'float32', ['N', 4, 6, 6])
    const earlier: Value[] = [x]
    for (let i = 0; i < pieces; i++) {
      const s = seed + i * 10
      const other = earlier[numbers.int(earlier.length)] ?? x
      switch (numbers.int(10)) {
        case 0: x = g.op('Relu', [x]); break
        case 1: x = g.op('Clip', [x, 0, 6]); break
        case 2: x = g.op('Add', [x, other]); break
        case 3: x = g.op('Mul', [x, g.op('Sigmoid', [other])]); break
        case 4: x = g.op('MaxPool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }); break
        case 5: x = g.op('AveragePool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }); break
        case 6: x = g.op('Conv', [g.op('Concat', [x, other], { axis: 1 }), weights([4, 8, 1, 1], s, 0.35)]); break
        case 7: x = g.op('Transpose', [g.op('Transpose', [x], { perm: [0, 2, 3, 1] })], { perm: [0, 3, 1, 2] }); break
        case 8: x = g.op('Conv', [x, weights([4, 1, 3, 3], s, 0.3), weights([4], s + 1, 0.1)], { group: 4, pads: [1, 1, 1, 1] }); break
        default: x = g.op('Conv', [x, weights([4, 4, 3, 3], s, 0.16), weights([4], s + 1, 0.1)], { pads: [1, 1, 1, 1], dilations: [1, 1] })
      }
      earlier.push(x)
    }
    x = g.op('Conv', [x, weights([4, 4, 1, 1], seed + 999, 0.5)])
    g.output(g.op('MatMul', [g.op('Flatten', [x]), weights([144, 3], seed + 1000, 0.08)]), 'y')
  })
}

describe('dynamic quantization', () => {
  test('products, and without calibration data', () => {
    const model = attention()
    const { model: small, report } = quantizeDynamic(model, { run, sizes: { N: 2 } })
    expect(report.quantized).toHaveLength(4)
    expect(report.sqnr).toBeGreaterThan(30)
    // Three projections read one input: it is quantized once.
    expect(countOperators(small).get('DynamicQuantizeLinear')).toBe(2)
    const inputs = exampleInputs(model, 3, { N: 2 })
    expect(sqnr(output(small, inputs), output(small, inputs, optimized))).toBeGreaterThan(35)
  })

  test('convolutions and Gemm of both layouts, for each channel and for all', () => {
    const model = network()
    for (const perChannel of [true, false]) {
      const { report } = quantizeDynamic(model, { run, data: samples(model, 3), operators: ['Conv', 'Gemm', 'MatMul'], perChannel })
      expect(report.quantized.map(({ opType }) => opType).sort()).toEqual(['Conv', 'Conv', 'Conv', 'Gemm', 'Gemm'])
      expect(report.sqnr).toBeGreaterThan(20)
    }
  })

  test('LSTM in both directions, with state', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [5, 2, 8])
      const [y] = g.ops('LSTM', [x, weights([2, 24, 8], 1, 0.3), weights([2, 24, 6], 2, 0.3), weights([2, 48], 3, 0.1)], { hidden_size: 6, direction: 'bidirectional' }, { outputs: ['y', 'h', 'c'] })
      if (y !== undefined) g.output(y)
    })
    const { model: small, report } = quantizeDynamic(model, { run })
    expect(countOperators(small).get('com.microsoft.DynamicQuantizeLSTM')).toBe(1)
    expect(report.sqnr).toBeGreaterThan(25)
    expect(() => quantizeDynamic(model, { run, target: 'onnx' })).toThrow(/no integer LSTM/)
  })
})

describe('weight-only quantization', () => {
  test.each([
    [4, 'MatMulNBits', 15], [8, 'MatMulNBits', 35], [4, 'DequantizeLinear', 15], [8, 'DequantizeLinear', 35],
  ] as const)('%i bits as %s', (bits, format, least) => {
    for (const symmetric of [true, false]) {
      const model = attention()
      const { model: small, report } = quantizeWeights(model, { run, sizes: { N: 2 }, bits, format, blockSize: 16, symmetric })
      expect(report.sqnr).toBeGreaterThan(least)
      expect(report.quantized).toHaveLength(4)
      expect(report.bytes.after).toBeLessThan(report.bytes.before * (bits === 4 ? 0.4 : 0.6))
      const inputs = exampleInputs(model, 3, { N: 2 })
      // accuracy_level 4 lets the kernel quantize the inputs to 8 bits.
      expect(sqnr(output(small, inputs), output(small, inputs, optimized))).toBeGreaterThan(30)
    }
  })

  test('both formats hold the same numbers, bias of Gemm included', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [3, 64])
      g.output(g.op('Gemm', [x, weights([24, 64], 2, 0.2), weights([24], 3, 1)], { transB: 1 }), 'y')
    })
    const inputs = exampleInputs(model, 3)
    const [a, b] = (['MatMulNBits', 'DequantizeLinear'] as const).map((format) => output(quantizeWeights(model, { run, format, bits: 4, blockSize: 32, symmetric: false }).model, inputs))
    expect(sqnr(a ?? [], b ?? [])).toBeGreaterThan(30)
  })

  test('auto takes what runs', () => {
    const model = attention()
    const refusing: typeof run = Object.assign((bytes: Uint8Array, inputs: RunTensors) => {
      if (countOperators(readModel(bytes)).has('com.microsoft.MatMulNBits')) throw new Error('no such kernel')
      return run(bytes, inputs)
    }, { dispose: () => undefined })
    expect(quantizeWeights(model, { run, sizes: { N: 1 } }).report.method).toContain('MatMulNBits')
    expect(quantizeWeights(model, { run: refusing, sizes: { N: 1 } }).report.method).toContain('DequantizeLinear')
    expect(() => quantizeWeights(model, { run: () => { throw new Error('nothing runs') }, sizes: { N: 1 } })).toThrow(/no format/)
  })

  test('GPTQ makes the outputs better than rounding to nearest', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', ['N', 64])
      const mixed = g.op('MatMul', [x, weights([64, 64], 5, 0.3)], {}, { name: 'mix' })
      g.output(g.op('MatMul', [g.op('Relu', [mixed]), weights([64, 32], 6, 0.2)]), 'y')
    })
    const data = Array.from({ length: 40 }, (_, i) => exampleInputs(model, i, { N: 8 }))
    const of = (rounding: 'nearest' | 'gptq') => quantizeWeights(model, { run, data, rounding, format: 'DequantizeLinear', exclude: ['mix'] }).report.sqnr
    expect(of('gptq')).toBeGreaterThan(of('nearest') + 1)
  })
})

describe('sensitivity, mixed precision, guard', () => {
  const model = network(6)
  const data = samples(model, 8)

  /** The same function with channels of very different sizes: what equalization is for. */
  function uneven(): Model {
    const made = network(6)
    const [, first, second] = layersOf(made.graph)
    if (first?.bias?.value === undefined || second === undefined) throw new Error('the network has three convolutions')
    const factor = (channel: number): number => 4 ** (channel - 4)
    const scaled = (tensor: Tensor, by: (i: number) => number): Tensor =>
      Tensor.from(Float32Array.from(tensor.data as Float32Array, (x, i) => x * by(i)), tensor.shape)
    made.graph.setInitializer(first.weight, scaled(first.tensor, (i) => factor(Math.floor(i / 9))))
    made.graph.setInitializer(first.bias.value, scaled(first.bias.value.tensor ?? Tensor.scalar(0), factor))
    made.graph.setInitializer(second.weight, scaled(second.tensor, (i) => 1 / factor(Math.floor(i / 9) % 8)))
    return made
  }
  const plain = { data, run, perChannel: false, weightRange: 'min-max', biasCorrection: false } as const

  test('layers with uneven channels are the most sensitive, and equalization mends them', () => {
    const harmed = uneven()
    const inputs = data[0] ?? {}
    expect(sqnr(output(model, inputs), output(harmed, inputs))).toBeGreaterThan(100)
    const keys = layersOf(harmed.graph).slice(1, 3).map(({ key }) => key)
    expect(keys).toContain(sensitivity(calibrate(harmed, { ...plain, equalize: false }))[0]?.layer)
    const of = (equalize: boolean): number => quantizeStatic(harmed, { ...plain, equalize, minimumSqnr: -100 }).report.sqnr
    expect(of(true)).toBeGreaterThan(of(false) + 6)
    const pass = crossLayerEqualization.run(harmed)
    expect(sqnr(output(harmed, inputs), output(pass.model, inputs))).toBeGreaterThan(100)
    expect(explain(harmed, crossLayerEqualization, keys[0] ?? '').fires).toBe(true)
    expect(explain(harmed, crossLayerEqualization, keys[1] ?? '').why).toContain('Add')
  })

  test('SmoothQuant helps where single channels of an activation are large, and keeps the function', () => {
    const wide = attention(60)
    const inputs = samples(wide, 8)
    const smooth = smoothLayers(wide, { data: inputs, run })
    expect(smooth).toMatchObject({ groups: 2, absorbed: 1 })
    expect(sqnr(output(wide, inputs[0] ?? {}), output(smooth.model, inputs[0] ?? {}))).toBeGreaterThan(90)
    const of = (options: { smooth?: number }): number => quantizeStatic(wide, { data: inputs, run, minimumSqnr: -100, calibration: 'min-max', ...options }).report.sqnr
    expect(of({ smooth: 0.5 })).toBeGreaterThan(of({}) + 2)
  })

  test('keeps as few layers in float as the budget allows', () => {
    const whole = quantizeStatic(model, { data, run }).report.sqnr
    const mixed = quantizeMixed(model, { data, run, budget: { sqnr: whole + 1 } })
    expect(mixed.kept.length).toBeGreaterThan(0)
    expect(mixed.kept.length).toBeLessThan(5)
    expect(mixed.report.sqnr).toBeGreaterThanOrEqual(whole + 1)
    expect(quantizeMixed(model, { data, run, budget: { sqnr: whole - 5 } }).kept).toEqual([])
    expect(quantizeMixed(model, { data, run, budget: { score: () => 0.9, loss: 0.01 } }).kept).toEqual([])
    expect(() => quantizeMixed(model, { data, run, budget: { sqnr: 200 } })).toThrow(/No mixture/)
  })

  test('the guard keeps what is measured to be better, and nothing else', async () => {
    const { model: small } = quantizeStatic(model, { data, run })
    const measured = (ratio: number, low: number, high: number) => () => ({ ratio, interval: [low, high] as const })
    expect(await keepIfBetter(model, small, measured(0.5, 0.4, 0.6), { want: 'faster' })).toMatchObject({ kept: true, model: small })
    expect(await keepIfBetter(model, small, measured(0.95, 0.9, 1.02), { want: 'faster' })).toMatchObject({ kept: false })
    expect(await keepIfBetter(model, small, measured(0.95, 0.9, 1.02))).toMatchObject({ kept: true })
    const slower = await keepIfBetter(model, small, measured(2, 1.8, 2.2))
    expect(slower.kept).toBe(false)
    expect(slower.why).toContain('slower')
    await expect(keepIfBetter(model, small, measured(Number.NaN, 0, 0))).rejects.toThrow(/no ratio/)
  })
})
