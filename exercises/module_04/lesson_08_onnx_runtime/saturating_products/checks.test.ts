import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/saturating_products'
import type { IntegerDot } from './exercise'

const { integerDot } = course.subject(reference)
const { assertEqual, freshRandom } = course
const dot = (a: number[], w: number[]): Promise<IntegerDot> => integerDot(Uint8Array.from(a), Int8Array.from(w))

test('the example', async () => {
  assertEqual(await dot([255, 255, 10], [127, 127, 3]), { exact: 64_800, saturating: 32_797 })
})

test('small numbers fit: both are the same', async () => {
  assertEqual(await dot([1, 2, 3, 4], [5, -6, 7, -8]), { exact: -18, saturating: -18 })
})

test('the largest pair with weights of 7 bits fits', async () => {
  assertEqual(await dot([255, 255], [64, 64]), { exact: 32_640, saturating: 32_640 })
  assertEqual(await dot([255, 255], [-64, -64]), { exact: -32_640, saturating: -32_640 })
})

test('too small is kept as the smallest', async () => {
  assertEqual(await dot([255, 255], [-128, -128]), { exact: -65_280, saturating: -32_768 })
  assertEqual(await dot([255, 255, 255, 255], [-128, -128, 127, 127]), { exact: -510, saturating: -1 })
})

test('it is the pair that must fit, not one product and not the whole', async () => {
  assertEqual(await dot([255, 255], [127, -127]), { exact: 0, saturating: 0 })
  assertEqual(await dot([200, 0, 200, 0, 200, 0], [120, 0, 120, 0, 120, 0]), { exact: 72_000, saturating: 72_000 })
})

test('vectors that nobody knows ahead', async () => {
  const random = freshRandom()
  const n = 301
  const a = Array.from({ length: n }, () => 128 + random.int(128)), w = Array.from({ length: n }, () => random.int(256) - 128)
  // Independent of the order of evaluation: as 64-bit integers, with what an Int16 cannot hold found by comparing.
  let exact = 0n, saturating = 0n
  for (let i = 0; i < n; i += 2) {
    const pair = BigInt(a[i]!) * BigInt(w[i]!) + BigInt(a[i + 1] ?? 0) * BigInt(w[i + 1] ?? 0)
    exact += pair
    saturating += BigInt.asIntN(16, pair) === pair ? pair : pair > 0n ? 32_767n : -32_768n
  }
  assertEqual(await dot(a, w), { exact: Number(exact), saturating: Number(saturating) })
})
