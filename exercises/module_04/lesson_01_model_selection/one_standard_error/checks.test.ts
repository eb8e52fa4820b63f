import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/one_standard_error'
import type { ScoredModel } from './exercise'

const { simplestGoodEnough } = course.subject(reference)
const { assertEqual, freshRandom } = course
const model = (name: string, complexity: number, ...scores: number[]): ScoredModel => ({ name, complexity, scores })

test('the example', async () => {
  assertEqual(await simplestGoodEnough([model('small', 1, 0.9, 0.92), model('large', 10, 0.95, 0.89)]), 'small')
})

test('a clear winner wins, though it is the most complex', async () => {
  assertEqual(await simplestGoodEnough([model('small', 1, 0.7, 0.71, 0.69), model('large', 10, 0.9, 0.91, 0.89)]), 'large')
})

test('within one standard error, not within one deviation', async () => {
  // Best: mean 0.90, deviation 0.04, error 0.02 over four folds. "small" is 0.03 below.
  assertEqual(await simplestGoodEnough([model('small', 1, 0.87, 0.87, 0.87, 0.87), model('large', 9, 0.93464, 0.93464, 0.86536, 0.86536)]), 'large')
})

test('the error is that of the best, not of the candidate', async () => {
  // "small" itself varies a lot; the best does not, and is clearly better.
  assertEqual(await simplestGoodEnough([model('small', 1, 0.7, 1, 0.75, 0.95), model('large', 9, 0.9, 0.91, 0.9, 0.91)]), 'large')
})

test('of several that are good enough, the simplest, in any order', async () => {
  const all = [model('middle', 5, 0.9, 0.94, 0.92), model('large', 9, 0.9, 0.96, 0.93), model('small', 2, 0.91, 0.93, 0.92), model('tiny', 1, 0.5, 0.6, 0.55)]
  assertEqual(await simplestGoodEnough(all), 'small')
  assertEqual(await simplestGoodEnough([...all].reverse()), 'small')
})

test('one candidate alone', async () => {
  assertEqual(await simplestGoodEnough([model('only', 3, 0.1, 0.2)]), 'only')
})

test('lines drawn by hand', async () => {
  const random = freshRandom()
  const k = 4 + random.int(4)
  const wobble = Array.from({ length: k }, (_, i) => (i % 2 === 0 ? 1 : -1) * 0.01)
  const center = wobble.reduce((a, b) => a + b, 0) / k
  const error = Math.sqrt(wobble.reduce((sum, w) => sum + (w - center) ** 2, 0) / (k - 1) / k)
  const best = model('best', 50, ...wobble.map((w) => 0.8 + w - center))
  const above = model('above', 20 + random.int(20), ...wobble.map(() => 0.8 - 0.9 * error))
  const below = model('below', 1 + random.int(10), ...wobble.map(() => 0.8 - 1.1 * error))
  assertEqual(await simplestGoodEnough(random.shuffle([best, above, below])), 'above')
})
