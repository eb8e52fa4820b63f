import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/training_cost'
import type { LayerCost } from './exercise'

const { trainingCost } = course.subject(reference)
const { assertEqual, freshRandom } = course

const net = (trained: boolean[], forward = [100, 200, 50]): LayerCost[] =>
  trained.map((on, i) => ({ name: `layer ${i + 1}`, forward: forward[i] ?? 0, trained: on }))

test('everything trained', async () => {
  assertEqual(await trainingCost(net([true, true, true])), 950)
})

test('a linear probe: only the head', async () => {
  assertEqual(await trainingCost(net([false, false, true])), 400)
})

test('only the layer nearest to the input: the error goes through everything above', async () => {
  assertEqual(await trainingCost(net([true, false, false])), 700)
})

test('nothing trained: what remains is the forward run', async () => {
  assertEqual(await trainingCost(net([false, false, false])), 350)
})

test('each kind of work, counted on a random network', async () => {
  const random = freshRandom()
  const n = 4 + random.int(5)
  const forward = Array.from({ length: n }, () => 1 + random.int(1000))
  const trained = Array.from({ length: n }, () => random.next() < 0.5)
  trained[1 + random.int(n - 2)] = true
  let wanted = 0
  for (let i = 0; i < n; i++) {
    wanted += forward[i]! + (trained[i]! ? forward[i]! : 0)
    if (trained.slice(0, i).includes(true)) wanted += forward[i]!
  }
  assertEqual(await trainingCost(net(trained, forward)), wanted)
})
