// A value of a graph: what an input, an initializer or a node's output is called, its type, who makes it and who uses it.
import type { Graph } from './graph'
import type { Node } from './node'
import type { SparseTensor, Tensor } from './tensor'
import { formatType, tensorType, type Dim, type Type, type UnknownFields } from './types'
import type { DType } from '../../core'

/** One place where a value is read: input number `index` of `node`. */
export interface Use {
  readonly node: Node
  readonly index: number
}

const NOBODY: ReadonlySet<Node> = new Set<Node>()

/** Kept consistent by Graph and Node: change connections through them. */
export class Value {
  docString?: string
  metadata?: Map<string, string>
  /** Bytes of the codec's unknown fields. */
  unknown?: UnknownFields
  /** The graph that defines this value; undefined while it is in none. */
  graph: Graph | undefined
  /** The node whose output this is; undefined for graph inputs and initializers. */
  producer: Node | undefined
  /** The type that was stated or inferred; `type` also looks at the initializer. */
  declaredType: Type | undefined
  /** @internal */
  currentName: string
  /** @internal */
  users: Set<Node> | undefined
  /** @internal Graphs that return this value, once per place. */
  returnedBy: Graph[] | undefined

  constructor(name = '', type?: Type) {
    this.currentName = name
    this.graph = undefined
    this.producer = undefined
    this.declaredType = type
    this.users = undefined
    this.returnedBy = undefined
  }

  /** Unique in its graph; changed by `graph.rename`. Empty for an output that the node leaves out. */
  get name(): string {
    return this.currentName
  }

  /** Its type, if known: as declared, or that of its initializer. */
  get type(): Type | undefined {
    if (this.declaredType !== undefined) return this.declaredType
    const tensor = this.graph?.initializers.get(this)
    return tensor === undefined ? undefined : tensorType(tensor.dtype, tensor.shape)
  }

  set type(type: Type | undefined) {
    this.declaredType = type
  }

  /** Element type, when this is a tensor of a known one. */
  get dtype(): DType | undefined {
    const type = this.type
    return type?.kind === 'tensor' || type?.kind === 'sparse' ? type.dtype : undefined
  }

  /** Shape, when this is a tensor of known rank. */
  get shape(): readonly Dim[] | undefined {
    const type = this.type
    return type?.kind === 'tensor' || type?.kind === 'sparse' ? type.shape : undefined
  }

  /** The initializer's tensor, if this value has one. */
  get tensor(): Tensor | undefined {
    return this.graph?.initializers.get(this)
  }

  /** The sparse initializer's tensor, if this value has one. */
  get sparseTensor(): SparseTensor | undefined {
    return this.graph?.sparseInitializers.get(this)
  }

  /** Nodes that read this value, in this graph or in graphs inside it. */
  get consumers(): ReadonlySet<Node> {
    return this.users ?? NOBODY
  }

  /** Every place where a node reads this value. */
  get uses(): Use[] {
    const found: Use[] = []
    for (const node of this.consumers) {
      node.inputs.forEach((input, index) => {
        if (input === this) found.push({ node, index })
      })
    }
    return found
  }

  /** Whether a graph returns this value. */
  get isGraphOutput(): boolean {
    return this.returnedBy !== undefined && this.returnedBy.length > 0
  }

  /** Whether its graph takes it as input. */
  get isGraphInput(): boolean {
    return this.graph?.hasInput(this) ?? false
  }

  toString(): string {
    return `%${this.name}: ${formatType(this.type)}`
  }
}
