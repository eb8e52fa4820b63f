import type { Random } from '../../core'
import { fitGaussianProcess } from '../gaussian-process'
import { logImprovement } from '../normal'
import { completed } from '../sampler'
import type { History, Sampler } from '../sampler'
import { cardinality, drawUniform, fromUnit, toUnit } from '../space'
import type { Space, Value } from '../space'
import { losses } from '../trial'

export interface GaussianProcessOptions {
  /** Random trials before the model is used. Default 10. */
  readonly startup?: number
  /** The model sees the best and the latest trials up to this count: its cost grows with the cube. Default 200. */
  readonly maxPoints?: number
}

type Point = Readonly<Record<string, Value>>

/** Numbers in [0, 1]; a choice becomes one coordinate per choice, 1/√2 apart, so that two choices differ by 1. */
function encode(space: Space, point: Point): number[] {
  return Object.entries(space).flatMap(([name, d]) => {
    const value = point[name]
    if (d.kind === 'categorical') return d.choices.map((c) => (c === value ? Math.SQRT1_2 : 0))
    return [toUnit(d, Number(value))]
  })
}

/** A neighbour: every coordinate moved a little, a choice changed now and then. */
function nudge(space: Space, point: Point, radius: number, source: Random): Point {
  return Object.fromEntries(Object.entries(space).map(([name, d]) => {
    const value = point[name] ?? 0
    if (d.kind === 'categorical') return [name, source.next() < radius / 2 ? drawUniform(d, source) : value]
    const cells = cardinality(d)
    const reach = cells === Infinity ? radius : Math.max(radius, 1 / cells)
    const unit = toUnit(d, Number(value)) + (source.next() < 0.7 ? reach * source.normal() : 0)
    return [name, fromUnit(d, unit < 0 ? -unit : unit > 1 ? 2 - unit : unit)]
  }))
}

/**
 * Several objectives as one, by random weights: max wᵢfᵢ + 0.05·Σwᵢfᵢ on objectives scaled to [0, 1] (augmented
 * Tchebycheff; ParEGO, Knowles, IEEE TEC 10(1), 2006).
 */
function scalarize(points: readonly (readonly number[])[], source: Random): number[] {
  const count = points[0]?.length ?? 1
  if (count === 1) return points.map((p) => p[0] ?? 0)
  const raw = Array.from({ length: count }, () => -Math.log(1 - source.next()))
  const total = raw.reduce((a, b) => a + b, 0)
  const low = raw.map((_, k) => Math.min(...points.map((p) => p[k] ?? 0)))
  const high = raw.map((_, k) => Math.max(...points.map((p) => p[k] ?? 0)))
  return points.map((p) => {
    const terms = p.map((v, k) => ((raw[k] ?? 0) / total) * ((v - (low[k] ?? 0)) / ((high[k] ?? 1) - (low[k] ?? 0) || 1)))
    return Math.max(...terms) + 0.05 * terms.reduce((a, b) => a + b, 0)
  })
}

/**
 * Bayesian optimization: a Gaussian process (Matérn 5/2) models the loss; the next trial is where the expected
 * improvement EI(x) = σ(x)·(φ(z) + z·Φ(z)), z = (best − μ(x))/σ(x), is largest (Jones, Schonlau, Welch 1998; maximized
 * as its logarithm: Ament et al., NeurIPS 2023). Trials still running count as if they had returned the model's mean, so
 * that parallel workers spread out.
 */
export function gaussianProcessSampler(options: GaussianProcessOptions = {}): Sampler {
  const startup = options.startup ?? 10
  const maxPoints = options.maxPoints ?? 200
  return {
    name: 'gaussian-process',
    single: (_history, _name, distribution, { random }) => drawUniform(distribution, random),
    joint(history: History, space, { random }) {
      const names = Object.keys(space)
      let trials = completed(history).filter((t) => names.every((name) => name in t.params))
      if (names.length === 0 || trials.length < startup) return {}
      let y = scalarize(trials.map((t) => losses(t, history.directions)), random)
      if (trials.length > maxPoints) {
        const kept = trials.map((_, i) => i).sort((a, b) => (y[a] ?? 0) - (y[b] ?? 0))
        const chosen = new Set([...kept.slice(0, maxPoints / 2), ...trials.map((_, i) => i).slice(-maxPoints / 2)])
        y = y.filter((_, i) => chosen.has(i))
        trials = trials.filter((_, i) => chosen.has(i))
      }
      const points = trials.map((t) => encode(space, t.params))
      const first = fitGaussianProcess(points, y)
      const pending = history.trials.filter((t) => t.state === 'running' && names.every((name) => name in t.params))
        .map((t) => encode(space, t.params))
      const process = pending.length === 0 ? first
        : fitGaussianProcess([...points, ...pending], [...y, ...pending.map((p) => first.predict(p).mean)], first)
      const best = Math.min(...y)
      const score = (point: Point): number => {
        const { mean, deviation } = process.predict(encode(space, point))
        return logImprovement((best - mean) / deviation) + Math.log(deviation)
      }
      const draw = (): Point => Object.fromEntries(names.map((n) => [n, drawUniform(space[n] ?? { kind: 'categorical', choices: [0] }, random)]))
      const leaders = trials.map((t, i) => ({ t, y: y[i] ?? 0 })).sort((a, b) => a.y - b.y).slice(0, 5).map(({ t }) => t.params)
      const starts = [
        ...Array.from({ length: 300 }, draw),
        ...leaders.flatMap((p) => Array.from({ length: 20 }, () => nudge(space, p, 0.1, random))),
      ].map((point) => ({ point, score: score(point) })).sort((a, b) => b.score - a.score).slice(0, 4)
      for (const start of starts) {
        for (let i = 0, radius = 0.1; i < 60; i++) {
          const point = nudge(space, start.point, radius, random)
          const value = score(point)
          if (value > start.score) Object.assign(start, { point, score: value })
          else radius = Math.max(0.002, radius * 0.93)
        }
      }
      return starts.sort((a, b) => b.score - a.score)[0]?.point ?? draw()
    },
  }
}
