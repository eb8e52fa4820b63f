// Pruning in steps, with training between them. The training is given: weights go in, weights come out.
import { throwIfInterrupted } from '../../core'
import { Tensor, type Model } from '../../onnx'
import { OptimizationError } from '../errors'
import { typedClone } from '../pass'
import { pruneStructured, type StructuredOptions, type StructuredResult } from './structured'
import { applyMask, pruneWeights, type Masks, type PruneOptions, type PruneResult } from './unstructured'

/** Everything at once. */
export function oneShot(final: number): number[] {
  return [final]
}

/** The same share of what is left in every step: s_k = 1 − (1 − s)^(k / n) (Frankle and Carbin, arXiv 1803.03635). */
export function iterative(final: number, steps: number): number[] {
  return Array.from({ length: steps }, (_, k) => 1 - (1 - final) ** ((k + 1) / steps))
}

/** s_k = s + (s₀ − s) (1 − k / n)³: fast first, slow at the end (Zhu and Gupta, arXiv 1710.01878). */
export function cubic(final: number, steps: number, initial = 0): number[] {
  return Array.from({ length: steps }, (_, k) => final + (initial - final) * (1 - (k + 1) / steps) ** 3)
}

/** What a training between two steps gets to know. */
export interface FineTuneContext {
  /** Weights that must stay zero, by name; empty in structured pruning. */
  readonly masks: Masks
  /** Counted from 1. */
  readonly step: number
  readonly steps: number
}

/** New numbers for weights, by name; those that are left out stay. */
export type NewWeights = ReadonlyMap<string, Float32Array>

/** Trains a model for a while and gives its new weights. */
export type FineTune = (model: Model, context: FineTuneContext) => NewWeights | Promise<NewWeights>

/** Scores that change while a model is trained, computed anew before every step. */
export type GradientsOf = (model: Model) => PruneOptions['gradients'] | Promise<PruneOptions['gradients']>

/**
 * The model with other numbers in its weights.
 *
 * @throws OptimizationError `OPTIMIZATION_OPTION` for a name that is no weight, or numbers that do not fit its shape
 */
export function withWeights(model: Model, weights: NewWeights): Model {
  const copy = typedClone(model)
  for (const [name, numbers] of weights) {
    const value = copy.graph.find(name)
    const before = value?.tensor
    if (value === undefined || before?.size !== numbers.length) {
      throw new OptimizationError('OPTIMIZATION_OPTION', `There is no weight "${name}" of ${numbers.length} numbers`, {
        got: before === undefined ? 'no constant of that name' : before.toString(), fix: 'train the model that was given, and keep the names',
      })
    }
    copy.graph.setInitializer(value, Tensor.from(numbers, before.shape, before.dtype))
  }
  return copy
}

export interface GradualOptions extends Omit<PruneOptions, 'sparsity' | 'pattern' | 'gradients'> {
  /** The sparsity after each step: `oneShot`, `iterative`, `cubic`. */
  readonly sparsities: readonly number[]
  readonly fineTune: FineTune
  readonly gradients?: GradientsOf
  readonly onStep?: (result: PruneResult, step: number) => void
}

/**
 * Prunes in steps, each followed by training; pruned weights are held at zero whatever the training gives.
 *
 * @throws OptimizationError `OPTIMIZATION_OPTION` without steps
 */
export async function pruneGradually(model: Model, options: GradualOptions): Promise<PruneResult> {
  const { sparsities, fineTune, onStep, gradients, ...rest } = options
  let result: PruneResult | undefined
  let current = model
  for (const [k, sparsity] of sparsities.entries()) {
    throwIfInterrupted()
    const given = await gradients?.(current)
    const pruned = pruneWeights(current, { ...rest, sparsity, ...(given && { gradients: given }) })
    const weights = await fineTune(pruned.model, { masks: pruned.masks, step: k + 1, steps: sparsities.length })
    current = remask(withWeights(pruned.model, weights), pruned.masks)
    result = { ...pruned, model: current }
    onStep?.(result, k + 1)
  }
  if (result === undefined) throw new OptimizationError('OPTIMIZATION_OPTION', 'The schedule has no steps', { fix: 'for example sparsities: cubic(0.9, 5)' })
  return result
}

function remask(model: Model, masks: Masks): Model {
  for (const [name, mask] of masks) {
    const value = model.graph.find(name)
    if (value?.tensor) model.graph.setInitializer(value, applyMask(value.tensor, mask))
  }
  return model
}

export interface GradualStructuredOptions extends Omit<StructuredOptions, 'gradients'> {
  readonly steps: number
  readonly fineTune: FineTune
  readonly gradients?: GradientsOf
  readonly onStep?: (result: StructuredResult, step: number) => void
}

/** The result of pruning in steps: the last one's, with the costs of the very first model. */
export interface GradualStructuredResult {
  readonly model: Model
  readonly steps: readonly StructuredResult[]
  readonly macs: StructuredResult['macs']
  readonly parameters: StructuredResult['parameters']
}

/** Structured pruning in steps that each take the same share of what is left, with training after each. */
export async function pruneStructuredGradually(model: Model, options: GradualStructuredOptions): Promise<GradualStructuredResult> {
  const { steps, fineTune, onStep, gradients, target, ...rest } = options
  if (!Number.isInteger(steps) || steps < 1) throw new OptimizationError('OPTIMIZATION_OPTION', 'steps must be a whole number', { expected: '1 or more', got: String(steps) })
  const results: StructuredResult[] = []
  let current = model
  for (let step = 1; step <= steps; step++) {
    throwIfInterrupted()
    const given = await gradients?.(current)
    // Shares of the first model that are to be left after this step, and of the current one.
    const left = (whole: number, before: number, now: number): number => Math.min(1, (whole ** (step / steps) * before) / now)
    const first = results[0]
    const last = results.at(-1)
    const now = 'macs' in target ? { macs: left(target.macs, first?.macs.before ?? 1, last?.macs.after ?? 1) }
      : 'parameters' in target ? { parameters: left(target.parameters, first?.parameters.before ?? 1, last?.parameters.after ?? 1) }
        : { removed: 1 - (1 - target.removed) ** (1 / steps) }
    const pruned = pruneStructured(current, { ...rest, target: now, ...(given && { gradients: given }) })
    current = withWeights(pruned.model, await fineTune(pruned.model, { masks: new Map(), step, steps }))
    const result = { ...pruned, model: current }
    results.push(result)
    onStep?.(result, step)
  }
  const [first, last] = [results[0], results.at(-1)]
  return {
    model: current, steps: results,
    macs: { before: first?.macs.before ?? 0, after: last?.macs.after ?? 0 },
    parameters: { before: first?.parameters.before ?? 0, after: last?.parameters.after ?? 0 },
  }
}
