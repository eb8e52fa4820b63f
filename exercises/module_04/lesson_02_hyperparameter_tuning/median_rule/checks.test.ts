import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/median_rule'

const { shouldStop } = course.subject(reference)
const { assertEqual, freshRandom } = course

const finished = [[3, 2, 1], [4, 3, 2], [5, 4, 3]]

test('behind the median: stop; at the median: go on', async () => {
  assertEqual(await shouldStop([6, 3.5], finished, 0), true)
  assertEqual(await shouldStop([6, 3], finished, 0), false)
})

test('the best so far counts, not the last', async () => {
  assertEqual(await shouldStop([2.5, 9], finished, 0), false)
  assertEqual(await shouldStop([9, 9, 9], [[1, 8, 8], [2, 8, 8], [3, 8, 8]], 0), true)
  assertEqual(await shouldStop([9, 9, 2.5], [[1, 8, 8], [2, 8, 8], [3, 8, 8]], 0), true)
})

test('the others are looked at only up to the same epoch', async () => {
  assertEqual(await shouldStop([4.5], [[5, 0, 0], [4, 0, 0], [5, 0, 0]], 0), false)
  assertEqual(await shouldStop([5.5], [[5, 0, 0], [4, 0, 0], [5, 0, 0]], 0), true)
})

test('an even count: the mean of the two in the middle', async () => {
  const four = [[1], [2], [4], [8]]
  assertEqual(await shouldStop([3.1], four, 0), true)
  assertEqual(await shouldStop([2.9], four, 0), false)
})

test('too few to compare with, or still warming up: go on', async () => {
  assertEqual(await shouldStop([99], [[1], [1]], 0), false)
  assertEqual(await shouldStop([99, 99], finished, 3), false)
  assertEqual(await shouldStop([99, 99, 99], finished, 3), true)
})

test('NaN is the worst of losses', async () => {
  assertEqual(await shouldStop([Number.NaN], finished, 0), true)
  assertEqual(await shouldStop([4.5, Number.NaN], [[5, 5], [5, 5], [5, 5]], 0), false)
})

test('losses in no order, some of them two digits long', async () => {
  const random = freshRandom()
  for (let i = 0; i < 5; i++) {
    const curves = random.shuffle([2, 9, 11, 25, 100].map((base) => [base + random.next(), base + 0.5]))
    assertEqual(await shouldStop([10 + random.next()], curves, 0), false)
    assertEqual(await shouldStop([13 + random.next()], curves, 0), true)
  }
})
