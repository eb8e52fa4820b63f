// The training loop: schedule, early stopping, progress, and weights that are whole whenever it stops.
import * as tf from '@tensorflow/tfjs'
import { throwIfInterrupted } from '../../core'
import { NnError, whole } from '../errors'
import { evaluate } from './evaluate'
import { learner, type Learner, type Samples } from './learner'
import { adam, type Optimizer } from './optimizers'
import { cosine, type Schedule } from './schedules'

/** What a loss is computed from. */
export interface LossInputs {
  readonly logits: tf.Tensor
  /** Classes [B] as int32, or numbers [B] as float32 in a regression. */
  readonly labels: tf.Tensor1D
  /** The batch, for losses that ask a teacher. */
  readonly x: tf.Tensor
}

/** A loss: the mean over the batch, as a scalar. */
export type Loss = (inputs: LossInputs) => tf.Scalar

/** Compiles a function of tensors to one graph, as `engine.compile` does. */
export type Compile = <R extends tf.Tensor>(fn: (...inputs: tf.Tensor[]) => R) => ((...inputs: tf.Tensor[]) => R) & { dispose?(): void }

/** What a finished epoch is known by. */
export interface EpochReport {
  /** Counted from 1. */
  readonly epoch: number
  readonly epochs: number
  /** Mean over the epoch's steps. */
  readonly loss: number
  readonly rate: number
  readonly seconds: number
  readonly validation?: { readonly loss: number; readonly accuracy: number }
}

export interface TrainOptions {
  readonly epochs?: number
  /** Samples a step; a last smaller batch is left out, so that every step is the same graph. Default 64. */
  readonly batchSize?: number
  /** Default: Adam. Kept by the caller, it carries its state from one call to the next. */
  readonly optimizer?: Optimizer
  /** Default: cosine from 0.001 to 0. */
  readonly schedule?: Schedule
  /** Default: cross entropy of the classes. */
  readonly loss?: Loss
  /** Decides the order of the samples; default 0. */
  readonly seed?: number
  readonly validation?: Samples
  /** Ends when the validation accuracy has not risen by `least` for `patience` epochs, and goes back to the best weights. */
  readonly earlyStopping?: { readonly patience: number; readonly least?: number }
  /** Makes one graph of a whole step; without it every step runs as ordinary code. */
  readonly compile?: Compile
  /** Gradients are scaled down to this norm over all variables: g · min(1, c / ‖g‖). */
  readonly clipNorm?: number
  /** Runs at the end of every step, inside the compiled graph: `v.assign(v.mul(mask))` keeps pruned weights at zero. */
  readonly afterStep?: () => void
  readonly onStep?: (step: number, steps: number, loss: number) => void
  readonly onEpoch?: (report: EpochReport) => void
}

/** What training did. */
export interface History {
  readonly epochs: readonly EpochReport[]
  readonly steps: number
  readonly seconds: number
  readonly stopped: 'done' | 'early'
}

/** −Σ q log softmax(z), the mean over the batch; with smoothing ε, q = (1 − ε) one-hot + ε / classes. */
export function crossEntropy(options: { readonly smoothing?: number } = {}): Loss {
  const { smoothing = 0 } = options
  return ({ logits, labels }) => {
    const classes = logits.shape[logits.rank - 1] ?? 1
    const hard = tf.oneHot(labels.toInt(), classes).toFloat()
    const wanted = smoothing > 0 ? hard.mul(1 - smoothing).add(smoothing / classes) : hard
    return tf.logSoftmax(logits as tf.Tensor2D).mul(wanted).sum(-1).mean<tf.Scalar>().neg()
  }
}

/** Mean of (output − label)², for one output a sample. */
export function meanSquaredError(): Loss {
  return ({ logits, labels }) => logits.reshape([-1]).sub(labels.toFloat()).square().mean<tf.Scalar>()
}

/**
 * Trains a model on samples, in place. An interrupt ends it between two steps with the error `INTERRUPTED`; the weights are
 * those of the last whole step, and a kept optimizer its state.
 *
 * @throws NnError `NN_DIVERGED` when the loss is no number any more; `NN_DATA` when there is not one whole batch
 * @example
 * await train(models.lenet5(), mnist.train, { epochs: 3, batchSize: 128, compile: engine.compile, validation: mnist.test })
 */
export async function train(model: tf.LayersModel | Learner, samples: Samples, options: TrainOptions = {}): Promise<History> {
  const { epochs = 1, batchSize = 64, schedule = cosine(0.001), loss = crossEntropy(), seed = 0 } = options
  whole('epochs', epochs)
  whole('batchSize', batchSize)
  const perEpoch = Math.floor(samples.length / batchSize)
  if (perEpoch === 0) {
    throw new NnError('NN_DATA', 'There is not one whole batch to train on', {
      expected: `at least ${batchSize} samples`, got: String(samples.length), fix: 'give more samples or a smaller batchSize',
    })
  }
  if (options.earlyStopping && !options.validation) {
    throw new NnError('NN_OPTION', 'Early stopping needs samples to judge by', { fix: 'give validation: …' })
  }
  const subject = learner(model)
  const optimizer = options.optimizer ?? adam()
  optimizer.prepare(subject.variables)
  const plain = stepOf(subject, optimizer, loss, options)
  const step = options.compile ? options.compile(plain) : plain
  const reports: EpochReport[] = []
  const started = performance.now()
  let best: Best | undefined
  let stopped: History['stopped'] = 'done'
  const total = epochs * perEpoch
  let done = 0
  try {
    for (let epoch = 1; epoch <= epochs && stopped === 'done'; epoch++) {
      const began = performance.now()
      let sum = 0
      let rate = 0
      for (const batch of samples.batches(batchSize, { seed: seed * 9973 + epoch, dropLast: true })) {
        throwIfInterrupted()
        rate = schedule(done / total)
        const value = runStep(step, batch.features, batch.shape, batch.labels, rate)
        if (!Number.isFinite(value)) {
          throw new NnError('NN_DIVERGED', `The loss became ${value} in step ${done + 1}`, {
            got: `learning rate ${rate}`, fix: 'use a lower learning rate, warm-up or clipNorm, and scale the inputs; the weights are lost: make the model anew',
          })
        }
        sum += value
        done++
        options.onStep?.(done, total, value)
        // Lets messages in: an interrupt, a progress bar.
        if (done % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      const validation = options.validation && await evaluate(subject, options.validation)
      const report: EpochReport = {
        epoch, epochs, loss: sum / perEpoch, rate, seconds: (performance.now() - began) / 1000,
        ...(validation && { validation: { loss: validation.loss, accuracy: validation.accuracy } }),
      }
      reports.push(report)
      options.onEpoch?.(report)
      if (validation && options.earlyStopping) {
        const { patience, least = 0 } = options.earlyStopping
        if (!best || validation.accuracy > best.accuracy + least) {
          best?.dispose()
          best = keep(subject.variables, validation.accuracy, epoch)
        } else if (epoch - best.epoch >= patience) stopped = 'early'
      }
    }
    if (best && best.epoch < (reports.at(-1)?.epoch ?? 0)) best.restore()
  } finally {
    best?.dispose()
    if (step !== plain) (step as ReturnType<Compile>).dispose?.()
    if (!options.optimizer) optimizer.dispose()
  }
  return { epochs: reports, steps: done, seconds: (performance.now() - started) / 1000, stopped }
}

function stepOf(subject: Learner, optimizer: Optimizer, loss: Loss, options: TrainOptions) {
  const variables = [...subject.variables]
  return (x: tf.Tensor, labels: tf.Tensor, rate: tf.Tensor): tf.Scalar => tf.tidy(() => {
    const { value, grads } = tf.variableGrads(
      () => loss({ logits: subject.forward(x, true), labels: labels as tf.Tensor1D, x }), variables)
    let gradients = variables.map((v) => grads[v.name] ?? tf.zerosLike(v))
    if (options.clipNorm !== undefined) {
      const norm = tf.addN(gradients.map((g) => g.square().sum())).sqrt()
      const factor = tf.minimum(1, tf.div(options.clipNorm, norm.add(1e-12)))
      gradients = gradients.map((g) => g.mul(factor))
    }
    optimizer.apply(gradients, rate as tf.Scalar)
    options.afterStep?.()
    return value
  })
}

function runStep(step: (...inputs: tf.Tensor[]) => tf.Tensor, features: Float32Array, shape: number[], labels: Float32Array, rate: number): number {
  const inputs = [tf.tensor(features, shape), tf.tensor1d(labels), tf.scalar(rate)]
  const loss = step(...inputs)
  const value = loss.dataSync()[0] ?? Number.NaN
  tf.dispose([...inputs, loss])
  return value
}

interface Best {
  readonly accuracy: number
  readonly epoch: number
  restore(): void
  dispose(): void
}

function keep(variables: readonly tf.Variable[], accuracy: number, epoch: number): Best {
  const copies = variables.map((v) => v.clone())
  return {
    accuracy, epoch,
    restore: () => { variables.forEach((v, i) => { const copy = copies[i]; if (copy) v.assign(copy.clone()) }) },
    dispose: () => { tf.dispose(copies) },
  }
}
