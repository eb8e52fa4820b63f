import { test } from 'vitest'
import { benchmarks, course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/corrected_t'

const { correctedT } = course.subject(reference)
const { assertClose, freshRandom } = course
const near = { rtol: 1e-6, atol: 1e-12 }

test('the example', async () => {
  assertClose(await correctedT([1, 2, 3], 90, 10), { difference: 2, error: 2 / 3, t: 3 }, near)
})

test('a test part as large as the training part', async () => {
  // s² = 2, error = √((1/2 + 1) · 2) = √3.
  assertClose(await correctedT([4, 6], 50, 50), { difference: 5, error: Math.sqrt(3), t: 5 / Math.sqrt(3) }, near)
})

test('a model that is worse has a t below 0', async () => {
  const { difference, t } = await correctedT([-1, -2, -3], 90, 10)
  assertClose({ difference, t }, { difference: -2, t: -3 }, near)
})

test('more folds help less than they seem to', async () => {
  // Forty times ±1: the usual error would be 0.16; the overlap alone leaves √(1/4).
  const d = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 1.5 : -0.5))
  const s2 = 40 / 39
  assertClose(await correctedT(d, 80, 20), { difference: 0.5, error: Math.sqrt((1 / 40 + 1 / 4) * s2), t: 0.5 / Math.sqrt((1 / 40 + 1 / 4) * s2) }, near)
})

test('the library\'s test on other numbers', async () => {
  const random = freshRandom()
  const d = Array.from({ length: 5 + random.int(10) }, () => 0.01 + 0.03 * random.normal())
  const train = 100 + random.int(400), held = 10 + random.int(90)
  const { difference, error, t } = benchmarks.correctedT(d, { train, test: held })
  assertClose(await correctedT(d, train, held), { difference, error, t }, { rtol: 1e-6, atol: 1e-9 })
})
