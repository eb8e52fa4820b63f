// Training of shared weights: the gradient of a value is the sum over the weights that have it (Han et al., arXiv
// 1510.00149, section 3.3).
import * as tf from '@tensorflow/tfjs'
import { NnError } from '../errors'
import type { GraphHooks } from './learner'

/** Which value each weight has: 0 for zero, otherwise 1 + the index into `centres`. A `Codebook` of the optimization room is one. */
export interface SharedValues {
  readonly weight: string
  readonly centres: Float32Array
  readonly assignments: ArrayLike<number>
}

/** Hooks and variables for a `GraphLearner`, and the values that training made. */
export interface SharedWeights {
  readonly hooks: GraphHooks
  readonly variables: readonly tf.Variable[]
  centres(weight: string): Float32Array
  dispose(): void
}

/**
 * Makes the weights of these names read their values from variables, one for each cluster.
 *
 * @example
 * const shared = sharedWeights(codebooks)
 * const graph = new GraphLearner(model, { frozen: codebooks.map((c) => c.weight), hooks: shared.hooks, extra: shared.variables })
 */
export function sharedWeights(codebooks: readonly SharedValues[]): SharedWeights {
  const known = new Map(codebooks.map(({ weight, centres, assignments }) => [weight, {
    centres: tf.tidy(() => tf.variable(tf.tensor1d(Float32Array.from(centres)))),
    places: tf.tidy(() => tf.variable(tf.tensor1d(Int32Array.from(assignments), 'int32'), false)),
  }]))
  return {
    variables: [...known.values()].map(({ centres }) => centres),
    hooks: {
      weight: (name, weight) => {
        const held = known.get(name)
        return held ? tf.gather(tf.concat([tf.zeros([1]), held.centres as tf.Tensor1D]), held.places as tf.Tensor1D).reshape(weight.shape) : weight
      },
    },
    centres: (weight) => {
      const held = known.get(weight)
      if (!held) throw new NnError('NN_GRAPH', `"${weight}" has no codebook`, { expected: [...known.keys()].join(', ') })
      return Float32Array.from(held.centres.dataSync() as Float32Array)
    },
    dispose: () => { for (const held of known.values()) tf.dispose([held.centres, held.places]) },
  }
}
