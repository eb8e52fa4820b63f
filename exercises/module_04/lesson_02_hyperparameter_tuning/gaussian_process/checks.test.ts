import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/gaussian_process'

const { gaussianProcess } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

test('one observation: at it, beside it, far from it', async () => {
  assertClose(await gaussianProcess(0, [0], [2], 1, 0), { mean: 2, variance: 0 }, { atol: 1e-9 })
  assertClose(await gaussianProcess(1, [0], [2], 1, 0), { mean: 2 * Math.exp(-0.5), variance: 1 - Math.exp(-1) }, { rtol: 1e-9 })
  assertClose(await gaussianProcess(100, [0], [2], 1, 0), { mean: 0, variance: 1 }, { atol: 1e-9 })
})

test('two observations, by the inverse of a 2 × 2 matrix', async () => {
  const random = freshRandom()
  const [a, b, x, scale, noise] = [random.normal(), 3 + random.normal(), 1.5 * random.normal(), 0.5 + random.next(), 0.1 * random.next()]
  const k = (p: number, q: number): number => Math.exp(-0.5 * ((p - q) / scale) ** 2)
  const y = [random.normal(), random.normal()]
  const c = k(a, b), d = 1 + noise, det = d * d - c * c
  const [p, q] = [k(x, a), k(x, b)]
  assertClose(await gaussianProcess(x, [a, b], y, scale, noise), {
    mean: (p * (d * y[0]! - c * y[1]!) + q * (d * y[1]! - c * y[0]!)) / det,
    variance: 1 - (p * (d * p - c * q) + q * (d * q - c * p)) / det,
  }, { rtol: 1e-6, atol: 1e-9 })
})

test('without noise it goes through every observation, and never claims a variance below 0', async () => {
  const random = freshRandom()
  const X = Array.from({ length: 6 }, (_, i) => i + 0.5 * random.next())
  const y = X.map(() => random.normal())
  for (let i = 0; i < X.length; i++) {
    const { mean, variance } = await gaussianProcess(X[i]!, X, y, 0.8, 0)
    assertClose(mean, y[i]!, { atol: 1e-6 }, 'At a place that was seen, the mean must be the loss seen there.')
    assertThat(variance >= 0 && variance < 1e-6, 'At a place that was seen, the variance must be 0, and never below.', { got: variance })
  }
})

test('noise keeps it from going through the observations', async () => {
  const { mean, variance } = await gaussianProcess(0, [0], [2], 1, 1)
  assertClose({ mean, variance }, { mean: 1, variance: 0.5 }, { rtol: 1e-9 })
})
