import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/mcnemar_exact'

const { mcnemarP } = course.subject(reference)
const { assertClose, freshRandom } = course
const near = { rtol: 1e-6, atol: 1e-12 }

/** b samples that only the first has right, c that only the second has, and some that tell nothing. */
function answers(b: number, c: number, both = 20, none = 5): [boolean[], boolean[]] {
  const row = (own: boolean, other: boolean, n: number): [boolean, boolean][] => Array.from({ length: n }, () => [own, other])
  const all = [...row(true, false, b), ...row(true, true, both), ...row(false, true, c), ...row(false, false, none)]
  return [all.map(([f]) => f), all.map(([, s]) => s)]
}

test('the example: six against one', async () => {
  assertClose(await mcnemarP(...answers(1, 6)), 0.125, near)
})

test('all disagreements on one side', async () => {
  assertClose(await mcnemarP(...answers(0, 6)), 0.03125, near)
  assertClose(await mcnemarP(...answers(6, 0)), 0.03125, near)
})

test('as many on each side: no surprise at all', async () => {
  assertClose(await mcnemarP(...answers(7, 7)), 1, near)
})

test('no disagreement', async () => {
  assertClose(await mcnemarP(...answers(0, 0)), 1, near)
})

test('samples that both have right tell nothing', async () => {
  assertClose(await mcnemarP(...answers(10, 3, 0, 0)), 0.09228515625, near)
  assertClose(await mcnemarP(...answers(10, 3, 500, 80)), 0.09228515625, near)
})

test('many disagreements: the value of scipy\'s binomtest', async () => {
  assertClose(await mcnemarP(...answers(150, 100)), 0.0018833009350761602, near)
})

test('every way the coins can fall, counted', async () => {
  const random = freshRandom()
  const m = 5 + random.int(7), b = random.int(m + 1), extreme = Math.min(b, m - b)
  // The coins that are at least as one-sided, of all 2^m.
  let count = 0
  for (let coins = 0; coins < 2 ** m; coins++) {
    const heads = coins.toString(2).replaceAll('0', '').length
    if (Math.min(heads, m - heads) <= extreme) count++
  }
  assertClose(await mcnemarP(...answers(b, m - b, random.int(30), random.int(9))), count / 2 ** m, near)
})
