// The graph: inputs, initializers, nodes in order, outputs; and the edits that keep producers and uses consistent.
// Whole-graph operations (sorting, cloning, cutting out, inlining) are in their own files beside this one.
import { displaySymbol, type Displayable, type MimeBundle } from '../../core'
import { OnnxError } from '../errors'
import { tableBundle, textTable } from '../show'
import { graphTable } from './display'
import type { Node } from './node'
import type { SparseTensor, Tensor } from './tensor'
import type { UnknownFields } from './types'
import { Value } from './value'

/** How the tensor `value` was quantized: names of parameters such as `SCALE_TENSOR`, and the values that hold them. */
export interface QuantizationAnnotation {
  readonly value: Value
  readonly parameters: ReadonlyMap<string, Value>
  readonly unknown?: UnknownFields
}

/** A stated type of a graph output that differs from the type its value has elsewhere. */
export type OutputInfo = Pick<Value, 'declaredType' | 'docString' | 'metadata' | 'unknown'>

export class Graph implements Displayable {
  name: string
  docString?: string
  metadata?: Map<string, string>
  unknown?: UnknownFields
  quantization: QuantizationAnnotation[] = []
  /** Types stated for names that nothing in the graph has; kept so that writing loses nothing. */
  strayInfo: Value[] = []
  /** @internal By output position, only where it differs from the value's own. */
  outputInfo: Map<number, OutputInfo> | undefined
  /** The node in whose attribute this graph is; undefined for a model's main graph and a function's body. */
  parent: Node | undefined
  private readonly inputSet = new Set<Value>()
  private inputList: readonly Value[] | undefined
  private outputList: Value[] = []
  private readonly dense = new Map<Value, Tensor>()
  private readonly sparse = new Map<Value, SparseTensor>()
  private first: Node | undefined
  private last: Node | undefined
  private nodeList: readonly Node[] | undefined
  private count = 0
  private takenNames: Set<string> | undefined
  private nextSuffix = 0
  private live = true
  private readonly within: Graph | undefined

  /**
   * @param within for a graph that will become an attribute of a node: the graph of that node, so that new names differ
   *   from its names
   */
  constructor(name = '', within?: Graph) {
    this.within = within
    this.name = name
    this.parent = undefined
    this.outputInfo = undefined
  }

  /** Values given from outside, in order. Before IR version 4 every initializer is also an input. */
  get inputs(): readonly Value[] {
    return (this.inputList ??= [...this.inputSet])
  }

  /** Values returned, in order. One may appear twice. */
  get outputs(): readonly Value[] {
    return this.outputList
  }

  /** Constant values and their tensors. */
  get initializers(): ReadonlyMap<Value, Tensor> {
    return this.dense
  }

  get sparseInitializers(): ReadonlyMap<Value, SparseTensor> {
    return this.sparse
  }

  /** The nodes in order. A snapshot: editing while iterating over it is safe. */
  get nodes(): readonly Node[] {
    if (this.nodeList === undefined) {
      const list: Node[] = []
      for (let node = this.first; node !== undefined; node = node.next) list.push(node)
      this.nodeList = list
    }
    return this.nodeList
  }

  get nodeCount(): number {
    return this.count
  }

  /** The graph around all others: the model's main graph or a function's body. */
  get root(): Graph {
    let outer = this.around
    while (outer?.around !== undefined) outer = outer.around
    return outer ?? this
  }

  private get around(): Graph | undefined {
    return this.parent === undefined ? this.within : this.parent.graph
  }

  hasInput(value: Value): boolean {
    return this.inputSet.has(value)
  }

  /** Adds an input at the end. */
  addInput(value: Value): Value {
    this.own(value)
    this.inputSet.add(value)
    this.inputList = undefined
    return value
  }

  /** Removes an input that nothing reads. */
  removeInput(value: Value): void {
    this.requireUnused(value, 'input')
    if (this.inputSet.delete(value) && !this.dense.has(value)) value.graph = undefined
    this.inputList = undefined
  }

  /** Replaces the list of outputs. */
  setOutputs(values: readonly Value[]): void {
    for (const old of this.outputList) {
      const at = old.returnedBy?.indexOf(this) ?? -1
      if (at >= 0) old.returnedBy?.splice(at, 1)
    }
    this.outputList = [...values]
    this.outputInfo = undefined
    for (const value of values) (value.returnedBy ??= []).push(this)
  }

  /** Adds an output at the end. */
  addOutput(value: Value): Value {
    this.outputList.push(value)
    ;(value.returnedBy ??= []).push(this)
    return value
  }

  /** Adds a constant; with a name, a new value is made, named after it. */
  addInitializer(target: Value | string, tensor: Tensor | SparseTensor): Value {
    const value = typeof target === 'string' ? new Value(this.freshName(target)) : target
    this.own(value)
    if ('values' in tensor) this.sparse.set(value, tensor)
    else this.dense.set(value, tensor)
    return value
  }

  /** Replaces the tensor of an initializer; uses stay. */
  setInitializer(value: Value, tensor: Tensor): void {
    if (!this.dense.has(value)) throw new OnnxError('ONNX_GRAPH', `${value.name} is no initializer of graph ${this.name}`)
    this.dense.set(value, tensor)
    if (value.declaredType !== undefined) value.declaredType = undefined
  }

  /** Removes an initializer that nothing reads (or that is an input too, whose default it was). */
  removeInitializer(value: Value): void {
    if (!this.inputSet.has(value)) {
      this.requireUnused(value, 'initializer')
      value.graph = undefined
    }
    this.dense.delete(value)
    this.sparse.delete(value)
  }

  /** Adds a node at the end; unnamed outputs get names. */
  append(node: Node): Node {
    return this.link(node, this.last, undefined)
  }

  insertBefore(place: Node, node: Node): Node {
    this.requireMine(place)
    return this.link(node, place.previous, place)
  }

  insertAfter(place: Node, node: Node): Node {
    this.requireMine(place)
    return this.link(node, place, place.next)
  }

  /**
   * Takes a node out. Its outputs must have no readers left.
   *
   * @throws OnnxError `ONNX_GRAPH` when an output is still read or returned, or the node is not in this graph
   */
  remove(node: Node): void {
    this.requireMine(node)
    for (const output of node.outputs) this.requireUnused(output, `output of node ${node.label}`)
    node.deactivate()
    if (node.previous === undefined) this.first = node.next
    else node.previous.next = node.next
    if (node.next === undefined) this.last = node.previous
    else node.next.previous = node.previous
    node.previous = node.next = node.graph = undefined
    for (const output of node.outputs) output.graph = undefined
    this.nodeList = undefined
    this.count--
  }

  /** Makes every reader of `before`, in this graph and inside it, and every graph that returns it, take `after`. */
  replaceAllUses(before: Value, after: Value): void {
    if (before === after) return
    for (const node of [...before.consumers]) {
      node.inputs.forEach((input, index) => {
        if (input === before) node.setInput(index, after)
      })
    }
    for (const graph of new Set(before.returnedBy)) {
      const kept = graph.outputInfo
      graph.setOutputs(graph.outputs.map((output) => (output === before ? after : output)))
      graph.outputInfo = kept
    }
  }

  /**
   * Renames a value. When the name is taken in this nest of graphs, it gets a number appended, or throws if
   * `collision` is `throw`.
   *
   * @returns the name that it got
   */
  rename(value: Value, name: string, collision: 'number' | 'throw' = 'number'): string {
    if (value.name === name) return name
    const names = this.root.names()
    if (names.has(name) && collision === 'throw') {
      throw new OnnxError('ONNX_GRAPH', `The name ${name} is already taken in graph ${this.name}`, {
        fix: 'choose another name, or let rename number it',
      })
    }
    value.currentName = names.has(name) ? this.freshName(name) : name
    names.add(value.currentName)
    return value.currentName
  }

  /** A name that no value of this graph, of graphs inside it or around it has: `base`, `base_1`, … */
  freshName(base: string): string {
    const root = this.root
    const names = root.names()
    const stem = base === '' ? 'value' : base
    let name = stem
    while (names.has(name)) name = `${stem}_${++root.nextSuffix}`
    names.add(name)
    return name
  }

  /** The value of this name, in this graph only. */
  find(name: string): Value | undefined {
    for (const value of this.values()) if (value.name === name) return value
    return undefined
  }

  /** Every value that this graph defines: inputs, initializers, node outputs. */
  *values(): Generator<Value> {
    yield* this.inputSet
    for (const value of this.dense.keys()) if (!this.inputSet.has(value)) yield value
    for (const value of this.sparse.keys()) if (!this.inputSet.has(value)) yield value
    for (const node of this.nodes) for (const value of node.outputs) if (value.name !== '') yield value
  }

  /** This graph's nodes and those of every graph inside it, outer before inner. */
  *allNodes(): Generator<Node> {
    for (const node of this.nodes) {
      yield node
      if (node.attributes.size > 0) for (const graph of node.subgraphs) yield* graph.allNodes()
    }
  }

  /** Puts the nodes in the given order, which must hold exactly the nodes of this graph. */
  reorder(nodes: readonly Node[]): void {
    if (nodes.length !== this.count || new Set(nodes).size !== this.count || nodes.some((node) => node.graph !== this)) {
      throw new OnnxError('ONNX_GRAPH', `The new order does not hold exactly the nodes of graph ${this.name}`)
    }
    let previous: Node | undefined
    for (const node of nodes) {
      node.previous = previous
      node.next = undefined
      if (previous === undefined) this.first = node
      else previous.next = node
      previous = node
    }
    this.last = previous
    this.nodeList = undefined
  }

  toString(): string {
    return textTable(graphTable(this))
  }

  [displaySymbol](): MimeBundle {
    return tableBundle(graphTable(this))
  }

  /** @internal */
  activate(): void {
    this.live = true
    for (const node of this.nodes) node.activate()
  }

  /** @internal */
  deactivate(): void {
    this.live = false
    for (const node of this.nodes) node.deactivate()
  }

  private link(node: Node, previous: Node | undefined, next: Node | undefined): Node {
    if (node.graph !== undefined) {
      throw new OnnxError('ONNX_GRAPH', `Node ${node.label} is already in graph ${node.graph.name}`, { fix: 'remove it there first' })
    }
    for (let outer = this.parent; outer !== undefined; outer = outer.graph?.parent) {
      if (outer === node) throw new OnnxError('ONNX_GRAPH', `Node ${node.label} cannot be inside its own subgraph`)
    }
    node.graph = this
    node.previous = previous
    node.next = next
    if (previous === undefined) this.first = node
    else previous.next = node
    if (next === undefined) this.last = node
    else next.previous = node
    for (const output of node.outputs) {
      if (node.namesOutputs && output.name === '') {
        output.currentName = this.freshName(node.name === '' ? node.opType.toLowerCase() : node.name)
      }
      this.own(output)
    }
    if (this.live) node.activate()
    if (node.attributes.size > 0) for (const inner of node.subgraphs) this.learnNames(inner)
    this.nodeList = undefined
    this.count++
    return node
  }

  /** @internal Takes note of the names inside a graph that was put into this nest. */
  learnNames(inner: Graph): void {
    const names = this.knownNames()
    if (names !== undefined) inner.collectNames(names)
  }

  private own(value: Value): void {
    if (value.graph !== undefined && value.graph !== this) {
      throw new OnnxError('ONNX_GRAPH', `The value ${value.name} belongs to graph ${value.graph.name}`)
    }
    value.graph = this
    if (value.name !== '') this.knownNames()?.add(value.name)
  }

  private knownNames(): Set<string> | undefined {
    return this.parent === undefined && this.within === undefined ? this.takenNames : this.root.takenNames
  }

  private names(): Set<string> {
    if (this.takenNames === undefined) {
      this.takenNames = new Set()
      this.collectNames(this.takenNames)
    }
    return this.takenNames
  }

  private collectNames(into: Set<string>): void {
    for (const value of this.values()) into.add(value.name)
    for (const node of this.nodes) if (node.attributes.size > 0) for (const graph of node.subgraphs) graph.collectNames(into)
  }

  private requireMine(node: Node): void {
    if (node.graph !== this) throw new OnnxError('ONNX_GRAPH', `Node ${node.label} is not in graph ${this.name}`)
  }

  private requireUnused(value: Value, role: string): void {
    if (value.consumers.size > 0 || value.isGraphOutput) {
      const [reader] = value.consumers
      throw new OnnxError('ONNX_GRAPH', `The value ${value.name}, ${role}, is still used`, {
        where: reader === undefined ? 'outputs of a graph' : `node ${reader.label}`,
        fix: 'replaceAllUses(value, other) first',
      })
    }
  }
}
