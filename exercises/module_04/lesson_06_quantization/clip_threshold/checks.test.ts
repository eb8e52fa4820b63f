import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/clip_threshold'

const { clipThreshold } = course.subject(reference)
const { assertClose, assertEqual, assertThat, freshRandom } = course
const near = { rtol: 1e-4, atol: 1e-9 }

test('values that lie on a grid are clipped nowhere', async () => {
  assertClose(await clipThreshold(Float32Array.from([-3, -2, -1, 0, 1, 2, 3]), 3, 3), { threshold: 3, error: 0 }, near)
})

test('one outlier that is too dear to clip', async () => {
  assertClose(await clipThreshold(Float32Array.from([0, 1, 2, 3, 100]), 3, 100), { threshold: 100, error: 2.8 }, near)
})

test('one outlier among many is clipped', async () => {
  // 999 times ±1 and ±2 in turn, once 10. With t = 3 the steps are 1, and only the 10 is wrong: (10 − 3)² / 1000.
  const values = Float32Array.from({ length: 1000 }, (_, i) => (i === 0 ? 10 : [1, -2, 2, -1][i % 4]!))
  assertClose(await clipThreshold(values, 3, 10), { threshold: 3, error: 0.049 }, near)
})

test('negative values count by their magnitude', async () => {
  assertClose(await clipThreshold(Float32Array.from([-6, -4, -2, 0]), 3, 1), { threshold: 6, error: 0 }, near)
})

test('nothing but zeros', async () => {
  assertEqual(await clipThreshold(new Float32Array(5), 8, 10), { threshold: 0, error: 0 })
})

test('normal numbers in 4 bits are clipped near 2.5 standard deviations', async () => {
  // Integrating the square error against the normal density: least at t = 2.47, where it is 0.01289.
  const random = freshRandom()
  const values = Float32Array.from({ length: 4000 }, () => random.normal())
  const { threshold, error } = await clipThreshold(values, 4, 80)
  assertThat(threshold > 2.1 && threshold < 2.9, 'For normal numbers in 4 bits, clipping near 2.5 standard deviations is best.', { expected: 'between 2.1 and 2.9', got: threshold })
  // Over samples of 4000, it varies with a standard deviation of 0.0008.
  assertClose(error, 0.0129, { atol: 0.005 })
})
