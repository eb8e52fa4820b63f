// Beside onnxruntime's own quantizer: what it decided on a small model was recorded by fixtures/make.py.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { readModel } from '../../onnx'
import { runner } from '../../../test/support/run'
import type { RunTensors } from '../run'
import { HistogramObserver, observe } from './calibrate'
import { percentileRange } from './ranges'
import { calibrate } from './static'

interface Peer {
  readonly model: string
  readonly samples: string
  readonly activations: Readonly<Record<string, readonly [scale: number, zeroPoint: number]>>
  readonly percentile: Readonly<Record<string, readonly [low: number, high: number]>>
  readonly weights: Readonly<Record<string, { readonly scale: readonly number[]; readonly integers: readonly number[] }>>
}

const peer = JSON.parse(readFileSync(path.join(__dirname, 'fixtures', 'peer.json'), 'utf8')) as Peer
const bytes = Uint8Array.from(Buffer.from(peer.samples, 'base64'))
const values = new Float32Array(bytes.buffer)
const data: RunTensors[] = Array.from({ length: values.length / 72 }, (_, i) =>
  ({ x: { dtype: 'float32', shape: [1, 2, 6, 6], data: values.slice(i * 72, (i + 1) * 72) } }))
const model = readModel(Uint8Array.from(Buffer.from(peer.model, 'base64')))
const run = runner({ optimization: 'disabled', threads: 1 })

test('min-max: the same scales, zero points and integers', () => {
  const ours = calibrate(model, { data, run, calibration: 'min-max', reduceRange: false, biasCorrection: false, simplify: false })
  const decided = Object.entries(peer.activations)
  expect(decided.length).toBeGreaterThan(1)
  for (const [name, [scale, zeroPoint]] of decided) {
    expect(ours.activations.get(name)?.scale).toBeCloseTo(scale, 6)
    expect(ours.activations.get(name)?.zeroPoint).toBe(zeroPoint)
  }
  const weight = [...ours.weights.values()][0]
  const theirs = peer.weights['w1']
  theirs?.scale.forEach((scale, c) => { expect(weight?.parameters[c]?.scale).toBeCloseTo(scale, 7) })
  expect(Array.from(weight?.values ?? [])).toEqual(theirs?.integers)
})

test('percentile: their range, which comes from 2,048 bins, to within three of them', () => {
  const observers = new Map(Object.keys(peer.percentile).map((name) => [name, new HistogramObserver(name)]))
  observe(model, data, run, new Map([...observers].map(([name, observer]) => [name, [observer]])))
  for (const [name, [low, high]] of Object.entries(peer.percentile)) {
    const seen = observers.get(name)?.histogram
    const ours = seen === undefined ? { low: 0, high: 0 } : percentileRange(seen, 99)
    const bin = ((seen?.max ?? 0) - (seen?.min ?? 0)) / 2048
    expect(Math.abs(ours.high - high)).toBeLessThan(3 * bin)
    // Theirs cuts both tails of a distribution of one sign too; ours keeps the end at 0, where rounding is exact.
    if ((seen?.min ?? 0) < 0) expect(Math.abs(ours.low - low)).toBeLessThan(3 * bin)
  }
  run.dispose()
})
