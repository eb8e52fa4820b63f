import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/hypervolume'
import type { LossPair } from './exercise'

const { hypervolume } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

test('one point: a rectangle', async () => {
  assertClose(await hypervolume([[1, 2]], [4, 4]), 6, { atol: 1e-9 })
})

test('two that overlap', async () => {
  assertClose(await hypervolume([[1, 3], [2, 1]], [4, 4]), 7, { atol: 1e-9 })
  assertClose(await hypervolume([[2, 1], [1, 3]], [4, 4]), 7, { atol: 1e-9 }, 'The order of the points must not matter.')
})

test('dominated and repeated points add nothing', async () => {
  assertClose(await hypervolume([[1, 1], [2, 2], [1, 1], [3, 1]], [4, 4]), 9, { atol: 1e-9 })
})

test('points beyond the reference cover nothing', async () => {
  assertClose(await hypervolume([[5, 1], [1, 9]], [4, 4]), 0, { atol: 1e-9 })
  assertClose(await hypervolume([[4, 0]], [4, 4]), 0, { atol: 1e-9 })
  assertClose(await hypervolume([], [4, 4]), 0, { atol: 1e-9 })
  assertClose(await hypervolume([[-1, 5], [1, 1]], [4, 4]), 9, { atol: 1e-9 })
})

test('as many unit squares as can be counted on a grid', async () => {
  const random = freshRandom()
  for (let round = 0; round < 4; round++) {
    const points = Array.from({ length: 1 + random.int(8) }, (): LossPair => [random.int(12), random.int(12)])
    let squares = 0
    for (let x = 0; x < 10; x++) for (let y = 0; y < 10; y++) if (points.some(([a, b]) => a <= x && b <= y)) squares++
    assertClose(await hypervolume(points, [10, 10]), squares, { atol: 1e-9 })
  }
})

test('a better set covers more', async () => {
  const random = freshRandom()
  const points = Array.from({ length: 5 }, (): LossPair => [random.next(), random.next()])
  const before = await hypervolume(points, [2, 2])
  assertThat(await hypervolume(points.map(([a, b]): LossPair => [a - 0.1, b]), [2, 2]) > before, 'All points became better, but the area did not grow.')
})
