import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/adapted_statistics'

const { adaptStatistics } = course.subject(reference)
const { assertClose, freshRandom } = course

test('the example', async () => {
  assertClose(await adaptStatistics({ mean: [0], variance: [1] }, [[2], [4]], 2), { mean: [1.5], variance: [1] }, { rtol: 1e-12 })
})

test('without trust in the source, the target alone', async () => {
  assertClose(await adaptStatistics({ mean: [5, 5], variance: [9, 9] }, [[1, 10], [3, 10], [5, 40]], 0),
    { mean: [3, 20], variance: [8 / 3, 200] }, { rtol: 1e-12 })
})

test('with endless trust, the source', async () => {
  assertClose(await adaptStatistics({ mean: [5], variance: [9] }, [[1], [3]], 1e12), { mean: [5], variance: [9] }, { rtol: 1e-6 })
})

test('one value counts too', async () => {
  assertClose(await adaptStatistics({ mean: [0], variance: [4] }, [[8]], 3), { mean: [2], variance: [3] }, { rtol: 1e-12 })
})

test('random channels', async () => {
  const random = freshRandom()
  const n = 5 + random.int(10), trust = 1 + random.int(20)
  const values = Array.from({ length: n }, () => [3 + random.normal(), -1 + 2 * random.normal()])
  const source = { mean: [random.normal(), random.normal()], variance: [1 + random.next(), 2 + random.next()] }
  const share = n / (n + trust)
  const wanted = [0, 1].map((c) => {
    const m = values.reduce((s, v) => s + v[c]!, 0) / n
    const square = values.reduce((s, v) => s + v[c]! * v[c]!, 0) / n
    return { mean: share * m + (1 - share) * source.mean[c]!, variance: share * (square - m * m) + (1 - share) * source.variance[c]! }
  })
  assertClose(await adaptStatistics(source, values, trust), { mean: wanted.map((w) => w.mean), variance: wanted.map((w) => w.variance) }, { rtol: 1e-9 })
})
