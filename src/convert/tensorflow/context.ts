// What the lowering of a TensorFlow operator sees: its node, its inputs, and the means to add ONNX nodes.
import type { DType } from '../../core'
import type { Attributes, Dim, Tensor, Value } from '../../onnx'
import { ConvertError } from '../errors'
import { OperatorTable, type Lowering } from '../operators'
import type { GraphNode } from './graph'
import { axisFirst, Held, type Emitter } from './held'
import type { Lowerer } from './lower'

export type TfLowering = Lowering<TfContext>

export class TfContext {
  readonly results: (Held | undefined)[] = []

  constructor(readonly lowerer: Lowerer, readonly emitter: Emitter, readonly node: GraphNode, readonly inputs: readonly Held[]) {}

  error(what: string, got?: string, fix?: string): ConvertError {
    return new ConvertError('CONVERT_OPERATOR', `${this.node.op}: ${what}`, {
      ...(got === undefined ? {} : { got }), where: `node ${this.node.name}`, ...(fix === undefined ? {} : { fix }),
    })
  }

  held(index: number): Held {
    const found = this.inputs[index]
    if (found === undefined) throw this.error(`input ${index} is missing`)
    return found
  }

  /** Input `index` in TensorFlow's order of axes. */
  in(index: number): Value {
    return this.held(index).value
  }

  /** The numbers of an input that has to be known. */
  known(index: number, what: string): Tensor {
    const found = this.held(index).constant
    if (found === undefined) throw this.error(`${what} has to be a constant`, 'a tensor that is computed', 'make it a constant in the model, or register a lowering')
    return found
  }

  numbers(index: number, what: string): number[] {
    return this.known(index, what).numbers()
  }

  rank(index: number): number {
    const rank = this.held(index).rank
    if (rank === undefined) throw this.error(`the rank of input ${index} is not known`)
    return rank
  }

  shape(index: number): readonly Dim[] {
    return this.held(index).shape ?? []
  }

  axis(axis: number, rank: number): number {
    return axis < 0 ? axis + rank : axis
  }

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
    return this.emitter.op(opType, inputs, attributes)
  }

  /** An int64 form of integers that ONNX wants so. */
  int64(value: Value): Value {
    return this.emitter.cast(value, 'int64')
  }

  /** Gives output `index`, in TensorFlow's order. */
  out(value: Value, index = 0): void {
    this.results[index] = Held.of(this.emitter, value)
  }

  outFirst(value: Value, index = 0): void {
    this.results[index] = Held.first(this.emitter, value)
  }

  give(held: Held, index = 0): void {
    this.results[index] = held
  }

  /** Applies an elementwise operator, in whatever order its input lies. */
  map(f: (value: Value) => Value, index = 0): void {
    const held = this.held(index)
    if (held.isFirst) this.outFirst(f(held.first))
    else this.out(f(held.value))
  }

  /** Both inputs of an elementwise operator in one order, and how to give the result. */
  together(a: Held, b: Held): { a: Value; b: Value; first: boolean } {
    const rank = Math.max(a.rank ?? -1, b.rank ?? -1)
    const lies = (h: Held): boolean => h.isFirst && h.rank === rank
    if ((lies(a) || lies(b)) && a.rank !== undefined && b.rank !== undefined) {
      return { a: this.beside(a, rank), b: this.beside(b, rank), first: true }
    }
    return { a: a.value, b: b.value, first: false }
  }

  /** A value with the channels first, with axes of size 1 in front where it has fewer. */
  private beside(h: Held, rank: number): Value {
    if (h.rank === rank) return h.first
    if (h.rank === 0) return h.value
    if (h.rank === 1) {
      const [size] = h.shape ?? []
      if (size === 1) return h.value
      return typeof size === 'number' ? this.emitter.reshape(h.value, [size, ...new Array<number>(rank - 2).fill(1)])
        : this.op('Unsqueeze', [h.value, this.emitter.numbers(Array.from({ length: rank - 2 }, (_, i) => i + 1))])
    }
    const wide = this.op('Unsqueeze', [h.value, this.emitter.numbers(Array.from({ length: rank - (h.rank ?? 0) }, (_, i) => i))])
    return Held.of(this.emitter, wide).first
  }

  give2(value: Value, first: boolean, index = 0): void {
    if (first) this.outFirst(value, index)
    else this.out(value, index)
  }

  /** Axes in the order in which the input lies. */
  place(axes: readonly number[], rank: number, first: boolean): number[] {
    return first ? axes.map((axis) => axisFirst(axis, rank)) : [...axes]
  }

  get dtypeOut(): DType | undefined {
    return this.node.dtype('T')
  }
}

/** What to do instead, by the kind of operator. */
function advice(operator: string): string {
  if (/^(Switch|Merge|Enter|Exit|NextIteration|LoopCond)$/.test(operator)) return 'control flow of TensorFlow 1: save the model again with TensorFlow 2 (tf.saved_model.save), which writes While and If'
  if (/Lookup|HashTable|Table/.test(operator)) return 'look words up before the model, and give it the indices'
  if (/String|Regex|Decode|Parse|Example/.test(operator)) return 'do text and files before the model, and give it numbers'
  if (/Random|Stateless/.test(operator)) return 'save the model for inference: model.export, or tf.saved_model.save with training=False'
  if (/Grad$|Backprop|Apply|Assign/.test(operator)) return 'this is a step of training: save the model for inference'
  if (/Py|EagerPyFunc/.test(operator)) return 'Python inside the graph: write it with TensorFlow operators'
  if (/Tensor(List|Array)/.test(operator)) return 'a list in a form that is not read: use tf.map_fn, tf.scan or a Keras layer'
  return 'write it with other operators, or register a lowering: convert.tensorflowOperators.registerLowering(name, …)'
}

/** The table of all operators; families add to it. */
export function tableOf(builtin: ReadonlyMap<string, TfLowering>): OperatorTable<TfContext> {
  return new OperatorTable('TensorFlow', builtin, advice)
}

/** An entry of a family. */
export const lowering = (makes: readonly string[], lower: (c: TfContext) => void, limits?: string): TfLowering =>
  ({ makes, lower, ...(limits === undefined ? {} : { limits }) })
