// What flows through a graph that is trained: tensors of TensorFlow.js, and integers that shapes are computed with. Those
// stay numbers of JavaScript, because a traced function cannot read tensors.
import * as tf from '@tensorflow/tfjs'
import type { Node } from '../../onnx'
import { NnError } from '../errors'

/** A constant array of integers, as models compute shapes with. */
export class Integers {
  constructor(readonly data: readonly number[], readonly shape: readonly number[]) {}
}

/** A value of the graph. */
export type GraphValue = tf.Tensor | Integers

/** The tensor that a node needs there. */
export function tensorAt(node: Node, inputs: readonly (GraphValue | undefined)[], index: number): tf.Tensor {
  const value = inputs[index]
  if (value instanceof Integers) return tf.tensor([...value.data], [...value.shape], 'int32')
  if (value !== undefined) return value
  throw unsupported(node, `input ${index} is missing`)
}

/** The constant integers that a node needs there; undefined when the input is left out. */
export function integersAt(node: Node, inputs: readonly (GraphValue | undefined)[], index: number): readonly number[] | undefined {
  const value = inputs[index]
  if (value === undefined) return undefined
  if (value instanceof Integers) return value.data
  throw unsupported(node, `input ${index} is computed from data, and must be constant`)
}

/** The refusal of a graph that cannot be trained here. */
export function unsupported(node: Node, why: string): NnError {
  return new NnError('NN_GRAPH', 'This graph cannot be trained', {
    got: why, where: `node ${node.label}`, fix: 'simplify the model first (optimization.simplify), or train the part before this node',
  })
}
