import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/fold_scaler'

const { scaleFold } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course
const near = { atol: 1e-9, rtol: 1e-9 }

test('the example', async () => {
  assertClose(await scaleFold([[1, 5], [3, 5]], [[4, 6]]), { train: [[-1, 0], [1, 0]], test: [[2, 1]] }, near)
})

test('the test part changes nothing for the training part', async () => {
  const alone = await scaleFold([[0, 2], [4, 6], [8, 10]], [])
  const beside = await scaleFold([[0, 2], [4, 6], [8, 10]], [[100, -100]])
  assertClose(beside.train, alone.train, near, 'The scaled training part changed when the test part did.')
})

test('a single test row is placed by the training part', async () => {
  const { test: scaled } = await scaleFold([[2], [4], [6], [8]], [[5], [11]])
  // Mean 5, deviation √5.
  assertClose(scaled, [[0], [6 / Math.sqrt(5)]], near)
})

test('a constant column is only shifted', async () => {
  assertClose(await scaleFold([[7, 1], [7, 3]], [[9, 2]]), { train: [[0, -1], [0, 1]], test: [[2, 0]] }, near)
})

test('a constant column whose mean is rounded is constant too', async () => {
  // In floating point (0.1 + 0.1 + 0.1) / 3 is 0.10000000000000002: the deviation comes out as 1.4e-17.
  assertClose(await scaleFold([[0.1, 1], [0.1, 2], [0.1, 3]], [[0.4, 2]]), {
    train: [[0, -Math.sqrt(1.5)], [0, 0], [0, Math.sqrt(1.5)]], test: [[0.3, 0]],
  }, near)
})

test('mean 0 and deviation 1 in training; the same line for the test rows', async () => {
  const random = freshRandom()
  const rows = (n: number, shift: number): number[][] => Array.from({ length: n }, () => [3 * random.normal() + shift, 100 + 20 * random.normal(), random.next()])
  const train = rows(12 + random.int(10), 5), held = rows(4, 9)
  const got = await scaleFold(train, held)
  for (const j of [0, 1, 2]) {
    const column = got.train.map((row) => row[j] ?? NaN), n = column.length
    const mean = column.reduce((a, b) => a + b, 0) / n
    const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n
    assertThat(Math.abs(mean) < 1e-9 && Math.abs(variance - 1) < 1e-9, `Column ${j} of the scaled training part has not mean 0 and variance 1.`, { expected: [0, 1], got: [mean, variance] })
    // Two training rows fix the line that scales; the test rows must lie on it.
    const [a, b] = [train[0]![j]!, train[1]![j]!], [p, q] = [column[0]!, column[1]!]
    const line = held.map((row) => p + ((row[j]! - a) * (q - p)) / (b - a))
    assertClose(got.test.map((row) => row[j] ?? NaN), line, { atol: 1e-6, rtol: 1e-6 }, 'The test rows are not scaled by the numbers of the training part.')
  }
})
