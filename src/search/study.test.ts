import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  createStudy, hyperbandPruner, hyperbandSchedule, journalStorage, medianPruner, randomSampler, redisStorage, successiveHalving,
  successiveHalvingPruner, TrialPruned,
} from '.'
import type { Pruner, Study } from '.'

const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-search-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('a study', () => {
  test('equal seeds give equal trials; other seeds give others', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const study = await createStudy({ seed })
      await study.optimize((t) => (t.float('x', -1, 1) - 0.3) ** 2 + t.int('n', 1, 5), { trials: 25 })
      return study.trials.map((t) => t.params)
    }
    expect(await run(1)).toEqual(await run(1))
    expect(await run(1)).not.toEqual(await run(2))
  })

  test('conditional parameters are sampled where they are asked for', async () => {
    const study = await createStudy({ seed: 4 })
    await study.optimize((t) => (t.choice('kind', ['svm', 'tree']) === 'svm' ? t.float('c', 0, 1) : t.int('depth', 1, 9) / 10), { trials: 40 })
    expect(study.trials.every((t) => ('c' in t.params) !== ('depth' in t.params))).toBe(true)
    expect(study.best.values[0]).toBeLessThan(0.05)
  })

  test('what is enqueued is tried first', async () => {
    const study = await createStudy()
    await study.enqueue({ x: 0.25 })
    await study.optimize((t) => t.float('x', 0, 1) + t.float('y', 0, 1), { trials: 2 })
    expect(study.trials[0]?.params.x).toBe(0.25)
    expect(study.trials[1]?.params.x).not.toBe(0.25)
  })

  test('a trial that throws is recorded and the study goes on; when all fail, the error comes up', async () => {
    const study = await createStudy({ sampler: randomSampler() })
    await study.optimize((t) => {
      if (t.float('x', 0, 1) < 0.5 && t.number > 0) throw new Error('diverged')
      return 1
    }, { trials: 10 })
    expect(study.trials.filter((t) => t.error === 'diverged').length).toBeGreaterThan(0)
    await expect((await createStudy()).optimize(() => { throw new Error('no data') }, { trials: 50 })).rejects.toThrow(/no data/)
    await expect((await createStudy()).optimize(() => Number.NaN, { trials: 50 })).rejects.toThrow(/finite/)
  })

  test.each([
    [(s: Study) => s.optimize(() => 1, {}), /no end/], [(s: Study) => Promise.resolve(s.best), /No trial is complete/],
    [(s: Study) => s.optimize((t) => t.float('x', 0, 1) + t.float('x', 0, 2), { trials: 6 }), /twice with different ranges/],
  ])('bad use %# is refused in words', async (use, message) => {
    const study = await createStudy()
    await expect((async () => use(study))()).rejects.toThrow(message)
  })

  test('a signal ends it between two trials', async () => {
    const stop = new AbortController()
    const study = await createStudy()
    await study.optimize((t) => t.float('x', 0, 1), { signal: stop.signal, onTrial: (t) => { if (t.number === 6) stop.abort() } })
    expect(study.trials.map((t) => t.state)).toEqual(Array(7).fill('complete'))
  })
})

describe('pruners', () => {
  /** Learning curves that fall to a floor: the floor is the parameter. */
  async function curves(pruner: Pruner, trials: number): Promise<{ study: Study; steps: number }> {
    const study = await createStudy({ sampler: randomSampler(), pruner, seed: 7 })
    let steps = 0
    await study.optimize(async (t) => {
      const floor = t.float('floor', 0, 1)
      for (let epoch = 1; epoch <= 27; epoch++) {
        steps++
        await t.report(floor + 1 / epoch, epoch)
        if (t.shouldPrune()) throw new TrialPruned()
      }
      return floor
    }, { trials })
    return { study, steps }
  }
  test.each([
    ['median', medianPruner({ startup: 4, warmup: 2 })], ['successive halving', successiveHalvingPruner()],
    ['hyperband', hyperbandPruner({ maxResource: 27 })],
  ] as const)('%s spends less and finds as good a floor', async (_name, pruner) => {
    const whole = await curves({ name: 'none', shouldPrune: () => false }, 40)
    const { study, steps } = await curves(pruner, 40)
    expect(whole.steps).toBe(40 * 27)
    expect(steps).toBeLessThan(0.75 * whole.steps)
    expect(study.best.values[0]).toBeLessThan(whole.study.best.values[0]! + 0.05)
  })

  test('the median rule prunes exactly what is below the median of the others', async () => {
    const study = await createStudy({ direction: 'maximize', pruner: medianPruner({ startup: 3 }) })
    for (const accuracy of [0.5, 0.6, 0.7]) {
      const trial = await study.ask()
      await trial.report(accuracy, 1)
      await study.tell(trial, accuracy)
    }
    const asked = async (value: number): Promise<boolean> => {
      const trial = await study.ask()
      await trial.report(value, 1)
      return trial.shouldPrune()
    }
    expect(await asked(0.59)).toBe(true)
    expect(await asked(0.6)).toBe(false)
    expect(await asked(Number.NaN)).toBe(true)
  })

  test('the schedule of Hyperband is table 1 of its paper', () => {
    // Li et al., JMLR 18(185), 2018, table 1: R = 81, η = 3.
    expect(hyperbandSchedule(81, 3).map((b) => b.map((r) => [r.configurations, r.resource]))).toEqual([
      [[81, 1], [27, 3], [9, 9], [3, 27], [1, 81]], [[34, 3], [11, 9], [3, 27], [1, 81]],
      [[15, 9], [5, 27], [1, 81]], [[8, 27], [2, 81]], [[5, 81]],
    ])
  })

  test('successive halving keeps the best third of every round', async () => {
    const result = await successiveHalving([5, 3, 8, 1, 9, 2, 7, 4, 6], (c, resource) => c + 1 / resource, { maxResource: 9 })
    expect(result.best).toBe(1)
    expect(result.rounds.map((r) => [r.resource, r.losses.length])).toEqual([[1, 9], [3, 3], [9, 1]])
    expect(result.spent).toBe(27)
  })
})

describe('the journal', () => {
  const study = (file: string): Promise<Study> => createStudy({ storage: journalStorage(file), seed: 1 })

  test('a study goes on where it stopped', async () => {
    const file = path.join(folder, 'resume.jsonl')
    await (await study(file)).optimize((t) => t.float('x', 0, 1), { trials: 12 })
    const again = await study(file)
    expect(again.trials.length).toBe(12)
    await again.optimize((t) => t.float('x', 0, 1), { totalTrials: 20 })
    expect(again.trials.length).toBe(20)
    const whole = await createStudy({ seed: 1 })
    await whole.optimize((t) => t.float('x', 0, 1), { trials: 20 })
    expect(again.trials.map((t) => t.params)).toEqual(whole.trials.map((t) => t.params))
  })

  test('cut anywhere, it reads what was whole and takes new lines', async () => {
    const file = path.join(folder, 'whole.jsonl')
    await (await study(file)).optimize((t) => t.float('x', 0, 1), { trials: 6 })
    const bytes = readFileSync(file)
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: bytes.length }), async (end) => {
      const cut = path.join(folder, 'cut.jsonl')
      writeFileSync(cut, bytes.subarray(0, end))
      const opened = await study(cut)
      const before = opened.trials.length
      await opened.optimize((t) => t.float('x', 0, 1), { trials: 1 })
      expect(opened.trials.length).toBe(before + 1)
    // Without only the newline of its last line, too.
    }), { numRuns: 60, examples: [...bytes].flatMap((byte, at): [number][] => (byte === 10 ? [[at], [at + 1]] : [])) })
  })

  test('a damaged line is skipped; another program\'s file is refused; other objectives are refused', async () => {
    const file = path.join(folder, 'damaged.jsonl')
    await (await study(file)).optimize((t) => t.float('x', 0, 1), { trials: 3 })
    appendFileSync(file, 'deadbeef {"op":"start"}\n')
    expect((await study(file)).trials.length).toBe(3)
    await expect(createStudy({ storage: journalStorage(file), direction: 'maximize' })).rejects.toThrow(/other objectives/)
    await expect(createStudy({ storage: { append: () => Promise.resolve(), read: () => Promise.resolve({ lines: ['{"a":1}'], cursor: 1 }) } }))
      .rejects.toThrow(/no event of a study/)
  })

  test('two studies on one file share the numbers and see each other', async () => {
    const file = path.join(folder, 'shared.jsonl')
    const [a, b] = [await study(file), await study(file)]
    await Promise.all([a, b].map((s) => s.optimize(async (t) => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      return t.float('x', 0, 1)
    }, { totalTrials: 30 })))
    await a.refresh()
    expect(new Set(a.trials.map((t) => t.number)).size).toBe(a.trials.length)
    expect(a.trials.length).toBeGreaterThanOrEqual(30)
    expect(a.trials.length).toBeLessThanOrEqual(31)
  })
})

describe('redis', () => {
  test('a list does as a log; something else is refused', async () => {
    const list: string[] = []
    const client = {
      rPush: (_key: string, value: string) => Promise.resolve(list.push(value)),
      lRange: (_key: string, start: number) => Promise.resolve(list.slice(start)),
    }
    const one = await createStudy({ storage: redisStorage(client, 'k') })
    await one.optimize((t) => t.float('x', 0, 1), { trials: 5 })
    expect((await createStudy({ storage: redisStorage(client, 'k') })).trials.length).toBe(5)
    expect(() => redisStorage({}, 'k')).toThrow(/no Redis client/)
  })
})
