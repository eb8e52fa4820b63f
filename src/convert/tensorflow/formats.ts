// SavedModel folders, frozen graphs and TensorFlow.js graph models as formats of convert().
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Model, Tensor } from '../../onnx'
import type { Format, FormatOptions, Input } from '../convert'
import { ConvertError } from '../errors'
import type { ConversionFacts } from '../report'
import { byteSource } from '../source'
import { hasBundle, TensorBundle } from './bundle'
import { bodyOf, calledBy, graphOf, type Body, type Endpoint, type GraphNode, type TfGraph } from './graph'
import { isGraphModel, readGraphModel } from './graph-model'
import { endsOf, Lowerer, type Port } from './lower'
import { decode, type TfMessage } from './messages'
import { dtypeOf, shapeOf } from './tensors'

/** Opsets whose operators are used: Resize by axes came with 18, Gelu with 20. */
const OPSETS = { first: 20, last: 23, usual: 21 } as const
/** Bytes of a graph: protobuf's own limit. */
const MAX_GRAPH_BYTES = 2 ** 31 - 1

interface Source {
  readonly graph: TfGraph
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly variable: (node: GraphNode) => Tensor
  readonly version: string
  readonly notes: readonly string[]
}

function lowered(source: Source, name: string, format: string, options: FormatOptions): { model: Model; facts: ConversionFacts } {
  const opset = options.opset ?? OPSETS.usual
  if (!Number.isInteger(opset) || opset < OPSETS.first || opset > OPSETS.last) {
    throw new ConvertError('CONVERT_OPTION', 'The operator set cannot be written', { expected: `${OPSETS.first} to ${OPSETS.last}`, got: String(opset) })
  }
  const lowerer = new Lowerer(source.graph, path.basename(name), { opset, nonFinite: options.nonFinite ?? 'refuse', variable: source.variable })
  const { model, operators, symbols } = lowerer.run(source.inputs, source.outputs)
  model.producerName = 'whetstone'
  return { model, facts: { format, version: source.version, operators, symbols: Object.fromEntries(symbols.map((symbol) => [symbol, { min: null, max: null }])), notes: source.notes } }
}

const readAll = (file: string): Uint8Array => {
  const source = byteSource(file)
  try {
    return source.read(0, Math.min(source.size, MAX_GRAPH_BYTES))
  } finally {
    source.close()
  }
}

/** TensorFlow's SavedModel: a folder with saved_model.pb and a checkpoint. */
export const savedModelFormat: Format = {
  name: 'TensorFlow SavedModel',
  endings: ['a folder with saved_model.pb'],
  matches: ({ path: folder, bytes }) => bytes === undefined && folder !== undefined && existsSync(path.join(folder, 'saved_model.pb')),
  convert: ({ path: folder = '', name }, options) => {
    const file = path.join(folder, 'saved_model.pb')
    const message = decode('SavedModel', readAll(file), file)
    const meta = (message.metaGraphs ?? []).find(({ info }) => info?.tags?.includes('serve') === true) ?? message.metaGraphs?.[0]
    if (meta?.graph === undefined) throw new ConvertError('CONVERT_FORMAT', 'The SavedModel holds no graph', { where: file, fix: 'save it again with tf.saved_model.save or model.export' })
    const graph = graphOf(meta.graph, file)
    const { signature, notes } = choose(meta, options.name, file)
    const prefix = path.join(folder, 'variables', 'variables')
    const bundle = hasBundle(prefix) ? TensorBundle.open(prefix) : undefined
    try {
      const keys = bundle === undefined ? new Map<GraphNode, string>() : checkpointKeys(graph, meta.saver)
      const variable = (node: GraphNode): Tensor => {
        const key = keys.get(node) ?? [node.string('shared_name'), node.name].find((candidate) => bundle?.has(candidate) === true) ?? node.name
        if (bundle === undefined) throw new ConvertError('CONVERT_WEIGHTS', 'The variables of the SavedModel are missing', { expected: `${prefix}.index`, where: folder, fix: 'copy the whole folder' })
        return bundle.read(key, options.checksums !== false)
      }
      const ports = (entries: readonly TfMessage<'TensorInfoEntry'>[] | undefined): Port[] => (entries ?? []).map(({ key, value }): Port => ({
        name: key ?? '', endpoint: graph.endpoint(value?.name ?? ''), dtype: dtypeOf(value?.dtype ?? 1, `signature, ${key ?? ''}`), shape: shapeOf(value?.shape),
      }))
      const source = { graph, variable, inputs: ports(signature.inputs), outputs: ports(signature.outputs), version: `TensorFlow ${meta.info?.version ?? '?'}`, notes }
      return lowered(source, name, 'TensorFlow SavedModel', options)
    } finally {
      bundle?.close()
    }
  },
}

function choose(meta: TfMessage<'MetaGraph'>, wanted: string | undefined, where: string): { signature: TfMessage<'Signature'>; notes: string[] } {
  const all = (meta.signatures ?? []).filter(({ value }) => (value?.outputs?.length ?? 0) > 0 && value?.method !== '' && !(value?.outputs ?? []).every(({ key }) => key === '__saved_model_init_op'))
  const chosen = wanted === undefined ? all.find(({ key }) => key === 'serving_default') ?? all[0] : all.find(({ key }) => key === wanted)
  if (chosen?.value === undefined) {
    throw new ConvertError('CONVERT_FORMAT', wanted === undefined ? 'The SavedModel has no signature to convert' : `The SavedModel has no signature ${wanted}`, {
      got: all.map(({ key }) => key ?? '').join(', ') || 'none', where, fix: 'save it with signatures=, or with model.export',
    })
  }
  const others = all.filter((entry) => entry !== chosen).map(({ key }) => key ?? '')
  return { signature: chosen.value, notes: others.length === 0 ? [] : [`other signatures, with { name }: ${others.join(', ')}`] }
}

/** Which entry of the checkpoint each variable is restored from: what the graph's own restore function does. */
function checkpointKeys(graph: TfGraph, saver: TfMessage<'Saver'> | undefined): Map<GraphNode, string> {
  const keys = new Map<GraphNode, string>()
  const names = new Map<GraphNode, string[]>()
  const through = (endpoint: Endpoint): Endpoint => {
    let at = endpoint
    for (let i = 0; i < 100 && at.node.op === 'Identity' && at.node.inputs[0] !== undefined; i++) at = at.node.inputs[0]
    return at
  }
  const namesOf = (node: GraphNode): string[] => {
    let list = names.get(node)
    const source = node.inputs[1] === undefined ? undefined : through(node.inputs[1]).node
    if (list === undefined) names.set(node, list = (source?.tensor('value')?.strings ?? []).map((bytes) => Buffer.from(bytes).toString('utf8')))
    return list
  }
  const visit = (nodes: Iterable<GraphNode>): void => {
    for (const node of nodes) {
      if (node.op !== 'AssignVariableOp' && node.op !== 'Assign') continue
      const [target, value] = node.inputs
      const made = value === undefined ? undefined : through(value)
      if (target === undefined || made?.node.op !== 'RestoreV2') continue
      const key = namesOf(made.node)[made.index]
      if (key !== undefined) keys.set(through(target).node, key)
    }
  }
  visit(graph.nodes.values())
  const restore = saver?.restore === undefined ? undefined : graph.nodes.get(saver.restore.replace(/:\d+$/, ''))
  const enter = (node: GraphNode, depth: number): void => {
    const f = calledBy(graph, node)
    if (f === undefined || depth > 10) return
    const body: Body = bodyOf(f, node.inputs, `${node.name}/`)
    visit(body.nodes.values())
    for (const inner of body.nodes.values()) enter(inner, depth + 1)
  }
  if (restore !== undefined) enter(restore, 0)
  return keys
}

const noVariable = (node: GraphNode): Tensor => {
  throw new ConvertError('CONVERT_WEIGHTS', 'The graph has a variable, but no checkpoint comes with it', {
    where: `node ${node.name}`, fix: 'freeze the graph first (convert_variables_to_constants_v2), or convert the SavedModel',
  })
}

/** Inputs and outputs of a graph without a signature: its placeholders, and what nothing reads. */
function open(graph: TfGraph): Pick<Source, 'inputs' | 'outputs'> {
  const inputs = [...graph.nodes.values()].filter(({ op }) => op === 'Placeholder')
  return {
    inputs: inputs.map((node) => ({ name: node.name, endpoint: { node, index: 0 }, dtype: node.dtype('dtype'), shape: node.shape('shape') })),
    outputs: endsOf(graph).map((node) => ({ name: node.name, endpoint: { node, index: 0 }, dtype: undefined, shape: undefined })),
  }
}

/** A frozen graph: one GraphDef with its weights as constants. */
export const frozenGraphFormat: Format = {
  name: 'TensorFlow frozen graph',
  endings: ['.pb'],
  matches: ({ bytes, path: file }) => {
    if (bytes === undefined || bytes.size < 4 || (file !== undefined && !file.endsWith('.pb') && !file.endsWith('.graphdef'))) return false
    const head = bytes.read(0, 1)
    // Field 1 of a GraphDef: a node. An ONNX file begins with its version, a number.
    return head[0] === 0x0a && looksLikeNode(bytes.read(0, Math.min(bytes.size, 4096)))
  },
  convert: ({ bytes, name }, options) => {
    if (bytes === undefined) throw new ConvertError('CONVERT_FORMAT', 'A frozen graph is one file', { where: name })
    const message = decode('GraphDef', bytes.read(0, bytes.size), name)
    const graph = graphOf(message, name)
    return lowered({ graph, ...open(graph), variable: noVariable, version: `GraphDef, producer ${message.versions?.producer ?? '?'}`, notes: ['inputs are the placeholders, outputs what nothing reads'] }, name, 'TensorFlow frozen graph', options)
  },
}

/** Whether the first message inside is one with a name and an operator. */
function looksLikeNode(head: Uint8Array): boolean {
  let at = 1
  while (at < head.length && (head[at] ?? 0) > 127) at++
  at++
  if (head[at] !== 0x0a) return false
  const length = head[at + 1] ?? 0
  return length < 128 && head[at + 2 + length] === 0x12
}

/** TensorFlow.js's graph model: model.json with its shards beside it. */
export const graphModelFormat: Format = {
  name: 'TensorFlow.js graph model',
  endings: ['model.json with its shards'],
  matches: (input: Input) => isGraphModel(input),
  convert: (input, options) => {
    const { graph, inputs, outputs, version } = readGraphModel(input)
    const ports = inputs.length > 0 && outputs.length > 0 ? { inputs, outputs } : open(graph)
    return lowered({ graph, ...ports, variable: noVariable, version, notes: [] }, input.name, 'TensorFlow.js graph model', options)
  },
}
