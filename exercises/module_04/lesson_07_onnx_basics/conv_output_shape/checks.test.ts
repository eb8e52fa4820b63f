import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/conv_output_shape'
import type { ConvAttributes } from './exercise'

const { convOutputShape } = course.subject(reference)
const { assertEqual, assertThrows, freshRandom } = course

/** Counts where a window fits instead of dividing: independent of the equation. */
function positions(size: number, before: number, after: number, kernel: number, dilation: number, stride: number): number {
  let count = 0
  for (let first = -before; first + dilation * (kernel - 1) <= size - 1 + after; first += stride) count++
  return count
}

test('a plain kernel makes the image smaller', async () => {
  assertEqual(await convOutputShape([1, 1, 28, 28], [8, 1, 5, 5], {}), [1, 8, 24, 24])
})

test('padding is on both sides', async () => {
  assertEqual(await convOutputShape([16, 3, 32, 32], [6, 3, 3, 3], { pads: [1, 1, 1, 1] }), [16, 6, 32, 32])
})

test('a step that does not fit is not taken', async () => {
  assertEqual(await convOutputShape([2, 3, 10, 10], [5, 3, 3, 3], { strides: [2, 2] }), [2, 5, 4, 4])
})

test('dilation spreads the kernel', async () => {
  assertEqual(await convOutputShape([1, 3, 40, 40], [4, 3, 3, 3], { dilations: [4, 4] }), [1, 4, 32, 32])
})

test('height and width have their own numbers', async () => {
  assertEqual(
    await convOutputShape([1, 2, 20, 50], [7, 2, 3, 5], { strides: [1, 3], pads: [0, 1, 2, 3], dilations: [2, 1] }), [1, 7, 18, 17])
})

test('the first layer of ResNet-50, and a depthwise layer of MobileNet', async () => {
  assertEqual(await convOutputShape([1, 3, 224, 224], [64, 3, 7, 7], { strides: [2, 2], pads: [3, 3, 3, 3] }), [1, 64, 112, 112])
  assertEqual(await convOutputShape([1, 144, 56, 56], [144, 1, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1], group: 144 }), [1, 144, 28, 28])
})

test('forty random convolutions, counted position by position', async () => {
  const random = freshRandom()
  const pick = (from: number, to: number): number => from + random.int(to - from + 1)
  for (let i = 0; i < 40; i++) {
    const group = pick(1, 3), channels = pick(1, 4)
    const kernel = [pick(1, 5), pick(1, 5)], dilations = [pick(1, 3), pick(1, 3)], strides = [pick(1, 4), pick(1, 4)]
    const pads = [pick(0, 3), pick(0, 3), pick(0, 3), pick(0, 3)]
    const input = [pick(1, 8), channels * group, pick(16, 64), pick(16, 64)]
    const weights = [group * pick(1, 5), channels, ...kernel]
    const attributes: ConvAttributes = { strides, pads, dilations, group }
    const along = (axis: number): number =>
      positions(input[axis + 2]!, pads[axis]!, pads[axis + 2]!, kernel[axis]!, dilations[axis]!, strides[axis]!)
    assertEqual(await convOutputShape(input, weights, attributes), [input[0], weights[0], along(0), along(1)])
  }
})

test('channels that do not fit are refused, those that fit are not', async () => {
  assertEqual(await convOutputShape([1, 8, 28, 28], [8, 2, 1, 1], { group: 4 }), [1, 8, 28, 28])
  const sentence = 'The input must have weights[1] × group channels. Throw an Error when it has not: a silent answer here is a wrong model later.'
  await assertThrows(convOutputShape([1, 3, 28, 28], [8, 1, 5, 5], {}), sentence)
  await assertThrows(convOutputShape([1, 8, 28, 28], [8, 4, 3, 3], { group: 4 }), sentence)
})
