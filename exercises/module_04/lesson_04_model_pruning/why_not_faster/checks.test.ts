import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/why_not_faster'
import type { Finding, PruningFacts } from './exercise'

const { whyNotFaster } = course.subject(reference)
const { assertClose, assertEqual, freshRandom } = course

/** Half the arithmetic where nearly all of the time goes, in sizes that fit. */
const good: PruningFacts = { timeRatio: [0.97, 1.04], macsBefore: 4e6, macsAfter: 2e6, zeros: 0, timeShare: 0.9, channels: [16, 48] }
const finding = async (facts: Partial<PruningFacts>): Promise<Finding | undefined> =>
  ((await whyNotFaster({ ...good, ...facts })) as Partial<ReturnType<typeof reference.whyNotFaster>> | undefined)?.finding

test('the example: the pruned layers hardly took time', async () => {
  const got = await whyNotFaster({ ...good, macsBefore: 50e6, macsAfter: 25e6, timeShare: 0.1 })
  assertClose(got, { finding: 'not where the time goes', bound: 0.95 }, { atol: 1e-9 })
})

test('it is faster when the whole interval says so', async () => {
  assertEqual(await finding({ timeRatio: [0.5, 0.6] }), 'faster')
  assertEqual(await finding({ timeRatio: [0.5, 0.99], channels: [24, 40] }), 'faster')
  assertEqual(await finding({ timeRatio: [0.9, 1.01] }), 'measure again')
})

test('nine tenths zeros, and the same shapes', async () => {
  const got = await whyNotFaster({ ...good, macsAfter: 4e6, zeros: 0.9, channels: [32, 64] })
  assertClose(got, { finding: 'zeros are computed', bound: 1 }, { atol: 1e-9 })
})

test('zeros in a model that has become smaller are not the reason', async () => {
  assertEqual(await finding({ zeros: 0.9, macsAfter: 2e6, channels: [24, 40] }), 'awkward sizes')
})

test('sizes that do not fill the vector units', async () => {
  assertEqual(await finding({ channels: [24, 40] }), 'awkward sizes')
  assertEqual(await finding({ channels: [16, 40] }), 'awkward sizes')
  assertEqual(await finding({ channels: [16, 32, 64] }), 'measure again')
})

test('random shares of time: the bound is Amdahl\'s', async () => {
  const random = freshRandom()
  for (let i = 0; i < 5; i++) {
    const timeShare = random.next(), macsBefore = 1e6 * (1 + random.int(50)), macsAfter = macsBefore * random.next()
    const facts = { ...good, timeShare, macsBefore, macsAfter }
    const bound = 1 - timeShare * (1 - macsAfter / macsBefore)
    assertClose(await whyNotFaster(facts), { finding: bound > 0.9 ? 'not where the time goes' : 'measure again', bound }, { atol: 1e-9 })
  }
})
