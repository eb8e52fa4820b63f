import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/stability_index'

const { stabilityIndex } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

const index = (edges: number[], reference: number[], current: number[]): number => {
  const bins = edges.length + 1
  const share = (values: number[], b: number): number =>
    (values.filter((v) => edges.filter((e) => e <= v).length === b).length + 0.5) / (values.length + 0.5 * bins)
  return Array.from({ length: bins }, (_, b) => (share(current, b) - share(reference, b)) * Math.log(share(current, b) / share(reference, b))).reduce((a, b) => a + b, 0)
}

test('the example', async () => {
  assertClose(await stabilityIndex([1, 2, 3, 4], [3, 4, 5, 6], 2), 0.4 * Math.log(5) + 0.4 * Math.log(1.8), { rtol: 1e-9 })
})

test('the same values in another order: nothing moved', async () => {
  assertClose(await stabilityIndex([4, 1, 3, 2, 9, 7], [9, 7, 1, 2, 3, 4], 3), 0, { atol: 1e-12 })
  assertThat((await stabilityIndex([4, 1, 3, 2, 9, 7], [9, 9, 9, 2, 3, 4], 3)) > 0.01, 'Other values have moved.')
})

test('numbers are sorted as numbers', async () => {
  assertClose(await stabilityIndex([10, 9, 100, 2], [2, 2, 2, 100], 2), index([10], [10, 9, 100, 2], [2, 2, 2, 100]), { rtol: 1e-9 })
})

test('both lists stay as they were, and their lengths may differ', async () => {
  const current = [5, 1, 5, 5, 2, 8, 5]
  assertClose(await stabilityIndex([3, 1, 2, 8, 6, 5], current, 3), index([3, 6], [3, 1, 2, 8, 6, 5], current), { rtol: 1e-9 })
})

test('a wider and shifted normal distribution', async () => {
  const random = freshRandom()
  const reference = Array.from({ length: 200 }, () => random.normal())
  const current = Array.from({ length: 150 }, () => 0.7 + 1.4 * random.normal())
  const sorted = [...reference].sort((a, b) => a - b)
  assertClose(await stabilityIndex(reference, current, 10), index([20, 40, 60, 80, 100, 120, 140, 160, 180].map((k) => sorted[k]!), reference, current), { rtol: 1e-9 })
})
