import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/nearest_prototype'

const { nearestPrototype } = course.subject(reference)
const { assertEqual, freshRandom } = course

test('the example', async () => {
  assertEqual(await nearestPrototype([[0, 0], [2, 0], [5, 5]], [7, 7, 9], [[2, 2], [4, 4]]), [7, 9])
})

test('the mean decides, not the nearest example', async () => {
  assertEqual(await nearestPrototype([[0], [10], [4]], [1, 1, 2], [[9]]), [1])
  assertEqual(await nearestPrototype([[0], [10], [4]], [1, 1, 2], [[0.5]]), [2])
})

test('classes may have different numbers of examples', async () => {
  assertEqual(await nearestPrototype([[1, 1], [1, 1], [1, 1], [3, 3]], [0, 0, 0, 1], [[2.5, 2.5], [1.2, 1]]), [1, 0])
})

test('long features are not better than near ones', async () => {
  assertEqual(await nearestPrototype([[1, 0], [10, 1]], [3, 4], [[1.5, 0.2]]), [3])
})

test('an equal distance goes to the smaller label', async () => {
  assertEqual(await nearestPrototype([[2], [0]], [8, 3], [[1]]), [3])
  assertEqual(await nearestPrototype([[2], [0]], [3, 8], [[1]]), [3])
})

test('random clusters, recognised', async () => {
  const random = freshRandom()
  const labels = random.shuffle([2, 11, 5, 7])
  const centres = labels.map((_, k) => Array.from({ length: 6 }, (_d, d) => (d === k ? 8 : 0)))
  const near = (k: number): number[] => centres[k]!.map((v) => v + random.normal())
  const support: number[][] = [], given: number[] = []
  for (let i = 0; i < 12; i++) {
    support.push(near(i % 4))
    given.push(labels[i % 4]!)
  }
  const asked = Array.from({ length: 10 }, () => random.int(4))
  assertEqual(await nearestPrototype(support, given, asked.map((k) => near(k))), asked.map((k) => labels[k]!))
})
