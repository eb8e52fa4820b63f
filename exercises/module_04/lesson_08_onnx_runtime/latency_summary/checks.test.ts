import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/latency_summary'

const { latencySummary } = course.subject(reference)
const { assertClose, freshRandom } = course
const close = { rtol: 1e-9 }
const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value)

test('the example', async () => {
  assertClose(await latencySummary([90, 30, ...times(5, 6), ...times(10, 4), ...times(5, 6)], 2), { p50: 4, p90: null, p99: null, throughput: 200 }, close)
})

test('without a warm-up, everything counts', async () => {
  assertClose(await latencySummary([100, ...times(49, 2), ...times(50, 4)], 0), { p50: 4, p90: 4, p99: null, throughput: 1e5 / 398 }, close)
})

test('one slow request in ten: p90 does not see it, the mean does', async () => {
  const samples = Array.from({ length: 100 }, (_, i) => (i % 10 === 3 ? 50 : 2))
  assertClose(await latencySummary(samples, 0), { p50: 2, p90: 2, p99: null, throughput: 1e5 / 680 }, close)
})

test('a percentile is a latency that occurred', async () => {
  const even = Array.from({ length: 20 }, (_, i) => (i < 10 ? 1 : 9))
  assertClose(await latencySummary(even, 0), { p50: 1, p90: null, p99: null, throughput: 200 }, close)
})

test('numbers of one and of several digits', async () => {
  const samples = Array.from({ length: 60 }, (_, i) => 60 - i)
  assertClose(await latencySummary(samples, 0), { p50: 30, p90: 54, p99: null, throughput: 60_000 / 1830 }, close)
})

test('a p99 from 500 samples on', async () => {
  const sorted = Array.from({ length: 500 }, (_, i) => i + 1)
  assertClose(await latencySummary(sorted, 0), { p50: 250, p90: 450, p99: 495, throughput: 500_000 / 125_250 }, close)
  assertClose(await latencySummary(sorted, 1), { p50: 251, p90: 451, p99: null, throughput: 499_000 / 125_249 }, close)
})

test('too few for anything', async () => {
  assertClose(await latencySummary([3, 5], 0), { p50: null, p90: null, p99: null, throughput: 250 }, close)
})

test('latencies with a tail, in an order that nobody knows ahead', async () => {
  const random = freshRandom()
  const fast = 1 + random.next(), middle = 5 + random.next(), slow = 40 + random.next()
  const samples = random.shuffle([...times(400, fast), ...times(150, middle), ...times(50, slow)])
  const warm = [1000, 999, 998]
  const total = 400 * fast + 150 * middle + 50 * slow
  assertClose(await latencySummary([...warm, ...samples], 3), { p50: fast, p90: middle, p99: slow, throughput: 600_000 / total }, { rtol: 1e-6 })
})
