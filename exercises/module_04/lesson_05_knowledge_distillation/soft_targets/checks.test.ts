import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/soft_targets'

const { softTargets } = course.subject(reference)
const { assertClose, assertThrows, freshRandom } = course

test('the ordinary softmax at T = 1', async () => {
  const e = [1, Math.exp(-4), Math.exp(-6)]
  const sum = e[0]! + e[1]! + e[2]!
  assertClose(await softTargets([6, 2, 0], 1), e.map((v) => v / sum), { rtol: 1e-9 })
})

test('softer at T = 4', async () => {
  const e = [1, Math.exp(-1), Math.exp(-1.5)]
  const sum = e[0]! + e[1]! + e[2]!
  assertClose(await softTargets([6, 2, 0], 4), e.map((v) => v / sum), { rtol: 1e-9 })
})

test('large logits do not overflow', async () => {
  assertClose(await softTargets([2000, 2000 - 2 * Math.log(3)], 2), [0.75, 0.25], { rtol: 1e-9 })
})

test('odds are divided by T in the logarithm, for any logits', async () => {
  const random = freshRandom()
  const z = Array.from({ length: 5 }, () => 4 * random.normal())
  const T = 0.5 + 5 * random.next()
  const p = await softTargets(z, T)
  assertClose(p.reduce((a, b) => a + b, 0), 1, { rtol: 1e-9 })
  assertClose(z.slice(1).map((_, i) => Math.log(p[i + 1]! / p[0]!)), z.slice(1).map((v) => (v - z[0]!) / T), { rtol: 1e-6, atol: 1e-9 })
})

test('a temperature of 0 is refused', async () => {
  assertClose(await softTargets([1, 1], 3), [0.5, 0.5], { rtol: 1e-9 })
  await assertThrows(softTargets([1, 2], 0), 'Nothing can be divided by a temperature of 0: refuse it.')
})
