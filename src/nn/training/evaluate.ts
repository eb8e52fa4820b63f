// How good a classifier is on samples that it has not seen.
import * as tf from '@tensorflow/tfjs'
import { throwIfInterrupted } from '../../core'
import { NnError } from '../errors'
import { learner, type Learner, type Samples } from './learner'

/** Quality of a classifier. */
export interface Evaluation {
  /** Mean cross entropy, in nats. */
  readonly loss: number
  /** Share of samples whose largest logit is the label's. */
  readonly accuracy: number
  /** `confusion[label][predicted]`: counts. */
  readonly confusion: readonly (readonly number[])[]
  readonly samples: number
}

/** Gives the logits [B, classes] of a batch, row-major: a session, a pool, a model of any framework. */
export type Predict = (features: Float32Array, shape: number[]) => ArrayLike<number> | Promise<ArrayLike<number>>

/**
 * Accuracy, mean cross entropy and confusion of a model on samples.
 *
 * @param model a layers model, a learner, or a function from a batch to its logits
 * @throws NnError `NN_DATA` without samples
 */
export async function evaluate(model: tf.LayersModel | Learner | Predict, samples: Samples, options: { readonly batchSize?: number } = {}): Promise<Evaluation> {
  if (samples.length === 0) throw new NnError('NN_DATA', 'There are no samples to evaluate on')
  const predict = typeof model === 'function' ? model : predictor(model)
  let [loss, right, seen] = [0, 0, 0]
  const confusion: number[][] = []
  for (const batch of samples.batches(options.batchSize ?? 256)) {
    throwIfInterrupted()
    const logits = await predict(batch.features, batch.shape)
    const classes = logits.length / batch.size
    while (confusion.length < classes) confusion.push([])
    for (let i = 0; i < batch.size; i++) {
      const label = batch.labels[i] ?? 0
      let [top, total] = [0, 0]
      for (let c = 1; c < classes; c++) if ((logits[i * classes + c] ?? 0) > (logits[i * classes + top] ?? 0)) top = c
      const peak = logits[i * classes + top] ?? 0
      for (let c = 0; c < classes; c++) total += Math.exp((logits[i * classes + c] ?? 0) - peak)
      loss += Math.log(total) + peak - (logits[i * classes + label] ?? 0)
      if (top === label) right++
      const row = confusion[label] ??= []
      row[top] = (row[top] ?? 0) + 1
      seen++
    }
  }
  const table = confusion.map((row) => Array.from(confusion, (_, c) => row[c] ?? 0))
  return { loss: loss / seen, accuracy: right / seen, confusion: table, samples: seen }
}

function predictor(model: tf.LayersModel | Learner): Predict {
  const subject = learner(model)
  return async (features, shape) => {
    const logits = tf.tidy(() => subject.forward(tf.tensor(features, shape), false))
    try {
      return await logits.data()
    } finally {
      logits.dispose()
    }
  }
}
