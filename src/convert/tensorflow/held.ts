// A TensorFlow tensor while its graph becomes ONNX. Images are kept channels first, as ONNX computes them, for as long as
// nothing asks for TensorFlow's order: a transpose is made then, and only once.
import { elementCount, type DType } from '../../core'
import { Node, Tensor, type Attributes, type Dim, type GraphBuilder, type OpOptions, type Value } from '../../onnx'
import { evaluate } from '../../optimization/evaluate'
import { permuted } from './tensors'
import type { GraphNode } from './graph'

/** Results of this many elements and fewer are computed at once where all inputs are constants. */
const FOLD_LIMIT = 2 ** 20

/** [N, spatial…, C] → [N, C, spatial…], and back. */
export const toFirst = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]
export const toLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]

/** Where an axis of TensorFlow's order is when the channels are first. */
export const axisFirst = (axis: number, rank: number): number => (axis === 0 ? 0 : axis === rank - 1 ? 1 : axis + 1)

export class Held {
  private readonly bornFirst: boolean

  private constructor(
    private readonly emitter: Emitter,
    private lastValue: Value | undefined,
    private firstValue: Value | undefined,
    /** For handles: the node that made the variable or table. */
    readonly handle: GraphNode | undefined,
  ) {
    this.bornFirst = firstValue !== undefined
  }

  static of(emitter: Emitter, value: Value): Held {
    return new Held(emitter, value, undefined, undefined)
  }

  static first(emitter: Emitter, value: Value): Held {
    return new Held(emitter, undefined, value, undefined)
  }

  static resource(emitter: Emitter, node: GraphNode): Held {
    return new Held(emitter, undefined, undefined, node)
  }

  /** Whether it was made channels first, so that using it so costs nothing. */
  get isFirst(): boolean {
    return this.bornFirst
  }

  get dtype(): DType | undefined {
    return (this.lastValue ?? this.firstValue)?.dtype
  }

  /** Sizes in TensorFlow's order; undefined when the rank is not known. */
  get shape(): readonly Dim[] | undefined {
    if (this.lastValue !== undefined) return this.lastValue.shape
    const shape = this.firstValue?.shape
    return shape === undefined ? undefined : toLast(shape.length).map((axis) => shape[axis] ?? null)
  }

  get rank(): number | undefined {
    return (this.lastValue ?? this.firstValue)?.shape?.length
  }

  /** The numbers, when they are known. */
  get constant(): Tensor | undefined {
    return this.lastValue?.tensor
  }

  /** In TensorFlow's order of axes. */
  get value(): Value {
    if (this.lastValue !== undefined) return this.lastValue
    if (this.firstValue === undefined) throw this.emitter.error('A handle is used as a tensor')
    return (this.lastValue = this.emitter.transpose(this.firstValue, toLast(this.firstValue.shape?.length ?? 4)))
  }

  /** Makes the value now, where it would otherwise be made at its first use. */
  layOut(): Value {
    return this.value
  }

  /** Channels first. */
  get first(): Value {
    if (this.firstValue !== undefined) return this.firstValue
    return (this.firstValue = this.emitter.transpose(this.value, toFirst(this.rank ?? 4)))
  }
}

/** Makes nodes, and computes what is constant at once. */
export class Emitter {
  private readonly constants = new Map<string, Value>()
  private readonly nodeNames: Set<string>
  /** The TensorFlow node at work: names and error messages follow it. */
  place = ''
  made: Record<string, number> = {}

  constructor(readonly g: GraphBuilder, readonly opset: number, readonly error: (what: string, got?: string) => Error, private readonly outer?: Emitter) {
    this.nodeNames = outer?.nodeNames ?? new Set()
  }

  /** Whether it writes the body of a loop or a branch. */
  get isInner(): boolean {
    return this.outer !== undefined
  }

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, options: OpOptions = {}): Value {
    return this.ops(opType, inputs, attributes, { outputs: 1, ...options })[0] as Value
  }

  ops(opType: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, options: OpOptions = {}): readonly Value[] {
    const given = inputs.filter((value) => value !== undefined)
    if (options.outputs === 1 && given.length > 0 && given.every((value) => value.tensor !== undefined)) {
      const folded = this.fold(opType, inputs, attributes)
      if (folded !== undefined) return [this.tensor(folded)]
    }
    this.made[opType] = (this.made[opType] ?? 0) + 1
    return this.g.ops(opType, inputs, attributes, { name: this.freeName(opType), ...options })
  }

  /** Nodes are named after the TensorFlow node that they come from. */
  private freeName(opType: string): string {
    let name = this.place
    for (let i = 1; this.nodeNames.has(name); i++) name = `${this.place}/${opType}_${i}`
    this.nodeNames.add(name)
    return name
  }

  /** A constant under a name of its own, in the main graph. */
  tensor(tensor: Tensor, name = `${this.place}/constant`): Value {
    return this.outer?.tensor(tensor, name) ?? this.g.constant(tensor, name)
  }

  /** A small constant; the same numbers are one initializer. */
  numbers(values: readonly number[], dtype: DType = 'int64', shape: readonly number[] = [values.length]): Value {
    if (this.outer) return this.outer.numbers(values, dtype, shape)
    const key = `${dtype} ${shape.join(',')}: ${values.join(',')}`
    const known = this.constants.get(key)
    if (known !== undefined) return known
    const made = this.g.constant(Tensor.from(values, shape, dtype), `const_${this.constants.size}`)
    this.constants.set(key, made)
    return made
  }

  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.numbers([value], dtype, [])
  }

  transpose(value: Value, order: readonly number[]): Value {
    if (order.every((axis, i) => axis === i)) return value
    const { tensor } = value
    return tensor === undefined ? this.op('Transpose', [value], { perm: order }) : this.tensor(permuted(tensor, order), value.name)
  }

  reshape(value: Value, shape: readonly number[]): Value {
    const { tensor } = value
    if (tensor !== undefined && shape.every((size) => size >= 0)) return this.tensor(tensor.reshape(shape), value.name)
    return this.op('Reshape', [value, this.numbers(shape)])
  }

  cast(value: Value, dtype: DType): Value {
    if (value.dtype === dtype) return value
    const { tensor } = value
    if (tensor !== undefined && tensor.size <= FOLD_LIMIT && dtype === 'float32' && tensor.dtype !== 'string') return this.tensor(Tensor.from(tensor.toArray(), tensor.shape, dtype))
    return this.op('Cast', [value], { to: CODES[dtype] ?? 1 })
  }

  /** Sizes of a value, as an int64 vector. */
  sizes(value: Value): Value {
    const shape = value.shape
    if (shape?.every((size) => typeof size === 'number') === true) return this.numbers(shape)
    return this.op('Shape', [value])
  }

  /** One size as an int64 vector of one. */
  size(value: Value, axis: number): Value {
    const size = value.shape?.[axis]
    return typeof size === 'number' ? this.numbers([size]) : this.op('Shape', [value], { start: axis, end: axis + 1 })
  }

  private fold(opType: string, inputs: readonly (Value | undefined)[], attributes: Attributes): Tensor | undefined {
    if (inputs.reduce((sum, value) => sum + elementCount(value?.tensor?.shape ?? []), 0) > FOLD_LIMIT) return undefined
    const node = new Node(opType, [], 1, { attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Record<string, number> })
    return evaluate(node, inputs.map((value) => value?.tensor), this.opset, FOLD_LIMIT)
  }
}

const CODES: Partial<Record<DType, number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16,
}
