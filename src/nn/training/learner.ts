// What can be trained: variables and a forward function. A layers model is one; so is an ONNX graph, a student, or a model
// with adapters.
import * as tf from '@tensorflow/tfjs'

/** Something with weights that computes outputs from inputs. */
export interface Learner {
  /** What training changes. */
  readonly variables: readonly tf.Variable[]
  /** Outputs (logits) for a batch. `training` switches what behaves differently then: batch norm, dropout. */
  forward(x: tf.Tensor, training: boolean): tf.Tensor
}

/** Samples that training reads; `Dataset` of the data room is one. */
export interface Samples {
  readonly length: number
  batches(size: number, options?: { readonly seed?: number; readonly dropLast?: boolean }): Iterable<SampleBatch>
}

/** One batch: features [size, …] row-major, and a label each. */
export interface SampleBatch {
  readonly features: Float32Array
  readonly shape: number[]
  readonly labels: Float32Array
  readonly size: number
}

/** A layers model as a learner; its frozen layers stay as they are. */
export function learner(model: tf.LayersModel | Learner): Learner {
  if (!(model instanceof tf.LayersModel)) return model
  return {
    variables: model.trainableWeights.map((weight) => weight.read()).filter((t) => t instanceof tf.Variable),
    forward: (x, training) => model.apply(x, { training }) as tf.Tensor,
  }
}
