import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { fuzz, FUZZ_RUNS, FUZZ_TIMEOUT } from '../../../test/support/convert/mutate'
import { run } from '../../../test/support/run'
import { writeZip } from '../../../test/support/convert/zip-writer'
import { build, FunctionDefinition, Tensor, writeModel } from '../../onnx'
import { convert, type ConvertOptions } from '../convert'
import { ConvertError, MissingOperatorsError } from '../errors'
import { byteSource } from '../source'
import { ZipArchive } from '../zip'
import { torchOperators } from './table'

const folder = path.join(__dirname, '../../../test/support/convert/torch/fixtures')
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(path.join(folder, name)))
const SHARE = Math.ceil(FUZZ_RUNS / 5)

type Part = { readonly name: string; data: Uint8Array }

/** An archive with its parts changed. */
function changed(name: string, change: (part: Part) => Part | undefined): Uint8Array {
  const archive = ZipArchive.open(byteSource(load(name)))
  return writeZip([...archive.entries.keys()].flatMap((part) => change({ name: part, data: archive.read(part) }) ?? []))
}

interface Loose {
  graph_module: { graph: { nodes: { target: string; metadata: Record<string, string>; inputs: { name: string; arg: unknown; kind: number }[] }[]; tensor_values: Record<string, { dtype: number; layout: number; sizes: unknown[] }> } }
  range_constraints: Record<string, unknown>
  schema_version: { major: number; minor: number }
}

/** An archive with its program changed. */
const edited = (name: string, edit: (program: Loose) => void): Uint8Array => changed(name, (part) => {
  if (!/models\/\w+\.json$/.test(part.name)) return part
  const program = JSON.parse(Buffer.from(part.data).toString()) as Loose
  edit(program)
  return { ...part, data: Buffer.from(JSON.stringify(program)) }
})

/** An archive with the description of its weights changed. */
const weights = (name: string, edit: (meta: Record<string, unknown>) => void): Uint8Array => changed(name, (part) => {
  if (!part.name.endsWith('weights_config.json')) return part
  const config = JSON.parse(Buffer.from(part.data).toString()) as { config: Record<string, { tensor_meta: Record<string, unknown> }> }
  for (const { tensor_meta: meta } of Object.values(config.config)) edit(meta)
  return { ...part, data: Buffer.from(JSON.stringify(config)) }
})

const failure = (bytes: Uint8Array, options?: ConvertOptions): ConvertError => {
  try {
    convert(bytes, options)
  } catch (error) {
    if (error instanceof ConvertError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('bad archives give a typed error that says what to do', () => {
  const cases: [string, string, () => Uint8Array][] = [
    ['truncated', 'CONVERT_TRUNCATED', () => load('linear.pt2').subarray(0, 2000)],
    ['a path that leaves the archive', 'CONVERT_UNSAFE', () => writeZip([{ name: '../models/model.json', data: '{}' }])],
    ['no format', 'CONVERT_FORMAT', () => Buffer.from('hello, this is no model')],
    ['empty', 'CONVERT_FORMAT', () => new Uint8Array(0)],
    ['an unknown schema', 'CONVERT_VERSION', () => edited('linear.pt2', (p) => { p.schema_version.major = 9 })],
    ['the layout before PyTorch 2.8', 'CONVERT_VERSION', () => writeZip([{ name: 'serialized_exported_program.json', data: '{}' }])],
    ['big-endian', 'CONVERT_FORMAT', () => changed('linear.pt2', (part) => (part.name.endsWith('byteorder') ? { ...part, data: Buffer.from('big') } : part))],
    ['no JSON', 'CONVERT_MALFORMED', () => changed('linear.pt2', (part) => (/models\/\w+\.json$/.test(part.name) ? { ...part, data: Buffer.from('{') } : part))],
    ['NaN weights', 'CONVERT_VALUES', () => changed('linear.pt2', (part) => (part.name.endsWith('weight_0') ? { ...part, data: new Uint8Array(Float32Array.from({ length: part.data.length / 4 }, () => NaN).buffer) } : part))],
    ['a storage that is too short', 'CONVERT_TENSOR', () => changed('linear.pt2', (part) => (part.name.endsWith('weight_0') ? { ...part, data: part.data.subarray(0, 8) } : part))],
    ['strides beyond the storage', 'CONVERT_TENSOR', () => weights('linear.pt2', (meta) => { meta['storage_offset'] = { as_int: 1000 } })],
    ['negative strides', 'CONVERT_TENSOR', () => weights('linear.pt2', (meta) => { meta['strides'] = (meta['strides'] as unknown[]).map(() => ({ as_int: -1 })) })],
    ['a weight that is not there', 'CONVERT_MALFORMED', () => changed('linear.pt2', (part) => (part.name.endsWith('weight_0') ? undefined : part))],
    ['weights of another shape', 'CONVERT_SHAPE', () => weights('linear.pt2', (meta) => { meta['sizes'] = [...meta['sizes'] as unknown[]].reverse(); meta['strides'] = [...meta['strides'] as unknown[]].reverse() })],
    ['shapes that contradict the graph', 'CONVERT_SHAPE', () => edited('linear.pt2', (p) => { p.graph_module.graph.tensor_values['linear']!.sizes[0] = { as_int: 77 } })],
    ['float8', 'CONVERT_DTYPE', () => edited('linear.pt2', (p) => { p.graph_module.graph.tensor_values['input']!.dtype = 29 })],
    ['an unknown type', 'CONVERT_DTYPE', () => edited('linear.pt2', (p) => { p.graph_module.graph.tensor_values['linear']!.dtype = 99 })],
    ['sparse tensors', 'CONVERT_DTYPE', () => edited('linear.pt2', (p) => { p.graph_module.graph.tensor_values['linear']!.layout = 1 })],
    ['a symbol without range', 'CONVERT_SYMBOL', () => edited('embed.pt2', (p) => { p.range_constraints = {} })],
    ['a symbol that is no expression', 'CONVERT_SYMBOL', () => changed('embed.pt2', (part) => ({ ...part, data: /models/.test(part.name) ? Buffer.from(Buffer.from(part.data).toString().replaceAll('Symbol(', 'System(')) : part.data }))],
  ]
  test.each(cases)('%s', (_, code, bytes) => {
    const error = failure(bytes())
    expect(error.code).toBe(code)
    expect(error.details.fix ?? error.details.expected).toBeTruthy()
  })
})

test('NaN weights are kept when asked for', () => {
  const bytes = changed('linear.pt2', (part) => (part.name.endsWith('weight_0') ? { ...part, data: new Uint8Array(Float32Array.from({ length: part.data.length / 4 }, () => NaN).buffer) } : part))
  expect(convert(bytes, { nonFinite: 'keep' }).model.graph.nodeCount).toBeGreaterThan(0)
})

test('options that mean nothing, and samples that do not fit', () => {
  const bytes = load('linear.pt2')
  expect(failure(bytes, { opset: 9 }).code).toBe('CONVERT_OPTION')
  expect(failure(bytes, { name: 'other' }).code).toBe('CONVERT_OPTION')
  expect(failure(bytes, { samples: [] as never }).code).toBe('CONVERT_OPTION')
  const zeros = (shape: number[]): Tensor => Tensor.from(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
  expect(failure(bytes, { samples: [{ inputs: [zeros([2, 6, 8])], outputs: [zeros([2, 6, 5])] }], run }).code).toBe('CONVERT_DIFFERS')
  expect(failure(bytes, { samples: [{ inputs: { z: zeros([2, 6, 8]) }, outputs: [] }], run }).code).toBe('CONVERT_OPTION')
})

test('every operator without a mapping is named at once, with its place and what would work', () => {
  const bytes = edited('tiny_swin.pt2', (p) => {
    for (const node of p.graph_module.graph.nodes) {
      if (node.target === 'torch.ops.aten.gelu.default') node.target = 'torch.ops.mylib.gelu.default'
      if (node.target === 'torch.ops.aten.conv2d.default') node.target = 'torch.ops.aten.fft_rfft.default'
    }
  })
  const error = failure(bytes)
  if (!(error instanceof MissingOperatorsError)) throw error
  const { operators } = error
  expect(operators.map(({ operator }) => operator).sort()).toEqual(['aten.fft_rfft.default', 'mylib.gelu.default'])
  expect(operators.find(({ operator }) => operator.startsWith('mylib'))?.places[0]).toMatch(/features.*mlp/)
  expect(error.message).toMatch(/register a lowering/)
  expect(error.message).toMatch(/spectrum/)
})

const custom = (): Uint8Array => edited('tiny_swin.pt2', (p) => {
  for (const node of p.graph_module.graph.nodes) if (node.target === 'torch.ops.aten.gelu.default') node.target = 'torch.ops.mylib.gelu.default'
})

test('a custom operator with a registered lowering', () => {
  const forget = torchOperators.registerLowering('mylib.gelu', (c) => { c.set(c.op('Gelu', [c.tensor('self')])) })
  try {
    const { model } = convert(custom())
    expect(model.graph.nodes.filter(({ opType }) => opType === 'Gelu').length).toBeGreaterThan(0)
  } finally {
    forget()
  }
  expect(failure(custom()).code).toBe('CONVERT_OPERATOR')
})

test('a custom operator as a function of its own domain', () => {
  const body = build('gelu', (g) => { g.output(g.op('Gelu', [g.input('self', 'float32')]), 'y') }).graph
  const { model } = convert(custom(), { functions: [new FunctionDefinition('mylib', 'gelu', body, new Map([['', 21]]))] })
  const calls = model.graph.nodes.filter(({ domain }) => domain === 'mylib')
  expect(calls.length).toBeGreaterThan(0)
  const image = Tensor.from(new Float32Array(3 * 32 * 32).fill(0.5), [1, 3, 32, 32])
  const plain = convert(load('tiny_swin.pt2')).model
  const input = (m: typeof model): Record<string, never> => ({ [m.graph.inputs[0]!.name]: { dtype: 'float32', shape: image.shape, data: image.toArray() } }) as never
  expect(Object.values(run(writeModel(model), input(model)))[0]).toEqual(Object.values(run(writeModel(plain), input(plain)))[0])
})

test('names of parameters, modules, inputs, outputs and axes survive', () => {
  const { model, report } = convert(load('tiny_swin.pt2'))
  const names = [...model.graph.initializers.keys()].map(({ name }) => name)
  expect(names).toContain('features.0.0.weight')
  expect(names).toContain('head.bias')
  expect(model.graph.nodes.map(({ name }) => name)).toContain('features.0.0/Conv')
  expect(model.graph.outputs[0]?.name).toBe('output')
  expect(model.graph.outputs[0]?.shape).toEqual(['batch', 5])
  expect(JSON.parse(model.metadata.get('whetstone.axes') ?? '{}')).toMatchObject({ batch: {} })
  expect(report.parameters).toBe([...model.graph.initializers.values()].filter(({ dtype }) => dtype === 'float32').reduce((sum, { size }) => sum + size, 0) )
  expect(convert(load('dict.pt2')).model.graph.outputs.map(({ name }) => name)).toEqual(['logits', 'hidden_0', 'hidden_1'])
})

test('tied weights are one initializer', () => {
  const { model, report } = convert(load('tied.pt2'))
  expect([...model.graph.initializers.values()].filter(({ size }) => size === 80)).toHaveLength(1)
  expect(report.notes.join()).toMatch(/same tensor/)
})

test('mutated archives are converted or refused with a typed error', () => {
  const seeds = ['linear.pt2', 'inplace.pt2', 'embed.pt2'].map(load)
  fuzz(seeds, (bytes) => { convert(bytes, { checksums: false, nonFinite: 'keep' }) }, SHARE)
  // The program alone, so that mutations meet it and not the zip around it.
  const programs = ['linear.pt2', 'inplace.pt2', 'conv2.pt2'].map((name) => {
    const archive = ZipArchive.open(byteSource(load(name)))
    const parts = [...archive.entries.keys()].map((part) => ({ name: part, data: archive.read(part) }))
    return { parts, program: parts.find((part) => /models\/\w+\.json$/.test(part.name))! }
  })
  for (const { parts, program } of programs) {
    fuzz([program.data], (data) => { convert(writeZip(parts.map((part) => (part === program ? { ...part, data } : part))), { nonFinite: 'keep' }) }, SHARE)
  }
}, FUZZ_TIMEOUT)
