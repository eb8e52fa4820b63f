// The ONNX graph that lowerings write into: nodes with known shapes, equal nodes shared, unused ones dropped. It lives
// for one compilation; `encode.ts` turns it into a model of the onnx room.
import { elementCount, sameShape } from '../core'
import type { Shape } from '../core'
import { EngineError } from './errors'

/** Element types inside the graph: TensorFlow.js's three, and int64 for ONNX's indices and shapes. */
export type GraphDType = 'float32' | 'int32' | 'bool' | 'int64'

/** The array that holds elements of each type. */
export type GraphData = Float32Array | Int32Array | Uint8Array | BigInt64Array

/** An attribute; a float is marked because 1 and 1.0 differ in ONNX. */
export type GraphAttribute = number | string | readonly number[] | { readonly float: number }

/** Shape and type of a tensor, known before its values. */
export interface Spec {
  readonly shape: Shape
  readonly dtype: GraphDType
}

/** One call of an ONNX operator. */
export interface GraphNode {
  readonly op: string
  readonly domain: string
  readonly inputs: readonly (V | undefined)[]
  readonly attributes: Readonly<Record<string, GraphAttribute>>
  readonly outputs: readonly V[]
}

/** A value in the graph: a node's output, an input, or a constant. */
export class V implements Spec {
  node: GraphNode | undefined
  constant: GraphData | undefined
  /** Names given from outside: inputs, weights. */
  name: string | undefined
  /** A transpose that is to stay where it is. */
  settled = false
  constructor(readonly id: number, readonly shape: Shape, readonly dtype: GraphDType) {}
}

const arrays = {
  float32: (x: readonly number[]) => Float32Array.from(x),
  int32: (x: readonly number[]) => Int32Array.from(x),
  bool: (x: readonly number[]) => Uint8Array.from(x),
  int64: (x: readonly number[]) => BigInt64Array.from(x.map(BigInt)),
}

/** Collects nodes; equal calls give the same value. */
export class GraphWriter {
  readonly inputs: V[] = []
  readonly nodes: GraphNode[] = []
  readonly #known = new Map<string, readonly V[]>()
  readonly #constants = new Map<string, V>()
  /** Larger constants, by their array: one for each shape that it is seen in. */
  readonly #arrays = new Map<GraphData, V[]>()
  #next = 0

  input(spec: Spec, name?: string): V {
    const v = this.#value(spec)
    v.name = name
    this.inputs.push(v)
    return v
  }

  /** A constant; small ones with equal values are shared. A named one is a weight and never shared. */
  constant(dtype: GraphDType, shape: Shape, values: readonly number[] | GraphData, name?: string): V {
    const key = name === undefined && values.length <= 64 ? `${dtype}|${shape.join()}|${bits(values)}` : undefined
    const seen = name === undefined && !Array.isArray(values) ? this.#arrays.get(values as GraphData) ?? [] : undefined
    const known = key === undefined ? seen?.find((v) => sameSpec(v, { shape, dtype })) : this.#constants.get(key)
    if (known) return known
    const v = this.#value({ dtype, shape })
    v.constant = Array.isArray(values) ? arrays[dtype](values as readonly number[]) : (values as GraphData)
    v.name = name
    if (v.constant.length !== elementCount(shape)) {
      throw new EngineError('ENGINE_INTERNAL', 'A constant does not fill its shape', {
        expected: `${elementCount(shape)} elements`, got: `${v.constant.length}`,
      })
    }
    if (key !== undefined) this.#constants.set(key, v)
    else if (seen) this.#arrays.set(v.constant, [...seen, v])
    return v
  }

  /** Writes a node with several outputs. */
  emit(
    op: string, inputs: readonly (V | undefined)[], attributes: Readonly<Record<string, GraphAttribute>>,
    outputs: readonly Spec[], domain = '', mark = '',
  ): readonly V[] {
    const key = `${mark}${domain}.${op}(${inputs.map((v) => v?.id ?? '').join()})${JSON.stringify(attributes)}#${outputs.length}`
    const known = this.#known.get(key)
    if (known) return known
    const made = outputs.map((spec) => this.#value(spec))
    const node: GraphNode = { op, domain, inputs, attributes, outputs: made }
    for (const v of made) v.node = node
    this.nodes.push(node)
    this.#known.set(key, made)
    return made
  }

  /** Writes a node with one output. */
  node(
    op: string, inputs: readonly (V | undefined)[], attributes: Readonly<Record<string, GraphAttribute>>, output: Spec,
    domain = '', mark = '',
  ): V {
    return first(this.emit(op, inputs, attributes, [output], domain, mark))
  }

  /** A transpose that is to stay, shared with equal ones but not with those that may move. */
  settled(op: string, inputs: readonly V[], attributes: Readonly<Record<string, GraphAttribute>>, output: Spec): V {
    const v = this.node(op, inputs, attributes, output, '', 'settled')
    v.settled = true
    return v
  }

  /** The nodes that `outputs` need, in an order that can run. */
  live(outputs: readonly V[]): GraphNode[] {
    const needed = new Set<GraphNode>()
    const open = outputs.flatMap((v) => v.node ?? [])
    for (let node = open.pop(); node; node = open.pop()) {
      if (needed.has(node)) continue
      needed.add(node)
      for (const v of node.inputs) if (v?.node) open.push(v.node)
    }
    return this.nodes.filter((node) => needed.has(node))
  }

  #value(spec: Spec): V {
    return new V(this.#next++, [...spec.shape], spec.dtype)
  }
}

/** Text that differs for different values: -0 and NaN included. */
function bits(values: readonly number[] | GraphData): string {
  return Array.from(values as ArrayLike<number | bigint>, (x) => (Object.is(x, -0) ? '-0' : String(x))).join()
}

/** The first of a list that is known not to be empty. */
export function first<T>(list: readonly T[]): T {
  const [item] = list
  if (item === undefined) throw new EngineError('ENGINE_INTERNAL', 'A list that must not be empty is empty')
  return item
}

/** Whether two values have the same shape and type. */
export function sameSpec(a: Spec, b: Spec): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape)
}
