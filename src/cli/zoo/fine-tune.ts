// Training between two steps of a compression, on the engine: ONNX weights in, ONNX weights out.
import * as tf from '@tensorflow/tfjs'
import * as engine from '../../engine'
import { cosine, GraphLearner, sharedWeights, train, type GraphHooks, type Loss, type Samples } from '../../nn'
import type { Model } from '../../onnx'
import type { Codebook, FineTune } from '../../optimization'

export interface FineTuneOptions {
  readonly epochs: number
  readonly batchSize: number
  readonly rate: number
  readonly seed?: number
  readonly loss?: Loss
  readonly hooks?: GraphHooks
  readonly extra?: readonly tf.Variable[]
  readonly note?: (line: string) => void
}

/** The engine, started once. */
export async function useEngine(): Promise<void> {
  if (tf.getBackend() !== 'onnx') await engine.start()
}

/** A training for `pruneGradually` and `pruneStructuredGradually`; pruned weights stay zero in every step. */
export function fineTuner(samples: Samples, options: FineTuneOptions): FineTune {
  return async (model, { masks, step }) => {
    await useEngine()
    const graph = new GraphLearner(model, { ...(options.hooks && { hooks: options.hooks }), ...(options.extra && { extra: options.extra }) })
    const held = [...masks].map(([name, mask]) => {
      const weight = graph.weight(name)
      return { weight, mask: tf.tidy(() => tf.variable(tf.tensor(Float32Array.from(mask), weight.shape), false)) }
    })
    try {
      await train(graph, samples, {
        epochs: options.epochs, batchSize: options.batchSize, schedule: cosine(options.rate), compile: engine.compile, seed: (options.seed ?? 0) + step,
        ...(options.loss && { loss: options.loss }),
        ...(held.length > 0 && { afterStep: () => { for (const { weight, mask } of held) weight.assign(weight.mul(mask)) } }),
        onStep: (at, steps, loss) => { if (at % 50 === 0) options.note?.(`fine-tuning, part ${step}: step ${at} of ${steps}, loss ${loss.toFixed(4)}`) },
      })
      return graph.numbers()
    } finally {
      graph.dispose()
      tf.dispose(held.map(({ mask }) => mask))
    }
  }
}

/** Trains the values of codebooks, and biases; which weight has which value stays. */
export async function trainCodebooks(model: Model, codebooks: readonly Codebook[], samples: Samples, options: FineTuneOptions): Promise<{ readonly model: Model; readonly codebooks: readonly Codebook[] }> {
  await useEngine()
  const shared = sharedWeights(codebooks)
  const graph = new GraphLearner(model, { frozen: codebooks.map(({ weight }) => weight), hooks: shared.hooks, extra: shared.variables })
  try {
    await train(graph, samples, {
      epochs: options.epochs, batchSize: options.batchSize, schedule: cosine(options.rate), compile: engine.compile, seed: options.seed ?? 0,
      ...(options.loss && { loss: options.loss }),
      onStep: (at, steps, loss) => { if (at % 50 === 0) options.note?.(`training codebooks: step ${at} of ${steps}, loss ${loss.toFixed(4)}`) },
    })
    return { model: graph.toModel(), codebooks: codebooks.map((codebook) => ({ ...codebook, centres: shared.centres(codebook.weight) })) }
  } finally {
    graph.dispose()
    shared.dispose()
  }
}
