// Types of values: tensors with symbolic shapes, sequences, maps, optionals (ONNX IR, "Types"). Plain data, no protobuf.
import type { DType } from '../../core'

/** A size: a number, a symbol or expression over symbols such as `N` or `2*N`, or null when nothing is known. */
export type Dim = number | string | null

/** Bytes of protobuf fields that this library does not know; kept and written back as they were. */
export type UnknownFields = Uint8Array

interface TypeExtras {
  /** Standard name of the meaning, such as `IMAGE` (ONNX, "Type Denotation"). */
  readonly denotation?: string
  readonly unknown?: UnknownFields
}

/** A dense tensor. Without `shape` even the rank is unknown; without `dtype` the element type is. */
export interface TensorType extends TypeExtras {
  readonly kind: 'tensor' | 'sparse'
  readonly dtype?: DType
  readonly shape?: readonly Dim[]
  /** Meaning of each axis, such as `DATA_BATCH`; one entry an axis. */
  readonly axisDenotations?: readonly (string | undefined)[]
}

/** A list of values of one type, or a value that may be absent. */
export interface ContainerType extends TypeExtras {
  readonly kind: 'sequence' | 'optional'
  readonly element?: Type
}

/** A dictionary from integers or strings to values of one type. */
export interface MapType extends TypeExtras {
  readonly kind: 'map'
  readonly key?: DType
  readonly value?: Type
}

/** A type of another domain, or one whose kind is not known. */
export interface OpaqueType extends TypeExtras {
  readonly kind: 'opaque' | 'unknown'
  readonly domain?: string
  readonly name?: string
}

/** What a value can be. */
export type Type = TensorType | ContainerType | MapType | OpaqueType

/** The type of a dense tensor. */
export function tensorType(dtype: DType | undefined, shape?: readonly Dim[]): TensorType {
  return { kind: 'tensor', ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape }) }
}

/** `float32[N,3,224,224]`, `sequence(int64[?])`: how types are written in messages and in the text form. */
export function formatType(type: Type | undefined): string {
  if (type === undefined) return '?'
  switch (type.kind) {
    case 'tensor':
    case 'sparse': {
      const body = (type.dtype ?? '?') + (type.shape === undefined ? '' : formatShape(type.shape))
      return type.kind === 'sparse' ? `sparse(${body})` : body
    }
    case 'sequence':
    case 'optional':
      return `${type.kind}(${formatType(type.element)})`
    case 'map':
      return `map(${type.key ?? '?'},${formatType(type.value)})`
    case 'opaque':
      return `opaque(${[type.domain, type.name].filter((part) => part !== undefined).join('.')})`
    case 'unknown':
      return '?'
  }
}

/** `[N,3,224,224]`; `?` where nothing is known. */
export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => (dim === null ? '?' : String(dim))).join(',')}]`
}

/** The sizes when all are numbers, otherwise undefined. */
export function staticShape(shape: readonly Dim[] | undefined): number[] | undefined {
  if (shape === undefined) return undefined
  const sizes: number[] = []
  for (const dim of shape) {
    if (typeof dim !== 'number') return undefined
    sizes.push(dim)
  }
  return sizes
}
