import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/dynamic_batches'

const { dynamicBatches } = course.subject(reference)
const { assertClose, assertEqual, freshRandom } = course

test('the example', async () => {
  assertEqual(await dynamicBatches([0, 1, 9], { maxBatch: 2, maxDelay: 5, fixed: 10, each: 1 }), { latencies: [13, 12, 16], batches: [2, 1] })
})

test('alone: it waits for company, then goes', async () => {
  assertEqual(await dynamicBatches([3], { maxBatch: 8, maxDelay: 4, fixed: 2, each: 1 }), { latencies: [7], batches: [1] })
  assertEqual(await dynamicBatches([], { maxBatch: 8, maxDelay: 4, fixed: 2, each: 1 }), { latencies: [], batches: [] })
})

test('a full batch does not wait', async () => {
  assertEqual(await dynamicBatches([0, 0, 0], { maxBatch: 3, maxDelay: 100, fixed: 1, each: 1 }), { latencies: [4, 4, 4], batches: [3] })
})

test('while the worker is busy, requests gather', async () => {
  assertEqual(await dynamicBatches([0, 1, 2, 3, 4], { maxBatch: 8, maxDelay: 0, fixed: 10, each: 1 }), { latencies: [11, 24, 23, 22, 21], batches: [1, 4] })
})

test('no batch is larger than maxBatch', async () => {
  assertEqual(await dynamicBatches([0, 1, 1, 1, 1], { maxBatch: 2, maxDelay: 0, fixed: 10, each: 0 }), { latencies: [10, 19, 19, 29, 29], batches: [1, 2, 2] })
})

test('the delay is counted from the arrival, not from when the worker is free', async () => {
  assertEqual(await dynamicBatches([0, 4], { maxBatch: 4, maxDelay: 3, fixed: 10, each: 0 }), { latencies: [13, 19], batches: [1, 1] })
})

test('who arrives exactly at the start comes along', async () => {
  assertEqual(await dynamicBatches([0, 5], { maxBatch: 4, maxDelay: 5, fixed: 1, each: 1 }), { latencies: [8, 3], batches: [2] })
})

test('without batching it is an ordinary queue', async () => {
  const random = freshRandom()
  let time = 0, free = 0
  const arrivals = Array.from({ length: 40 }, () => (time += Math.round(-64 * Math.log(1 - random.next())) / 8))
  // Lindley's recursion: a request starts when it is there and the one before is done.
  const latencies = arrivals.map((arrival) => (free = Math.max(free, arrival) + 6) - arrival)
  assertClose(await dynamicBatches(arrivals, { maxBatch: 1, maxDelay: 50, fixed: 5, each: 1 }), { latencies, batches: arrivals.map(() => 1) }, { rtol: 1e-9 })
})
