import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/class_baseline'

const { classBaseline } = course.subject(reference)
const { assertClose, freshRandom } = course
const near = { atol: 1e-9 }

test('the example', async () => {
  assertClose(await classBaseline([0, 1, 1, 1], [1, 1, 0, 1, 2]), { answer: 1, accuracy: 0.6, balanced: 1 / 3 }, near)
})

test('the answer comes from the training part alone', async () => {
  assertClose(await classBaseline([2, 2, 0], [0, 0, 0, 2]), { answer: 2, accuracy: 0.25, balanced: 0.5 }, near)
})

test('of equally frequent classes, the smallest', async () => {
  assertClose(await classBaseline([2, 3, 1, 3, 1, 2, 0], [1, 3, 3, 3, 2]), { answer: 1, accuracy: 0.2, balanced: 1 / 3 }, near)
})

test('an answer that the test part never wants', async () => {
  assertClose(await classBaseline([7, 7, 1], [1, 1, 2]), { answer: 7, accuracy: 0, balanced: 0 }, near)
})

test('the share of the classes makes the accuracy, not the balanced one', async () => {
  const test = [...Array.from({ length: 95 }, () => 0), ...Array.from({ length: 5 }, () => 1)]
  assertClose(await classBaseline([0, 0, 1], test), { answer: 0, accuracy: 0.95, balanced: 0.5 }, near)
})

test('counted sample by sample', async () => {
  const random = freshRandom()
  const classes = 3 + random.int(4)
  const draw = (n: number): number[] => Array.from({ length: n }, () => Math.min(random.int(classes), random.int(classes)))
  const train = draw(60 + random.int(40)), test = draw(50)
  const { answer, accuracy, balanced } = await classBaseline(train, test)
  const counts = Array.from({ length: classes }, (_, c) => train.filter((label) => label === c).length)
  const wanted = counts.indexOf(Math.max(...counts))
  const present = [...new Set(test)]
  const recalls = present.map((c) => test.filter((label) => label === c && label === wanted).length / test.filter((label) => label === c).length)
  assertClose({ answer, accuracy, balanced }, {
    answer: wanted, accuracy: test.filter((label) => label === wanted).length / test.length, balanced: recalls.reduce((a, b) => a + b, 0) / present.length,
  }, near)
})
