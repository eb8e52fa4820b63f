import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/magnitude_mask'

const { magnitudeMask } = course.subject(reference)
const { assertEqual, assertThat, assertThrows, freshRandom } = course

const mask = (...values: number[]): Uint8Array => Uint8Array.from(values)

test('the two smallest of five go, whatever their sign', async () => {
  assertEqual(await magnitudeMask(Float32Array.of(0.3, -0.1, 0.2, -0.9, 0.05), 0.4), mask(1, 0, 1, 1, 0))
})

test('the count is exact, also for odd numbers', async () => {
  assertEqual(await magnitudeMask(Float32Array.of(3, 1, 2), 0.5), mask(1, 0, 0))
  assertEqual(await magnitudeMask(Float32Array.of(3, 1, 2), 0.4), mask(1, 0, 1))
  assertEqual(await magnitudeMask(Float32Array.of(5, 6, 7, 8), 0), mask(1, 1, 1, 1))
})

test('of equal weights, those that stand first go', async () => {
  assertEqual(await magnitudeMask(Float32Array.of(1, -1, 1, 1), 0.5), mask(0, 0, 1, 1))
  assertEqual(await magnitudeMask(Float32Array.of(7, 0.5, 2, -0.5, 0.5), 0.4), mask(1, 0, 1, 0, 1))
})

test('numbers are compared as numbers', async () => {
  assertEqual(await magnitudeMask(Float32Array.of(10, 9, 100, -20, 0.00001), 0.4), mask(1, 0, 1, 1, 0))
})

test('a share that is none is refused', async () => {
  assertEqual(await magnitudeMask(Float32Array.of(2, 1), 0.5), mask(1, 0))
  for (const share of [1, -0.1, Number.NaN]) {
    await assertThrows(magnitudeMask(Float32Array.of(2, 1), share), 'A sparsity outside [0, 1) must be refused with an Error.')
  }
})

test('random weights: nothing that went is larger than what stayed', async () => {
  const random = freshRandom()
  for (const sparsity of [0.3, 0.9]) {
    const weights = Float32Array.from({ length: 50 + random.int(50) }, () => random.normal())
    const got = await magnitudeMask(weights, sparsity)
    assertThat(got instanceof Uint8Array && got.length === weights.length, 'The mask has one entry for each weight, in a Uint8Array.', { got })
    const sizes = (kept: number): number[] => Array.from(weights, Math.abs).filter((_, i) => got[i] === kept)
    assertThat(sizes(0).length === Math.round(sparsity * weights.length), 'The number of zeros is not round(s · n).', {
      expected: Math.round(sparsity * weights.length), got: sizes(0).length,
    })
    assertThat(Math.max(...sizes(0)) <= Math.min(...sizes(1)), 'A weight went that is larger than one that stayed.', {
      expected: `at most ${Math.min(...sizes(1))}`, got: Math.max(...sizes(0)),
    })
  }
})
