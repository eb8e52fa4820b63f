// Distillation from answers that were written down once: the teacher does not run again in every step.
import * as tf from '@tensorflow/tfjs'
import { NnError } from '../errors'
import type { Predict } from '../training/evaluate'
import type { Samples } from '../training/learner'
import { crossEntropy, type Loss } from '../training/train'
import { responseLoss } from './distill'

/** Samples that take other labels; `Dataset` of the data room is one. */
export interface LabelledSamples extends Samples {
  readonly labels: Float32Array
  withLabels(labels: Float32Array): Samples
}

/** What `train` takes to learn from recorded answers: `train(student, recorded.samples, { loss: recorded.loss })`. */
export interface RecordedTeacher {
  /** Each sample's label is its own number, under which the loss looks the answer up. */
  readonly samples: Samples
  readonly loss: Loss
  dispose(): void
}

/**
 * The logits of a model for all samples, in their order: [samples, classes], row-major.
 *
 * @throws NnError `NN_DATA` when batches are answered with different numbers of classes
 */
export async function answersTo(samples: Samples, predict: Predict, options: { readonly batchSize?: number } = {}): Promise<Float32Array> {
  let all: Float32Array | undefined
  let at = 0
  for (const batch of samples.batches(options.batchSize ?? 256)) {
    const logits = await predict(batch.features, batch.shape)
    const classes = logits.length / batch.size
    all ??= new Float32Array(samples.length * classes)
    if (!Number.isInteger(classes) || all.length !== samples.length * classes) {
      throw new NnError('NN_DATA', 'The model answers batches with different numbers of classes', { expected: `${all.length / samples.length} for each sample`, got: `${logits.length} numbers for ${batch.size} samples` })
    }
    all.set(Float32Array.from(logits), at)
    at += logits.length
  }
  return all ?? new Float32Array(0)
}

/**
 * The loss of distillation by responses, from answers that are known:
 *
 *   hard · cross entropy(label) + (1 − hard) · T² KL(softmax(t / T) ‖ softmax(s / T))   (Hinton et al., arXiv 1503.02531)
 *
 * The same as `distill` with one teacher, without running it: right where samples are not changed at random in training.
 *
 * @param answers logits of the teacher for the samples, in their order: `answersTo(samples, teacher)`
 * @throws NnError `NN_DATA` when there is not one answer for each sample
 */
export function recordedTeacher(
  samples: LabelledSamples, answers: Float32Array, options: { readonly temperature?: number; readonly hard?: number } = {},
): RecordedTeacher {
  const { temperature = 4, hard = 0.1 } = options
  const classes = answers.length / samples.length
  if (!Number.isInteger(classes) || classes < 1) {
    throw new NnError('NN_DATA', 'There is not one answer for each sample', { expected: `a multiple of ${samples.length} numbers`, got: `${answers.length}`, fix: 'give answersTo(samples, teacher) for the same samples' })
  }
  const [known, truth] = [tf.tensor2d(answers, [samples.length, classes]), tf.tensor1d(samples.labels)]
  const supervised = crossEntropy()
  return {
    samples: samples.withLabels(Float32Array.from(samples.labels.keys())),
    loss: (inputs) => {
      const number = inputs.labels.toInt()
      const soft = responseLoss(inputs.logits, [tf.gather(known, number)], temperature).mul(1 - hard)
      return (hard > 0 ? soft.add(supervised({ ...inputs, labels: tf.gather(truth, number) }).mul(hard)) : soft).asScalar()
    },
    dispose: () => { tf.dispose([known, truth]) },
  }
}
