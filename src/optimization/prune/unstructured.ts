// Unstructured pruning: single weights become zero, chosen layer by layer, over all layers, or N of every M.
import { Tensor, type Model, type Node, type Value } from '../../onnx'
import { floats, isFloat } from '../constants'
import { OptimizationError } from '../errors'
import { quantizedOperator } from '../quantize/layers'
import { magnitude, type Gradients, type Score } from './scores'
import { prepared } from './structure/remove'

/** N of every M consecutive weights along the axis that is summed over may be other than zero (2:4: arXiv 2104.08378). */
export interface Pattern {
  readonly n: number
  readonly m: number
}

export interface PruneOptions {
  /** Share of zeros to reach, in [0, 1). With a pattern: leave it out. */
  readonly sparsity?: number
  readonly pattern?: Pattern
  /** `layer` (default): the same share in every weight. `global`: the smallest scores of all. */
  readonly scope?: 'layer' | 'global'
  /** Default: magnitude. */
  readonly score?: Score
  readonly gradients?: Gradients
  /** Weights that stay dense, by name. */
  readonly keep?: readonly string[]
}

/** 1 where a weight stays, 0 where it is pruned; row-major, by the weight's name. */
export type Masks = ReadonlyMap<string, Uint8Array>

export interface PruneResult {
  readonly model: Model
  readonly masks: Masks
  readonly layers: readonly { readonly weight: string; readonly size: number; readonly zeros: number }[]
  /** Zeros ÷ size, over the weights that were to be pruned. */
  readonly sparsity: number
}

/** A weight of a linear operator, and the axis that is summed over. */
export interface LinearWeight {
  readonly value: Value
  readonly tensor: Tensor
  readonly axis: number
}

/** Weights of Conv, ConvTranspose, Gemm and MatMul that are constants of their own. */
export function linearWeights(model: Model): LinearWeight[] {
  const found = new Map<Value, LinearWeight>()
  const axisOf = (node: Node, index: number, value: Value): number | undefined => {
    const rank = value.shape?.length ?? 0
    switch (node.opType) {
      case 'Conv': return index === 1 ? 1 : undefined
      case 'ConvTranspose': return index === 1 ? 0 : undefined
      case 'Gemm': return index === 1 ? (node.int('transB', 0) === 0 ? 0 : 1) : index === 0 ? (node.int('transA', 0) === 0 ? 1 : 0) : undefined
      case 'MatMul': return rank < 2 ? undefined : index === 1 ? rank - 2 : rank - 1
      default: return undefined
    }
  }
  for (const node of model.graph.nodes) {
    if (node.domain !== '' && node.domain !== 'ai.onnx') continue
    node.inputs.forEach((value, index) => {
      if (!value?.tensor || value.isGraphInput || value.isGraphOutput || !isFloat(value.dtype) || found.has(value)) return
      const axis = axisOf(node, index, value)
      if (axis !== undefined) found.set(value, { value, tensor: value.tensor, axis })
    })
  }
  return [...found.values()]
}

/**
 * The same, of which there must be one.
 *
 * @throws OptimizationError `OPTIMIZATION_NOTHING`
 */
export function requireWeights(model: Model): LinearWeight[] {
  const found = linearWeights(model)
  if (found.length > 0) return found
  const quantized = quantizedOperator(model)
  throw new OptimizationError('OPTIMIZATION_NOTHING', 'The model has no weights that could be changed', {
    expected: 'a Conv, ConvTranspose, Gemm or MatMul with a constant weight in floats, which is no input or output of the model',
    ...(quantized && { got: `a model that is quantized already (${quantized.label})`, fix: 'change the float model, and quantize afterwards' }),
  })
}

/**
 * Sets weights to zero. Latency changes only on runtimes with sparse kernels; the size after compression does.
 *
 * @throws OptimizationError `OPTIMIZATION_OPTION` for a share outside [0, 1) or a pattern that is none; `OPTIMIZATION_NOTHING`
 * for a model without such weights
 * @example
 * const { model: sparse, masks } = pruneWeights(model, { sparsity: 0.9, scope: 'global' })
 */
export function pruneWeights(model: Model, options: PruneOptions): PruneResult {
  const { sparsity = 0, pattern, scope = 'layer', score = magnitude, gradients = new Map<string, ArrayLike<number>>(), keep = [] } = options
  if (!(sparsity >= 0 && sparsity < 1) || (pattern !== undefined && options.sparsity !== undefined)) {
    throw new OptimizationError('OPTIMIZATION_OPTION', 'How much to prune is not clear', {
      expected: 'a sparsity in [0, 1), or a pattern', got: JSON.stringify({ sparsity: options.sparsity, pattern }),
    })
  }
  if (pattern && !(Number.isInteger(pattern.n) && Number.isInteger(pattern.m) && pattern.n > 0 && pattern.n < pattern.m)) {
    throw new OptimizationError('OPTIMIZATION_OPTION', 'A pattern N:M keeps N of every M weights', { expected: '0 < n < m, whole', got: `${pattern.n}:${pattern.m}` })
  }
  const work = prepared(model)
  const weights = requireWeights(work).filter(({ value }) => !keep.includes(value.name))
  const scores = weights.map(({ value, tensor }) => score({ name: value.name, tensor, gradient: gradients.get(value.name) }))
  const masks = pattern ? weights.map((weight, i) => patternMask(weight, scores[i] ?? new Float64Array(), pattern))
    : scope === 'layer' ? scores.map((s) => smallest([s], sparsity)[0] ?? new Uint8Array()) : smallest(scores, sparsity)
  const layers = weights.map(({ value, tensor }, i) => {
    const mask = masks[i] ?? new Uint8Array()
    work.graph.setInitializer(value, applyMask(tensor, mask))
    let zeros = mask.length
    for (const kept of mask) zeros -= kept
    return { weight: value.name, size: mask.length, zeros }
  })
  const [size, zeros] = [layers.reduce((sum, l) => sum + l.size, 0), layers.reduce((sum, l) => sum + l.zeros, 0)]
  return { model: work, masks: new Map(weights.map(({ value }, i) => [value.name, masks[i] ?? new Uint8Array()])), layers, sparsity: size === 0 ? 0 : zeros / size }
}

/** w · mask. */
export function applyMask(tensor: Tensor, mask: Uint8Array): Tensor {
  const data = floats(tensor)
  const out = new Float64Array(mask.length)
  for (let i = 0; i < out.length; i++) if (mask[i] !== 0) out[i] = data[i] ?? 0
  return Tensor.from(out, tensor.shape, tensor.dtype)
}

/** Masks without the share `sparsity` of the smallest scores; equal scores in order of place, so the share is exact. */
function smallest(scores: readonly Float64Array[], sparsity: number): Uint8Array[] {
  const total = scores.reduce((sum, s) => sum + s.length, 0)
  const count = Math.round(sparsity * total)
  const all = new Float64Array(total)
  let at = 0
  for (const s of scores) {
    all.set(s, at)
    at += s.length
  }
  const threshold = all.slice().sort()[count] ?? Infinity
  let ties = count
  for (const value of all) if (value < threshold) ties--
  return scores.map((s) => {
    const mask = new Uint8Array(s.length)
    for (let i = 0; i < mask.length; i++) {
      const value = s[i] ?? NaN
      mask[i] = value < threshold || (value === threshold && ties-- > 0) ? 0 : 1
    }
    return mask
  })
}

function patternMask({ tensor, axis }: LinearWeight, scores: Float64Array, { n, m }: Pattern): Uint8Array {
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const size = tensor.shape[axis] ?? 1
  const mask = new Uint8Array(tensor.size).fill(1)
  for (let outer = 0; outer < tensor.size / inner / size; outer++) {
    for (let k = 0; k < inner; k++) {
      // What is left over at the end of an axis that m does not divide stays dense.
      for (let group = 0; group + m <= size; group += m) {
        const places = Array.from({ length: m }, (_, i) => (outer * size + group + i) * inner + k)
        places.sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b)
        for (const place of places.slice(0, m - n)) mask[place] = 0
      }
    }
  }
  return mask
}
