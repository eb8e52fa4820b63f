// Bad input to everything besides quantization (which has refusals.test.ts): a typed error or a stated refusal, never a wrong model.
import { describe, expect, test } from 'vitest'
import { build, operators, run, weights } from '../../test/support/run'
import { validateModel, writeModel, type Model, type Value } from '../onnx'
import {
  convertPrecision, dependencies, exampleInputs, factorize, optimize, pruneStructured, pruneWeights, quantizeMixed, quantizeStatic, readCompressed, shareWeights, simplify,
  writeCompressed, type OptimizeOptions, type RunTensors,
} from '.'

const code = async (work: () => unknown): Promise<string> => {
  try {
    await work()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}

/** Two layers with a hidden one between them. */
const mlp = (rows: number | string = 'N', change: (y: Value, g: Parameters<Parameters<typeof build>[1]>[0]) => Value = (y) => y): Model => build(17, (g) => {
  const h = g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', [rows, 16]), g.constant(weights([16, 24], 1, 0.3), 'a')], {}, { name: 'first' })])
  g.output(g.op('MatMul', [change(h, g), g.constant(weights([24, 4], 2, 0.3), 'b')], {}, { name: 'second' }), 'y')
})
const samples = (model: Model): RunTensors[] => [1, 2, 3].map((seed) => exampleInputs(model, seed, { N: 4 }))
const y = (model: Model, inputs: RunTensors): Float32Array => run(writeModel(model), inputs)['y']?.data as Float32Array

/** All that changes a model here, each so that it changes `mlp()`. */
const WAYS: Record<string, (model: Model) => Model> = {
  'simplify': (model) => simplify(model, { run, sizes: { N: 2 }, target: 'onnxruntime' }).model,
  'pruneWeights': (model) => pruneWeights(model, { sparsity: 0.5 }).model,
  'pruneStructured': (model) => pruneStructured(model, { target: { removed: 0.5 }, sizes: { N: 1 } }).model,
  'shareWeights': (model) => shareWeights(model, { bits: 3 }).model,
  'factorize': (model) => factorize(model, { parameters: 0.7 }).model,
  'writeCompressed': (model) => readCompressed(writeCompressed(shareWeights(model, { bits: 3 }).model).bytes),
  'convertPrecision': (model) => convertPrecision(model, { run, data: [exampleInputs(model, 1, { N: 4 })] }).model,
}

describe.each(Object.entries(WAYS))('%s', (name, way) => {
  test('works on a model that has nothing bad', () => {
    const model = mlp()
    const made = way(model)
    expect(validateModel(made)).toEqual([])
    expect(y(made, exampleInputs(model, 5, { N: 2 }))).toHaveLength(8)
  })

  test('an operator of a domain that nobody knows stays, with what it reads', async () => {
    const model = mlp('N', (h, g) => {
      const odd = g.op('Mystery', [h], { strength: 2 }, { domain: 'com.example' })
      odd.type = { kind: 'tensor', dtype: 'float32', shape: ['N', 24] }
      return odd
    })
    model.opsets.set('com.example', 1)
    // What must run the model says that it does not run; the others do their part around it.
    const thrown = await code(() => way(model))
    if (thrown !== 'nothing was thrown') {
      expect(thrown).toMatch(/^(OPTIMIZATION|QUANTIZE|RUNTIME|PRECISION)_/)
      return
    }
    const made = way(model)
    expect(operators(made)['com.example.Mystery']).toBe(1)
    expect(made.graph.find('a')?.shape ?? [16, 24]).toEqual([16, 24])
  })

  test('a weight that two layers share is one weight afterwards', () => {
    const model = build(17, (g) => {
      const w = g.constant(weights([16, 16], 1, 0.3), 'w')
      g.output(g.op('MatMul', [g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', [2, 16]), w])]), w]), 'y')
    })
    const before = y(model, exampleInputs(model, 3))
    const made = way(model)
    expect(validateModel(made)).toEqual([])
    const readers = made.graph.nodes.filter(({ opType }) => opType === 'MatMul').map(({ inputs }) => inputs[1]?.name)
    expect(new Set(readers).size).toBe(1)
    expect(y(made, exampleInputs(model, 3))).toHaveLength(before.length)
  })

  test('a weight that the model also returns is returned as it was', () => {
    const given = weights([24, 4], 2, 0.3)
    const model = mlp('N')
    const weight = model.graph.find('b')
    if (weight) model.graph.addOutput(weight)
    const made = way(model)
    expect(validateModel(made)).toEqual([])
    expect(made.graph.outputs.map((value) => value.name)).toEqual(['y', 'b'])
    const back = run(writeModel(made), exampleInputs(model, 3, { N: 2 }))['b']
    expect(back?.shape).toEqual([24, 4])
    if (name !== 'convertPrecision') expect(back?.data).toEqual(given.data)
    else expect(Array.from(back?.data as Float32Array, (x, i) => Math.abs(x - Number((given.data as Float32Array)[i]))).every((off) => off < 1e-3)).toBe(true)
  })

  test('a model that is quantized already keeps its integers, or is refused', async () => {
    const source = mlp(4)
    const { model } = quantizeStatic(source, { data: samples(source), run })
    const thrown = await code(() => way(model))
    if (thrown !== 'nothing was thrown') {
      expect(thrown).toMatch(/^(OPTIMIZATION_(NOTHING|BUDGET|OPTION)|QUANTIZE_ALREADY|PRECISION_)/)
      return
    }
    const made = way(model)
    const inputs = exampleInputs(source, 7)
    const [a, b] = [y(model, inputs), y(made, inputs)]
    expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(0.05)
    const int8 = (of: Model): number => [...of.graph.initializers.values()].filter(({ dtype, size }) => dtype === 'int8' && size > 1).length
    expect(int8(made)).toBe(int8(model))
  })
})

describe('sizes that are open', () => {
  test('are asked for where costs are counted or numbers are needed', async () => {
    const free = build(17, (g) => {
      const h = g.op('Conv', [g.input('x', 'float32', ['N', 3, 'H', 'W']), g.constant(weights([8, 3, 3, 3], 1, 0.3), 'a')])
      g.output(g.op('Conv', [h, g.constant(weights([2, 8, 1, 1], 2, 0.3), 'b')]), 'y')
    })
    expect(await code(() => pruneStructured(free, { target: { macs: 0.5 } }))).toBe('OPTIMIZATION_INPUTS')
    expect(await code(() => pruneStructured(free, { target: { macs: 0.5 }, sizes: { H: 8 } }))).toBe('OPTIMIZATION_INPUTS')
    expect(pruneStructured(free, { target: { parameters: 0.5 } }).parameters.after).toBeLessThan(120)
    expect(pruneStructured(free, { target: { macs: 0.5 }, sizes: { N: 1, H: 8, W: 8 } }).macs.after).toBeGreaterThan(0)
    expect(await code(() => convertPrecision(free, { run }))).not.toBe('nothing was thrown')
    const untyped = build(17, (g) => g.output(g.op('Neg', [g.op('Identity', [g.input('x', { kind: 'tensor', dtype: 'float32' })])]), 'y'))
    expect(await code(() => simplify(untyped, { run }))).toBe('OPTIMIZATION_INPUTS')
    expect(await code(() => factorize(untyped, { energy: 0.5, run }))).toMatch(/^OPTIMIZATION_/)
  })
})

describe('optimize()', () => {
  test('takes sizes that are open from the calibration data', async () => {
    const free = build(17, (g) => {
      const h = g.op('Relu', [g.op('Conv', [g.input('x', 'float32', ['N', 3, 'H', 'W']), g.constant(weights([8, 3, 3, 3], 1, 0.3), 'a')])])
      g.output(g.op('Conv', [h, g.constant(weights([2, 8, 1, 1], 2, 0.3), 'b')]), 'y')
    })
    const data = [{ x: { dtype: 'float32' as const, shape: [1, 3, 8, 8], data: new Float32Array(192).fill(0.5) } }]
    const { failed, trials } = await optimize(free, data, {
      goal: 'size', run, trials: 3, proposals: 0, seed: 1, space: { macs: [0.5], multiple: [1], energy: [1], precision: ['float32'], calibration: ['mse'] }, score: () => 1, latency: () => 1,
    })
    expect(failed).toEqual([])
    expect(trials.some(({ pipeline }) => pipeline.macs === 0.5)).toBe(true)
  })

  const model = mlp(4)
  const options: OptimizeOptions = {
    goal: 'latency', run, trials: 4, proposals: 0, seed: 1, space: { macs: [1], energy: [1], precision: ['float32', 'int8'], calibration: ['mse'] },
    score: () => 0.9, latency: (bytes) => bytes.length,
  }
  const bad = (data: RunTensors[]): Promise<{ what: string; reason: string }[]> => optimize(model, data, options).then(({ failed }) => [...failed])

  test.each([
    ['none', []],
    ['of the wrong shape', [{ x: { dtype: 'float32', shape: [3, 16], data: new Float32Array(48) } }]],
    ['of the wrong type', [{ x: { dtype: 'float64', shape: [4, 16], data: new Float64Array(64) } }]],
    ['with NaN', [{ x: { dtype: 'float32', shape: [4, 16], data: new Float32Array(64).fill(NaN) } }]],
  ] as [string, RunTensors[]][])('calibration data %s: what needs them is refused by name, the rest is measured', async (_, data) => {
    const failed = await bad(data)
    expect(failed.map(({ what }) => what)).toEqual(['int8 (mse)'])
    expect(failed[0]?.reason).not.toBe('')
  })

  test('a score or a time that is no number is never chosen, and of the model given it is an error', async () => {
    let calls = 0
    const result = await optimize(model, samples(model), { ...options, budget: { loss: 0.01 }, score: () => (calls++ < 2 ? 0.9 : Number.NaN) })
    expect(Number.isFinite(result.chosen.score)).toBe(true)
    expect(result.failed.map(({ reason }) => reason).join()).toMatch(/is no number/)
    expect(await code(() => optimize(model, samples(model), { ...options, score: () => Number.NaN }))).toBe('OPTIMIZATION_OPTION')
    expect(await code(() => optimize(model, samples(model), { ...options, latency: () => -1 }))).toBe('OPTIMIZATION_OPTION')
  })

  test('a model that is quantized already is searched without quantizing it again', async () => {
    const { model: small } = quantizeStatic(model, { data: samples(model), run })
    const { failed, chosen } = await optimize(small, samples(model), options)
    expect(failed.map(({ reason }) => reason).join()).toMatch(/quantized/)
    expect(chosen.score).toBe(0.9)
  })
})

test('a budget that nobody can meet', async () => {
  const model = mlp(4)
  expect(await code(() => pruneStructured(model, { target: { macs: 0.0001 } }))).toBe('OPTIMIZATION_BUDGET')
  expect(await code(() => factorize(model, { parameters: 0.0001 }))).toBe('OPTIMIZATION_BUDGET')
  expect(await code(() => quantizeMixed(model, { data: samples(model), run, budget: { sqnr: 1000 } }))).toMatch(/^QUANTIZE_/)
  const only = { goal: 'size' as const, run, trials: 2, proposals: 0, score: () => 1, latency: () => 1 }
  expect(await code(() => optimize(model, samples(model), { ...only, budget: { size: 1 } }))).toBe('OPTIMIZATION_BUDGET')
})

test('a model without weights: nothing to do is said', async () => {
  const none = build(17, (g) => { g.output(g.op('Tanh', [g.input('x', 'float32', [2, 3])]), 'y') })
  expect(await code(() => pruneWeights(none, { sparsity: 0.5 }))).toBe('OPTIMIZATION_NOTHING')
  expect(await code(() => shareWeights(none))).toBe('OPTIMIZATION_NOTHING')
  expect(await code(() => factorize(none, { energy: 0.5 }))).toBe('OPTIMIZATION_NOTHING')
  expect(dependencies(none).groups).toEqual([])
})
