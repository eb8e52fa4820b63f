// Weight sharing: the weights of a layer take one of a few values, the centres of their clusters.
import { Tensor, type Model } from '../../onnx'
import { floats } from '../constants'
import { OptimizationError } from '../errors'
import { requireWeights } from '../prune/unstructured'
import { prepared } from '../prune/structure/remove'

/** Clusters of numbers: `centres[assignments[i]]` stands for number i. */
export interface Clusters {
  /** Ascending. */
  readonly centres: Float32Array
  readonly assignments: Uint16Array
}

/**
 * k-means of numbers, minimizing Σ (xᵢ − c)²: Lloyd's iterations from centres spread evenly between the smallest and the
 * largest, which keeps the rare large weights (Han et al., arXiv 1510.00149, section 3.2). Empty clusters are dropped.
 */
export function kmeans(numbers: ArrayLike<number>, k: number, iterations = 100): Clusters {
  const order = Uint32Array.from({ length: numbers.length }, (_, i) => i).sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0))
  const sorted = Float64Array.from(order, (i) => numbers[i] ?? 0)
  const n = sorted.length
  const sums = new Float64Array(n + 1)
  for (let i = 0; i < n; i++) sums[i + 1] = (sums[i] ?? 0) + (sorted[i] ?? 0)
  const [low, high] = [sorted[0] ?? 0, sorted[n - 1] ?? 0]
  let centres = [...new Set(Array.from({ length: k }, (_, i) => (k === 1 ? (low + high) / 2 : low + ((high - low) * i) / (k - 1))))]
  let edges: number[] = []
  for (let step = 0; step < iterations; step++) {
    // In one dimension a cluster is a run of sorted numbers: those nearer to its centre than to its neighbours'.
    edges = centres.map((centre, c) => lowerBound(sorted, c === 0 ? -Infinity : ((centres[c - 1] ?? 0) + centre) / 2))
    edges.push(n)
    const next = centres.flatMap((_, c) => {
      const [from, to] = [edges[c] ?? 0, edges[c + 1] ?? 0]
      return to > from ? [((sums[to] ?? 0) - (sums[from] ?? 0)) / (to - from)] : []
    })
    const same = next.length === centres.length && next.every((centre, c) => centre === centres[c])
    centres = next
    if (same) break
  }
  const values = Float32Array.from(centres)
  const assignments = new Uint16Array(n)
  let c = 0
  sorted.forEach((x, place) => {
    while (c + 1 < values.length && Math.abs((values[c + 1] ?? 0) - x) < Math.abs((values[c] ?? 0) - x)) c++
    assignments[order[place] ?? 0] = c
  })
  return { centres: values, assignments }
}

function lowerBound(sorted: Float64Array, x: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < x) low = middle + 1
    else high = middle
  }
  return low
}

export interface ShareOptions {
  /** 2^bits values a layer, besides zero; a number, or a function of the weight's name and rank. Default 5, convolutions 8. */
  readonly bits?: number | ((name: string, rank: number) => number)
  /** Weights that stay as they are, by name. */
  readonly keep?: readonly string[]
}

/** What sharing made of a weight. */
export interface Codebook {
  readonly weight: string
  /** The values, ascending. Zero is none of them: pruned weights stay zero. */
  readonly centres: Float32Array
  /** For each weight, row-major: 0 for zero, otherwise 1 + the index of its value. */
  readonly assignments: Uint16Array
}

export interface Shared {
  readonly model: Model
  readonly codebooks: readonly Codebook[]
}

/**
 * Makes the weights of linear layers share few values. Zeros stay zeros.
 *
 * @throws OptimizationError `OPTIMIZATION_OPTION` when bits is not 1 to 12; `OPTIMIZATION_NOTHING` for a model without such weights
 */
export function shareWeights(model: Model, options: ShareOptions = {}): Shared {
  const { bits = (_: string, rank: number) => (rank > 2 ? 8 : 5), keep = [] } = options
  const work = prepared(model)
  const codebooks: Codebook[] = []
  for (const { value, tensor } of requireWeights(work)) {
    if (keep.includes(value.name)) continue
    const count = typeof bits === 'number' ? bits : bits(value.name, tensor.shape.length)
    if (!Number.isInteger(count) || count < 1 || count > 12) {
      throw new OptimizationError('OPTIMIZATION_OPTION', 'The number of bits of a codebook means nothing', { expected: '1 to 12', got: String(count), where: value.name })
    }
    const data = floats(tensor)
    const places = Array.from({ length: tensor.size }, (_, i) => i).filter((i) => data[i] !== 0)
    const { centres, assignments } = kmeans(places.map((i) => data[i] ?? 0), 2 ** count)
    const all = new Uint16Array(tensor.size)
    places.forEach((place, i) => { all[place] = 1 + (assignments[i] ?? 0) })
    const codebook = { weight: value.name, centres, assignments: all }
    codebooks.push(codebook)
    work.graph.setInitializer(value, expand(codebook, tensor))
  }
  return { model: work, codebooks }
}

/** The model with other values in its codebooks: what training the shared values gives back. */
export function withCentres(model: Model, codebooks: readonly Codebook[]): Model {
  const work = prepared(model)
  for (const codebook of codebooks) {
    const value = work.graph.find(codebook.weight)
    if (value?.tensor?.size !== codebook.assignments.length) {
      throw new OptimizationError('OPTIMIZATION_OPTION', `The codebook of "${codebook.weight}" does not fit the model`, { fix: 'give the model that shareWeights made' })
    }
    work.graph.setInitializer(value, expand(codebook, value.tensor))
  }
  return work
}

function expand({ centres, assignments }: Codebook, like: Tensor): Tensor {
  return Tensor.from(Float32Array.from(assignments, (a) => (a === 0 ? 0 : centres[a - 1] ?? 0)), like.shape, like.dtype)
}
