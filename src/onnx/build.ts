// Building graphs in code: operators as calls, plain arrays as constants, names given where none are chosen.
import type { DType, Shape } from '../core'
import { OnnxError } from './errors'
import { nodeInference } from './infer/infer'
import type { AttributeInput } from './ir/attributes'
import { Graph } from './ir/graph'
import { DEFAULT_OPSET, Model, type FunctionDefinition, type ModelOptions } from './ir/model'
import { Node } from './ir/node'
import { Tensor, type TensorArray } from './ir/tensor'
import { tensorType, type Dim, type Type } from './ir/types'
import { Value } from './ir/value'
import { checkNode } from './schema/check'
import { canonicalDomain, isKnownDomain, schemaOf, type OperatorSchema } from './schema/schema'

/** What an operator can be given: a value, a constant to be made one, or nothing for an optional input. */
export type Operand = Value | Tensor | number | readonly number[] | undefined

/** Attributes by name; an undefined one is left out. */
export type Attributes = Readonly<Record<string, AttributeInput | undefined>>

/** How a node is made, besides operator, inputs and attributes. */
export interface OpOptions {
  readonly name?: string
  readonly domain?: string
  readonly overload?: string
  /** How many outputs, or their names. Default: as many as the operator must have, at least one. */
  readonly outputs?: number | readonly string[]
}

/** Rules that a builder builds by. */
export interface BuilderOptions {
  /** Versions of operator sets by domain; `{ '': 21 }` when left out. */
  readonly opsets?: Readonly<Record<string, number>>
  /** Functions that nodes may call; their domains need no version. */
  readonly functions?: readonly FunctionDefinition[]
  /** `false` leaves out the check of each node against its operator's schema, and inference: for models broken on purpose. */
  readonly check?: boolean
}

/**
 * Makes the nodes of a graph one call at a time. Each node is checked against its operator's schema, and the types of its
 * outputs are inferred, so a mistake is reported where it is made.
 *
 * @example
 * const g = new GraphBuilder('mlp')
 * const x = g.input('x', 'float32', ['N', 784])
 * const w = g.constant(new Float32Array(784 * 10), 'w', 'float32', [784, 10])
 * g.output(g.op('Relu', [g.op('MatMul', [x, w])]), 'y')
 * const model = g.model()
 */
export class GraphBuilder {
  readonly graph: Graph
  readonly opsets: ReadonlyMap<string, number>
  private readonly infer: (node: Node) => void

  /**
   * @param within the graph around this one, when it becomes an attribute of a node there
   */
  constructor(name: string, private readonly options: BuilderOptions = {}, within?: Graph  ) {
    this.graph = new Graph(name, within)
    this.opsets = new Map(Object.entries(options.opsets ?? { '': DEFAULT_OPSET }))
    this.infer = nodeInference(this.opsets, options.functions)
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

  /**
   * Adds a node and returns its first output.
   *
   * @throws OnnxError `ONNX_SCHEMA` or `ONNX_INFER` when the operator does not allow it
   */
  op(opType: string, inputs: readonly Operand[], attributes: Attributes = {}, options: OpOptions = {}): Value {
    const [first] = this.ops(opType, inputs, attributes, options)
    if (first === undefined) throw new OnnxError('ONNX_GRAPH', `${opType} was asked for no outputs, so it has no first one`)
    return first
  }

  /** Adds a node and returns all its outputs. */
  ops(opType: string, inputs: readonly Operand[], attributes: Attributes = {}, options: OpOptions = {}): readonly Value[] {
    const domain = options.domain ?? ''
    const outputs = typeof options.outputs === 'object'
      ? options.outputs.map((name) => (name === '' ? '' : this.graph.freshName(name)))
      : options.outputs ?? 1
    const node = new Node(opType, inputs.map((input) => this.operand(input)), outputs, {
      name: options.name ?? '', domain, overload: options.overload ?? '',
    })
    const version = this.opsets.get(domain)
    const schema = version === undefined ? undefined : schemaOf(opType, version, domain)
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) node.setAttribute(name, value, schema?.attributes.get(name)?.kind)
    }
    if (this.options.check === false) {
      this.graph.append(node)
      return node.outputs
    }
    this.check(node, schema, version)
    this.graph.append(node)
    try {
      this.infer(node)
    } catch (error) {
      this.graph.remove(node)
      throw error
    }
    return node.outputs
  }

  /** A graph for an attribute of a node, such as a branch of an If; it may use values of this one. */
  subgraph(name: string, build: (g: GraphBuilder) => void): Graph {
    const inner = new GraphBuilder(name, { ...this.options, opsets: Object.fromEntries(this.opsets) }, this.graph)
    build(inner)
    return inner.graph
  }

  /** Declares an output of the graph; with a name, the value is renamed to it. */
  output(value: Value, name?: string): Value {
    if (name !== undefined && value.name !== name) this.graph.rename(value, name, 'throw')
    return this.graph.addOutput(value)
  }

  /** The model around the graph. Domains that nodes use and no version was given for get version 1. */
  model(options: ModelOptions = {}): Model {
    const opsets = new Map(this.opsets)
    for (const node of this.graph.allNodes()) if (!opsets.has(canonicalDomain(node.domain))) opsets.set(node.domain, 1)
    return new Model(this.graph, { producerName: 'whetstone', opsets, functions: this.options.functions ?? [], ...options })
  }

  private check(node: Node, schema: OperatorSchema | undefined, version: number | undefined): void {
    const where = `node ${node.label} of graph "${this.graph.name}"`
    if (schema === undefined) {
      const called = this.options.functions?.some((f) => f.name === node.opType && f.domain === node.domain)
      if (called === true || !isKnownDomain(node.domain)) return
      throw new OnnxError('ONNX_SCHEMA', `There is no operator ${node.opType} in version ${version ?? '?'} of its operator set`, {
        where, fix: 'check the spelling, or give the builder a newer operator set: { opsets: { "": 23 } }',
      })
    }
    const [problem] = checkNode(node, schema)
    if (problem === undefined) return
    throw new OnnxError('ONNX_SCHEMA', problem.what, {
      where, ...(problem.expected === undefined ? {} : { expected: problem.expected }), ...(problem.got === undefined ? {} : { got: problem.got }),
    })
  }

  private operand(operand: Operand): Value | undefined {
    return operand === undefined || operand instanceof Value ? operand : this.constant(operand)
  }
}

/**
 * Builds a model in one expression.
 *
 * @example
 * const model = build('double', (g) => {
 *   const x = g.input('x', 'float32', ['N'])
 *   g.output(g.op('Mul', [x, 2]), 'y')
 * })
 */
export function build(name: string, body: (g: GraphBuilder) => void, options: BuilderOptions = {}): Model {
  const builder = new GraphBuilder(name, options)
  body(builder)
  return builder.model()
}
