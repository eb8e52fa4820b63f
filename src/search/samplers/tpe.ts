import { crowdingDistances, nondominatedRanks } from '../pareto'
import type { History, Sampler } from '../sampler'
import { drawUniform, sameDistribution } from '../space'
import type { Distribution, Space, Value } from '../space'
import { lastStep, losses } from '../trial'
import type { TrialRecord } from '../trial'
import { parzenEstimator } from './parzen'
import type { Random } from '../../core'

export interface TpeOptions {
  /** Random trials before the model is used. Default 10. */
  readonly startup?: number
  /** Draws from l(x), of which the best by l(x)/g(x) is tried. Default 24. */
  readonly candidates?: number
  /** How many of n trials are the good ones. Default min(⌈n/10⌉, 25). */
  readonly gamma?: (count: number) => number
  /** Parameters are drawn together, by product kernels. Default true. */
  readonly multivariate?: boolean
}

/** Best first; pruned trials after the complete ones: those that came farther first, then by their last report. */
function order(history: History, trials: readonly TrialRecord[]): TrialRecord[] {
  const done = trials.filter((t) => t.state === 'complete')
  const pruned = trials.filter((t) => t.state === 'pruned' && t.intermediate.size > 0)
  const sign = history.directions[0] === 'maximize' ? -1 : 1
  const last = (t: TrialRecord): number => sign * (t.intermediate.get(lastStep(t) ?? 0) ?? Infinity)
  pruned.sort((a, b) => (lastStep(b) ?? 0) - (lastStep(a) ?? 0) || last(a) - last(b))
  const points = done.map((t) => losses(t, history.directions))
  if (history.directions.length === 1) {
    const loss = new Map(done.map((t, i) => [t, points[i]?.[0] ?? Infinity]))
    return [...done.sort((a, b) => (loss.get(a) ?? 0) - (loss.get(b) ?? 0)), ...pruned]
  }
  const ranks = nondominatedRanks(points)
  const crowding = done.map(() => 0)
  for (let rank = 0; rank <= Math.max(...ranks, 0); rank++) {
    const members = ranks.flatMap((r, i) => (r === rank ? [i] : []))
    crowdingDistances(members.map((i) => points[i] ?? [])).forEach((value, k) => (crowding[members[k] ?? 0] = value))
  }
  const places = done.map((_, i) => i).sort((a, b) =>
    (ranks[a] ?? 0) - (ranks[b] ?? 0) || ((crowding[a] ?? 0) < (crowding[b] ?? 0) ? 1 : -1))
  return [...places.flatMap((i) => done[i] ?? []), ...pruned]
}

/**
 * Tree-structured Parzen estimator: splits the trials into the good share γ and the rest, models both as densities l(x)
 * and g(x), draws from l and tries the draw with the largest l(x)/g(x), which grows with the expected improvement
 * (Bergstra, Bardenet, Bengio, Kégl, NeurIPS 2011, equations 4 to 6). Product kernels over all parameters follow Falkner,
 * Klein, Hutter (BOHB, ICML 2018). Several objectives: split by nondomination rank, then crowding.
 */
export function tpeSampler(options: TpeOptions = {}): Sampler {
  const startup = options.startup ?? 10
  const candidates = options.candidates ?? 24
  const gamma = options.gamma ?? ((count: number) => Math.min(Math.ceil(0.1 * count), 25))

  const propose = (history: History, trials: readonly TrialRecord[], space: Space, source: Random): Record<string, Value> => {
    const sorted = order(history, trials)
    const good = new Set(sorted.slice(0, Math.max(1, gamma(sorted.length))))
    const inTime = [...sorted].sort((a, b) => a.number - b.number)
    const l = parzenEstimator(inTime.filter((t) => good.has(t)).map((t) => t.params), space)
    const g = parzenEstimator(inTime.filter((t) => !good.has(t)).map((t) => t.params), space, { fade: true })
    let best: Record<string, Value> = {}
    let bestScore = -Infinity
    for (let i = 0; i < candidates; i++) {
      const draw = l.draw(source)
      const score = l.logDensity(draw) - g.logDensity(draw)
      if (score > bestScore) [best, bestScore] = [draw, score]
    }
    return best
  }
  const usable = (history: History): TrialRecord[] =>
    history.trials.filter((t) => t.state === 'complete' || (t.state === 'pruned' && t.intermediate.size > 0))

  return {
    name: 'tpe',
    joint(history, space, { random }) {
      if (options.multivariate === false || Object.keys(space).length === 0) return {}
      const names = Object.entries(space)
      const trials = usable(history).filter((t) => names.every(([name, d]) => has(t, name, d)))
      return trials.length < startup ? {} : propose(history, trials, space, random)
    },
    single(history, name, distribution, { random }) {
      const trials = usable(history).filter((t) => has(t, name, distribution))
      if (trials.length < startup) return drawUniform(distribution, random)
      return propose(history, trials, { [name]: distribution }, random)[name] ?? drawUniform(distribution, random)
    },
  }
}

function has(trial: TrialRecord, name: string, distribution: Distribution): boolean {
  const own = trial.distributions[name]
  return own !== undefined && sameDistribution(own, distribution)
}
