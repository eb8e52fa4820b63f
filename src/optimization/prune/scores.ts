// Importance of weights: what is removed first has the lowest score. Scores that need gradients are given them.
import { random } from '../../core'
import type { Tensor } from '../../onnx'
import { floats } from '../constants'
import { OptimizationError } from '../errors'

/** What a score may look at. */
export interface ScoredWeight {
  readonly name: string
  readonly tensor: Tensor
  /** ∂L/∂w, row-major, the mean over calibration batches (or, for movement, its sum over training steps of −w g). */
  readonly gradient: ArrayLike<number> | undefined
}

/** One number for each element of a weight, row-major. */
export type Score = (weight: ScoredWeight) => Float64Array

/** Gradients or accumulated movements, by the name of the weight. */
export type Gradients = ReadonlyMap<string, ArrayLike<number>>

const each = (weight: ScoredWeight, f: (w: number, g: number) => number): Float64Array => {
  const w = floats(weight.tensor)
  const g = weight.gradient
  const scores = new Float64Array(w.length)
  for (let i = 0; i < scores.length; i++) scores[i] = f(w[i] ?? 0, g?.[i] ?? 0)
  return scores
}

const withGradient = (name: string, f: (w: number, g: number) => number): Score => (weight) => {
  if (weight.gradient?.length === weight.tensor.size) return each(weight, f)
  throw new OptimizationError('OPTIMIZATION_OPTION', `The score ${name} needs a gradient for every weight`, {
    expected: `${weight.tensor.size} numbers for "${weight.name}"`, got: weight.gradient === undefined ? 'none' : String(weight.gradient.length),
    fix: 'give gradients: new Map([[name, numbers], …]), as nn.gradients computes them',
  })
}

/** |w| (Han et al., arXiv 1506.02626). */
export const magnitude: Score = (weight) => each(weight, (w) => Math.abs(w))

/** w²: summed over a channel it is the squared L2 norm. */
export const squaredMagnitude: Score = (weight) => each(weight, (w) => w * w)

/** |w g|: the first-order change of the loss when w becomes 0, squared there, here absolute (Molchanov et al., arXiv 1906.10771). */
export const taylor: Score = withGradient('taylor', (w, g) => Math.abs(w * g))

/**
 * −Σ w g over the steps of a training (Sanh et al., arXiv 2005.07683): weights that moved away from zero are kept. The
 * "gradient" given here is that sum, as `nn.movement` accumulates it.
 */
export const movement: Score = withGradient('movement', (_, sum) => sum)

/** Uniform random numbers: the control that every other score has to beat. */
export function randomScore(seed = 0): Score {
  const source = random(seed)
  return (weight) => new Float64Array(weight.tensor.size).map(() => source.next())
}
