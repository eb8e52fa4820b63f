// Building graphs in code: operators as calls, plain arrays as constants, names given where none are chosen.
import type { DType, Shape } from '../core'
import { OnnxError } from './errors'
import type { AttributeInput } from './ir/attributes'
import { Graph } from './ir/graph'
import { Model, type ModelOptions } from './ir/model'
import { Node, type NodeOptions } from './ir/node'
import { Tensor, type TensorArray } from './ir/tensor'
import { tensorType, type Dim, type Type } from './ir/types'
import { Value } from './ir/value'

/** What an operator can be given: a value, a constant to be made one, or nothing for an optional input. */
export type Operand = Value | Tensor | number | readonly number[] | undefined

/** How a node is made, besides operator, inputs and attributes. */
export interface OpOptions {
  readonly name?: string
  readonly domain?: string
  readonly overload?: string
  /** How many outputs, or their names. Default: as many as the operator must have, at least one. */
  readonly outputs?: number | readonly string[]
}

/**
 * Makes the nodes of a graph one call at a time.
 *
 * @example
 * const g = new GraphBuilder('mlp')
 * const x = g.input('x', 'float32', ['N', 784])
 * const y = g.op('Relu', [g.op('MatMul', [x, g.constant(weights, 'w')])])
 * g.output(y, 'y')
 * const model = g.model({ opsets: { '': 21 } })
 */
export class GraphBuilder {
  readonly graph: Graph
  /** Sees every node before it is added; `checked` builders put schema and inference here. */
  private readonly options: BuilderOptions

  /** @param within the graph around it, when this one becomes an attribute of a node there */
  constructor(name: string, options: BuilderOptions = {}, within?: Graph) {
    this.graph = new Graph(name, within)
    this.options = options
  }

  /** Adds an input of the graph. */
  input(name: string, type: DType | Type, shape?: readonly Dim[]): Value {
    const value = new Value(this.graph.freshName(name), typeof type === 'string' ? tensorType(type, shape) : type)
    return this.graph.addInput(value)
  }

  /** Adds a constant: an initializer. Plain numbers become float32 unless `dtype` says otherwise. */
  constant(value: Tensor | TensorArray | readonly number[] | number, name = 'constant', dtype?: DType, shape?: Shape): Value {
    const tensor = value instanceof Tensor ? value
      : typeof value === 'number' ? Tensor.scalar(value, dtype)
        : Tensor.from(value, shape, dtype)
    return this.graph.addInitializer(name, tensor)
  }

  /** Adds a node and returns its first output. */
  op(opType: string, inputs: readonly Operand[], attributes: Readonly<Record<string, AttributeInput>> = {}, options: OpOptions = {}): Value {
    const [first] = this.ops(opType, inputs, attributes, options)
    if (first === undefined) throw new OnnxError('ONNX_GRAPH', `${opType} was asked for no outputs, so it has no first one`)
    return first
  }

  /** Adds a node and returns all its outputs. */
  ops(
    opType: string, inputs: readonly Operand[], attributes: Readonly<Record<string, AttributeInput>> = {}, options: OpOptions = {},
  ): readonly Value[] {
    const given: NodeOptions = {
      name: options.name ?? '', domain: options.domain ?? '', overload: options.overload ?? '',
    }
    const outputs = typeof options.outputs === 'object' ? options.outputs.map((name) => (name === '' ? '' : this.graph.freshName(name))) : options.outputs ?? 1
    const node = new Node(opType, inputs.map((input) => this.operand(input)), outputs, given)
    const hints = this.options.attributeKinds?.(node)
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value, hints?.get(name))
    this.options.check?.(node, this.graph)
    this.graph.append(node)
    this.options.infer?.(node, this.graph)
    return node.outputs
  }

  /** A graph for an attribute of a node, such as a branch of an If; it may use values of this one. */
  subgraph(name: string, build: (g: GraphBuilder) => void): Graph {
    const inner = new GraphBuilder(name, this.options, this.graph)
    build(inner)
    return inner.graph
  }

  /** Declares an output of the graph; with a name, the value is renamed to it. */
  output(value: Value, name?: string): Value {
    if (name !== undefined && value.name !== name) this.graph.rename(value, name, 'throw')
    return this.graph.addOutput(value)
  }

  /** The model around the graph. */
  model(options: ModelOptions = {}): Model {
    return new Model(this.graph, { producerName: 'whetstone', ...(this.options.opsets === undefined ? {} : { opsets: this.options.opsets }), ...options })
  }

  private operand(operand: Operand): Value | undefined {
    if (operand === undefined || operand instanceof Value) return operand
    return this.constant(operand)
  }
}

/** What a builder does with each node. */
export interface BuilderOptions {
  readonly opsets?: Readonly<Record<string, number>>
  /** Kinds of the attributes that the node's operator declares. */
  readonly attributeKinds?: (node: Node) => ReadonlyMap<string, import('./ir/attributes').AttributeKind> | undefined
  /** Throws when the node breaks its operator's schema. */
  readonly check?: (node: Node, graph: Graph) => void
  /** Sets the types of the node's outputs. */
  readonly infer?: (node: Node, graph: Graph) => void
}
