// A torch.export program as data: its graph, signature and symbols, checked while they are read from JSON
// (torch/_export/serde/schema.py, schema 8). Knows nothing of ONNX.
import type { DType } from '../../core'
import { ConvertError } from '../errors'
import { Json } from '../json'
import { exportDType } from './dtypes'
import { parseSymbol, type Symbolic } from './symbols'

/** Major version of the schema that is read; the minor only adds fields. */
export const SCHEMA_MAJOR = 8

/** A size: a number, or an expression over symbols with the number it had when exporting. */
export type Size = number | Symbolic

export interface TensorMeta {
  readonly dtype: DType
  readonly sizes: readonly Size[]
  readonly strides: readonly Size[]
  readonly offset: Size
}

/** An argument of a node, by kind. */
export type Argument =
  | { readonly kind: 'none' }
  | { readonly kind: 'tensor' | 'symInt' | 'symFloat' | 'symBool'; readonly name: string }
  | { readonly kind: 'tensors'; readonly names: readonly (string | undefined)[] }
  | { readonly kind: 'int' | 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  /** Numbers, and names of symbolic ones. */
  | { readonly kind: 'ints' | 'floats'; readonly values: readonly (number | string)[] }
  | { readonly kind: 'bools'; readonly values: readonly boolean[] }
  | { readonly kind: 'dtype'; readonly value: DType }
  | { readonly kind: 'graph'; readonly graph: ProgramGraph }
  /** Memory formats, layouts, devices: nothing that a converted graph needs. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unknown'; readonly what: string }

export interface ProgramNode {
  /** `aten.conv2d.default`, without `torch.ops.`. */
  readonly target: string
  readonly inputs: ReadonlyMap<string, Argument>
  /** The same without names: what higher-order operators and Python's own have. */
  readonly positional: readonly Argument[]
  readonly outputs: readonly Argument[]
  readonly name: string
  /** Path of the module that ran it: `layer1.0.conv1`; empty for the outermost. */
  readonly module: string
  /** Class of that module. */
  readonly className: string
  /** `line 8 of model.py`, where the file says so. */
  readonly line: string
}

export interface ProgramGraph {
  readonly inputs: readonly Argument[]
  readonly outputs: readonly Argument[]
  readonly nodes: readonly ProgramNode[]
  readonly tensors: ReadonlyMap<string, TensorMeta>
  readonly symInts: ReadonlyMap<string, Size>
}

/** What an input of the graph is: a weight by its name in the module, or given by the user. */
export type InputRole =
  | { readonly role: 'parameter'; readonly input: string; readonly name: string }
  | { readonly role: 'buffer'; readonly input: string; readonly name: string }
  | { readonly role: 'constant'; readonly input: string; readonly name: string }
  | { readonly role: 'user'; readonly argument: Argument }
  | { readonly role: 'fixed'; readonly input: string; readonly value: Argument }

export interface Program {
  readonly graph: ProgramGraph
  readonly inputs: readonly InputRole[]
  /** Position among the graph's outputs → what it is. */
  readonly outputs: readonly { readonly role: 'user' | 'mutation'; readonly target: string }[]
  readonly outputNames: readonly string[]
  readonly ranges: ReadonlyMap<string, { readonly min: number | null; readonly max: number | null }>
  readonly version: string
  readonly notes: readonly string[]
}

/** Graphs inside graphs that are accepted. */
const MAX_DEPTH = 16

/**
 * Reads an exported program.
 *
 * @throws ConvertError `CONVERT_VERSION`, `CONVERT_MALFORMED`, `CONVERT_DTYPE`, `CONVERT_SYMBOL`
 */
export function readProgram(json: Json): Program {
  const schema = json.maybe('schema_version')
  const major = schema?.get('major').int
  const minor = schema?.get('minor').int ?? 0
  const torch = json.maybe('torch_version')?.text ?? 'unknown'
  if (major !== SCHEMA_MAJOR) {
    throw new ConvertError('CONVERT_VERSION', 'The archive has a schema version that this library does not read', {
      expected: `torch.export schema ${SCHEMA_MAJOR}.x (torch 2.6 and later)`, got: major === undefined ? 'no version' : `${major}.${minor}, written by torch ${torch}`,
      where: json.where, fix: 'export the module again with a current PyTorch: torch.export.save(torch.export.export(module, inputs), "model.pt2")',
    })
  }
  const module = json.get('graph_module')
  const signature = module.get('signature')
  const ranges = new Map(json.get('range_constraints').entries.map(([symbol, range]) =>
    [symbol, { min: bound(range.maybe('min_val')), max: bound(range.maybe('max_val')) }]))
  const graph = readGraph(module.get('graph'), 0)
  return {
    graph, ranges, version: `schema ${major}.${minor}, torch ${torch}`,
    inputs: signature.get('input_specs').list.map(readInputRole),
    outputs: signature.get('output_specs').list.map(readOutputRole),
    outputNames: outputNames(module), notes: [],
  }
}

const bound = (json: Json | undefined): number | null => (json === undefined ? null : json.int)

/** The only key of a union such as `{"as_tensor": …}`, and its value. */
function union(json: Json): [string, Json] {
  const [only, ...more] = json.entries
  if (only === undefined || more.length > 0) throw new ConvertError('CONVERT_MALFORMED', 'A part of the file has the wrong form', { expected: 'one kind of value', got: `${more.length + 1} kinds`, where: json.where })
  return only
}

function readGraph(json: Json, depth: number): ProgramGraph {
  if (depth > MAX_DEPTH) throw new ConvertError('CONVERT_LIMIT', 'Graphs are nested too deep', { expected: `at most ${MAX_DEPTH}`, where: json.where })
  return {
    inputs: json.get('inputs').list.map((one) => readArgument(one, depth)),
    outputs: json.get('outputs').list.map((one) => readArgument(one, depth)),
    nodes: json.get('nodes').list.map((one) => readNode(one, depth)),
    tensors: new Map(json.get('tensor_values').entries.map(([name, meta]) => [name, readMeta(meta)])),
    symInts: new Map((json.maybe('sym_int_values')?.entries ?? []).map(([name, size]) => [name, readSize(size)])),
  }
}

export function readMeta(json: Json): TensorMeta {
  const layout = json.get('layout').int
  if (layout !== 7) {
    throw new ConvertError('CONVERT_DTYPE', 'A tensor has a layout other than strided', {
      expected: 'a dense tensor', got: ['unknown', 'sparse COO', 'sparse CSR', 'sparse CSC', 'sparse BSR', 'sparse BSC', 'MKL-DNN'][layout] ?? `layout ${layout}`,
      where: json.where, fix: 'make it dense before exporting: tensor.to_dense()',
    })
  }
  return {
    dtype: exportDType(json.get('dtype').int, json.where),
    sizes: json.get('sizes').list.map(readSize), strides: json.get('strides').list.map(readSize), offset: readSize(json.get('storage_offset')),
  }
}

function readSize(json: Json): Size {
  const [kind, value] = union(json)
  if (kind === 'as_int') return value.int
  return parseSymbol(value.get('expr_str').text, value.maybe('hint')?.maybe('as_int')?.int, value.where)
}

const symbolic = (json: Json): number | string => {
  const [kind, value] = union(json)
  return kind === 'as_name' ? value.text : value.float
}

function readArgument(json: Json, depth: number): Argument {
  const [kind, value] = union(json)
  switch (kind) {
    case 'as_none': return { kind: 'none' }
    case 'as_tensor': return { kind: 'tensor', name: value.get('name').text }
    case 'as_tensors': return { kind: 'tensors', names: value.list.map((one) => one.get('name').text) }
    case 'as_optional_tensor': return readArgument(value, depth)
    case 'as_optional_tensors': return { kind: 'tensors', names: value.list.map((one) => one.maybe('as_tensor')?.get('name').text) }
    case 'as_int': return { kind: 'int', value: value.int }
    case 'as_ints': return { kind: 'ints', values: value.list.map((one) => one.int) }
    case 'as_float': return { kind: 'float', value: value.float }
    case 'as_floats': return { kind: 'floats', values: value.list.map((one) => one.float) }
    case 'as_bool': return { kind: 'bool', value: value.bool }
    case 'as_bools': return { kind: 'bools', values: value.list.map((one) => one.bool) }
    case 'as_string': return { kind: 'string', value: value.text }
    case 'as_sym_ints': return { kind: 'ints', values: value.list.map(symbolic) }
    case 'as_sym_floats': return { kind: 'floats', values: value.list.map(symbolic) }
    case 'as_sym_int': case 'as_sym_float': return readSymbolic(value, kind === 'as_sym_int' ? 'symInt' : 'symFloat')
    case 'as_sym_bool': return value.has('as_bool') ? { kind: 'bool', value: value.get('as_bool').bool } : { kind: 'symBool', name: value.get('as_name').text }
    case 'as_scalar_type': return { kind: 'dtype', value: exportDType(value.int, value.where) }
    case 'as_graph': return { kind: 'graph', graph: readGraph(value.get('graph'), depth + 1) }
    case 'as_memory_format': case 'as_layout': case 'as_device': return { kind: 'ignored' }
    default: return { kind: 'unknown', what: kind }
  }
}

function readSymbolic(json: Json, kind: 'symInt' | 'symFloat'): Argument {
  const value = symbolic(json)
  return typeof value === 'string' ? { kind, name: value } : { kind: kind === 'symInt' ? 'int' : 'float', value }
}

function readNode(json: Json, depth: number): ProgramNode {
  const target = json.get('target').text.replace(/^torch\.ops\./, '')
  const named = json.get('inputs').list.map((one) => [one.get('name').text, readArgument(one.get('arg'), depth)] as const)
  const metadata = json.get('metadata')
  const [module, className] = modulePath(metadata.maybe('nn_module_stack')?.text ?? '')
  const outputs = json.get('outputs').list.map((one) => readArgument(one, depth))
  const first = outputs.find((one) => 'name' in one)
  return {
    target, outputs, inputs: new Map(named), positional: named.map(([, argument]) => argument),
    name: json.maybe('name')?.text ?? (first !== undefined && 'name' in first ? first.name : target), module, className, line: sourceLine(metadata.maybe('stack_trace')?.text ?? ''),
  }
}

/** `L__self__,,M;L__self__conv,conv,torch.nn.modules.conv.Conv2d` → path and class of the innermost module. */
function modulePath(stack: string): [string, string] {
  const last = stack.split(';').at(-1)?.split(',') ?? []
  const path = last[1] ?? ''
  if (last.length < 3 || !/^[\w.@[\]-]*$/.test(path)) return ['', '']
  return [path.replace(/@\d+$/, ''), last[2] ?? '']
}

/** The first line of the user's own code in a stack trace. */
function sourceLine(trace: string): string {
  const found = [...trace.matchAll(/File "([^"]*)", line (\d+)/g)].filter(([, file]) => file !== undefined && !/torch[/\\](nn|fx|export|_)/.test(file))
  const [, file, line] = found.at(-1) ?? []
  return file === undefined || line === undefined ? '' : `line ${line} of ${file.split(/[/\\]/).at(-1) ?? file}`
}

function readInputRole(json: Json): InputRole {
  const [kind, spec] = union(json)
  const input = (): string => spec.get('arg').get('name').text
  switch (kind) {
    case 'user_input': return { role: 'user', argument: readArgument(spec.get('arg'), 0) }
    case 'parameter': return { role: 'parameter', input: input(), name: spec.get('parameter_name').text }
    case 'buffer': return { role: 'buffer', input: input(), name: spec.get('buffer_name').text }
    case 'tensor_constant': return { role: 'constant', input: input(), name: spec.get('tensor_constant_name').text }
    case 'constant_input': return { role: 'fixed', input: spec.get('name').text, value: readArgument(spec.get('value'), 0) }
    default: throw new ConvertError('CONVERT_OPERATOR', 'The model takes an input that has no form in ONNX', {
      expected: 'tensors', got: kind, where: json.where, fix: 'give the module tensors instead of custom objects',
    })
  }
}

function readOutputRole(json: Json): Program['outputs'][number] {
  const [kind, spec] = union(json)
  switch (kind) {
    case 'user_output': case 'loss_output': return { role: 'user', target: '' }
    case 'buffer_mutation': return { role: 'mutation', target: spec.get('buffer_name').text }
    case 'parameter_mutation': return { role: 'mutation', target: spec.get('parameter_name').text }
    case 'user_input_mutation': return { role: 'mutation', target: spec.get('user_input_name').text }
    default: throw new ConvertError('CONVERT_OPERATOR', 'The model gives an output that has no form in ONNX', {
      expected: 'results of forward', got: kind, where: json.where, fix: 'export the module for inference: module.eval()',
    })
  }
}

/** Names from the structure that forward returns: keys of dictionaries, positions in tuples. */
function outputNames(module: Json): string[] {
  const [root] = module.maybe('module_call_graph')?.list ?? []
  const spec = root?.maybe('signature')?.maybe('out_spec')?.text
  if (spec === undefined) return []
  try {
    const [, tree] = JSON.parse(spec) as [unknown, unknown]
    const names: string[] = []
    leaves(tree, [], names, 0)
    return names
  } catch {
    return []
  }
}

interface TreeSpec {
  readonly type: string | null
  readonly context: unknown
  readonly children_spec: readonly TreeSpec[]
}

function leaves(spec: unknown, path: readonly string[], into: string[], depth: number): void {
  const { type, context, children_spec: children } = spec as TreeSpec
  if (depth > 32) throw new Error('nested too deep')
  if (type === null) {
    into.push(path.join('.'))
    return
  }
  const keys = type.endsWith('dict') || type.endsWith('ModelOutput') || type.includes('modeling') ? keysOf(context) : []
  children.forEach((child, i) => { leaves(child, [...path, keys[i] ?? String(i)], into, depth + 1) })
}

function keysOf(context: unknown): string[] {
  const parsed = typeof context === 'string' ? JSON.parse(context) as unknown : context
  return Array.isArray(parsed) ? parsed.map(String) : []
}
