import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../core'
import {
  createStudy, fitGaussianProcess, gaussianProcessSampler, gridSampler, nsga2Sampler, parzenEstimator, randomSampler,
  tpeSampler,
} from '.'
import type { Sampler, Trial } from '.'
import { logImprovement, normalCumulative, normalDensity } from './normal'
import { cardinality, checkDistribution, drawUniform, everyValue, fromUnit, toUnit } from './space'
import type { NumericDistribution } from './space'

interface Reference {
  best: Record<string, { trials: number; tpe: number[]; random: number[] }>
  zdt1: { trials: number; reference: number[]; nsga2: number[]; random: number[] }
  gaussianProcess: { x: number[][]; y: number[]; lengthScales: number[]; noise: number; query: number[][]
    mean: number[]; deviation: number[]; logLikelihood: number }
}
const reference = JSON.parse(readFileSync(path.join(__dirname, '../../test/search/reference.json'), 'utf8')) as Reference
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

const A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
const P = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]
const objectives: Record<string, (t: Trial) => number> = {
  branin: (t) => {
    const x = t.float('x', -5, 10)
    const y = t.float('y', 0, 15)
    return (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10
  },
  hartmann6: (t) => {
    const x = Array.from({ length: 6 }, (_, i) => t.float(`x${i}`, 0, 1))
    return -[1, 1.2, 3, 3.2].reduce((sum, c, i) =>
      sum + c * Math.exp(-x.reduce((s, v, k) => s + A[i]![k]! * (v - P[i]![k]!) ** 2, 0)), 0)
  },
  mixed: (t) => {
    const rate = t.float('rate', 1e-5, 1, { log: true })
    const units = t.int('units', 4, 256, { log: true })
    const shift = { a: 0, b: 1, c: 2, d: 0.5 }[t.choice('kind', ['a', 'b', 'c', 'd'])]
    return (Math.log10(rate) + 3) ** 2 + (Math.log2(units) - 6) ** 2 / 4 + shift
  },
}

async function bests(name: string, sampler: () => Sampler, seeds: number): Promise<number[]> {
  const out: number[] = []
  for (let seed = 0; seed < seeds; seed++) {
    const study = await createStudy({ sampler: sampler(), seed })
    await study.optimize(objectives[name]!, { trials: reference.best[name]!.trials })
    out.push(study.best.values[0]!)
  }
  return out
}

describe('the normal distribution', () => {
  test('cumulative probabilities as tables have them', () => {
    // Abramowitz and Stegun, table 26.1, and the tail from its asymptotic series.
    for (const [z, p] of [[0, 0.5], [-1, 0.158655253931457], [-1.96, 0.024997895148220], [-3, 0.001349898031630],
      [-6, 9.865876450377e-10], [-10, 7.619853024160e-24]] as const) {
      expect(normalCumulative(z) / p).toBeCloseTo(1, 9)
      expect(normalCumulative(-z)).toBeCloseTo(1 - p, 12)
    }
  })

  test('ln of the expected improvement is smooth where its two forms meet, and follows its integral', () => {
    expect(logImprovement(-8.0001)).toBeCloseTo(logImprovement(-7.9999), 2)
    // ∫₀^∞ x φ(x − z) dx by the trapezoid rule.
    for (const z of [-4, -1, 0, 2]) {
      let sum = 0
      for (let x = 0; x < 14; x += 1e-3) sum += x * normalDensity(x - z) * 1e-3
      expect(logImprovement(z)).toBeCloseTo(Math.log(sum), 4)
    }
  })
})

describe('the space', () => {
  const numeric: fc.Arbitrary<NumericDistribution> = fc.oneof(
    fc.record({ kind: fc.constant('float' as const), low: fc.double({ min: 1e-3, max: 10, noNaN: true }), width: fc.double({ min: 0, max: 50, noNaN: true }), log: fc.boolean() })
      .map(({ kind, low, width, log }) => ({ kind, low, high: low + width, log })),
    fc.record({ kind: fc.constant('float' as const), low: fc.integer({ min: -5, max: 5 }), steps: fc.integer({ min: 0, max: 20 }), step: fc.constantFrom(0.1, 0.25, 2) })
      .map(({ kind, low, steps, step }) => ({ kind, low, high: low + steps * step, step })),
    fc.record({ kind: fc.constant('int' as const), low: fc.integer({ min: 1, max: 50 }), width: fc.integer({ min: 0, max: 500 }), log: fc.boolean() })
      .map(({ kind, low, width, log }) => ({ kind, low, high: low + width, log })))

  test('a value survives the way to the unit interval and back; every draw is in the range and on the grid', () => {
    fc.assert(fc.property(numeric, fc.integer(), (d, seed) => {
      checkDistribution('p', d)
      const value = drawUniform(d, random(seed)) as number
      expect(value).toBeGreaterThanOrEqual(d.low)
      expect(value).toBeLessThanOrEqual(d.high)
      expect(Math.abs(fromUnit(d, toUnit(d, value)) - value)).toBeLessThanOrEqual(1e-9 * Math.abs(value))
      if (cardinality(d) < 600) expect(everyValue('p', d)).toContain(value)
    }))
  })

  test.each([
    [{ kind: 'float', low: 1, high: 0 }, /empty or infinite/], [{ kind: 'float', low: 0, high: 1, log: true }, /must be positive/],
    [{ kind: 'int', low: 0.5, high: 2 }, /must be whole/], [{ kind: 'categorical', choices: [] }, /nothing to choose/],
    [{ kind: 'categorical', choices: ['a', 'a'] }, /stands twice/], [{ kind: 'float', low: 0, high: 1, step: 0 }, /must be positive/],
    [{ kind: 'float', low: Number.NaN, high: 1 }, /empty or infinite/],
  ] as const)('%j is refused', (d, message) => {
    expect(() => checkDistribution('p', d)).toThrow(message)
  })
})

describe('the Gaussian process', () => {
  const r = reference.gaussianProcess
  test('its posterior and likelihood are scikit-learn\'s', () => {
    const gp = fitGaussianProcess(r.x, r.y, { lengthScales: r.lengthScales, noise: r.noise })
    expect(gp.logLikelihood).toBeCloseTo(r.logLikelihood, 5)
    r.query.forEach((q, i) => {
      const { mean: m, deviation } = gp.predict(q)
      expect(m).toBeCloseTo(r.mean[i]!, 6)
      expect(deviation).toBeCloseTo(r.deviation[i]!, 5)
    })
  })

  test('fitting finds that one dimension does not matter, and predicts better for it', () => {
    const source = random(1)
    const x = Array.from({ length: 30 }, () => [source.next(), source.next()])
    const gp = fitGaussianProcess(x, x.map(([a]) => Math.sin(6 * a!)))
    expect(gp.lengthScales[1]).toBeGreaterThan(4 * gp.lengthScales[0]!)
    for (const a of [0.2, 0.5, 0.8]) expect(gp.predict([a, source.next()]).mean).toBeCloseTo(Math.sin(6 * a), 1)
  })

  test('equal targets and equal points are no trouble; a target that is not finite is refused', () => {
    expect(fitGaussianProcess([[0.5], [0.5], [0.1]], [2, 2, 2]).predict([0.9]).mean).toBeCloseTo(2, 6)
    expect(() => fitGaussianProcess([[0.5]], [Infinity])).toThrow(/not finite/)
  })
})

describe('the Parzen estimator', () => {
  test('the probabilities of a finite space add up to one', () => {
    const space = {
      units: { kind: 'int', low: 1, high: 6 }, kind: { kind: 'categorical', choices: ['a', 'b', 'c'] },
    } as const
    const estimator = parzenEstimator([{ units: 2, kind: 'a' }, { units: 5, kind: 'b' }, { units: 2, kind: 'a' }], space)
    let total = 0
    for (let units = 1; units <= 6; units++) for (const kind of ['a', 'b', 'c']) total += Math.exp(estimator.logDensity({ units, kind }))
    expect(total).toBeCloseTo(1, 6)
  })

  test('a continuous density integrates to one, and draws follow it', () => {
    const space = { x: { kind: 'float', low: 0, high: 1 } } as const
    const estimator = parzenEstimator([{ x: 0.2 }, { x: 0.25 }, { x: 0.9 }], space)
    let total = 0
    let below = 0
    for (let i = 0; i < 2000; i++) {
      const p = Math.exp(estimator.logDensity({ x: (i + 0.5) / 2000 })) / 2000
      total += p
      if (i < 1000) below += p
    }
    expect(total).toBeCloseTo(1, 3)
    const source = random(5)
    const share = mean(Array.from({ length: 4000 }, () => ((estimator.draw(source).x as number) < 0.5 ? 1 : 0)))
    expect(Math.abs(share - below)).toBeLessThan(0.03)
  })
})

describe('samplers on functions with known optima, beside Optuna\'s results of 20 seeds', () => {
  const within = (ours: readonly number[], theirs: readonly number[]): void => {
    // Not worse than the peer's mean by more than twice the standard error of the difference.
    const variance = (v: readonly number[]): number => mean(v.map((x) => (x - mean(v)) ** 2)) / v.length
    expect(mean(ours)).toBeLessThanOrEqual(mean(theirs) + 2 * Math.sqrt(variance(ours) + variance(theirs)))
  }
  test.each(['branin', 'hartmann6', 'mixed'])('TPE on %s is not worse than Optuna\'s, and better than random', async (name) => {
    const ours = await bests(name, tpeSampler, 12)
    within(ours, reference.best[name]!.tpe)
    expect(mean(ours)).toBeLessThan(mean(reference.best[name]!.random))
  })
  test.each(['branin', 'hartmann6', 'mixed'])('random search on %s is as good as Optuna\'s random search', async (name) => {
    const ours = await bests(name, randomSampler, 20)
    within(ours, reference.best[name]!.random)
    within(reference.best[name]!.random, ours)
  })
  test('the Gaussian process beats TPE on smooth functions', async () => {
    const branin = await bests('branin', gaussianProcessSampler, 2)
    expect(mean(branin)).toBeLessThan(0.45) // the minimum is 0.397887
    expect(mean(await bests('hartmann6', gaussianProcessSampler, 2))).toBeLessThan(mean(reference.best.hartmann6!.tpe))
  })
  test('NSGA-II covers ZDT1 as well as Optuna\'s', async () => {
    const run = async (sampler: Sampler, seed: number): Promise<number> => {
      const study = await createStudy({ directions: ['minimize', 'minimize'], sampler, seed })
      await study.optimize((t) => {
        const x = Array.from({ length: 6 }, (_, i) => t.float(`x${i}`, 0, 1))
        const g = 1 + (9 * x.slice(1).reduce((a, b) => a + b, 0)) / 5
        return [x[0]!, g * (1 - Math.sqrt(x[0]! / g))]
      }, { trials: reference.zdt1.trials })
      return study.hypervolume(reference.zdt1.reference)
    }
    const ours = await Promise.all([1, 2, 3].map((seed) => run(nsga2Sampler(), seed)))
    expect(mean(ours)).toBeGreaterThan(mean(reference.zdt1.nsga2) - 0.1)
    expect(mean(ours)).toBeGreaterThan(mean(reference.zdt1.random))
  })
  test('several objectives work with TPE and the Gaussian process too', async () => {
    for (const sampler of [tpeSampler(), gaussianProcessSampler()]) {
      const study = await createStudy({ directions: ['maximize', 'minimize'], sampler, seed: 2 })
      await study.optimize((t) => {
        const x = t.float('x', 0, 1)
        return [x, x * x + t.float('waste', 0, 1)]
      }, { trials: 40 })
      expect(study.front.length).toBeGreaterThan(3)
      expect(study.hypervolume([0, 2])).toBeGreaterThan(1.3) // the whole is 2 − ∫x² = 1⅔
    }
  })
  test('the grid tries every combination once, and ends', async () => {
    const study = await createStudy({ sampler: gridSampler({ a: [1, 2, 3], b: ['x', 'y'] }) })
    await study.optimize((t) => t.int('a', 1, 3) + (t.choice('b', ['x', 'y']) === 'x' ? 0 : 10), { seconds: 60 })
    expect(study.trials.map((t) => `${String(t.params.a)}${String(t.params.b)}`)).toEqual(['1x', '1y', '2x', '2y', '3x', '3y'])
    expect(study.best.params).toEqual({ a: 1, b: 'x' })
  })
})
