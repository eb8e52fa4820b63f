// What a sampler is: it looks at the trials so far and proposes values.
import type { Random } from '../core'
import { losses } from './trial'
import type { Direction, TrialRecord } from './trial'
import { sameDistribution } from './space'
import type { Distribution, Space, Value } from './space'

/** What a sampler may look at. */
export interface History {
  readonly directions: readonly Direction[]
  readonly trials: readonly TrialRecord[]
}

/** Proposes the values of a trial. Samplers hold no state of their own: the history is their memory, so a study resumes. */
export interface Sampler {
  readonly name: string
  /**
   * The values of several parameters at once, so that their interplay counts. `space` holds the parameters that every
   * finished trial had. May leave any of them out; `single` is asked for those.
   */
  joint?(history: History, space: Space, trial: { readonly number: number; readonly random: Random }):
    Readonly<Record<string, Value>>
  /** One value of one parameter. */
  single(history: History, name: string, distribution: Distribution,
    trial: { readonly number: number; readonly random: Random }): Value
}

/** Trials whose result counts: the complete ones. */
export function completed(history: History): TrialRecord[] {
  return history.trials.filter((t) => t.state === 'complete')
}

/** The parameters that all complete trials share, with the same distribution. */
export function commonSpace(history: History): Space {
  const done = completed(history)
  const first = done[0]
  if (!first) return {}
  const kept = Object.entries(first.distributions).filter(([name, d]) => done.every((t) => {
    const other = t.distributions[name]
    return other !== undefined && sameDistribution(d, other)
  }))
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A loss of one number for each complete trial. */
export function scalarLosses(history: History, trials: readonly TrialRecord[]): number[] {
  return trials.map((t) => losses(t, history.directions)[0] ?? NaN)
}
