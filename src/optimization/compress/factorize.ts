// Low-rank factorization as a change of the graph: a linear operator becomes two to four smaller ones.
import { Node, Tensor, type Graph, type Model, type Value } from '../../onnx'
import { floats } from '../constants'
import { OptimizationError } from '../errors'
import { prepared } from '../prune/structure/remove'
import { requireWeights } from '../prune/unstructured'
import type { RunFunction, RunTensors } from '../run'
import { ensureTypes, requireNoNewProblems } from '../structure'
import { exampleInputs, verifySame, type Difference, type Tolerance } from '../verify'
import { cp, rankOfEnergy, splitMatrix, tucker2, unfold, type Kernel } from './factors'
import { matrix, svd, transpose, type Matrix } from './linear-algebra'

export interface FactorizeOptions {
  /** Share of Σσ² that the ranks keep, in (0, 1]. Either this or `parameters`. */
  readonly energy?: number
  /** Share of the parameters of the factorizable weights to reach; the energy is found, the same for all weights. */
  readonly parameters?: number
  /** How kernels larger than 1 × 1 are factorized; default `tucker`. */
  readonly convolution?: 'tucker' | 'cp'
  /** Weights that stay as they are, by name. */
  readonly keep?: readonly string[]
  readonly seed?: number
  /** Runs both models, so that what is lost is known at the outputs too. */
  readonly run?: RunFunction
  /** Inputs of that run; made up from the declared inputs when left out. */
  readonly inputs?: RunTensors
}

/** What was done to a weight. */
export interface Factorized {
  readonly weight: string
  readonly method: 'svd' | 'tucker' | 'cp'
  readonly ranks: readonly number[]
  /** ‖W − Ŵ‖ ÷ ‖W‖. */
  readonly error: number
  readonly parameters: { readonly before: number; readonly after: number }
}

export interface FactorizeResult {
  readonly model: Model
  readonly layers: readonly Factorized[]
  /** Weights that stay, with the reason. */
  readonly kept: readonly { readonly weight: string; readonly reason: string }[]
  /** How far each output is from the source's; only with `run`. `within` says that it is a number at all. */
  readonly outputs?: readonly Difference[]
}

/** Every finite difference is within it: how much may be lost is the caller's to say. */
const ANY_NUMBER: Tolerance = { relative: 0, absolute: Number.MAX_VALUE }

interface Candidate {
  readonly node: Node
  readonly weight: Value
  readonly tensor: Tensor
  /** For matrices [K, N]; for kernels undefined. */
  readonly flat: Matrix | undefined
  /** Singular values by axis: one list for a matrix, two for a kernel. */
  readonly spectra: readonly Float64Array[]
  readonly split: ReturnType<typeof svd> | undefined
}

/**
 * Replaces weights by low-rank factors where that makes them smaller: MatMul and Gemm and 1 × 1 convolutions by truncated
 * SVD, larger kernels by Tucker-2 or CP. The outputs differ by the error that is reported; fine-tune afterwards.
 *
 * @throws OptimizationError `OPTIMIZATION_DIFFERS` when, with `run`, the new model does not run or its outputs are no numbers
 * @throws OptimizationError `OPTIMIZATION_NOTHING` for a model without such weights
 * @throws OptimizationError `OPTIMIZATION_BUDGET` when the share of parameters cannot be reached with rank 1 everywhere
 */
export function factorize(model: Model, options: FactorizeOptions): FactorizeResult {
  const { energy, parameters } = options
  if ((energy === undefined) === (parameters === undefined) || !((energy ?? parameters ?? 0) > 0 && (energy ?? parameters ?? 0) <= 1)) {
    throw new OptimizationError('OPTIMIZATION_OPTION', 'How low the ranks shall be is not clear', { expected: 'either energy or parameters, in (0, 1]', got: JSON.stringify({ energy, parameters }) })
  }
  const work = prepared(model)
  const kept: { weight: string; reason: string }[] = []
  const found = candidates(work, options.keep ?? [], kept)
  // What is left alone is listed with its reason; where nothing is, there is nothing of the kind.
  if (found.length === 0 && kept.length === 0) requireWeights(work)
  if (found.length === 0 && kept.length === 0) throw new OptimizationError('OPTIMIZATION_NOTHING', 'The model has no weights that could be factorized', { expected: 'a float32 weight of a MatMul, Gemm or Conv' })
  const total = found.reduce((sum, { tensor }) => sum + tensor.size, 0)
  const cost = (share: number): number => found.reduce((sum, c) => sum + Math.min(c.tensor.size, sizeOf(c, ranksOf(c, share, options.convolution), options.convolution)), 0)
  let share = energy ?? 1
  if (parameters !== undefined) {
    if (cost(0) > parameters * total) {
      throw new OptimizationError('OPTIMIZATION_BUDGET', 'Even factors of rank 1 are larger than the budget', {
        expected: `${(100 * parameters).toFixed(1)}% of the parameters`, got: `${((100 * cost(0)) / total).toFixed(1)}% with rank 1 everywhere`, fix: 'ask for less, or prune instead',
      })
    }
    let [low, high] = [0, 1]
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2
      if (cost(middle) <= parameters * total) low = middle
      else high = middle
    }
    share = low
  }
  const layers: Factorized[] = []
  for (const candidate of found) {
    const ranks = ranksOf(candidate, share, options.convolution)
    const after = sizeOf(candidate, ranks, options.convolution)
    if (after >= candidate.tensor.size) kept.push({ weight: candidate.weight.name, reason: `factors of rank ${ranks.join(', ')} would be no smaller` })
    else layers.push({ ...replace(work.graph, candidate, ranks, options), parameters: { before: candidate.tensor.size, after } })
  }
  if (layers.length > 0) {
    ensureTypes(work, true)
    requireNoNewProblems(model, work, 'factorize')
  }
  const { run, inputs = run && exampleInputs(model) } = options
  return { model: work, layers, kept, ...run && inputs && { outputs: verifySame(model, work, run, inputs, ANY_NUMBER) } }
}

function candidates(model: Model, keep: readonly string[], kept: { weight: string; reason: string }[]): Candidate[] {
  return model.graph.nodes.flatMap((node): Candidate[] => {
    if (!['MatMul', 'Gemm', 'Conv'].includes(node.opType) || (node.domain !== '' && node.domain !== 'ai.onnx')) return []
    const weight = node.inputs[1]
    const tensor = weight?.tensor
    if (!weight || tensor?.dtype !== 'float32') return []
    const refuse = (reason: string): [] => {
      kept.push({ weight: weight.name, reason })
      return []
    }
    if (keep.includes(weight.name)) return refuse('it was to be kept')
    if (weight.isGraphInput || weight.isGraphOutput) return refuse('it is an input or output of the model')
    if (weight.uses.length > 1) return refuse('several nodes share it')
    if (node.int('transA', 0) !== 0) return refuse('its Gemm transposes its input')
    const data = floats(tensor)
    const [m = 1, c = 1, h = 1, w = 1] = tensor.shape
    if (node.opType === 'Conv') {
      if (node.string('auto_pad', 'NOTSET').startsWith('SAME')) return refuse('its padding depends on the size of the image (auto_pad)')
      if (tensor.shape.length !== 4 || node.int('group', 1) !== 1) return refuse('it belongs to a grouped or not two-dimensional convolution')
      if (h * w === 1) {
        const split = svd(transpose(matrix(m, c, data)))
        return [{ node, weight, tensor, flat: transpose(matrix(m, c, data)), spectra: [split.sigma], split }]
      }
      const kernel: Kernel = { shape: [m, c, h, w], data }
      return [{ node, weight, tensor, flat: undefined, spectra: [svd(unfold(kernel, 0)).sigma, svd(unfold(kernel, 1)).sigma], split: undefined }]
    }
    if (tensor.shape.length !== 2) return refuse('it is no matrix')
    const flat = node.int('transB', 0) === 0 ? matrix(m, c, data) : transpose(matrix(m, c, data))
    const split = svd(flat)
    return [{ node, weight, tensor, flat, spectra: [split.sigma], split }]
  })
}

function ranksOf({ spectra }: Candidate, energy: number, convolution: FactorizeOptions['convolution']): number[] {
  const ranks = spectra.map((sigma) => rankOfEnergy(sigma, energy))
  // One rank for all axes of a CP form: the geometric mean of what the axes would need, times what its rank-1 kernels lack.
  return ranks.length === 2 && convolution === 'cp' ? [Math.max(1, Math.round(1.5 * Math.sqrt((ranks[0] ?? 1) * (ranks[1] ?? 1))))] : ranks
}

function sizeOf({ flat, tensor }: Candidate, ranks: readonly number[], convolution: FactorizeOptions['convolution']): number {
  const [r = 1, q = 1] = ranks
  if (flat) return r * (flat.rows + flat.columns)
  const [m = 1, c = 1, h = 1, w = 1] = tensor.shape
  return convolution === 'cp' ? r * (m + c + h + w) : m * r + r * q * h * w + q * c
}

const float32 = (m: Matrix, shape: readonly number[]): Tensor => Tensor.from(Float32Array.from(m.data), shape)

function replace(graph: Graph, candidate: Candidate, ranks: readonly number[], options: FactorizeOptions): Omit<Factorized, 'parameters'> {
  const { node, weight, flat, split, tensor } = candidate
  const [x, , bias] = node.inputs
  const named = (part: string, t: Tensor): Value => graph.addInitializer(`${weight.name}_${part}`, t)
  const result = (method: Factorized['method'], error: number, used: readonly number[]): Omit<Factorized, 'parameters'> => {
    if (weight.consumers.size === 0) graph.removeInitializer(weight)
    return { weight: weight.name, method, ranks: used, error }
  }
  const [rank = 1, second = 1] = ranks
  if (flat && split) {
    const { a, b } = splitMatrix(split, rank)
    const tail = split.sigma.slice(rank).reduce((sum, s) => sum + s * s, 0)
    const error = Math.sqrt(tail / (split.sigma.reduce((sum, s) => sum + s * s, 0) || 1))
    if (node.opType === 'Conv') {
      // The stride moves to the first convolution: the second sees fewer places.
      const first = insert(graph, node, 'Conv', [x, named('in', float32(transpose(a), [rank, flat.rows, 1, 1]))], geometry(node))
      node.setInputs([first, named('out', float32(transpose(b), [flat.columns, rank, 1, 1])), ...(bias ? [bias] : [])])
      for (const name of ['strides', 'pads', 'auto_pad']) node.removeAttribute(name)
    } else {
      const first = insert(graph, node, 'MatMul', [x, named('in', float32(a, [flat.rows, rank]))], {})
      const transposed = node.int('transB', 0) !== 0
      node.setInput(0, first)
      node.setInput(1, named('out', transposed ? float32(transpose(b), [flat.columns, rank]) : float32(b, [rank, flat.columns])))
    }
    return result('svd', error, [rank])
  }
  const [m = 1, c = 1, h = 1, w = 1] = tensor.shape
  const kernel: Kernel = { shape: [m, c, h, w], data: floats(tensor) }
  if (options.convolution === 'cp') {
    const { factors: [a, b, d, e], error } = cp(kernel, rank, { ...(options.seed !== undefined && { seed: options.seed }) })
    const [vertical, horizontal] = directions(node)
    const first = insert(graph, node, 'Conv', [x, named('in', float32(transpose(b), [rank, c, 1, 1]))], {})
    const middle = insert(graph, node, 'Conv', [first, named('rows', float32(transpose(d), [rank, 1, h, 1]))], { ...vertical, group: rank })
    const last = insert(graph, node, 'Conv', [middle, named('columns', float32(transpose(e), [rank, 1, 1, w]))], { ...horizontal, group: rank })
    node.setInputs([last, named('out', float32(a, [m, rank, 1, 1])), ...(bias ? [bias] : [])])
    for (const name of ['strides', 'pads', 'auto_pad', 'dilations', 'kernel_shape']) node.removeAttribute(name)
    return result('cp', error, [rank])
  }
  const { u, core, v } = tucker2(kernel, [rank, second])
  const first = insert(graph, node, 'Conv', [x, named('in', float32(transpose(v), [second, c, 1, 1]))], {})
  const middle = insert(graph, node, 'Conv', [first, named('core', Tensor.from(Float32Array.from(core.data), core.shape))], geometry(node))
  node.setInputs([middle, named('out', float32(u, [m, rank, 1, 1])), ...(bias ? [bias] : [])])
  for (const name of ['strides', 'pads', 'auto_pad', 'dilations', 'kernel_shape']) node.removeAttribute(name)
  // Orthonormal factors: what is lost is what the core does not hold.
  const [norm, held] = [Array.from(kernel.data), Array.from(core.data)].map((values) => values.reduce((sum, x2) => sum + x2 * x2, 0))
  return result('tucker', Math.sqrt(Math.max(0, 1 - (held ?? 0) / (norm || 1))), [rank, second])
}

function insert(graph: Graph, before: Node, opType: string, inputs: readonly (Value | undefined)[], attributes: Record<string, number | readonly number[]>): Value {
  return graph.insertBefore(before, new Node(opType, inputs, 1, { name: graph.freshName(`${before.name || before.outputs[0]?.name || opType}_factor`), attributes: attributes as never })).output
}

/** Strides, pads and dilations of a convolution, for the one that takes its place. */
function geometry(node: Node): Record<string, readonly number[]> {
  return { strides: node.ints('strides', [1, 1]), pads: pads(node), dilations: node.ints('dilations', [1, 1]) }
}

const pads = (node: Node): readonly number[] => node.ints('pads', [0, 0, 0, 0])

/** The same for the two directions apart. */
function directions(node: Node): [Record<string, readonly number[]>, Record<string, readonly number[]>] {
  const [sh = 1, sw = 1] = node.ints('strides', [1, 1])
  const [dh = 1, dw = 1] = node.ints('dilations', [1, 1])
  const [top = 0, left = 0, bottom = 0, right = 0] = pads(node)
  return [{ strides: [sh, 1], dilations: [dh, 1], pads: [top, 0, bottom, 0] }, { strides: [1, sw], dilations: [1, dw], pads: [0, left, 0, right] }]
}
