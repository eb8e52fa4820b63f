// What the inference function of an operator sees of a node, and how it answers. One context per node visited.
import type { DType } from '../../core'
import { OnnxError } from '../errors'
import type { Attribute, AttributeKind, AttributeValue } from '../ir/attributes'
import type { Graph } from '../ir/graph'
import type { Node } from '../ir/node'
import type { Tensor } from '../ir/tensor'
import { formatShape, tensorType, type Dim, type Type } from '../ir/types'
import type { OperatorSchema } from '../schema/schema'

/** Axes of a tensor; a hostile model can ask for more than memory holds. Beyond it, the shape stays unknown. */
const MAX_RANK = 1024
/** Elements of the tensors that are followed. Shapes are far smaller; coordinates of boxes and the like need more. */
export const MAX_KNOWN_ELEMENTS = 2048

/** A shape of so many axes of unknown size; undefined when that is no rank. */
export function unknownShape(rank: Dim | undefined): Dim[] | undefined {
  const fits = typeof rank === 'number' && Number.isInteger(rank) && rank >= 0 && rank <= MAX_RANK
  return fits ? new Array<Dim>(rank).fill(null) : undefined
}

/** Elements of a small tensor as far as they are known, in row-major order: how shapes are computed inside models. */
export interface KnownValue {
  readonly shape: readonly number[]
  readonly elements: readonly Dim[]
}

/** Computes the types of a node's outputs, and known elements, from those of its inputs. */
export type InferFunction = (c: InferContext) => void

/** What the engine provides to contexts. */
export interface InferHost {
  typeOf(node: Node, index: number): Type | undefined
  knownOf(node: Node, index: number): KnownValue | undefined
  tensorOf(node: Node, index: number): Tensor | undefined
  /** Infers a graph inside a node, its inputs being of these types. */
  inferGraph(graph: Graph, inputs: readonly (Type | undefined)[]): (Type | undefined)[]
  attributeOf(node: Node, name: string): Attribute | undefined
}

export class InferContext {
  /** Answers, by output. */
  readonly types: (Type | undefined)[] = []
  readonly known: (KnownValue | undefined)[] = []

  constructor(
    readonly node: Node,
    readonly schema: OperatorSchema,
    private readonly host: InferHost,
  ) {}

  /** Version of the operator set that brought this form of the operator. */
  get since(): number {
    return this.schema.since
  }

  get inputCount(): number {
    return this.node.inputs.length
  }

  has(index: number): boolean {
    return this.node.inputs[index] !== undefined
  }

  hasOutput(index: number): boolean {
    return (this.node.outputs[index]?.name ?? '') !== '' || (this.node.namesOutputs && index < this.node.outputs.length)
  }

  type(index: number): Type | undefined {
    return this.host.typeOf(this.node, index)
  }

  dtype(index: number): DType | undefined {
    const type = this.type(index)
    return type?.kind === 'tensor' || type?.kind === 'sparse' ? type.dtype : undefined
  }

  shape(index: number): readonly Dim[] | undefined {
    const type = this.type(index)
    return type?.kind === 'tensor' || type?.kind === 'sparse' ? type.shape : undefined
  }

  /** The rank, if known. */
  rank(index: number): number | undefined {
    return this.shape(index)?.length
  }

  known_(index: number): KnownValue | undefined {
    return this.host.knownOf(this.node, index)
  }

  /** The elements of an input, each a number, a symbolic size, or null. */
  elements(index: number): readonly Dim[] | undefined {
    return this.known_(index)?.elements
  }

  /** The elements of an input when all are known numbers. */
  numbers(index: number): number[] | undefined {
    const elements = this.elements(index)
    if (elements !== undefined) return elements.every((e) => typeof e === 'number') ? [...elements] : undefined
    const tensor = this.host.tensorOf(this.node, index)
    return tensor === undefined || tensor.size > 100_000 || tensor.dtype === 'string' ? undefined : tensor.numbers()
  }

  /** The constant tensor of an input. */
  tensor(index: number): Tensor | undefined {
    return this.host.tensorOf(this.node, index)
  }

  /** An attribute of the stated kind, or the schema's default of it. */
  get<K extends AttributeKind>(name: string, kind: K): AttributeValue<K> | undefined {
    const found = this.host.attributeOf(this.node, name)
    if (found === undefined || found.kind === 'reference') return this.schema.attributes.get(name)?.default as AttributeValue<K> | undefined
    if (found.kind === kind) return found.value as AttributeValue<K>
    if (Array.isArray(found.value) && found.value.length === 0) return [] as never
    return this.fail(`The attribute ${name} has the wrong kind`, kind, found.kind)
  }

  int(name: string): number | undefined {
    const value = this.get(name, 'int')
    return value === undefined ? undefined : Number(value)
  }

  ints(name: string): number[] | undefined {
    return this.get(name, 'ints')?.map(Number)
  }

  string(name: string): string | undefined {
    return this.get(name, 'string')
  }

  /** Answers that output `index` is a tensor. */
  set(index: number, dtype: DType | undefined, shape?: readonly Dim[]): void {
    this.types[index] = tensorType(dtype, shape !== undefined && shape.length > MAX_RANK ? undefined : shape)
  }

  setType(index: number, type: Type | undefined): void {
    this.types[index] = type
  }

  /** Answers that the elements of output `index` are known in part. */
  setKnown(index: number, shape: readonly number[], elements: readonly Dim[]): void {
    this.known[index] = { shape, elements }
  }

  inferGraph(graph: Graph, inputs: readonly (Type | undefined)[]): (Type | undefined)[] {
    return this.host.inferGraph(graph, inputs)
  }

  /** A node that contradicts itself. */
  fail(what: string, expected?: string, got?: string): never {
    throw new OnnxError('ONNX_INFER', what, {
      where: `node ${this.node.label}`, ...(expected === undefined ? {} : { expected }), ...(got === undefined ? {} : { got }),
    })
  }

  /** `axis` counted from the front; negative ones count from the back. */
  axis(axis: number, rank: number, what = 'axis'): number {
    const from = axis < 0 ? axis + rank : axis
    if (from < 0 || from >= rank) this.fail(`The ${what} is outside the tensor`, `−${rank} to ${rank - 1}`, String(axis))
    return from
  }

  /** Numpy's broadcasting of several shapes. Unknown if one of them is. */
  broadcast(shapes: readonly (readonly Dim[] | undefined)[]): Dim[] | undefined {
    let rank = 0
    for (const shape of shapes) {
      if (shape === undefined) return undefined
      rank = Math.max(rank, shape.length)
    }
    const out: Dim[] = new Array<Dim>(rank).fill(1)
    for (const shape of shapes) {
      shape?.forEach((dim, i) => {
        const at = rank - shape.length + i
        const merged = broadcastDim(out[at] ?? null, dim)
        if (merged === undefined) this.fail('The inputs cannot be broadcast together', 'sizes that are equal or 1, aligned at the last axis', shapes.map((s) => formatShape(s ?? [])).join(' and '))
        out[at] = merged
      })
    }
    return out
  }

  /** The size that two axes have in common; fails when they are different numbers. */
  same(a: Dim, b: Dim, what: string): Dim {
    if (typeof a === 'number' && typeof b === 'number' && a !== b) this.fail(what, String(a), String(b))
    return typeof a === 'number' ? a : typeof b === 'number' ? b : (a ?? b)
  }
}

/** The size of two axes broadcast together; undefined when they cannot be. */
export function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === 1) return b
  if (b === 1 || a === b) return a
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a
  return typeof b === 'number' ? b : null
}
