import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/log_uniform'

const { logUniform } = course.subject(reference)
const { assertClose, assertThat, assertThrows, freshRandom } = course

test('half way between 0.0001 and 1 is 0.01', async () => {
  assertClose(await logUniform(0.5, 1e-4, 1), 0.01, { rtol: 1e-9 })
})

test('u = 0 gives low and u = 1 gives high', async () => {
  const random = freshRandom()
  const low = Math.exp(random.normal()), high = low * (1 + 100 * random.next())
  assertClose(await logUniform(0, low, high), low, { rtol: 1e-9 })
  assertClose(await logUniform(1, low, high), high, { rtol: 1e-9 })
})

test('equal steps of u multiply by equal factors', async () => {
  const random = freshRandom()
  const low = 10 ** -(1 + random.int(6)), high = low * 10 ** (1 + random.int(6))
  const values: number[] = []
  for (let i = 0; i <= 8; i++) values.push(await logUniform(i / 8, low, high))
  const factor = (high / low) ** (1 / 8)
  assertClose(values.slice(1).map((value, i) => value / values[i]!), Array<number>(8).fill(factor), { rtol: 1e-6 })
})

test('a range of one value gives that value', async () => {
  assertClose(await logUniform(0.3, 7, 7), 7, { rtol: 1e-12 })
})

test('zero, negative and reversed ranges are refused', async () => {
  assertThat(Number.isFinite(await logUniform(0.2, 1, 2)), 'An ordinary range must work.')
  await assertThrows(logUniform(0.5, 0, 1), 'A range that begins at 0 has no logarithm there: refuse it.')
  await assertThrows(logUniform(0.5, -1, 1), 'A range that begins below 0 has no logarithm there: refuse it.')
  await assertThrows(logUniform(0.5, 2, 1), 'The upper bound is below the lower one: refuse the range.')
})
