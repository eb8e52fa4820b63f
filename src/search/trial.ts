// A trial: one set of hyperparameters, what was reported on the way, and what came out.
import type { Distribution, Value } from './space'

export type TrialState = 'running' | 'complete' | 'pruned' | 'failed'

/** Whether smaller or larger values of an objective are better. */
export type Direction = 'minimize' | 'maximize'

/** What is known of a trial. Plain data: it is what the journal holds. */
export interface TrialRecord {
  readonly number: number
  readonly state: TrialState
  readonly params: Readonly<Record<string, Value>>
  readonly distributions: Readonly<Record<string, Distribution>>
  /** The objectives, in the study's order; empty until the trial is complete. */
  readonly values: readonly number[]
  /** Reported on the way: step (an epoch, a number of samples) → value of the only objective. */
  readonly intermediate: ReadonlyMap<number, number>
  readonly seconds?: number
  /** Why it failed. */
  readonly error?: string
}

/** The last report of a trial at or before `step`. */
export function reportAt(trial: TrialRecord, step: number): number | undefined {
  let best: readonly [number, number] | undefined
  for (const [s, value] of trial.intermediate) if (s <= step && (best === undefined || s > best[0])) best = [s, value]
  return best?.[1]
}

/** The step of the last report, or undefined. */
export function lastStep(trial: TrialRecord): number | undefined {
  return trial.intermediate.size === 0 ? undefined : Math.max(...trial.intermediate.keys())
}

/** The objectives as something to minimize: those to maximize change their sign. */
export function losses(trial: TrialRecord, directions: readonly Direction[]): number[] {
  return trial.values.map((value, i) => (directions[i] === 'maximize' ? -value : value))
}
