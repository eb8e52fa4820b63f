import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/quantize_channels'

const { quantizeChannels } = course.subject(reference)
const { assertClose, assertEqual, assertThat, freshRandom } = course

test('one channel', async () => {
  const { integers, scales } = await quantizeChannels(Float32Array.from([127, -64, 3, 0]), 1)
  assertEqual(integers, Int8Array.from([127, -64, 3, 0]))
  assertClose(scales, Float32Array.from([1]), { rtol: 1e-6 })
})

test('two channels of very different sizes, as in the example', async () => {
  const { integers, scales } = await quantizeChannels(Float32Array.from([0.5, -1, 254, 127]), 2)
  assertEqual(integers, Int8Array.from([64, -127, 127, 64]))
  assertClose(scales, Float32Array.from([1 / 127, 2]), { rtol: 1e-6 })
})

test('the largest magnitude may be negative', async () => {
  const { integers } = await quantizeChannels(Float32Array.from([1, -254, 10, 4, 2, -508]), 2)
  assertEqual(integers, Int8Array.from([0, -127, 5, 1, 0, -127]))
})

test('to the nearest, and from half-way to the even neighbour', async () => {
  const { integers } = await quantizeChannels(Float32Array.from([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.6, -0.6, 7.2, -7.8]), 1)
  assertEqual(integers, Int8Array.from([127, 0, 2, 2, 0, -2, -2, 1, -1, 7, -8]))
})

test('a channel of zeros', async () => {
  const { integers, scales } = await quantizeChannels(Float32Array.from([0, 0, 254, 2]), 2)
  assertEqual(integers, Int8Array.from([0, 0, 127, 1]))
  assertClose(scales, Float32Array.from([1, 2]), { rtol: 1e-6 })
})

test('no weight is off by more than half a step of its own channel', async () => {
  const random = freshRandom()
  const channels = 3 + random.int(4), size = 20
  const sizes = Array.from({ length: channels }, () => 10 ** (3 * random.next() - 2))
  const weights = Float32Array.from({ length: channels * size }, (_, i) => random.normal() * (sizes[Math.floor(i / size)] ?? 1))
  const { integers, scales } = await quantizeChannels(weights, channels)
  assertThat(integers.length === weights.length && scales.length === channels, 'One integer a weight, one scale a channel.', { got: [integers.length, scales.length] })
  const steps = weights.map((w, i) => {
    const s = scales[Math.floor(i / size)] ?? NaN
    return Math.abs(w - s * (integers[i] ?? NaN)) / s
  })
  assertThat(steps.every((off) => off <= 0.5001), 'A weight is off by more than half a step.', { expected: 'at most 0.5 steps', got: Math.max(...steps) })
  const used = Array.from({ length: channels }, (_, c) => Math.max(...Array.from(integers.subarray(c * size, (c + 1) * size), Math.abs)))
  assertEqual(used, used.map(() => 127), 'In every channel, the weight with the largest magnitude gets 127 or −127: all integers are used.')
})
