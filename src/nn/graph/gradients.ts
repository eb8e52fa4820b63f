// Gradients of a graph's weights over samples, for pruning scores: what the optimization room is given.
import * as tf from '@tensorflow/tfjs'
import { throwIfInterrupted } from '../../core'
import { NnError } from '../errors'
import type { Samples } from '../training/learner'
import { crossEntropy, type Loss } from '../training/train'
import type { GraphLearner } from './learner'

export interface GradientOptions {
  /** Batches to look at; default 8. */
  readonly batches?: number
  readonly batchSize?: number
  readonly loss?: Loss
  readonly seed?: number
}

/**
 * √(mean g²) over batches, by weight: near a minimum the mean of g is noise, its size is not (Theis et al., arXiv
 * 1801.05787).
 *
 * @example
 * pruneWeights(model, { sparsity: 0.8, score: taylor, gradients: await gradients(new GraphLearner(model), train) })
 */
export async function gradients(graph: GraphLearner, samples: Samples, options: GradientOptions = {}): Promise<Map<string, Float32Array>> {
  const sums = new Map<string, Float32Array>()
  const count = await overBatches(graph, samples, options, (name, _, g) => {
    const sum = sums.get(name) ?? new Float32Array(g.length)
    sums.set(name, sum)
    for (let i = 0; i < g.length; i++) sum[i] = (sum[i] ?? 0) + (g[i] ?? 0) ** 2
  })
  for (const sum of sums.values()) for (let i = 0; i < sum.length; i++) sum[i] = Math.sqrt((sum[i] ?? 0) / count)
  return sums
}

/**
 * −Σ w g over steps of gradient descent (movement pruning, Sanh et al., arXiv 2005.07683): positive for weights that move
 * away from zero. The graph is trained on the way.
 *
 * @param rate of the plain gradient descent
 */
export async function movementScores(graph: GraphLearner, samples: Samples, rate: number, options: GradientOptions = {}): Promise<Map<string, Float32Array>> {
  const sums = new Map<string, Float32Array>()
  await overBatches(graph, samples, options, (name, w, g) => {
    const sum = sums.get(name) ?? new Float32Array(g.length)
    sums.set(name, sum)
    for (let i = 0; i < g.length; i++) sum[i] = (sum[i] ?? 0) - (w[i] ?? 0) * (g[i] ?? 0)
    const weight = graph.weight(name)
    weight.assign(tf.tensor(w.map((x, i) => x - rate * (g[i] ?? 0)), weight.shape))
  })
  return sums
}

type Visit = (name: string, weight: Float32Array, gradient: Float32Array) => void

async function overBatches(graph: GraphLearner, samples: Samples, options: GradientOptions, visit: Visit): Promise<number> {
  const { batches = 8, batchSize = 64, loss = crossEntropy(), seed = 0 } = options
  const names = graph.names.filter((name) => graph.variables.includes(graph.weight(name)))
  let count = 0
  for (const batch of samples.batches(batchSize, { seed })) {
    if (count === batches) break
    throwIfInterrupted()
    tf.tidy(() => {
      const [x, labels] = [tf.tensor(batch.features, batch.shape), tf.tensor1d(batch.labels)]
      const { grads } = tf.variableGrads(() => loss({ logits: graph.forward(x, false), labels, x }), names.map((name) => graph.weight(name)))
      for (const name of names) {
        const variable = graph.weight(name)
        visit(name, Float32Array.from(variable.dataSync() as Float32Array), Float32Array.from(grads[variable.name]?.dataSync() as Float32Array))
      }
    })
    count++
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (count === 0) throw new NnError('NN_DATA', 'There are no samples to compute gradients on')
  return count
}
