// Early stopping of trials: which of them are not worth going on with.
import { sha256 } from '../core'
import { SearchError } from './errors'
import type { History } from './sampler'
import { lastStep, reportAt } from './trial'
import type { TrialRecord } from './trial'

/** Decides from the reports so far whether a trial should end. One objective only. */
export interface Pruner {
  readonly name: string
  shouldPrune(history: History, trial: TrialRecord): boolean
}

export interface MedianOptions {
  /** Trials that finish before any is pruned. Default 5. */
  readonly startup?: number
  /** Steps of every trial that are never judged. Default 0. */
  readonly warmup?: number
  /** Prune what is worse than this share of the others: 0.5 is the median. */
  readonly percentile?: number
}

const sign = (history: History): number => (history.directions[0] === 'maximize' ? -1 : 1)

function positive(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return
  throw new SearchError('SEARCH_ARGUMENT', `The option ${name} does not fit`, {
    expected: `a number of at least ${least}`, got: String(value),
  })
}

/** The best report of a trial up to a step, as a loss. */
function bestUntil(history: History, trial: TrialRecord, step: number): number {
  let best = Infinity
  for (const [s, value] of trial.intermediate) if (s <= step) best = Math.min(best, sign(history) * value)
  return best
}

/** Never prunes. */
export function noPruner(): Pruner {
  return { name: 'none', shouldPrune: () => false }
}

/**
 * The median rule (Golovin et al., "Google Vizier", KDD 2017, section 3.2.2): ends a trial whose best report so far is
 * worse than the median of the other trials' reports up to the same step.
 */
export function medianPruner(options: MedianOptions = {}): Pruner {
  const { startup = 5, warmup = 0, percentile = 0.5 } = options
  positive('percentile', percentile, 0)
  return {
    name: 'median',
    shouldPrune(history, trial) {
      const step = lastStep(trial)
      if (step === undefined || step < warmup) return false
      const others = history.trials.filter((t) => t.number !== trial.number && t.state === 'complete')
      if (others.length < startup) return false
      const reports = others.flatMap((t) => reportAt(t, step) ?? []).map((v) => sign(history) * v).sort((a, b) => a - b)
      if (reports.length < startup) return false
      const position = percentile * (reports.length - 1)
      const low = reports[Math.floor(position)] ?? 0
      const high = reports[Math.ceil(position)] ?? 0
      return !(bestUntil(history, trial, step) <= low + (high - low) * (position - Math.floor(position)))
    },
  }
}

export interface HalvingOptions {
  /** The first step at which a trial is judged. Default 1. */
  readonly minResource?: number
  /** η: of the trials that reach a rung, the best 1/η go on; the next rung is η times as far. Default 3. */
  readonly reduction?: number
  /** s: the first rung is at minResource·η^s. Default 0. */
  readonly skippedRungs?: number
}

/**
 * Asynchronous successive halving (ASHA; Li et al., MLSys 2020, algorithm 2): at the rungs r·η^k a trial goes on when it
 * is among the best 1/η of all that reached that rung so far.
 */
export function successiveHalvingPruner(options: HalvingOptions = {}): Pruner {
  const { minResource = 1, reduction = 3, skippedRungs = 0 } = options
  positive('minResource', minResource, Number.MIN_VALUE)
  positive('reduction', reduction, 2)
  return {
    name: 'successive-halving',
    shouldPrune(history, trial) {
      const step = lastStep(trial)
      if (step === undefined) return false
      for (let rung = minResource * reduction ** skippedRungs; rung <= step; rung *= reduction) {
        const previous = previousStep(trial, step)
        if (previous !== undefined && previous >= rung) continue // judged when it got there
        const own = rungValue(history, trial, rung)
        const all = history.trials.filter((t) => t.number !== trial.number && (lastStep(t) ?? -Infinity) >= rung)
          .map((t) => rungValue(history, t, rung))
        const better = all.filter((v) => v < own).length
        const kept = Math.max(1, Math.floor((all.length + 1) / reduction))
        if (better >= kept) return true
      }
      return false
    },
  }
}

function previousStep(trial: TrialRecord, step: number): number | undefined {
  const before = [...trial.intermediate.keys()].filter((s) => s < step)
  return before.length === 0 ? undefined : Math.max(...before)
}

/** The loss with which a trial reached a rung: the first report at or after it. */
function rungValue(history: History, trial: TrialRecord, rung: number): number {
  const at = Math.min(...[...trial.intermediate.keys()].filter((s) => s >= rung))
  const value = trial.intermediate.get(at)
  return value === undefined || Number.isNaN(value) ? Infinity : sign(history) * value
}

export interface HyperbandOptions extends HalvingOptions {
  /** R: the steps of a full trial. */
  readonly maxResource: number
}

/**
 * Hyperband (Li et al., JMLR 18, 2018) as a pruner: the brackets s = 0 … ⌊log_η(R/r)⌋ are asynchronous successive halving
 * with different first rungs. A trial's bracket follows from its number, in the proportions of the paper's n = ⌈(s_max +
 * 1)/(s + 1)·η^s⌉, and it competes with its own bracket only.
 */
export function hyperbandPruner(options: HyperbandOptions): Pruner {
  const { maxResource, minResource = 1, reduction = 3 } = options
  positive('minResource', minResource, Number.MIN_VALUE)
  positive('reduction', reduction, 2)
  positive('maxResource', maxResource, minResource)
  const brackets = Math.floor(Math.log(maxResource / minResource) / Math.log(reduction) + 1e-9) + 1
  // Bracket b starts at rung b: it has η^(s_max − b) configurations in the paper's count, s = s_max − b.
  const shares = Array.from({ length: brackets }, (_, b) => {
    const s = brackets - 1 - b
    return Math.ceil((brackets / (s + 1)) * reduction ** s)
  })
  const total = shares.reduce((a, b) => a + b, 0)
  const bracketOf = (number: number): number => {
    let left = Number.parseInt(sha256(`bracket ${number}`).slice(0, 8), 16) % total
    return shares.findIndex((share) => (left -= share) < 0)
  }
  const pruners = shares.map((_, b) => successiveHalvingPruner({ minResource, reduction, skippedRungs: b }))
  return {
    name: 'hyperband',
    shouldPrune(history, trial) {
      const bracket = bracketOf(trial.number)
      const peers = history.trials.filter((t) => bracketOf(t.number) === bracket)
      return pruners[bracket]?.shouldPrune({ directions: history.directions, trials: peers }, trial) ?? false
    },
  }
}

/** One round of a bracket: so many configurations, each given so much. */
export interface Round { readonly configurations: number; readonly resource: number }

/**
 * The rounds of every bracket of Hyperband, as in table 1 of Li et al. 2018: bracket s starts with
 * n = ⌈(s_max + 1)·η^s/(s + 1)⌉ configurations of r = R·η^−s, and every round keeps the best 1/η.
 */
export function hyperbandSchedule(maxResource: number, reduction = 3): Round[][] {
  positive('reduction', reduction, 2)
  positive('maxResource', maxResource, 1)
  const last = Math.floor(Math.log(maxResource) / Math.log(reduction) + 1e-9)
  return Array.from({ length: last + 1 }, (_, i) => {
    const s = last - i
    const first = Math.ceil(((last + 1) / (s + 1)) * reduction ** s)
    return Array.from({ length: s + 1 }, (__, round) => ({
      configurations: Math.floor(first / reduction ** round + 1e-9),
      resource: maxResource * reduction ** (round - s),
    }))
  })
}

/** What `successiveHalving` gives. */
export interface HalvingResult<T> {
  readonly best: T
  readonly loss: number
  /** Every round: the losses of its candidates, in the order in which they were given. */
  readonly rounds: readonly { readonly resource: number; readonly losses: readonly { readonly candidate: T; readonly loss: number }[] }[]
  /** Resource spent, all told. */
  readonly spent: number
}

/**
 * Successive halving (Jamieson and Talwalkar, AISTATS 2016): gives every candidate a little, keeps the best 1/η, gives
 * those η times as much, until one is left or the resource is at its most.
 *
 * @param evaluate the loss of a candidate after `resource`; what is not finite counts as the worst
 */
export async function successiveHalving<T>(
  candidates: readonly T[],
  evaluate: (candidate: T, resource: number) => number | Promise<number>,
  options: { readonly minResource?: number; readonly maxResource: number; readonly reduction?: number },
): Promise<HalvingResult<T>> {
  const { minResource = 1, maxResource, reduction = 3 } = options
  positive('reduction', reduction, 2)
  positive('minResource', minResource, Number.MIN_VALUE)
  positive('maxResource', maxResource, minResource)
  if (candidates.length === 0) throw new SearchError('SEARCH_ARGUMENT', 'There are no candidates to halve', { fix: 'give at least one' })
  const rounds: { resource: number; losses: { candidate: T; loss: number }[] }[] = []
  let alive = [...candidates]
  let spent = 0
  for (let resource = minResource; ; resource = Math.min(maxResource, resource * reduction)) {
    const results: { candidate: T; loss: number }[] = []
    for (const candidate of alive) {
      const loss = await evaluate(candidate, resource)
      spent += resource
      results.push({ candidate, loss: Number.isFinite(loss) ? loss : Infinity })
    }
    rounds.push({ resource, losses: results })
    const sorted = [...results].sort((a, b) => (a.loss < b.loss ? -1 : a.loss > b.loss ? 1 : 0))
    const best = sorted[0]
    if (best && (alive.length === 1 || resource >= maxResource)) return { best: best.candidate, loss: best.loss, rounds, spent }
    alive = sorted.slice(0, Math.max(1, Math.floor(alive.length / reduction))).map((r) => r.candidate)
  }
}
