// The search: its front against brute force, its proposals against random ones on a known landscape, and whole runs on a
// small classifier whose score is its agreement with the labels and whose latency is its arithmetic.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { run, weights } from '../../../test/support/run'
import { random } from '../../core'
import { build, readModel, statistics, validateModel, type Model } from '../../onnx'
import { paretoFront, type Quality } from './pareto'
import { optimize, type OptimizeOptions } from './search'
import { DEFAULT_SPACE, describePipeline, keyOf, propose, sample, type Pipeline, type Tried } from './space'

describe('paretoFront', () => {
  it('keeps exactly what nothing beats in everything', () => {
    const quality = fc.record({ score: fc.nat(5), latency: fc.nat(5), size: fc.nat(5) })
    fc.assert(fc.property(fc.array(quality, { maxLength: 30 }), (all: Quality[]) => {
      const front = paretoFront(all)
      for (const one of all) {
        const beaten = all.some((o) => o.score >= one.score && o.latency <= one.latency && o.size <= one.size && !(o.score === one.score && o.latency === one.latency && o.size === one.size))
        expect(front.includes(one)).toBe(!beaten)
      }
    }))
  })
})

describe('propose', () => {
  /** Lower is better: int8 at a quarter of the arithmetic is the best there is. */
  const landscape = (p: Pipeline): number => Math.abs(Math.log2(p.macs / 0.25)) + (p.precision === 'int8' ? 0 : 2) + (p.energy === 1 ? 0 : 1)

  it('finds better pipelines than chance with as many trials', () => {
    const best = (seed: number, guided: boolean): number => {
      const source = random(seed)
      const tried: Tried[] = []
      const keys = new Set<string>()
      while (tried.length < 24) {
        const pipeline = guided && tried.length >= 8 ? propose(DEFAULT_SPACE, tried, source) : sample(DEFAULT_SPACE, source)
        if (!pipeline || (guided && keys.has(keyOf(pipeline)))) continue
        keys.add(keyOf(pipeline))
        tried.push({ pipeline, rank: landscape(pipeline) })
      }
      return Math.min(...tried.map(({ rank }) => rank))
    }
    const mean = (guided: boolean): number => Array.from({ length: 40 }, (_, seed) => best(seed, guided)).reduce((a, b) => a + b) / 40
    expect(mean(true)).toBeLessThan(0.6 * mean(false))
  })

  it('never proposes what was tried, and stops where nothing is left', () => {
    const space = { ...DEFAULT_SPACE, macs: [1], energy: [1], precision: ['float32', 'int8-dynamic'] as const }
    const one: Pipeline = { student: '', macs: 1, multiple: 4, energy: 1, precision: 'float32', calibration: 'mse' }
    expect(propose(space, [{ pipeline: one, rank: 1 }])?.precision).toBe('int8-dynamic')
    expect(propose(space, [{ pipeline: one, rank: 1 }, { pipeline: { ...one, precision: 'int8-dynamic' }, rank: 2 }])).toBeUndefined()
    expect(describePipeline(one)).toBe('simplify only')
  })
})

describe('optimize', () => {
  const count = 64
  const features = weights([count, 8], 3, 1).toArray() as Float32Array
  /** Half of the hidden units do nothing: a quarter of the arithmetic can go without a loss. */
  const model: Model = build('net', (g) => {
    const w1 = weights([8, 32], 1).toArray() as Float32Array
    const w2 = weights([32, 4], 2).toArray() as Float32Array
    for (let i = 0; i < w1.length; i++) if (i % 32 >= 12) w1[i] = 1e-4 * (w1[i] ?? 0)
    for (let i = 0; i < w2.length; i++) if (Math.floor(i / 4) >= 12) w2[i] = 1e-4 * (w2[i] ?? 0)
    const h = g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', ['N', 8]), g.constant(w1, 'w1', 'float32', [8, 32])])])
    g.output(g.op('MatMul', [h, g.constant(w2, 'w2', 'float32', [32, 4])]), 'y')
  }, { opsets: { '': 21 } })
  const inputs = { x: { dtype: 'float32' as const, shape: [count, 8], data: features } }
  const classes = (bytes: Uint8Array): number[] => {
    const y = run(bytes, inputs).y?.data as Float32Array
    return Array.from({ length: count }, (_, i) => [0, 1, 2, 3].sort((a, b) => (y[i * 4 + b] ?? 0) - (y[i * 4 + a] ?? 0))[0] ?? 0)
  }
  let labels: number[] | undefined
  const options: OptimizeOptions = {
    goal: 'latency', budget: { loss: 0.03 }, run, trials: 9, proposals: 3, seed: 1,
    score: (bytes) => {
      const own = classes(bytes)
      labels ??= own
      return own.filter((c, i) => c === labels?.[i]).length / count
    },
    latency: (bytes) => statistics(readModel(bytes)).macs / 1000 + bytes.length / 1e6,
  }

  it('finds what can go without a loss, and measures every model that it returns', async () => {
    const seen: string[] = []
    const result = await optimize(model, [inputs], { ...options, onTrial: ({ what }) => seen.push(what) })
    const small = readModel(result.model)
    expect(validateModel(small)).toEqual([])
    expect(result.chosen.score).toBeGreaterThanOrEqual(0.97)
    expect(result.chosen.latency).toBeLessThan(0.6 * result.baseline.latency)
    expect(result.chosen.score).toBe(await options.score(result.model, 1))
    for (const trial of result.front) expect(trial.effort).toBe(1)
    expect(result.front).toContain(result.chosen)
    expect(seen.length).toBe(result.trials.length)
    expect(String(result)).toContain('→')
    const again = await optimize(model, [inputs], options)
    expect(again.chosen.what).toBe(result.chosen.what)
  }, 120_000)

  it('distils into a student where that is faster, and refuses a student that does not fit', async () => {
    // The half of the hidden units that count, as a network of its own: what a perfect teacher would make.
    const half = (outputs: string): Model => build('half', (g) => {
      const w1 = weights([8, 32], 1).toArray() as Float32Array, w2 = weights([32, 4], 2).toArray() as Float32Array
      const columns = Float32Array.from({ length: 96 }, (_, i) => w1[Math.floor(i / 12) * 32 + (i % 12)] ?? 0)
      const h = g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', ['N', 8]), g.constant(columns, 'w1', 'float32', [8, 12])])])
      g.output(g.op('MatMul', [h, g.constant(w2.slice(0, 48), 'w2', 'float32', [12, 4])]), outputs)
    }, { opsets: { '': 21 } })
    const efforts: number[] = []
    const students = { 'half of it': (effort: number): Model => { efforts.push(effort); return half('y') }, 'something else': (): Model => half('other') }
    const space = { macs: [1], energy: [1], precision: ['float32'] as const, calibration: ['mse'] as const }
    const result = await optimize(model, [inputs], { ...options, trials: 4, proposals: 2, space, students })
    expect(result.chosen.what).toBe('distil into half of it')
    expect(result.failed.map(({ what, reason }) => `${what}: ${reason}`)).toContain('distil into something else: The student something else cannot take the place of the model')
    // Trained once for each effort, also for the precisions and cuts that share it.
    expect(new Set(efforts).size).toBe(efforts.length)
  }, 60_000)

  it('refuses a budget that nothing meets, with what came nearest', async () => {
    const few = { ...options, trials: 3, proposals: 0 }
    await expect(optimize(model, [inputs], { ...few, budget: { loss: 0, latency: 1e-9 } })).rejects.toMatchObject({ code: 'OPTIMIZATION_BUDGET', message: expect.stringContaining('nearest') as unknown })
    await expect(optimize(model, [inputs], { ...few, budget: { loss: -1 } })).rejects.toMatchObject({ code: 'OPTIMIZATION_OPTION' })
    await expect(optimize(model, [inputs], { ...few, trials: 0 })).rejects.toMatchObject({ code: 'OPTIMIZATION_OPTION' })
  })
})
