// Kernels of convolutions by output channel, whatever their layout.
import type { Node, Tensor } from '../onnx'
import { floats, floatTensor } from './constants'

/** How the elements of a kernel belong to output channels. */
export interface OutputChannels {
  readonly count: number
  /** The output channel of the element at this place of the row-major order. */
  of(index: number): number
}

/**
 * Conv: W is [M, C/g, …], so the first axis is the output channel. ConvTranspose: W is [C, M/g, …]; input channel c is in
 * group ⌊c g / C⌋, and the output channel is that group's first one plus the index on the second axis.
 */
export function perOutputChannel(conv: Node, weight: Tensor): OutputChannels | undefined {
  const group = conv.int('group', 1)
  const [first, second, ...kernel] = weight.shape
  if (first === undefined || second === undefined || group < 1 || first % group !== 0) return undefined
  const inner = kernel.reduce((product, size) => product * size, 1)
  if (conv.opType === 'Conv') return { count: first, of: (index) => Math.floor(index / (second * inner)) }
  const perGroup = first / group
  return {
    count: second * group,
    of: (index) => {
      const c = Math.floor(index / (second * inner))
      return Math.floor(c / perGroup) * second + (Math.floor(index / inner) % second)
    },
  }
}

/** W scaled by one factor for each output channel; undefined when a number does not fit into W's type. */
export function scaleOutputChannels(weight: Tensor, channels: OutputChannels, factors: ArrayLike<number>): Tensor | undefined {
  const data = floats(weight)
  const out = new Float64Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = (data[i] ?? 0) * (factors[channels.of(i)] ?? 1)
  return floatTensor(out, weight.shape, weight.dtype)
}
