import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { random } from '../core'
import { energyMeter, measureLatency, overlatencyAllowed, percentileOf, requestsNeeded, warmupOf } from '.'

test('the numbers of requests of the MLPerf rules', () => {
  // MLPerf Inference Rules: 64 for the 90th percentile, 662 for the 99th.
  expect(requestsNeeded(0.9)).toBe(64)
  expect(requestsNeeded(0.99)).toBe(662)
  expect(overlatencyAllowed(63, 0.9)).toBe(0)
})

test('the allowed samples above a percentile are those of the binomial, summed term by term', () => {
  const choose = (n: number, k: number): number => Array.from({ length: k }, (_, i) => (n - i) / (i + 1)).reduce((a, b) => a * b, 1)
  fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), fc.constantFrom(0.5, 0.75, 0.9, 0.95), fc.constantFrom(0.9, 0.99), (n, p, confidence) => {
    let [t, sum] = [-1, 0]
    while ((sum += choose(n, t + 1) * (1 - p) ** (t + 1) * p ** (n - t - 1)) <= 1 - confidence && t < n) t++
    expect(overlatencyAllowed(n, p, confidence)).toBe(Math.max(0, t))
  }))
})

test('the bound covers the true percentile as often as it says', () => {
  // Exponential latencies: the 90th percentile is ln 10.
  const numbers = random(3)
  let covered = 0
  for (let run = 0; run < 1000; run++) {
    const { bound } = percentileOf(Array.from({ length: 200 }, () => -Math.log(1 - numbers.next())), 0.9)
    if ((bound ?? 0) >= Math.log(10)) covered++
  }
  expect(covered).toBeGreaterThanOrEqual(985)
  expect(covered).toBeLessThan(1000)
  expect(percentileOf([1, 2, 3], 0.9)).toMatchObject({ bound: undefined, needed: 64 })
  expect(() => percentileOf([1], 90)).toThrow(/share between 0 and 1/)
})

test('the warm-up ends where a slow start ends, and a level run has nearly none', () => {
  const numbers = random(5)
  const noise = (level: number): number => level + 0.1 * numbers.normal()
  const slow = Array.from({ length: 400 }, (_, i) => noise(i < 60 ? 10 - i / 10 : 2))
  expect(warmupOf(slow)).toMatchObject({ steady: true })
  expect(Math.abs(warmupOf(slow).warmup - 60)).toBeLessThanOrEqual(30)
  expect(warmupOf(Array.from({ length: 400 }, () => noise(2))).warmup).toBeLessThanOrEqual(100)
  // A run that becomes slower all the time has no level.
  expect(warmupOf(Array.from({ length: 400 }, (_, i) => noise(2 + i / 40))).steady).toBe(false)
})

test('what is measured is what a clock says that only this work moves', async () => {
  let [clock, calls] = [0, 0]
  const result = await measureLatency(() => { clock += calls++ < 50 ? 20 : 4 }, { now: () => clock, percentiles: [0.9], atLeastMs: 100 })
  expect(result.warmup).toBe(50)
  expect(result).toMatchObject({ median: 4, interval: [4, 4], throughput: 250, steady: true })
  expect(result.percentiles).toEqual([{ p: 0.9, value: 4, bound: 4, needed: 64 }])
})

test('energy: packages are counted, also over the end of the counter, and a machine without it has none', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'powercap-'))
  const write = (domain: string, file: string, text: string): void => {
    mkdirSync(path.join(folder, domain), { recursive: true })
    writeFileSync(path.join(folder, domain, file), text)
  }
  for (const [domain, name] of [['intel-rapl:0', 'package-0'], ['intel-rapl:0:0', 'core'], ['intel-rapl:1', 'psys']] as const) {
    write(domain, 'name', `${name}\n`)
    write(domain, 'max_energy_range_uj', '1000000000\n')
    write(domain, 'energy_uj', '999000000\n')
  }
  const meter = energyMeter(folder)
  expect(meter?.domains).toEqual(['package-0'])
  write('intel-rapl:0', 'energy_uj', '4000000\n')
  expect(meter?.joules()).toBeCloseTo(5, 9)
  write('intel-rapl:0', 'energy_uj', '6500000\n')
  expect(meter?.joules()).toBeCloseTo(7.5, 9)
  rmSync(folder, { recursive: true })
  expect(energyMeter(folder)).toBeUndefined()
})
