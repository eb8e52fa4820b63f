import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/median_interval'

const { medianInterval } = course.subject(reference)
const { assertEqual, freshRandom } = course
const ranks = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

test('six samples: the smallest and the largest', async () => {
  assertEqual(await medianInterval([4, 1, 3, 6, 2, 5], 0.95), [1, 6])
})

test('five are too few for 95%, not for 90%', async () => {
  assertEqual(await medianInterval([3, 1, 2, 5, 4], 0.95), null)
  assertEqual(await medianInterval([3, 1, 2, 5, 4], 0.9), [1, 5])
})

// Ranks as in the tables of books on statistics (Conover, Practical Nonparametric Statistics).
test('the ranks of the published tables', async () => {
  assertEqual(await medianInterval(ranks(10), 0.95), [2, 9])
  assertEqual(await medianInterval(ranks(15), 0.95), [4, 12])
  assertEqual(await medianInterval(ranks(20), 0.95), [6, 15])
  assertEqual(await medianInterval(ranks(25), 0.95), [8, 18])
  assertEqual(await medianInterval(ranks(30), 0.95), [10, 21])
})

test('more confidence, a wider interval', async () => {
  assertEqual(await medianInterval(ranks(20), 0.99), [4, 17])
  assertEqual(await medianInterval(ranks(10), 0.99), [1, 10])
})

test('little confidence: still an interval around the middle', async () => {
  assertEqual(await medianInterval(ranks(8), 0.1), [4, 5])
  assertEqual(await medianInterval(ranks(9), 0.1), [4, 6])
})

test('one run that the machine disturbed changes nothing', async () => {
  const ratios = [0.71, 0.69, 0.7, 0.72, 0.68, 0.7, 0.73, 0.69, 0.71, 9]
  assertEqual(await medianInterval(ratios, 0.95), [0.69, 0.73])
})

test('samples that nobody knows ahead, in any order', async () => {
  const random = freshRandom()
  for (const [n, k] of [[12, 3], [17, 5], [20, 6], [40, 14]] as const) {
    const samples = Array.from({ length: n }, () => 10 ** (4 * random.next()))
    const sorted = [...samples].sort((a, b) => a - b)
    assertEqual(await medianInterval(samples, 0.95), [sorted[k - 1]!, sorted[n - k]!])
  }
})
