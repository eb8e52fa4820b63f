// A node: one call of an operator, with its inputs, outputs and attributes.
import { OnnxError } from '../errors'
import { graphsOf, toAttribute, type Attribute, type AttributeInput, type AttributeKind, type AttributeValue } from './attributes'
import type { Graph } from './graph'
import type { UnknownFields } from './types'
import { Value } from './value'

const NO_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map<string, Attribute>()

/** What a node is made from. */
export interface NodeOptions {
  readonly name?: string
  /** The operator's set: empty for ONNX's own. */
  readonly domain?: string
  /** Which of several functions of the same name. */
  readonly overload?: string
  readonly attributes?: Readonly<Record<string, AttributeInput>> | ReadonlyMap<string, Attribute>
}

/** Reads its inputs only while it is in a graph: see `Graph.append`, `insertBefore`, `remove`. */
export class Node {
  name: string
  opType: string
  domain: string
  overload: string
  docString?: string
  metadata?: Map<string, string>
  unknown?: UnknownFields
  /** The graph this node is in. */
  graph: Graph | undefined
  readonly outputs: readonly Value[]
  private inputValues: (Value | undefined)[]
  private attributeMap: Map<string, Attribute> | undefined
  /** @internal Neighbours in the graph's order. */
  previous: Node | undefined
  /** @internal */
  next: Node | undefined
  /** @internal */
  live: boolean
  /** @internal Whether the graph shall name outputs that have no name; otherwise those are left out on purpose. */
  readonly namesOutputs: boolean

  /**
   * @param outputs the values it makes, or their names, or how many unnamed ones the graph shall name
   */
  constructor(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: number | readonly (string | Value)[] = 1,
    options: NodeOptions = {},
  ) {
    this.opType = opType
    this.name = options.name ?? ''
    this.domain = options.domain ?? ''
    this.overload = options.overload ?? ''
    this.graph = undefined
    this.previous = undefined
    this.next = undefined
    this.live = false
    this.inputValues = [...inputs]
    this.attributeMap = undefined
    this.namesOutputs = typeof outputs === 'number'
    const made = typeof outputs === 'number' ? Array.from({ length: outputs }, () => new Value('')) : outputs
    this.outputs = made.map((output) => {
      const value = typeof output === 'string' ? new Value(output) : output
      if (value.producer !== undefined) {
        throw new OnnxError('ONNX_GRAPH', `The value ${value.name} is already made by another node`, {
          where: `node ${this.label}`,
        })
      }
      value.producer = this
      return value
    })
    const given = options.attributes
    if (given instanceof Map) for (const [key, value] of given as ReadonlyMap<string, Attribute>) this.setAttribute(key, value)
    else for (const [key, value] of Object.entries(given ?? {})) this.setAttribute(key, value as AttributeInput)
  }

  /** The values it reads; undefined for an optional input that is left out. */
  get inputs(): readonly (Value | undefined)[] {
    return this.inputValues
  }

  get attributes(): ReadonlyMap<string, Attribute> {
    return this.attributeMap ?? NO_ATTRIBUTES
  }

  /** The only output. Throws when there are several. */
  get output(): Value {
    const [only] = this.outputs
    if (only === undefined || this.outputs.length !== 1) {
      throw new OnnxError('ONNX_GRAPH', `Node ${this.label} has ${this.outputs.length} outputs, not one`)
    }
    return only
  }

  /** How messages call this node: its name and operator. */
  get label(): string {
    const operator = this.domain === '' ? this.opType : `${this.domain}.${this.opType}`
    return this.name === '' ? operator : `"${this.name}" (${operator})`
  }

  /** Makes input number `index` read `value`, growing the list as needed. */
  setInput(index: number, value: Value | undefined): void {
    const before = this.inputValues[index]
    while (this.inputValues.length < index) this.inputValues.push(undefined)
    this.inputValues[index] = value
    if (!this.live) return
    if (before !== undefined && !this.inputValues.includes(before)) before.users?.delete(this)
    if (value !== undefined) (value.users ??= new Set()).add(this)
  }

  /** Replaces all inputs. */
  setInputs(values: readonly (Value | undefined)[]): void {
    if (this.live) this.drop()
    this.inputValues = [...values]
    if (this.live) this.take()
  }

  /** Sets an attribute; a plain value becomes one as `toAttribute` says. */
  setAttribute(name: string, value: AttributeInput, hint?: AttributeKind): void {
    const made = toAttribute(name, value, hint)
    this.removeAttribute(name)
    for (const graph of graphsOf(made)) {
      if (graph.parent !== undefined) {
        throw new OnnxError('ONNX_GRAPH', `Graph ${graph.name} already belongs to node ${graph.parent.label}`, {
          fix: 'give the node a clone: graph.clone()',
        })
      }
      graph.parent = this
      if (this.live) graph.activate()
      else graph.deactivate()
      this.graph?.learnNames(graph)
    }
    this.attributeMap ??= new Map()
    this.attributeMap.set(name, made)
  }

  /** Removes an attribute if it is there. */
  removeAttribute(name: string): void {
    const before = this.attributeMap?.get(name)
    if (before === undefined) return
    for (const graph of graphsOf(before)) {
      graph.deactivate()
      graph.parent = undefined
    }
    this.attributeMap?.delete(name)
  }

  /** The attribute's value when it has the kind that is asked for; undefined when there is no such attribute. */
  get<K extends AttributeKind>(name: string, kind: K): AttributeValue<K> | undefined {
    const found = this.attributeMap?.get(name)
    if (found === undefined) return undefined
    if (found.kind === kind) return found.value as AttributeValue<K>
    if (found.kind !== 'reference' && Array.isArray(found.value) && found.value.length === 0) return [] as never
    throw new OnnxError('ONNX_ATTRIBUTE', `The attribute ${name} has the wrong kind`, {
      expected: kind, got: found.kind, where: `node ${this.label}`,
    })
  }

  /** An integer attribute as a number. */
  int(name: string, otherwise: number): number
  int(name: string): number | undefined
  int(name: string, otherwise?: number): number | undefined {
    const found = this.get(name, 'int')
    return found === undefined ? otherwise : Number(found)
  }

  /** A list of integers as numbers. */
  ints(name: string, otherwise: readonly number[]): readonly number[]
  ints(name: string): readonly number[] | undefined
  ints(name: string, otherwise?: readonly number[]): readonly number[] | undefined {
    return this.get(name, 'ints')?.map(Number) ?? otherwise
  }

  /** A float attribute. */
  float(name: string, otherwise: number): number
  float(name: string): number | undefined
  float(name: string, otherwise?: number): number | undefined {
    return this.get(name, 'float') ?? otherwise
  }

  /** A string attribute. */
  string(name: string, otherwise: string): string
  string(name: string): string | undefined
  string(name: string, otherwise?: string): string | undefined {
    return this.get(name, 'string') ?? otherwise
  }

  /** The graphs in its attributes, such as the branches of an If. */
  get subgraphs(): Graph[] {
    const found: Graph[] = []
    for (const value of this.attributes.values()) found.push(...graphsOf(value))
    return found
  }

  toString(): string {
    const names = (values: readonly (Value | undefined)[]) => values.map((value) => value?.name ?? '').join(', ')
    return `${names(this.outputs)} = ${this.domain === '' ? '' : this.domain + '.'}${this.opType}(${names(this.inputs)})`
  }

  /** @internal Starts counting as a reader of its inputs, with everything inside its subgraphs. */
  activate(): void {
    if (this.live) return
    this.live = true
    this.take()
    if (this.attributeMap !== undefined) for (const graph of this.subgraphs) graph.activate()
  }

  /** @internal Stops counting as a reader. */
  deactivate(): void {
    if (!this.live) return
    this.live = false
    this.drop()
    if (this.attributeMap !== undefined) for (const graph of this.subgraphs) graph.deactivate()
  }

  private take(): void {
    for (const input of this.inputValues) if (input !== undefined) (input.users ??= new Set()).add(this)
  }

  private drop(): void {
    for (const input of this.inputValues) input?.users?.delete(this)
  }
}
