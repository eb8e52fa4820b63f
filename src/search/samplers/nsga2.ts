import type { Random } from '../../core'
import { crowdingDistances, nondominatedRanks } from '../pareto'
import { completed } from '../sampler'
import type { Sampler } from '../sampler'
import { drawUniform, fromUnit, toUnit } from '../space'
import type { NumericDistribution, Value } from '../space'
import { losses } from '../trial'
import type { TrialRecord } from '../trial'

export interface Nsga2Options {
  /** Trials in a generation. Default 50. */
  readonly population?: number
  /** Probability that two parents are mixed. Default 0.9. */
  readonly crossover?: number
  /** Probability that a parameter mutates. Default 1 / number of parameters. */
  readonly mutation?: number
}

/** Simulated binary crossover of one coordinate (Deb and Agrawal 1995), η = 15. */
function cross(a: number, b: number, source: Random): number {
  const u = source.next()
  const beta = u <= 0.5 ? (2 * u) ** (1 / 16) : (1 / (2 * (1 - u))) ** (1 / 16)
  return 0.5 * (source.next() < 0.5 ? (1 + beta) * a + (1 - beta) * b : (1 - beta) * a + (1 + beta) * b)
}

/** Polynomial mutation of one coordinate (Deb and Goyal 1996), η = 20. */
function mutate(unit: number, source: Random): number {
  const u = source.next()
  return unit + (u < 0.5 ? (2 * u) ** (1 / 21) - 1 : 1 - (2 * (1 - u)) ** (1 / 21))
}

/**
 * NSGA-II: the parents of a generation are the best of all trials before it, by nondomination rank and then by crowding
 * distance; children come from binary tournaments, crossover and mutation (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC
 * 6(2), 2002). The generation of a trial follows from its number, so workers need not agree on anything.
 */
export function nsga2Sampler(options: Nsga2Options = {}): Sampler {
  const population = options.population ?? 50
  return {
    name: 'nsga2',
    single: (_history, _name, distribution, { random }) => drawUniform(distribution, random),
    joint(history, space, { number, random }) {
      const names = Object.keys(space)
      const generation = Math.floor(number / population)
      const elders = completed(history)
        .filter((t) => t.number < generation * population && names.every((name) => name in t.params))
      if (names.length === 0 || elders.length < 2) return {}
      const parents = select(elders, elders.map((t) => losses(t, history.directions)), population)
      const tournament = (): TrialRecord | undefined => parents[Math.min(random.int(parents.length), random.int(parents.length))]
      const mother = tournament()
      const father = tournament()
      const mix = random.next() < (options.crossover ?? 0.9)
      const rate = options.mutation ?? 1 / names.length
      return Object.fromEntries(names.map((name): [string, Value] => {
        const d = space[name] ?? { kind: 'categorical', choices: [0] }
        const a = mother?.params[name] ?? drawUniform(d, random)
        const b = mix ? (father?.params[name] ?? a) : a
        if (d.kind === 'categorical') {
          return [name, random.next() < rate ? drawUniform(d, random) : random.next() < 0.5 ? a : b]
        }
        return [name, child(d, Number(a), Number(b), mix, rate, random)]
      }))
    },
  }
}

function child(d: NumericDistribution, a: number, b: number, mix: boolean, rate: number, source: Random): number {
  let unit = toUnit(d, a)
  if (mix && source.next() < 0.5) unit = cross(unit, toUnit(d, b), source)
  if (source.next() < rate) unit = mutate(unit, source)
  return fromUnit(d, unit)
}

/** The best `count`, best first. */
function select(trials: readonly TrialRecord[], points: readonly (readonly number[])[], count: number): TrialRecord[] {
  const ranks = nondominatedRanks(points)
  const chosen: TrialRecord[] = []
  for (let rank = 0; chosen.length < Math.min(count, trials.length); rank++) {
    const front = ranks.flatMap((r, i) => (r === rank ? [i] : []))
    const crowding = crowdingDistances(front.map((i) => points[i] ?? []))
    const order = front.map((_, k) => k).sort((a, b) => {
      const x = crowding[a] ?? 0
      const y = crowding[b] ?? 0
      return x === y ? a - b : y - x
    })
    for (const k of order) {
      const trial = trials[front[k] ?? 0]
      if (trial && chosen.length < count) chosen.push(trial)
    }
  }
  return chosen
}
