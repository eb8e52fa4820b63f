import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/range_faults'
import type { ObservedValue } from './exercise'

const { rangeFaults } = course.subject(reference)
const { assertEqual, freshRandom } = course
/** Numbers evenly from low to high. */
const from = (low: number, high: number, count = 201): Float32Array => Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1))
const value = (name: string, seen: Float32Array, scale = 0.1, zeroPoint = 0): ObservedValue => ({ name, scale, zeroPoint, seen })

test('a range that fits', async () => {
  assertEqual(await rangeFaults([value('relu1', from(0, 25.5)), value('pool', from(0, 12))]), {})
})

test('too wide: a few integers do all the work', async () => {
  assertEqual(await rangeFaults([value('image', from(0, 1)), value('relu1', from(0, 25))]), { image: 'too wide' })
})

test('too wide: high up, but close together', async () => {
  assertEqual(await rangeFaults([value('bright', from(20, 22)), value('relu1', from(2, 22))]), { bright: 'too wide' })
})

test('too narrow: numbers are clipped, above or below', async () => {
  assertEqual(await rangeFaults([value('relu1', from(0, 40)), value('sum', from(-20, 5))]), { relu1: 'too narrow', sum: 'too narrow' })
})

test('the zero point moves the range', async () => {
  assertEqual(await rangeFaults([value('sum', from(-12.8, 12.7), 0.1, 128), value('relu', from(0, 25.5), 0.1, 128)]), { relu: 'too narrow' })
})

test('one outlier in a thousand is no fault', async () => {
  assertEqual(await rangeFaults([value('relu1', Float32Array.from([...from(0, 25, 999), 1000]))]), {})
})

test('exactly one percent is not more than one percent', async () => {
  assertEqual(await rangeFaults([value('relu1', Float32Array.from([...from(0, 25, 99), 30])), value('relu2', Float32Array.from([...from(0, 25, 98), 30, 30]))]), { relu2: 'too narrow' })
})

test('a narrow span of clipped numbers is too narrow, not too wide', async () => {
  assertEqual(await rangeFaults([value('bright', from(30, 31))]), { bright: 'too narrow' })
})

test('a value that saw nothing, and a span of exactly 32', async () => {
  assertEqual(await rangeFaults([value('unused', new Float32Array(0)), value('a', from(0, 32, 33), 1), value('b', from(0, 31, 32), 1)]), { b: 'too wide' })
})

test('the same data under three scales', async () => {
  const random = freshRandom()
  const seen = Float32Array.from({ length: 500 }, () => 5 * random.next())
  const values = random.shuffle([value('fits', seen, 0.02), value('wide', seen, 2), value('narrow', seen, 0.005)])
  const faults = await rangeFaults(values)
  assertEqual(Object.fromEntries(Object.entries(faults).sort()), { narrow: 'too narrow', wide: 'too wide' })
})
