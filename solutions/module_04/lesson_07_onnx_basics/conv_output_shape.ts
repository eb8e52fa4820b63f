import type { ConvAttributes } from '../../../exercises/module_04/lesson_07_onnx_basics/conv_output_shape/exercise'

// #region cell
export function convOutputShape(input: number[], weights: number[], attributes: ConvAttributes): number[] {
  const [n = 0, channels = 0, height = 0, width = 0] = input
  const [filters = 0, channelsPerGroup = 0, kernelHeight = 0, kernelWidth = 0] = weights
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 } = attributes
  if (channels !== channelsPerGroup * group) {
    throw new Error(`The input has ${channels} channels, but ${group} groups of ${channelsPerGroup} need ${channelsPerGroup * group}`)
  }
  // The spatial axes come last: 0 is height, 1 is width. pads holds both beginnings, then both ends.
  const along = (axis: number, size: number, kernel: number): number => {
    const reach = (dilations[axis] ?? 1) * (kernel - 1) + 1
    const padded = size + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0)
    return Math.floor((padded - reach) / (strides[axis] ?? 1)) + 1
  }
  return [n, filters, along(0, height, kernelHeight), along(1, width, kernelWidth)]
}
// #endregion
