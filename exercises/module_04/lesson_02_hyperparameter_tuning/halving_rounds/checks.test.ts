import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/halving_rounds'

const { halvingRounds } = course.subject(reference)
const { assertEqual, assertThat, freshRandom } = course

test('27 candidates, η = 3', async () => {
  assertEqual(await halvingRounds(27, 1, 27, 3), [
    { candidates: 27, epochs: 1 }, { candidates: 9, epochs: 3 }, { candidates: 3, epochs: 9 }, { candidates: 1, epochs: 27 }])
})

test('it ends when the most is reached, with several left', async () => {
  assertEqual(await halvingRounds(100, 1, 4, 2), [
    { candidates: 100, epochs: 1 }, { candidates: 50, epochs: 2 }, { candidates: 25, epochs: 4 }])
})

test('counts that do not divide are rounded down, but one is left', async () => {
  assertEqual(await halvingRounds(5, 2, 100, 4), [{ candidates: 5, epochs: 2 }, { candidates: 1, epochs: 8 }])
  assertEqual(await halvingRounds(2, 1, 100, 3), [{ candidates: 2, epochs: 1 }, { candidates: 1, epochs: 3 }])
})

test('no round has more epochs than the most', async () => {
  assertEqual(await halvingRounds(8, 3, 10, 2), [
    { candidates: 8, epochs: 3 }, { candidates: 4, epochs: 6 }, { candidates: 2, epochs: 10 }])
})

test('a single candidate is trained once', async () => {
  assertEqual(await halvingRounds(1, 4, 9, 3), [{ candidates: 1, epochs: 4 }])
})

test('bracket s = 3 of Hyperband, table 1 of its paper', async () => {
  // Li et al., JMLR 18(185), 2018: R = 81, η = 3, n = 34, r = 3.
  assertEqual((await halvingRounds(34, 3, 81, 3)).map((r) => [r.candidates, r.epochs]), [[34, 3], [11, 9], [3, 27], [1, 81]])
})

test('every round costs about as much as the first', async () => {
  const random = freshRandom()
  const eta = 2 + random.int(3), depth = 2 + random.int(3), n = eta ** depth
  const rounds = await halvingRounds(n, 1, n, eta)
  assertEqual(rounds.length, depth + 1)
  assertThat(rounds.every((r) => r.candidates * r.epochs === n), 'With powers of η, every round costs the same number of epochs.', { got: rounds })
})
