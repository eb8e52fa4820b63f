// The space of pipelines and the proposals from it: uniform at first, then where good ones were (TPE).
import { random, type Random } from '../../core'

/** What a pipeline does to a model, in this order; `none` and 1 leave a step out. */
export interface Pipeline {
  /** The name of a student that is trained by the model given and takes its place; empty for the model itself. */
  readonly student: string
  /** Share of multiply-accumulates that structured pruning leaves. */
  readonly macs: number
  /** Sizes that remain are multiples of this. */
  readonly multiple: number
  /** Share of singular-value energy that low-rank factors keep; 1 for no factorization. */
  readonly energy: number
  readonly precision: 'float32' | 'float16' | 'int8' | 'int8-dynamic'
  /** How ranges are calibrated, for `int8`. */
  readonly calibration: 'mse' | 'min-max' | 'percentile'
}

/** The values that each step may take. */
export type Space = { readonly [K in keyof Pipeline]: readonly Pipeline[K][] }

/** What is searched when nothing else is said. */
export const DEFAULT_SPACE: Space = {
  student: [''],
  macs: [1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05],
  multiple: [4, 8, 16],
  energy: [1, 0.95, 0.9],
  precision: ['float32', 'int8', 'int8-dynamic', 'float16'],
  calibration: ['mse', 'min-max', 'percentile'],
}

/** Two pipelines that make the same model have the same key. */
export function keyOf({ student, macs, multiple, energy, precision, calibration }: Pipeline): string {
  return [student, macs, macs === 1 ? '' : multiple, energy, precision, precision === 'int8' ? calibration : ''].join(' ')
}

/** In words: `prune to 25% of the arithmetic (multiples of 8), int8 (mse)`. */
export function describePipeline({ student, macs, multiple, energy, precision, calibration }: Pipeline): string {
  const steps = [
    student === '' ? '' : `distil into ${student}`,
    macs < 1 ? `prune to ${Math.round(100 * macs)}% of the arithmetic (multiples of ${multiple})` : '',
    energy < 1 ? `factorize at ${Math.round(100 * energy)}% energy` : '',
    precision === 'float32' ? '' : precision === 'int8' ? `int8 (${calibration})` : precision,
  ]
  return steps.filter((step) => step !== '').join(', ') || 'simplify only'
}

/** A pipeline that was tried and how good it was: lower is better. */
export interface Tried {
  readonly pipeline: Pipeline
  readonly rank: number
}

type Values = Readonly<Record<keyof Pipeline, number | string>>
const PARAMETERS: readonly (keyof Pipeline)[] = ['student', 'macs', 'multiple', 'energy', 'precision', 'calibration']

/** Every value with the same chance. */
export function sample(space: Space, source: Random): Pipeline {
  return choose(space, (values) => source.int(values.length))
}

function choose(space: Space, pick: (values: readonly (number | string)[], parameter: keyof Pipeline) => number): Pipeline {
  const made: Partial<Record<keyof Pipeline, number | string>> = {}
  for (const parameter of PARAMETERS) {
    const values: readonly (number | string)[] = space[parameter]
    const value = values[values.length === 1 ? 0 : pick(values, parameter)]
    if (value !== undefined) made[parameter] = value
  }
  return made as Pipeline
}

/**
 * The tree-structured Parzen estimator (Bergstra et al., 2011, "Algorithms for Hyper-Parameter Optimization"): the best
 * quarter of what was tried gives the density l of each parameter, the rest g; of samples from l the one with the largest
 * l / g is proposed. Neighbours of a number's value count a third.
 *
 * @returns a pipeline that was not tried, or undefined when the samples hold none
 */
export function propose(space: Space, tried: readonly Tried[], source: Random = random(0), candidates = 32): Pipeline | undefined {
  const known = new Set(tried.map(({ pipeline }) => keyOf(pipeline)))
  const sorted = [...tried].sort((a, b) => a.rank - b.rank)
  const split = Math.max(1, Math.ceil(sorted.length / 4))
  const density = (part: readonly Tried[], parameter: keyof Pipeline): number[] => {
    const values: readonly (number | string)[] = space[parameter]
    const counts = values.map(() => 1 / values.length)
    for (const { pipeline } of part) {
      const at = values.indexOf((pipeline as Values)[parameter])
      counts.forEach((_, i) => {
        const near = typeof values[i] === 'number' && Math.abs(i - at) === 1 ? 1 / 3 : 0
        counts[i] = (counts[i] ?? 0) + (i === at ? 1 : at >= 0 ? near : 0)
      })
    }
    const total = counts.reduce((a, b) => a + b, 0)
    return counts.map((count) => count / total)
  }
  const good = new Map(PARAMETERS.map((p) => [p, density(sorted.slice(0, split), p)]))
  const bad = new Map(PARAMETERS.map((p) => [p, density(sorted.slice(split), p)]))
  let best: { readonly pipeline: Pipeline; readonly gain: number } | undefined
  for (let i = 0; i < candidates; i++) {
    let gain = 0
    const pipeline = choose(space, (values, parameter) => {
      const [l, g] = [good.get(parameter) ?? [], bad.get(parameter) ?? []]
      let left = source.next()
      let at = values.findIndex((_, k) => (left -= l[k] ?? 0) < 0)
      if (at < 0) at = values.length - 1
      gain += Math.log((l[at] ?? 1e-9) / (g[at] ?? 1e-9))
      return at
    })
    if (!known.has(keyOf(pipeline)) && (best === undefined || gain > best.gain)) best = { pipeline, gain }
  }
  return best?.pipeline
}
