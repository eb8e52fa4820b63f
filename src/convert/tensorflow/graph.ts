// A TensorFlow graph in memory, from protobuf or from TensorFlow.js's JSON, with its functions put where they are called.
import type { DType } from '../../core'
import type { Dim, Tensor } from '../../onnx'
import { ConvertError } from '../errors'
import { copyOf, raiseLoops, type Region } from './loops'
import type { TfMessage } from './messages'
import { dtypeOf, shapeOf, tensorOf } from './tensors'

/** Calls inside calls: more is a function that calls itself. */
const MAX_DEPTH = 100
/** Nodes of a graph after all calls are replaced. */
const MAX_NODES = 2_000_000

/** One output of a node. */
export interface Endpoint {
  readonly node: GraphNode
  readonly index: number
}

type Attr = TfMessage<'Attr'>

export class GraphNode {
  inputs: Endpoint[] = []
  /** Nodes that have to run before this one, without giving it anything. */
  controls: GraphNode[] = []

  constructor(readonly name: string, readonly op: string, readonly attrs: ReadonlyMap<string, Attr>) {}

  int(name: string, otherwise = 0): number {
    const found = this.attrs.get(name)?.i
    return found === undefined ? otherwise : Number(found)
  }

  float(name: string, otherwise = 0): number {
    return this.attrs.get(name)?.f ?? otherwise
  }

  bool(name: string, otherwise = false): boolean {
    const found = this.attrs.get(name)
    return found === undefined ? otherwise : (found.b ?? 0) !== 0
  }

  string(name: string, otherwise = ''): string {
    const found = this.attrs.get(name)?.s
    return found === undefined ? otherwise : Buffer.from(found).toString('utf8')
  }

  strings(name: string): string[] {
    return (this.attrs.get(name)?.list?.s ?? []).map((bytes) => Buffer.from(bytes).toString('utf8'))
  }

  ints(name: string): number[] {
    return (this.attrs.get(name)?.list?.i ?? []).map(Number)
  }

  floats(name: string): number[] {
    return this.attrs.get(name)?.list?.f ?? []
  }

  typeCode(name: string): number | undefined {
    return this.attrs.get(name)?.type
  }

  dtype(name: string): DType | undefined {
    const code = this.typeCode(name)
    return code === undefined ? undefined : dtypeOf(code, `node ${this.name}`)
  }

  shape(name: string): Dim[] | undefined {
    return shapeOf(this.attrs.get(name)?.shape)
  }

  tensor(name: string): Tensor | undefined {
    const found = this.attrs.get(name)?.tensor
    return found === undefined ? undefined : tensorOf(found, `node ${this.name}`)
  }

  func(name: string): string | undefined {
    return this.attrs.get(name)?.func?.name
  }
}

/** A function of the graph's library. */
export interface GraphFunction {
  readonly name: string
  readonly parameters: readonly { readonly name: string; readonly type: number }[]
  readonly results: readonly string[]
  readonly message: TfMessage<'FunctionDef'>
  /** Of a loop of TensorFlow 1: its nodes stand in the graph itself. */
  readonly region?: Region
}

export class TfGraph {
  readonly nodes = new Map<string, GraphNode>()
  readonly functions = new Map<string, GraphFunction>()
  /** Ends of raised loops: what a loop leaves that nothing reads is no output of the graph. */
  readonly exits = new Set<GraphNode>()

  constructor(readonly where: string) {}

  /** The endpoint of a reference such as `conv/BiasAdd:0`. */
  endpoint(reference: string): Endpoint {
    const [name = '', index = '0'] = reference.split(':')
    const node = this.nodes.get(name)
    if (node === undefined) throw new ConvertError('CONVERT_MALFORMED', 'The graph refers to a node that it does not have', { got: reference, where: this.where })
    const at = Number(index)
    if (!Number.isInteger(at) || at < 0 || at > 100_000) throw new ConvertError('CONVERT_MALFORMED', 'The graph refers to an impossible output', { got: reference, where: this.where })
    return { node, index: at }
  }
}

/** The graph of a GraphDef. */
export function graphOf(message: TfMessage<'GraphDef'>, where: string): TfGraph {
  const graph = new TfGraph(where)
  for (const f of message.library?.function ?? []) {
    const { signature } = f
    const name = signature?.name ?? ''
    graph.functions.set(name, {
      name, message: f,
      parameters: (signature?.input ?? []).map((arg) => ({ name: arg.name ?? '', type: arg.type ?? 0 })),
      results: (signature?.output ?? []).map((arg) => arg.name ?? ''),
    })
  }
  for (const node of message.node ?? []) {
    const made = nodeOf(node, '')
    if (graph.nodes.has(made.name)) throw new ConvertError('CONVERT_MALFORMED', 'Two nodes have one name', { got: made.name, where })
    graph.nodes.set(made.name, made)
  }
  for (const node of message.node ?? []) {
    const made = graph.nodes.get(node.name ?? '')
    for (const reference of node.input ?? []) {
      if (reference.startsWith('^')) made?.controls.push(graph.endpoint(reference.slice(1)).node)
      else made?.inputs.push(graph.endpoint(reference))
    }
  }
  raiseLoops(graph)
  return graph
}

function nodeOf(message: TfMessage<'NodeDef'>, prefix: string): GraphNode {
  const attrs = new Map<string, Attr>()
  for (const { key, value } of message.attr ?? []) attrs.set(key ?? '', value ?? {})
  return new GraphNode(prefix + (message.name ?? ''), message.op ?? '', attrs)
}

/** Output arguments with several tensors, for references `node:argument:index` inside functions. */
const OUTPUT_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  FusedBatchNormV3: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2', 'reserve_space_3'],
  FusedBatchNormV2: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2'],
  FusedBatchNorm: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2'],
  TopKV2: ['values', 'indices'], TopK: ['values', 'indices'], Unique: ['y', 'idx'], UniqueV2: ['y', 'idx'],
  NonMaxSuppressionV4: ['selected_indices', 'valid_outputs'], NonMaxSuppressionV5: ['selected_indices', 'selected_scores', 'valid_outputs'],
  Switch: ['output_false', 'output_true'], Merge: ['output', 'value_index'], SoftmaxCrossEntropyWithLogits: ['loss', 'backprop'],
  MaxPoolWithArgmax: ['output', 'argmax'], BroadcastGradientArgs: ['r0', 'r1'], Svd: ['s', 'u', 'v'], Qr: ['q', 'r'],
  LookupTableExport: ['keys', 'values'], CombinedNonMaxSuppression: ['nmsed_boxes', 'nmsed_scores', 'nmsed_classes', 'valid_detections'],
}

/** What a function's body is made of when it is put in place. */
export interface Body {
  readonly nodes: ReadonlyMap<string, GraphNode>
  readonly results: readonly Endpoint[]
}

/** The nodes of a function with given arguments in place of its parameters. Names are put behind `prefix`. */
export function bodyOf(f: GraphFunction, args: readonly Endpoint[], prefix: string): Body {
  const where = `function ${f.name}`
  if (args.length < f.parameters.length) {
    throw new ConvertError('CONVERT_MALFORMED', 'A function is called with too few arguments', { expected: String(f.parameters.length), got: String(args.length), where })
  }
  if (f.region) return copyOf(f.region, args, prefix, where)
  const parameters = new Map(f.parameters.map(({ name }, i) => [name, args[i]]))
  const nodes = new Map<string, GraphNode>()
  for (const message of f.message.node ?? []) nodes.set(message.name ?? '', nodeOf(message, prefix))
  const resolve = (reference: string): Endpoint => {
    const [name = '', argument, index = '0'] = reference.split(':')
    const given = parameters.get(name)
    if (given !== undefined) return given
    const node = nodes.get(name)
    if (node === undefined) throw new ConvertError('CONVERT_MALFORMED', 'A function refers to a node that it does not have', { got: reference, where })
    const base = argument === undefined ? 0 : Math.max(0, OUTPUT_ARGUMENTS[node.op]?.indexOf(argument) ?? 0)
    const at = /^\d+$/.test(argument ?? '') ? Number(argument) : base + Number(index)
    if (!Number.isInteger(at) || at < 0 || at > 100_000) throw new ConvertError('CONVERT_MALFORMED', 'A function refers to an impossible output', { got: reference, where })
    return { node, index: at }
  }
  for (const message of f.message.node ?? []) {
    const node = nodes.get(message.name ?? '')
    for (const reference of message.input ?? []) {
      if (!reference.startsWith('^')) node?.inputs.push(resolve(reference))
      else if (!parameters.has(reference.slice(1))) node?.controls.push(resolve(reference.slice(1)).node)
    }
  }
  const returned = new Map((f.message.ret ?? []).map(({ key, value }) => [key ?? '', value ?? '']))
  return { nodes, results: f.results.map((name) => resolve(returned.get(name) ?? name)) }
}

const CALLS = new Set(['PartitionedCall', 'StatefulPartitionedCall'])

/** The function that a node calls. */
export function calledBy(graph: TfGraph, node: GraphNode): GraphFunction | undefined {
  return CALLS.has(node.op) ? functionNamed(graph, node, node.func('f') ?? '') : graph.functions.get(node.op)
}

/** A function of the library by name. */
export function functionNamed(graph: TfGraph, node: GraphNode, name: string): GraphFunction {
  const found = graph.functions.get(name)
  if (found !== undefined) return found
  throw new ConvertError('CONVERT_MALFORMED', 'A node calls a function that the graph does not have', { got: name, where: `node ${node.name}` })
}

/** Follows calls and identities to what really makes a value. Bodies are made once for each call. */
export class Inliner {
  private readonly bodies = new Map<GraphNode, Body>()
  private count = 0

  constructor(private readonly graph: TfGraph) {}

  /** The endpoint behind calls. */
  resolve(endpoint: Endpoint): Endpoint {
    let at = endpoint
    for (let depth = 0; ; depth++) {
      const f = calledBy(this.graph, at.node)
      if (f === undefined) return at
      if (depth > MAX_DEPTH) throw new ConvertError('CONVERT_LIMIT', 'Functions of the graph call each other without end', { where: `node ${at.node.name}` })
      const next: Endpoint | undefined = this.body(at.node, f).results[at.index]
      if (next === undefined) throw new ConvertError('CONVERT_MALFORMED', 'A call gives fewer results than are read', { where: `node ${at.node.name}` })
      at = next
    }
  }

  private body(node: GraphNode, f: GraphFunction): Body {
    const known = this.bodies.get(node)
    if (known !== undefined) return known
    this.count += f.message.node?.length ?? 0
    const nesting = node.name.split('/').length
    if (this.count > MAX_NODES || nesting > 10 * MAX_DEPTH) throw new ConvertError('CONVERT_LIMIT', 'Functions of the graph expand without end', { where: `node ${node.name}` })
    const made = bodyOf(f, node.inputs, `${node.name}/`)
    this.bodies.set(node, made)
    return made
  }
}
