import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/conv_output_shape'
import type { ConvAttributes } from './exercise'

/** The right function but for the size along one axis (0 height, 1 width), and the number of channels that come out. */
function variant(
  along: (size: number, kernel: number, axis: 0 | 1, attributes: Required<ConvAttributes>) => number,
  channelsOut = (_input: number[], weights: number[]): number => weights[0]!,
): typeof reference.convOutputShape {
  return (input, weights, { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 }) => {
    if (input[1] !== weights[1]! * group) throw new Error('the channels do not fit')
    const all = { strides, pads, dilations, group }
    return [input[0]!, channelsOut(input, weights), along(input[2]!, weights[2]!, 0, all), along(input[3]!, weights[3]!, 1, all)]
  }
}

const size = (padded: number, reach: number, stride: number): number => Math.floor((padded - reach) / stride) + 1
const reach = (kernel: number, axis: 0 | 1, { dilations }: Required<ConvAttributes>): number => dilations[axis]! * (kernel - 1) + 1

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'forgets-dilation',
    sentence: 'A dilated kernel reaches further than it has taps: a 3-tap kernel with dilation 2 spans 5 pixels. Your reach is still the plain kernel size.',
    functions: { convOutputShape: variant((n, k, axis, { pads, strides }) => size(n + pads[axis]! + pads[axis + 2]!, k, strides[axis]!)) },
  },
  {
    name: 'pads-once',
    sentence: 'You added the padding of one side only. Zeros are put before and after the image, so both belong to the padded size.',
    functions: { convOutputShape: variant((n, k, axis, all) => size(n + all.pads[axis]!, reach(k, axis, all), all.strides[axis]!)) },
  },
  {
    name: 'pads-by-axis',
    sentence: 'You read pads as [top, bottom, left, right]. ONNX lists all beginnings first, then all ends: [top, left, bottom, right].',
    functions: { convOutputShape: variant((n, k, axis, all) => size(n + all.pads[2 * axis]! + all.pads[2 * axis + 1]!, reach(k, axis, all), all.strides[axis]!)) },
  },
  {
    name: 'rounds-up',
    sentence: 'A last step that does not fit is not taken, so the division rounds down. You rounded up or to the nearest.',
    functions: { convOutputShape: variant((n, k, axis, all) => Math.ceil((n + all.pads[axis]! + all.pads[axis + 2]! - reach(k, axis, all)) / all.strides[axis]!) + 1) },
  },
  {
    name: 'forgets-the-first-position',
    sentence: 'You counted the steps and not the positions: the window also stands once before its first step, hence the + 1.',
    functions: { convOutputShape: variant((n, k, axis, all) => size(n + all.pads[axis]! + all.pads[axis + 2]!, reach(k, axis, all), all.strides[axis]!) - 1) },
  },
  {
    name: 'keeps-the-channels',
    sentence: 'The output has one channel for each filter, M of them, the first size of the weights. You kept the channels of the input.',
    functions: {
      convOutputShape: variant((n, k, axis, all) => size(n + all.pads[axis]! + all.pads[axis + 2]!, reach(k, axis, all), all.strides[axis]!), (input) => input[1]!),
    },
  },
]
