import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/unfreezing_plan'
import type { EpochRates } from './exercise'

const { unfreezingPlan } = course.subject(reference)
const { assertClose, assertEqual, freshRandom } = course

test('the example: one group an epoch', async () => {
  assertClose(await unfreezingPlan(['block1', 'block2', 'head'], 3, 1, 0.01, 2), [
    { block1: 0, block2: 0, head: 0.01 }, { block1: 0, block2: 0.005, head: 0.01 }, { block1: 0.0025, block2: 0.005, head: 0.01 },
  ], { rtol: 1e-12 })
})

test('several epochs between the groups', async () => {
  assertClose(await unfreezingPlan(['body', 'head'], 5, 2, 1, 10), [
    { body: 0, head: 1 }, { body: 0, head: 1 }, { body: 0.1, head: 1 }, { body: 0.1, head: 1 }, { body: 0.1, head: 1 },
  ], { rtol: 1e-12 })
})

test('once everything has thawed it stays so', async () => {
  const plan = await unfreezingPlan(['a', 'b'], 6, 1, 1, 2)
  assertEqual(plan.length, 6)
  assertClose(plan[5], { a: 0.5, b: 1 }, { rtol: 1e-12 })
})

test('any number of groups and epochs', async () => {
  const random = freshRandom()
  const n = 3 + random.int(4), every = 1 + random.int(3), epochs = 4 + random.int(8)
  const [peak, divisor] = [random.next(), 1.5 + random.next()]
  const names = Array.from({ length: n }, (_, i) => `group ${i + 1}`)
  const wanted: EpochRates[] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const rates: EpochRates = {}
    for (let i = n; i >= 1; i--) rates[`group ${i}`] = epoch > (n - i) * every ? peak * divisor ** (i - n) : 0
    wanted.push(rates)
  }
  assertClose(await unfreezingPlan(names, epochs, every, peak, divisor), wanted, { rtol: 1e-9 })
})
