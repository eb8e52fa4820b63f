// What an entry of the operator tables is given and gives, and small tools that several families use.
import * as tf from '@tensorflow/tfjs'
import { broadcastShape, type DType } from '../../core'
import type { Graph, Node } from '../../onnx'
import { Datum } from './datum'
import { ConvertError } from '../errors'

/** What the model lends to operators that are more than a function of their inputs. */
export interface Surroundings {
  /** Whether batch statistics are used. */
  readonly training: boolean
  /** Whether numbers are dropped. */
  readonly dropout: boolean
  /** Runs a graph of an attribute; its own inputs are given, values of the graphs around it are found. */
  run(graph: Graph, inputs: readonly (Datum | undefined)[]): Datum[]
  /** Gives the variable behind input `index` a new value, where there is a variable. */
  assign(index: number, value: tf.Tensor): void
}

/** One call of an operator. */
export interface Call extends Surroundings {
  readonly node: Node
  readonly opset: number
  readonly inputs: readonly (Datum | undefined)[]
}

/** Computes the outputs of a node; written in TensorFlow.js operations, so that gradients follow. */
export type Operator = (call: Call) => Datum | readonly (Datum | undefined)[]

/** Refuses a node that TensorFlow.js cannot compute. */
export function refuse(call: Pick<Call, 'node'>, what: string, got?: string, fix?: string): never {
  throw new ConvertError('CONVERT_OPERATOR', what, {
    where: `node ${call.node.label}`, ...(got === undefined ? {} : { got }), ...(fix === undefined ? {} : { fix }),
  })
}

/** Input `index`, which the operator cannot do without. */
export function need(call: Call, index: number): Datum {
  const input = call.inputs[index]
  if (input === undefined) refuse(call, `Input ${index} is missing`)
  return input
}

/** An axis counted from the front. */
export function axisIn(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}

/** Integers that old operator sets give as an attribute and new ones as an input. */
export function integers(call: Call, name: string, index: number): number[] | undefined {
  const attribute = call.node.ints(name)
  return attribute === undefined ? call.inputs[index]?.numbers() : [...attribute]
}

/** `x` with the shape that broadcasting gives it, at any rank, with its gradient. */
export function expandTo(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (x.rank === shape.length && x.shape.every((size, i) => size === shape[i])) return x
  if (x.dtype !== 'float32') return tf.broadcastTo(x, [...shape])
  return tf.mul(x, tf.ones([...shape]))
}

/** Both inputs of an elementwise operator in one order of axes, and what to make of the result. */
export function together(a: Datum, b: Datum): { a: tf.Tensor; b: tf.Tensor; wrap: (t: tf.Tensor, dtype: DType) => Datum } {
  const rank = Math.max(a.rank, b.rank)
  if (rank >= 3 && (a.isLast ? a.rank === rank : b.isLast && b.rank === rank)) {
    const [x, y] = [a, b].map((d) => (d.size === 1 ? d.tensor : d.rank === rank ? d.lastTensor : padded(d, rank).lastTensor)) as [tf.Tensor, tf.Tensor]
    return { a: x, b: y, wrap: (t, dtype) => Datum.channelsLast(t, dtype) }
  }
  return { a: a.tensor, b: b.tensor, wrap: (t, dtype) => Datum.of(t, dtype) }
}

/** The same numbers with axes of size 1 in front. */
function padded(d: Datum, rank: number): Datum {
  return Datum.of(tf.reshape(d.tensor, [...new Array<number>(rank - d.rank).fill(1), ...d.shape]), d.dtype)
}

/** Takes elements along an axis at places that are known. */
export function takeAlong(x: tf.Tensor, axis: number, places: readonly number[]): tf.Tensor {
  const size = x.shape[axis] ?? 0
  if (places.length === size && places.every((place, i) => place === i)) return x
  return tf.gather(x, tf.tensor1d([...places], 'int32'), axis)
}

/** The shape of several inputs broadcast together. */
export function commonShape(data: readonly Datum[]): number[] {
  return data.reduce<number[]>((shape, d) => broadcastShape(shape, d.shape), [])
}

/** The same numbers, through which no gradient flows: for indices that are computed from data. */
export function detached(t: tf.Tensor): tf.Tensor {
  if (tf.engine().state.gradientDepth === 0) return t
  return tf.customGrad(() => ({ value: tf.clone(t), gradFunc: () => [] }))()
}

/** Rounds to the nearest, ties to even; the gradient passes as if nothing was rounded (Bengio et al., arXiv 1308.3432). */
export const roundStraight: (x: tf.Tensor) => tf.Tensor = tf.customGrad((...inputs) => ({
  value: tf.round(inputs[0] as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy,
}))
