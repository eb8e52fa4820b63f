import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/thread_scaling'
import type { ThreadTiming } from './exercise'

const { threadScaling } = course.subject(reference)
const { assertClose, assertEqual, assertThrows, freshRandom } = course

const timings = (...pairs: [number, number][]): ThreadTiming[] => pairs.map(([threads, milliseconds]) => ({ threads, milliseconds }))
const close = { rtol: 1e-6, atol: 1e-9 }

test('the example', async () => {
  assertClose(await threadScaling(timings([1, 10], [2, 6])), { serial: 2, parallel: 8, limit: 5 }, close)
})

test('four points on the curve, in any order', async () => {
  assertClose(await threadScaling(timings([8, 7], [1, 14], [4, 8], [2, 10])), { serial: 6, parallel: 8, limit: 14 / 6 }, close)
})

test('noise: the line lies between the points', async () => {
  // x = 1, 1/2, 1/4 has the mean 7/12, t has 8: Σ(x − x̄)(t − t̄) = 5/2 and Σ(x − x̄)² = 7/24.
  assertClose(await threadScaling(timings([1, 12], [2, 6], [4, 6])), { serial: 3, parallel: 60 / 7, limit: (3 + 60 / 7) / 3 }, close)
})

test('the same number of threads, measured twice', async () => {
  assertClose(await threadScaling(timings([1, 11], [1, 9], [2, 6])), { serial: 2, parallel: 8, limit: 5 }, close)
})

test('better than perfect scaling is noise', async () => {
  const result = await threadScaling(timings([1, 10], [2, 4]))
  assertEqual(result.serial, 0)
  assertEqual(result.limit, Infinity)
  assertClose(result.parallel, 12, close)
})

test('one number of threads gives no line', async () => {
  assertClose((await threadScaling(timings([2, 5], [4, 3]))).parallel, 8, close)
  await assertThrows(threadScaling(timings([2, 5], [2, 6])), 'Both points lie above each other: there is no slope. Throw an error.')
})

test('curves that nobody knows ahead', async () => {
  const random = freshRandom()
  for (let i = 0; i < 6; i++) {
    const serial = 1 + 5 * random.next(), parallel = 5 + 20 * random.next()
    const points = random.shuffle([1, 2, 3, 4, 6, 8]).slice(0, 3 + random.int(3))
    assertClose(await threadScaling(points.map((threads) => ({ threads, milliseconds: serial + parallel / threads }))), { serial, parallel, limit: (serial + parallel) / serial }, { rtol: 1e-6 })
  }
})
