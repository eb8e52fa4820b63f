import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_01_model_selection/slice_report'
import type { JudgedSample } from './exercise'

const { sliceReport } = course.subject(reference)
const { assertClose, assertEqual, assertThat, freshRandom } = course
const of = (slice: string, right: number, n: number): JudgedSample[] => Array.from({ length: n }, (_, i) => ({ slice, right: i < right }))
const near = { atol: 1e-4 }

test('the example', async () => {
  assertClose(await sliceReport(of('a', 9, 10), 1), [{ slice: 'a', samples: 10, accuracy: 0.9, atLeast: 0.59585 }], near)
})

test('all right, of three and of three hundred', async () => {
  const rows = await sliceReport([...of('few', 3, 3), ...of('many', 300, 300)], 1)
  assertClose(rows, [
    { slice: 'few', samples: 3, accuracy: 1, atLeast: 0.43849 }, { slice: 'many', samples: 300, accuracy: 1, atLeast: 0.98736 }], near)
})

test('none right: at least nothing', async () => {
  assertClose(await sliceReport(of('hopeless', 0, 20), 1), [{ slice: 'hopeless', samples: 20, accuracy: 0, atLeast: 0 }], near)
})

test('samples may come in any order', async () => {
  const mixed = [...of('a', 3, 4), ...of('b', 1, 4), ...of('a', 2, 2)]
  assertEqual((await sliceReport(mixed, 1)).map(({ slice, samples }) => [slice, samples]), [['b', 4], ['a', 6]])
})

test('the worst first: by what is sure, not by what was seen', async () => {
  // 4 of 4 is less sure than 95 of 100.
  assertEqual((await sliceReport([...of('large', 95, 100), ...of('small', 4, 4)], 1)).map(({ slice }) => slice), ['small', 'large'])
})

test('slices that are too small are left out, those just large enough are not', async () => {
  assertEqual((await sliceReport([...of('a', 1, 4), ...of('b', 5, 5), ...of('c', 30, 60)], 5)).map(({ slice }) => slice), ['c', 'b'])
})

test('equal slices by name', async () => {
  assertEqual((await sliceReport([...of('c', 3, 6), ...of('a', 3, 6), ...of('b', 3, 6)], 1)).map(({ slice }) => slice), ['a', 'b', 'c'])
})

test('the lower end solves Wilson\'s equation', async () => {
  // It is the smaller root q of (p − q)² = z² q (1 − q) / n.
  const random = freshRandom()
  const n = 20 + random.int(80), right = 1 + random.int(n - 2)
  const [row] = await sliceReport(of('x', right, n), 1)
  const q = row?.atLeast ?? NaN, p = right / n
  assertThat(q < p, 'The lower end is not below the accuracy.', { got: row })
  assertClose((p - q) ** 2, (1.96 ** 2 * q * (1 - q)) / n, { atol: 1e-9, rtol: 1e-6 }, 'atLeast is not the lower end of the Wilson interval.')
})
