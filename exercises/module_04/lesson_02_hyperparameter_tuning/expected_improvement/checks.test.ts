import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/expected_improvement'

const { expectedImprovement } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

test('the mean is as good as the best: only the doubt counts', async () => {
  assertClose(await expectedImprovement(1, 2, 1), 2 / Math.sqrt(2 * Math.PI), { rtol: 1e-6 })
})

test('a model without doubt: the plain difference, or nothing', async () => {
  assertClose(await expectedImprovement(0.25, 0, 1), 0.75, { rtol: 1e-12 })
  assertClose(await expectedImprovement(3, 0, 1), 0, { atol: 1e-12 })
})

test('agrees with averaging max(0, best − loss) over the distribution', async () => {
  const random = freshRandom()
  for (let i = 0; i < 3; i++) {
    const mean = random.normal(), deviation = 0.3 + random.next(), best = random.normal()
    // The average over 4,000 equally probable slices of the distribution, by the midpoint of each slice in z.
    let sum = 0
    for (let k = 0; k < 4000; k++) {
      const z = -8 + (16 * (k + 0.5)) / 4000
      sum += Math.max(0, best - (mean + deviation * z)) * (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) * (16 / 4000)
    }
    assertClose(await expectedImprovement(mean, deviation, best), sum, { rtol: 1e-3, atol: 1e-5 })
  }
})

test('never negative, larger with more doubt, smaller with a worse mean', async () => {
  const random = freshRandom()
  const best = random.normal()
  const low = await expectedImprovement(best + 1, 0.5, best)
  assertThat(low >= 0, 'An expected improvement is never negative: one may always keep the best so far.', { got: low })
  assertThat(await expectedImprovement(best + 1, 1.5, best) > low, 'More doubt at the same mean must promise more.')
  assertThat(await expectedImprovement(best + 2, 0.5, best) < low, 'A larger mean loss at the same doubt must promise less.')
})
