// What is measured on the machine itself: no time is asserted, only what must hold of any time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { build, writeModel } from '../onnx'
import { tensor } from '../runtime'
import { batchSweep, coldStart, measurePeaks, roofline, threadSweep } from '.'

const model = writeModel(build('linear', (g) => {
  g.output(g.op('MatMul', [g.input('x', 'float32', ['N', 16]), g.constant(new Float32Array(256).fill(1), 'w', 'float32', [16, 16])]), 'y')
}))
const inputs = (batch: number): Record<string, ReturnType<typeof tensor>> => ({ x: tensor('float32', [batch, 16], new Float32Array(16 * batch)) })
const folder = mkdtempSync(path.join(os.tmpdir(), 'cold-'))
afterAll(() => { rmSync(folder, { recursive: true }) })

test('roofs are finite, and a matrix product lies under them', () => {
  const peaks = measurePeaks()
  expect(peaks.flops).toBeGreaterThan(1e8)
  expect(peaks.bandwidth).toBeGreaterThan(1e8)
  expect(peaks.flops).toBeLessThan(1e14)
})

test('the roofline: attainable, bound and least time by its definition', () => {
  const points = roofline([{ name: 'relu', flops: 1e6, bytes: 8e6, milliseconds: 2 }, { name: 'conv', flops: 1e9, bytes: 1e6 }, { name: 'ridge', flops: 100, bytes: 10 }], { flops: 1e11, bandwidth: 1e10, threads: 1 })
  expect(points.map(({ bound }) => bound)).toEqual(['memory', 'compute', 'compute'])
  expect(points[0]).toMatchObject({ intensity: 0.125, attainable: 1.25e9, leastMs: 0.8, reached: 0.4 })
  expect(points[1]).toMatchObject({ attainable: 1e11, leastMs: 10, reached: undefined })
})

test('sweeps name their points and compare with the first', async () => {
  const context = { quick: true, note: () => undefined }
  const batches = await batchSweep(model, inputs, [1, 8], { measurementMs: 1, context })
  expect(batches.map(({ at, row }) => [at, row.contestant, row.unit])).toEqual([[1, 'batch 1', 'samples/s'], [8, 'batch 8', 'samples/s']])
  expect(batches[0]?.row.ratio).toBe(1)
  expect(batches[1]?.milliseconds).toBeCloseTo(8000 / (batches[1]?.row.median ?? 0), 9)
  const threads = await threadSweep(model, inputs(4), [1, 2], { batch: 4, measurementMs: 1, context })
  expect(threads.map(({ row }) => row.missing)).toEqual([undefined, undefined])
})

test('a cold start is measured in a process of its own, and a broken model is a typed error', () => {
  const file = path.join(folder, 'model.onnx')
  writeFileSync(file, model)
  const { load, session, firstRun, warmRun, peakMemory } = coldStart(file, { threads: 1, batch: 2 })
  for (const time of [load, session, firstRun, warmRun]) expect(time).toBeGreaterThan(0)
  expect(peakMemory).toBeGreaterThan(20e6)
  writeFileSync(file, 'ONNX, believe me')
  expect(() => coldStart(file)).toThrow(/did not start in a new process/)
})
