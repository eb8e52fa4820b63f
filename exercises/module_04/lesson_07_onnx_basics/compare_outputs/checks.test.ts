import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/compare_outputs'
import type { OutputComparison } from './exercise'

const { compareOutputs } = course.subject(reference)
const { assertClose, assertThrows, freshRandom } = course

const f32 = (...values: number[]): Float32Array => Float32Array.from(values)
/** Rounding of the last digit is no error; a count is exact at this tolerance. */
const same = (got: OutputComparison, expected: OutputComparison): void => assertClose(got, expected, { rtol: 1e-9, atol: 1e-12 })

test('the example: 101 instead of 100 agrees at 2 percent, NaN instead of 0 does not', async () => {
  same(await compareOutputs(f32(1, 100, 0), f32(1, 101, NaN), { relative: 0.02, absolute: 0 }), { maxAbsolute: 1, maxRelative: 0.01, mismatches: 1, agree: false })
})

test('equal outputs agree at tolerance 0', async () => {
  same(await compareOutputs(f32(0, -2, 3.5), f32(0, -2, 3.5), { relative: 0, absolute: 0 }), { maxAbsolute: 0, maxRelative: 0, mismatches: 0, agree: true })
  same(await compareOutputs(f32(), f32(), { relative: 0, absolute: 0 }), { maxAbsolute: 0, maxRelative: 0, mismatches: 0, agree: true })
})

test('too small is as wrong as too large', async () => {
  same(await compareOutputs(f32(4, -4, 8), f32(2, -5, 8), { relative: 0, absolute: 0.5 }), { maxAbsolute: 2, maxRelative: 0.5, mismatches: 2, agree: false })
})

test('the tolerances add up, and the limit itself agrees', async () => {
  // Limits: 0.25 + 0.25 · |e|. All of these numbers are exact in binary.
  same(await compareOutputs(f32(1, 2, -3), f32(1.5, 2.75, -4.25), { relative: 0.25, absolute: 0.25 }), { maxAbsolute: 1.25, maxRelative: 0.5, mismatches: 1, agree: false })
})

test('the fraction is of the expected value', async () => {
  same(await compareOutputs(f32(10), f32(8), { relative: 0.22, absolute: 0 }), { maxAbsolute: 2, maxRelative: 0.2, mismatches: 0, agree: true })
  same(await compareOutputs(f32(8), f32(10), { relative: 0.22, absolute: 0 }), { maxAbsolute: 2, maxRelative: 0.25, mismatches: 1, agree: false })
})

test('an expected 0 has no relative difference', async () => {
  same(await compareOutputs(f32(0, 2), f32(0.5, 2.5), { relative: 0.3, absolute: 0.5 }), { maxAbsolute: 0.5, maxRelative: 0.25, mismatches: 0, agree: true })
})

test('NaN and the infinities agree with themselves only', async () => {
  const expected = f32(NaN, Infinity, Infinity, -Infinity, 1, NaN, Infinity, Infinity, 4)
  const actual = f32(NaN, Infinity, Infinity, -Infinity, NaN, 1, 1, -Infinity, 5)
  same(await compareOutputs(expected, actual, { relative: 0.5, absolute: 0 }), { maxAbsolute: 1, maxRelative: 0.25, mismatches: 4, agree: false })
})

test('outputs of different lengths are refused, those of one length are not', async () => {
  same(await compareOutputs(f32(1, 2), f32(1, 2), { relative: 1, absolute: 1 }), { maxAbsolute: 0, maxRelative: 0, mismatches: 0, agree: true })
  const sentence = 'One output has fewer elements: a shape is wrong, and no tolerance can judge that. Throw an Error.'
  await assertThrows(compareOutputs(f32(1, 2, 3), f32(1, 2), { relative: 1, absolute: 1 }), sentence)
  await assertThrows(compareOutputs(f32(1), f32(1, 2), { relative: 1, absolute: 1 }), sentence)
})

test('thirty outputs with a known number of planted errors', async () => {
  const random = freshRandom()
  for (let i = 0; i < 30; i++) {
    const tolerance = { relative: 2 ** -(3 + random.int(5)), absolute: 2 ** -(4 + random.int(5)) }
    const expected = new Float32Array(20 + random.int(60)), actual = new Float32Array(expected.length)
    let mismatches = 0
    const measured = [{ absolute: 0, relative: 0 }]
    for (let k = 0; k < expected.length; k++) {
      // Whole numbers off by so many sixteenths of the limit: all exact, so that what is planted is what is found.
      const e = random.int(41) - 20, sixteenths = random.int(20), sign = random.int(2) * 2 - 1
      const planted = (tolerance.absolute + tolerance.relative * Math.abs(e)) * (sixteenths / 16)
      expected[k] = e
      actual[k] = random.int(12) === 0 ? NaN : e + sign * planted
      if (Number.isNaN(actual[k]) || sixteenths > 16) mismatches++
      if (!Number.isNaN(actual[k])) measured.push({ absolute: planted, relative: e === 0 ? 0 : planted / Math.abs(e) })
    }
    same(await compareOutputs(expected, actual, tolerance), {
      maxAbsolute: Math.max(...measured.map(({ absolute }) => absolute)), maxRelative: Math.max(...measured.map(({ relative }) => relative)),
      mismatches, agree: mismatches === 0,
    })
  }
})
