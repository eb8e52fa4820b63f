import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/range_test_rate'

const { pickRate } = course.subject(reference)
const { assertClose, assertEqual, assertThat, assertThrows, freshRandom } = course

test('the steepest fall, without smoothing', async () => {
  assertEqual(await pickRate([0.0001, 0.001, 0.01, 0.1, 1], [2.3, 2.2, 1.5, 1.0, 9], 0), 0.01)
})

test('what comes after the smallest loss does not count', async () => {
  assertEqual(await pickRate([1, 2, 3, 4, 5, 6], [5, 4.5, 3.5, 3, 9, 4], 0), 3)
})

test('smoothing outweighs one lucky batch', async () => {
  const rates = Array.from({ length: 40 }, (_, i) => 1e-4 * 1.2 ** i)
  const losses = rates.map((_, i) => 2 - 1.5 / (1 + Math.exp(-(i - 24))) - (i === 6 ? 0.3 : 0))
  const smooth: number[] = []
  let average = 0
  losses.forEach((loss, i) => {
    average = 0.8 * average + 0.2 * loss
    smooth.push(average / (1 - 0.8 ** (i + 1)))
  })
  const least = smooth.indexOf(Math.min(...smooth))
  let best = 1
  for (let i = 1; i <= least; i++) if (smooth[i - 1]! - smooth[i]! > smooth[best - 1]! - smooth[best]!) best = i
  assertThat(best > 20, 'The long fall is steeper than the dip of one batch once it is smoothed.', { got: best })
  assertClose(await pickRate(rates, losses, 0.8), rates[best]!, { rtol: 1e-12 })
  // Smoothed 4, 3.33, 2.69; an average that starts at the first loss has 4, 3.5, 2.85.
  assertEqual(await pickRate([1, 2, 3], [4, 3, 2.2], 0.5), 2)
})

test('random curves, with and without smoothing', async () => {
  const random = freshRandom()
  for (const beta of [0, 0.7]) {
    const n = 12 + random.int(10)
    const rates = Array.from({ length: n }, (_, i) => 1e-5 * 1.7 ** i)
    const losses = rates.map((_, i) => 3 - 2 * Math.sin((Math.PI * Math.min(i, n - 3)) / (n - 3) / 1.8) + 0.2 * random.next() + (i >= n - 2 ? 5 : 0))
    let average = 0
    const smooth = losses.map((loss, i) => (average = beta * average + (1 - beta) * loss) / (1 - beta ** (i + 1)))
    const least = smooth.indexOf(Math.min(...smooth))
    const falls = smooth.slice(1, least + 1).map((value, i) => smooth[i]! - value)
    assertClose(await pickRate(rates, losses, beta), rates[1 + falls.indexOf(Math.max(...falls))]!, { rtol: 1e-12 })
  }
})

test('a loss that only rises recommends nothing', async () => {
  assertEqual(await pickRate([1, 2, 3], [3, 1, 2], 0), 2)
  await assertThrows(pickRate([1, 2, 3], [1, 2, 3], 0), 'The smallest loss is the first: say so with an Error.')
})
