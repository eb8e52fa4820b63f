// Typed attributes of nodes, and how plain JavaScript values become them.
import { OnnxError } from '../errors'
import { Graph } from './graph'
import { SparseTensor, Tensor } from './tensor'
import type { Type, UnknownFields } from './types'

/** An integer attribute: a number where that is exact, a bigint beyond ±2^53. */
export type Int = number | bigint

interface AttributeExtras {
  readonly docString?: string
  readonly unknown?: UnknownFields
}

interface AttributeValues {
  readonly float: number
  readonly int: Int
  /** Text. */
  readonly string: string
  /** A string attribute that is not valid UTF-8. */
  readonly bytes: Uint8Array
  readonly tensor: Tensor
  readonly graph: Graph
  readonly sparse: SparseTensor
  readonly type: Type
  readonly floats: readonly number[]
  readonly ints: readonly Int[]
  readonly strings: readonly string[]
  readonly bytesList: readonly Uint8Array[]
  readonly tensors: readonly Tensor[]
  readonly graphs: readonly Graph[]
  readonly sparses: readonly SparseTensor[]
  readonly types: readonly Type[]
}

/** The kinds of attribute. */
export type AttributeKind = keyof AttributeValues

/** In the body of a function: the value of the function's own attribute `name`. */
export interface AttributeReference extends AttributeExtras {
  readonly kind: 'reference'
  readonly name: string
  readonly of: AttributeKind
}

/** A value with its kind. */
export type Attribute =
  | { readonly [K in AttributeKind]: { readonly kind: K; readonly value: AttributeValues[K] } & AttributeExtras }[AttributeKind]
  | AttributeReference

/** What code may give for an attribute: a plain value whose kind follows from it and from the operator's schema. */
export type AttributeInput =
  | Attribute
  | number
  | bigint
  | boolean
  | string
  | Tensor
  | SparseTensor
  | Graph
  | readonly (number | bigint)[]
  | readonly string[]
  | readonly Tensor[]
  | readonly Graph[]

/** The value of one kind of attribute. */
export type AttributeValue<K extends AttributeKind> = AttributeValues[K]

/** Makes an attribute of a stated kind: `attribute('floats', [1, 2])`. */
export function attribute<K extends AttributeKind>(kind: K, value: AttributeValues[K]): Attribute {
  return { kind, value } as Attribute
}

/**
 * The attribute that a plain value stands for. Numbers become `hint` when that is a numeric kind; without a hint whole
 * numbers are integers and others floats.
 *
 * @throws OnnxError `ONNX_ATTRIBUTE` when the value cannot be of the hinted kind
 */
export function toAttribute(name: string, value: AttributeInput, hint?: AttributeKind): Attribute {
  const made = guess(value, hint)
  if (made === undefined || (hint !== undefined && made.kind !== 'reference' && made.kind !== hint)) {
    throw new OnnxError('ONNX_ATTRIBUTE', `The attribute ${name} has a value of the wrong kind`, {
      expected: hint ?? 'a number, string, tensor, graph, or a list of one of them',
      got: made === undefined ? typeof value : made.kind,
    })
  }
  return made
}

function guess(value: AttributeInput, hint: AttributeKind | undefined): Attribute | undefined {
  if (typeof value === 'boolean') return { kind: 'int', value: value ? 1 : 0 }
  if (typeof value === 'bigint') return { kind: 'int', value: narrow(value) }
  if (typeof value === 'string') return { kind: 'string', value }
  if (typeof value === 'number') {
    const whole = Number.isSafeInteger(value)
    return whole && hint !== 'float' ? { kind: 'int', value } : { kind: 'float', value: Math.fround(value) }
  }
  if (value instanceof Tensor) return { kind: 'tensor', value }
  if (value instanceof SparseTensor) return { kind: 'sparse', value }
  if (value instanceof Graph) return { kind: 'graph', value }
  if (!Array.isArray(value)) return 'kind' in value ? value : undefined
  return guessList(value as readonly unknown[], hint)
}

function guessList(list: readonly unknown[], hint: AttributeKind | undefined): Attribute | undefined {
  if (list.length === 0) return attribute(hint ?? 'ints', [] as never)
  if (list.every((item) => typeof item === 'string')) return { kind: 'strings', value: list }
  if (list.every((item) => item instanceof Tensor)) return { kind: 'tensors', value: list }
  if (list.every((item) => item instanceof Graph)) return { kind: 'graphs', value: list }
  if (!list.every((item) => typeof item === 'number' || typeof item === 'bigint')) return undefined
  const whole = list.every((item) => typeof item === 'bigint' || Number.isSafeInteger(item))
  if (whole && hint !== 'floats') {
    return { kind: 'ints', value: list.map((item) => (typeof item === 'bigint' ? narrow(item) : item)) }
  }
  return { kind: 'floats', value: list.map((item) => Math.fround(Number(item))) }
}

/** The same integer as a number when that is exact. */
export function narrow(value: bigint): Int {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** The graphs inside an attribute, if it holds any. */
export function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === 'graph') return [attribute.value]
  return attribute.kind === 'graphs' ? attribute.value : []
}
