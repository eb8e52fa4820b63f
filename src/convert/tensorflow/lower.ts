// A TensorFlow graph becomes an ONNX model: from the outputs back to the inputs, each node lowered once.
import type { DType } from '../../core'
import { GraphBuilder, OnnxError, Tensor, type Dim, type Model, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { MappedOperator } from '../report'
import { TfContext } from './context'
import { calledBy, functionNamed, Inliner, type Endpoint, type GraphNode, type TfGraph } from './graph'
import { Emitter, Held } from './held'
import { tensorflowOperators } from './table'
import { requireFinite } from './tensors'

/** An input or output of the model: its name, and where it is in the graph. */
export interface Port {
  readonly name: string
  readonly endpoint: Endpoint
  readonly dtype: DType | undefined
  readonly shape: readonly Dim[] | undefined
}

export interface LowerOptions {
  readonly opset: number
  readonly nonFinite: 'refuse' | 'keep'
  /** The numbers of a variable. */
  readonly variable: (node: GraphNode) => Tensor
}

interface Use { readonly operator: string, readonly place: string }

export class Lowerer {
  private readonly results = new Map<Emitter, Map<GraphNode, (Held | undefined)[]>>()
  private readonly bound = new Map<GraphNode, Held>()
  private readonly variables = new Map<GraphNode, Value>()
  private readonly inliner: Inliner
  private readonly counts = new Map<string, { count: number; onnx: Record<string, number> }>()
  private readonly builder: GraphBuilder
  private readonly root: Emitter
  private emitter: Emitter

  constructor(readonly graph: TfGraph, name: string, private readonly options: LowerOptions) {
    this.inliner = new Inliner(graph)
    this.builder = new GraphBuilder(name, { opsets: { '': options.opset } })
    this.root = new Emitter(this.builder, options.opset, (what, got) => new ConvertError('CONVERT_OPERATOR', what, got === undefined ? {} : { got }))
    this.emitter = this.root
  }

  /** Lowers the part of the graph between inputs and outputs. */
  run(inputs: readonly Port[], outputs: readonly Port[]): { model: Model; operators: MappedOperator[]; symbols: string[] } {
    const symbols = new Set<string>()
    for (const port of inputs) {
      const shape = port.shape?.map((size, axis) => {
        if (typeof size === 'number') return size
        const symbol = axis === 0 ? 'batch' : `${port.name.replace(/\W/g, '_')}_${axis}`
        symbols.add(symbol)
        return symbol
      })
      const value = this.builder.input(port.name, port.dtype ?? 'float32', shape)
      const held = Held.of(this.root, value)
      this.bound.set(port.endpoint.node, held)
    }
    this.requireAll(outputs.map(({ endpoint }) => endpoint))
    const results = this.lower(outputs.map(({ endpoint }) => endpoint))
    results.forEach((held, i) => {
      const { value } = held
      // An output is made by a node of its own, under its own name; inputs and constants keep theirs.
      const own = value.producer !== undefined && !value.isGraphOutput ? value : this.builder.op('Identity', [value])
      this.builder.output(own)
      nameAs(own, outputs[i]?.name ?? `output_${i}`)
    })
    for (const value of [...this.builder.graph.initializers.keys()]) {
      if (value.consumers.size === 0 && !value.isGraphOutput) this.builder.graph.removeInitializer(value)
    }
    const model = this.builder.model()
    return { model, operators: [...this.counts].map(([operator, { count, onnx }]) => ({ operator, count, onnx })).sort((a, b) => b.count - a.count), symbols: [...symbols] }
  }

  /** The variable's numbers as an initializer under its name. */
  variable(_emitter: Emitter, node: GraphNode): Value {
    const known = this.variables.get(node)
    if (known !== undefined) return known
    const name = node.string('shared_name') || node.name
    const value = this.builder.constant(this.weight(this.options.variable(node), name), name)
    this.variables.set(node, value)
    return value
  }

  /** A weight after the check of its numbers. */
  weight(tensor: Tensor, name: string): Tensor {
    return this.options.nonFinite === 'keep' ? tensor : requireFinite(tensor, name)
  }

  /** Gives a node the value that stands for it: parameters of functions. */
  bind(node: GraphNode, held: Held): void {
    this.bound.set(node, held)
  }

  /** Runs `use` while nodes go into another graph. */
  within<T>(emitter: Emitter, use: () => T): T {
    const before = this.emitter
    this.emitter = emitter
    try {
      return use()
    } finally {
      this.emitter = before
    }
  }

  /** The values of endpoints. Nodes are visited without recursion: graphs are deep. */
  lower(endpoints: readonly Endpoint[]): Held[] {
    const wanted = endpoints.map((endpoint) => this.inliner.resolve(endpoint))
    const open = new Set<GraphNode>()
    const stack = wanted.map(({ node }) => node)
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (this.found(node) !== undefined) {
        stack.pop()
        continue
      }
      const needed = node.inputs.map((input) => this.inliner.resolve(input).node).filter((input) => this.found(input) === undefined)
      if (needed.length > 0) {
        if (open.has(node)) {
          throw new ConvertError('CONVERT_MALFORMED', 'Nodes of the graph depend on each other in a circle', {
            where: `node ${node.name}`, fix: 'a loop of TensorFlow 1 (Enter, NextIteration) is saved as such by old versions: save the model again with TensorFlow 2',
          })
        }
        open.add(node)
        stack.push(...needed)
        continue
      }
      stack.pop()
      this.one(node)
    }
    return wanted.map((endpoint) => this.take(endpoint))
  }

  private take({ node, index }: Endpoint): Held {
    const held = this.found(node)?.[index]
    if (held === undefined) throw new ConvertError('CONVERT_OPERATOR', `${node.op}: its output ${index} has no ONNX form`, { where: `node ${node.name}` })
    return held
  }

  /** What a node was lowered to, in the graph at work; constants and the like of the main graph count everywhere. */
  private found(node: GraphNode): readonly (Held | undefined)[] | undefined {
    const bound = this.bound.get(node)
    if (bound !== undefined) return [bound]
    return this.results.get(this.emitter)?.get(node) ?? (this.emitter === this.root ? undefined : this.results.get(this.root)?.get(node))
  }

  private one(node: GraphNode): void {
    const entry = tensorflowOperators.get(node.op)
    if (entry === undefined) throw new ConvertError('CONVERT_OPERATOR', `${node.op} has no mapping to ONNX`, { where: `node ${node.name}` })
    const { emitter } = this
    const context = new TfContext(this, emitter, node, node.inputs.map((input) => this.take(this.inliner.resolve(input))))
    emitter.place = node.name
    emitter.made = {}
    try {
      entry.lower(context)
    } catch (cause) {
      if (!(cause instanceof OnnxError)) throw cause
      throw new ConvertError('CONVERT_SHAPE', `${node.op}: ${cause.what}`, {
        ...(cause.details.expected === undefined ? {} : { expected: cause.details.expected }),
        got: cause.details.got ?? context.inputs.map((held) => `${held.dtype ?? 'handle'}[${(held.shape ?? []).join(',')}]`).join(' '), where: `node ${node.name}`, cause,
      })
    }
    const seen = this.counts.get(node.op) ?? { count: 0, onnx: {} }
    seen.count++
    for (const [name, times] of Object.entries(emitter.made)) seen.onnx[name] = (seen.onnx[name] ?? 0) + times
    this.counts.set(node.op, seen)
    let map = this.results.get(emitter)
    if (map === undefined) this.results.set(emitter, map = new Map<GraphNode, (Held | undefined)[]>())
    map.set(node, context.results)
  }

  /** Every operator without a lowering, in the part that is reached and in the functions it calls, at once. */
  private requireAll(endpoints: readonly Endpoint[]): void {
    const uses: Use[] = []
    this.usesBehind(endpoints, new Set(this.bound.keys()), new Set(), uses)
    tensorflowOperators.requireAll(uses)
  }

  private usesBehind(endpoints: readonly Endpoint[], seen: Set<GraphNode>, functions: Set<string>, uses: Use[]): void {
    const stack = endpoints.map((endpoint) => this.inliner.resolve(endpoint).node)
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (seen.has(node)) continue
      seen.add(node)
      uses.push({ operator: node.op, place: node.name })
      for (const input of node.inputs) stack.push(this.inliner.resolve(input).node)
      for (const name of ['cond', 'body', 'then_branch', 'else_branch'].flatMap((key) => node.func(key) ?? [])) this.functionUses(node, name, functions, uses)
    }
  }

  private functionUses(node: GraphNode, name: string, seen: Set<string>, uses: Use[]): void {
    if (seen.has(name)) return
    seen.add(name)
    const f = functionNamed(this.graph, node, name)
    if (f.region) this.usesBehind(f.region.results, new Set(f.region.parameters), seen, uses)
    for (const inner of f.message.node ?? []) {
      const calls = (inner.attr ?? []).map(({ value }) => value?.func?.name).filter((called) => called !== undefined)
      for (const called of calls) this.functionUses(node, called, seen, uses)
      const op = inner.op ?? ''
      if (!this.graph.functions.has(op) && !/PartitionedCall$/.test(op)) uses.push({ operator: op, place: `${name}/${inner.name ?? ''}` })
    }
  }
}

/** Nodes of the graph that nothing reads: the outputs of a frozen graph. */
export function endsOf(graph: TfGraph): GraphNode[] {
  const read = new Set<GraphNode>()
  for (const node of graph.nodes.values()) for (const { node: input } of node.inputs) read.add(input)
  for (const { region } of graph.functions.values()) for (const { node } of region?.results ?? []) read.add(node)
  return [...graph.nodes.values()].filter((node) => !read.has(node) && !graph.exits.has(node) && !/^(Const|NoOp|Placeholder|Assert|Save|Restore)/.test(node.op) && calledBy(graph, node) === undefined)
}

/** Gives a value a name, and whatever had it before the value's. */
function nameAs(value: Value, name: string): void {
  const before = value.graph?.find(name)
  if (before === value) return
  if (before?.isGraphInput === true) return
  if (before !== undefined) before.currentName = value.currentName
  value.currentName = name
}
