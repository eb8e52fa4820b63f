import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/saturating_dot'

const { saturatingDot } = course.subject(reference)
const { assertEqual, assertThat, freshRandom } = course
const x = (...values: number[]): Uint8Array => Uint8Array.from(values)
const w = (...values: number[]): Int8Array => Int8Array.from(values)

test('small products: both sums agree', async () => {
  assertEqual(await saturatingDot(x(10, 20, 30, 40), w(1, -2, 3, -4)), { exact: -100, saturating: -100, saturated: 0 })
})

test('a pair beyond 16 bits stops at the upper end', async () => {
  assertEqual(await saturatingDot(x(255, 255), w(127, 127)), { exact: 64770, saturating: 32767, saturated: 1 })
})

test('and at the lower end', async () => {
  assertEqual(await saturatingDot(x(255, 255), w(-128, -128)), { exact: -65280, saturating: -32768, saturated: 1 })
})

test('every pair saturates by itself; their sum does not', async () => {
  assertEqual(await saturatingDot(x(255, 255, 255, 255, 200, 200), w(127, 127, 127, 127, 100, 20)), { exact: 153540, saturating: 89534, saturated: 2 })
})

test('the two of a pair may cancel', async () => {
  assertEqual(await saturatingDot(x(255, 255), w(127, -127)), { exact: 0, saturating: 0, saturated: 0 })
})

test('an odd last element is a pair with 0', async () => {
  assertEqual(await saturatingDot(x(255, 255, 10), w(127, 127, 2)), { exact: 64790, saturating: 32787, saturated: 1 })
})

test('with 7-bit weights nothing can saturate', async () => {
  const random = freshRandom()
  const n = 40 + random.int(20)
  const inputs = Uint8Array.from({ length: n }, () => 200 + random.int(56))
  const large = Int8Array.from({ length: n }, () => 100 + random.int(28)), reduced = Int8Array.from(large, (v) => Math.round(v / 2))
  const sum = (of: Int8Array): number => of.reduce((total, v, i) => total + v * inputs[i]!, 0)
  const all = await saturatingDot(inputs, large), half = await saturatingDot(inputs, reduced)
  assertThat(all.exact === sum(large) && half.exact === sum(reduced), 'exact is the plain sum of products.', { expected: [sum(large), sum(reduced)], got: [all.exact, half.exact] })
  // 200 · 100 · 2 = 40,000 > 32,767, and 255 · 64 · 2 = 32,640.
  assertEqual([all.saturated, half.saturated], [Math.floor(n / 2), 0], 'Every whole pair of large weights saturates, none of the halved ones.')
  assertThat(half.saturating === half.exact, 'Where no pair saturates, both sums are the same.', { got: half })
})
