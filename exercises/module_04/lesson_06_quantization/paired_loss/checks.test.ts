import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/paired_loss'

const { pairedLoss } = course.subject(reference)
const { assertClose, assertThrows, freshRandom } = course
const near = { rtol: 1e-6, atol: 1e-9 }

/** n samples: b right before only, c right after only, w wrong with both, the rest right with both. */
function counted(n: number, b: number, c: number, w = 0): [boolean[], boolean[]] {
  const before = Array.from({ length: n }, (_, i) => i < b || i >= b + c + w)
  const after = Array.from({ length: n }, (_, i) => i >= b && (i < b + c || i >= b + c + w))
  return [before, after]
}

test('the example', async () => {
  assertClose(await pairedLoss(...counted(1000, 12, 8, 50)), { loss: 0.4, error: 0.44703, atMost: 1.13537 }, { rtol: 1e-4 })
})

test('a model that changed nothing', async () => {
  assertClose(await pairedLoss(...counted(200, 0, 0, 20)), { loss: 0, error: 0, atMost: 0 }, near)
})

test('the same accuracy, but not the same answers', async () => {
  assertClose(await pairedLoss(...counted(100, 8, 8)), { loss: 0, error: 4, atMost: 6.58 }, near)
})

test('a gain is a loss below 0', async () => {
  const { loss } = await pairedLoss(...counted(400, 2, 6, 30))
  assertClose(loss, -1, near)
})

test('what cannot be paired is refused', async () => {
  await pairedLoss([true, false], [true, true])
  await assertThrows(pairedLoss([true, false, true], [true, false]), 'Two lists of different lengths are not of the same samples.')
  await assertThrows(pairedLoss([], []), 'Without samples there is nothing to say.')
})

test('the mean and the standard error of the differences, sample by sample', async () => {
  const random = freshRandom()
  const n = 300 + random.int(200)
  const before = Array.from({ length: n }, () => random.next() < 0.9)
  const after = before.map((right) => (random.next() < 0.08 ? !right : right))
  const d = before.map((right, i) => Number(right) - Number(after[i]))
  const mean = d.reduce((a, v) => a + v, 0) / n
  const error = Math.sqrt(d.reduce((a, v) => a + (v - mean) ** 2, 0) / n / n)
  assertClose(await pairedLoss(before, after), { loss: 100 * mean, error: 100 * error, atMost: 100 * (mean + 1.645 * error) }, { rtol: 1e-6, atol: 1e-9 })
})
