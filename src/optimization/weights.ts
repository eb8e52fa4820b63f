// Linear operators by output channel, whatever their layout: scaling and shifting their outputs by changing their weights.
import { Tensor, type Node, type Value } from '../onnx'
import { floats, floatTensor } from './constants'

/** How the elements of a weight belong to output channels, and where the channels lie in the output. */
export interface OutputChannels {
  readonly count: number
  /** The output channel of the element at this place of the row-major order. */
  of(index: number): number
  /** How many elements that follow each other belong to the same channel. */
  readonly run: number
  /** Axis of the channels in the output, counted from the front (Conv) or, negative, from the back (Gemm, MatMul). */
  readonly axis: 1 | -1
}

/**
 * Conv: W is [M, C/g, …], so the first axis is the output channel. ConvTranspose: W is [C, M/g, …]; input channel c is in
 * group ⌊c g / C⌋, and the output channel is that group's first one plus the index on the second axis. Gemm and MatMul:
 * W is [K, N], or [N, K] when Gemm transposes it.
 */
export function outputChannels(node: Node, weight: Tensor): OutputChannels | undefined {
  const [first, second, ...kernel] = weight.shape
  if (first === undefined || second === undefined) return undefined
  if (node.opType === 'Gemm' || node.opType === 'MatMul') {
    if (kernel.length > 0) return undefined
    return node.int('transB', 0) === 0 ? { count: second, axis: -1, run: 1, of: (index) => index % second }
      : { count: first, axis: -1, run: second, of: (index) => Math.floor(index / second) }
  }
  const group = node.int('group', 1)
  if (group < 1 || first % group !== 0) return undefined
  const inner = kernel.reduce((product, size) => product * size, 1)
  if (node.opType === 'Conv') return { count: first, axis: 1, run: second * inner, of: (index) => Math.floor(index / (second * inner)) }
  const perGroup = first / group
  return {
    count: second * group, axis: 1, run: inner,
    of: (index) => {
      const c = Math.floor(index / (second * inner))
      return Math.floor(c / perGroup) * second + (Math.floor(index / inner) % second)
    },
  }
}

/** Weight and bias of a linear operator. */
export interface Linear {
  readonly weight: Tensor
  readonly bias: Tensor
}

/**
 * s ∘ (W x + b) + t = (s W) x + (s b + t), with s and t one number for each output channel.
 *
 * @returns the new weight and bias, or the reason why there are none
 */
export function scaleAndShift(
  node: Node, weight: Tensor, bias: Tensor | undefined, s: ArrayLike<number> | undefined, t: ArrayLike<number> | undefined,
): Linear | string {
  const channels = outputChannels(node, weight)
  if (channels === undefined) return `the weight of ${node.label} has the shape [${weight.shape.join(',')}], which has no output channels`
  const { count } = channels
  const before = bias === undefined ? undefined : channelVector(bias, count, -1, bias.shape.length)
  if (typeof before === 'string') return before
  const beta = node.float('beta', 1)
  const shifted = Float64Array.from({ length: count }, (_, c) => (s?.[c] ?? 1) * beta * (before?.[c] ?? 0) + (t?.[c] ?? 0))
  const scaled = s === undefined ? weight : scaledBy(weight, channels, s)
  const moved = floatTensor(shifted, [count], weight.dtype)
  return scaled === undefined || moved === undefined ? `the folded weights do not fit into ${weight.dtype}` : { weight: scaled, bias: moved }
}

/** The weight with every output channel multiplied by its number; undefined when a product does not fit into the type. */
function scaledBy(weight: Tensor, channels: OutputChannels, s: ArrayLike<number>): Tensor | undefined {
  const data = weight.toArray()
  // Weights have millions of elements: float32 is written as such at once.
  if (data instanceof Float32Array && weight.dtype === 'float32') {
    const out = scaledSingle(data, channels, s)
    return out === undefined ? undefined : Tensor.from(out, weight.shape, 'float32')
  }
  const numbers = data as ArrayLike<number>
  const out = new Float64Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = (numbers[i] ?? 0) * (s[channels.of(i)] ?? 1)
  return floatTensor(out, weight.shape, weight.dtype)
}

function scaledSingle(data: Float32Array, channels: OutputChannels, s: ArrayLike<number>): Float32Array | undefined {
  const out = new Float32Array(data.length)
  const run = Math.max(1, channels.run)
  for (let start = 0; start < out.length; start += run) {
    const factor = s[channels.of(start)] ?? 1
    const end = Math.min(out.length, start + run)
    // An infinite number times 0 is not a number, and stays one in the sum.
    let zero = 0
    for (let i = start; i < end; i++) {
      const product = Math.fround((data[i] ?? 0) * factor)
      out[i] = product
      zero += product * 0
    }
    if (zero === 0) continue
    for (let i = start; i < end; i++) if (Number.isFinite((data[i] ?? 0) * factor) && !Number.isFinite(out[i])) return undefined
  }
  return out
}

/**
 * The numbers of a constant that is combined with a tensor of this rank elementwise, one for each channel; or the reason
 * why it varies along other axes too.
 */
export function channelVector(tensor: Tensor, count: number, axis: 1 | -1, rank: number): Float64Array | string {
  if (tensor.shape.length > rank) return `the constant ${tensor.toString()} has more axes than what it is combined with`
  const place = axis < 0 ? tensor.shape.length + axis : axis - (rank - tensor.shape.length)
  const other = tensor.shape.find((size, index) => size !== 1 && index !== place)
  const size = tensor.shape[place] ?? 1
  if (other !== undefined || (size !== 1 && size !== count)) return `the constant ${tensor.toString()} is not one number for each of ${count} channels`
  const data = floats(tensor)
  return Float64Array.from({ length: count }, (_, c) => data[size === 1 ? 0 : c] ?? NaN)
}

/** Names for what replaces a weight and a bias. */
export function foldedName(value: Value | undefined, otherwise: string): string {
  return value === undefined ? otherwise : value.name.endsWith('_folded') ? value.name : `${value.name}_folded`
}
