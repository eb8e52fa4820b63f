// Training few numbers instead of all weights: low-rank updates beside frozen weights, and updates of chosen weights only.
import * as tf from '@tensorflow/tfjs'
import { random } from '../../core'
import { cloneModel, Tensor, type Model } from '../../onnx'
import { NnError, whole } from '../errors'
import type { GraphHooks, GraphLearner } from '../graph/learner'

export interface LowRankOptions {
  /** r: numbers of columns of A and rows of B. */
  readonly rank: number
  /** The update is (alpha / r) A B; default alpha = r. */
  readonly alpha?: number
  /** Which weights, by name; default all of two axes and more. */
  readonly targets?: readonly string[]
  readonly seed?: number
}

/** Adapters of a model: hooks and variables for a `GraphLearner` whose own weights are frozen. */
export interface LowRankAdapters {
  readonly hooks: GraphHooks
  readonly variables: readonly tf.Variable[]
  /** Numbers that are trained. */
  readonly parameters: number
  /** The model with the updates added to its weights: as fast as before. */
  merge(model: Model): Model
  dispose(): void
}

/**
 * W + (α / r) A B with A [rows, r] normal and B [r, columns] zero, so training starts at the model itself (LoRA, Hu et al.,
 * arXiv 2106.09685). A kernel [M, C, h, w] is the matrix [M, C h w].
 *
 * @example
 * const adapters = lowRankAdapters(model, { rank: 4 })
 * const graph = new GraphLearner(model, { frozen: true, hooks: adapters.hooks, extra: adapters.variables })
 * await train(graph, samples)
 * const adapted = adapters.merge(model)
 */
export function lowRankAdapters(model: Model, options: LowRankOptions): LowRankAdapters {
  const { rank, alpha = rank, seed = 0 } = options
  whole('rank', rank)
  const source = random(seed)
  const weights = [...model.graph.initializers].filter(([value, tensor]) => tensor.dtype === 'float32' && tensor.shape.length >= 2
    && (options.targets === undefined || options.targets.includes(value.name)))
  const missing = options.targets?.find((name) => !weights.some(([value]) => value.name === name))
  if (missing !== undefined || weights.length === 0) {
    throw new NnError('NN_OPTION', missing === undefined ? 'The model has no weights to adapt' : `There is no weight "${missing}" to adapt`, { expected: 'float32 weights of two axes and more' })
  }
  const pairs = new Map(weights.map(([value, tensor]) => {
    const rows = tensor.shape[0] ?? 1
    const columns = tensor.size / rows
    const a = Float32Array.from({ length: rows * rank }, () => source.normal() / Math.sqrt(rank))
    return [value.name, tf.tidy(() => ({ a: tf.variable(tf.tensor2d(a, [rows, rank])), b: tf.variable(tf.zeros<tf.Rank.R2>([rank, columns])) }))]
  }))
  const update = (name: string, shape: readonly number[]): tf.Tensor | undefined => {
    const pair = pairs.get(name)
    return pair && tf.matMul(pair.a as tf.Tensor2D, pair.b as tf.Tensor2D).mul(alpha / rank).reshape([...shape])
  }
  const variables = [...pairs.values()].flatMap(({ a, b }) => [a, b])
  return {
    variables, parameters: variables.reduce((sum, v) => sum + v.size, 0),
    hooks: {
      weight: (name, weight) => {
        const change = update(name, weight.shape)
        return change ? weight.add(change) : weight
      },
    },
    merge: (target) => {
      const copy = cloneModel(target)
      for (const name of pairs.keys()) {
        const value = copy.graph.find(name)
        if (!value?.tensor) throw new NnError('NN_GRAPH', `The model has no weight "${name}"`, { fix: 'merge into the model that was adapted' })
        const before = value.tensor.toArray() as Float32Array
        const change = tf.tidy(() => update(name, value.tensor?.shape ?? [])?.dataSync()) ?? []
        copy.graph.setInitializer(value, Tensor.from(before.map((w, i) => w + (change[i] ?? 0)), value.tensor.shape))
      }
      return copy
    },
    dispose: () => { tf.dispose(variables) },
  }
}

/** Training that changes only some elements of the weights. */
export interface SparseUpdate {
  /** For `train`'s `afterStep`: w ← w₀ + mask (w − w₀). */
  readonly afterStep: () => void
  /** Numbers that may change. */
  readonly parameters: number
  /** What changed: places and differences, by weight. All that has to be stored for this task. */
  difference(): Map<string, { readonly places: Uint32Array; readonly values: Float32Array }>
  dispose(): void
}

/**
 * Sparse fine-tuning: of each weight only the share with the largest scores is trained (Ansell et al., arXiv 2110.07560, with
 * scores from gradients instead of a first training).
 *
 * @param scores by weight, for example |gradient|; weights without scores stay as they are
 */
export function sparseUpdate(graph: GraphLearner, scores: ReadonlyMap<string, ArrayLike<number>>, share: number): SparseUpdate {
  if (!(share > 0 && share <= 1)) throw new NnError('NN_OPTION', 'The share of weights to train means nothing', { expected: 'in (0, 1]', got: String(share) })
  const held = graph.names.filter((name) => graph.variables.includes(graph.weight(name))).map((name) => {
    const weight = graph.weight(name)
    const given = scores.get(name)
    const mask = new Float32Array(weight.size)
    if (given) {
      const order = Uint32Array.from({ length: weight.size }, (_, i) => i).sort((a, b) => Math.abs(given[b] ?? 0) - Math.abs(given[a] ?? 0) || a - b)
      for (const place of order.subarray(0, Math.round(share * weight.size))) mask[place] = 1
    }
    return { name, weight, places: Uint32Array.from(mask.keys()).filter((i) => mask[i] === 1), ...tf.tidy(() => ({
      mask: tf.variable(tf.tensor(mask, weight.shape), false), start: tf.variable(weight.clone(), false),
    })) }
  })
  return {
    parameters: held.reduce((sum, { places }) => sum + places.length, 0),
    afterStep: () => { for (const { weight, mask, start } of held) weight.assign(start.add(weight.sub(start).mul(mask))) },
    difference: () => new Map(held.map(({ name, weight, start, places }) => {
      const change = tf.tidy(() => weight.sub(start).dataSync())
      return [name, { places, values: Float32Array.from(places, (place) => change[place] ?? 0) }]
    })),
    dispose: () => { tf.dispose(held.flatMap(({ mask, start }) => [mask, start])) },
  }
}
