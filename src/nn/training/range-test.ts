// The learning rate range test: one short run in which the rate grows from far too small to far too large.
import * as tf from '@tensorflow/tfjs'
import { NnError, whole } from '../errors'
import { learner, type Learner, type Samples } from './learner'
import { adam, type Optimizer } from './optimizers'
import { train, type Compile, type Loss } from './train'

export interface RangeTestOptions {
  /** First and last rate; default 1e-5 and 1. */
  readonly low?: number
  readonly high?: number
  /** Batches, one a rate; default 100. */
  readonly steps?: number
  readonly batchSize?: number
  /** Made anew for the test; default Adam. */
  readonly optimizer?: Optimizer
  readonly loss?: Loss
  readonly seed?: number
  readonly compile?: Compile
}

/** The loss of each step and the rate that it was taken with. */
export interface RangeTest {
  readonly rates: readonly number[]
  readonly losses: readonly number[]
}

/**
 * Trains with a rate that grows by the same factor each step, η_i = low (high / low)^(i / (steps − 1)), notes the losses, and
 * puts every weight back (Smith, arXiv 1506.01186, section 3.3). It ends early when the loss is four times the smallest seen.
 *
 * @throws NnError `NN_OPTION` for a range that is none, `NN_DATA` when there is not one whole batch
 */
export async function rangeTest(model: tf.LayersModel | Learner, samples: Samples, options: RangeTestOptions = {}): Promise<RangeTest> {
  const { low = 1e-5, high = 1, steps = 100, batchSize = 32 } = options
  whole('steps', steps, 2)
  if (!(low > 0 && high > low)) throw new NnError('NN_OPTION', 'The range of rates is empty', { expected: '0 < low < high', got: `${low} to ${high}` })
  const subject = learner(model)
  // Running statistics change in a training step too, and are no variables of the optimizer.
  const all = weightsOf(model, subject)
  const kept = all.map((variable) => variable.clone())
  const epochs = Math.ceil(steps / Math.max(1, Math.floor(samples.length / batchSize)))
  const planned = epochs * Math.floor(samples.length / batchSize)
  const rates: number[] = []
  const losses: number[] = []
  const optimizer = options.optimizer ?? adam()
  let least = Infinity
  try {
    await train(subject, samples, {
      epochs, batchSize, optimizer, seed: options.seed ?? 0,
      schedule: (progress) => low * (high / low) ** Math.min(1, Math.round(progress * planned) / (steps - 1)),
      ...(options.loss && { loss: options.loss }), ...(options.compile && { compile: options.compile }),
      onStep: (step, _, loss) => {
        rates.push(low * (high / low) ** ((step - 1) / (steps - 1)))
        losses.push(loss)
        least = Math.min(least, loss)
        if (step >= steps || loss > 4 * least) throw new Enough()
      },
    })
  } catch (error) {
    // A loss that is no number ends the test as a loss that is too large does.
    if (!(error instanceof Enough) && !(error instanceof NnError && error.code === 'NN_DIVERGED')) throw error
  } finally {
    all.forEach((variable, i) => { const before = kept[i]; if (before) variable.assign(before) })
    tf.dispose(kept)
    if (!options.optimizer) optimizer.dispose()
  }
  return { rates, losses }
}

function weightsOf(model: tf.LayersModel | Learner, subject: Learner): readonly tf.Variable[] {
  if (model instanceof tf.LayersModel) return model.weights.map((weight) => weight.read()).filter((t) => t instanceof tf.Variable)
  return 'weights' in model ? (model as { readonly weights: readonly tf.Variable[] }).weights : subject.variables
}

/** Ends the run from inside a step's report. */
class Enough extends Error {}
