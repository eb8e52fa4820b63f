// Convolutions and pools in one, two and three dimensions. TensorFlow.js computes them with the channels last.
import * as tf from '@tensorflow/tfjs'
import { Datum } from './datum'
import { need, refuse, takeAlong, type Call, type Operator } from './operator'

/** Window of a convolution or pool over `spatial` axes; pads are [before, after] of each. */
interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly pads: readonly (readonly [number, number])[]
}

const reach = (w: Window, i: number): number => ((w.kernel[i] ?? 1) - 1) * (w.dilations[i] ?? 1) + 1

/** What the attributes say, with automatic pads and the rounding up of output sizes made explicit. */
function windowOf(call: Call, sizes: readonly number[], kernel: readonly number[]): Window {
  const { node } = call
  const ones = kernel.map(() => 1)
  const strides = node.ints('strides', ones)
  const dilations = node.ints('dilations', ones)
  const given = node.ints('pads', [...ones, ...ones].map(() => 0))
  const auto = node.string('auto_pad', 'NOTSET')
  const pads = kernel.map((size, i): [number, number] => {
    const span = (size - 1) * (dilations[i] ?? 1) + 1
    const [input, stride] = [sizes[i] ?? 1, strides[i] ?? 1]
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + span - input)
      const less = Math.floor(total / 2)
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less]
    }
    return auto === 'VALID' ? [0, 0] : [given[i] ?? 0, given[i + kernel.length] ?? 0]
  })
  return { kernel, strides, dilations, pads }
}

const outputs = (w: Window, sizes: readonly number[]): number[] =>
  w.kernel.map((_, i) => Math.floor(((sizes[i] ?? 1) + (w.pads[i]?.[0] ?? 0) + (w.pads[i]?.[1] ?? 0) - reach(w, i)) / (w.strides[i] ?? 1)) + 1)

type Explicit = [[0, 0], [number, number], [number, number], [0, 0]]
const explicit = (w: Window): Explicit => [[0, 0], [...(w.pads[0] ?? [0, 0])] as [number, number], [...(w.pads[1] ?? [0, 0])] as [number, number], [0, 0]]
const all = (values: readonly number[], what: number): boolean => values.every((value) => value === what)

/** A window over one axis as one over two, the first of size 1. */
const widened = (w: Window): Window => ({ kernel: [1, ...w.kernel], strides: [1, ...w.strides], dilations: [1, ...w.dilations], pads: [[0, 0], ...w.pads] })

function padded(x: tf.Tensor, pads: Window['pads'], value = 0): tf.Tensor {
  if (pads.every(([a, b]) => a === 0 && b === 0)) return x
  // Negative pads cut off.
  const cut = pads.map(([a, b]) => [Math.max(0, -a), Math.max(0, -b)] as const)
  let t = x
  if (cut.some(([a, b]) => a > 0 || b > 0)) {
    t = tf.slice(x, [0, ...cut.map(([a]) => a), 0], [x.shape[0], ...cut.map(([a, b], i) => (x.shape[i + 1] ?? 1) - a - b), x.shape[x.rank - 1] ?? 1])
  }
  return tf.pad(t, [[0, 0], ...pads.map(([a, b]): [number, number] => [Math.max(0, a), Math.max(0, b)]), [0, 0]], value)
}

/** The pixels under one place of the window, for every output: a strided slice with its gradient. */
function tap(x: tf.Tensor, w: Window, place: readonly number[], out: readonly number[]): tf.Tensor {
  let t = x
  out.forEach((count, i) => {
    const [start, stride] = [(place[i] ?? 0) * (w.dilations[i] ?? 1), w.strides[i] ?? 1]
    if (stride === 1) t = tf.slice(t, t.shape.map((_, axis) => (axis === i + 1 ? start : 0)), t.shape.map((size, axis) => (axis === i + 1 ? count : size)))
    else t = takeAlong(t, i + 1, Array.from({ length: count }, (_, k) => start + k * stride))
  })
  return t
}

function* places(kernel: readonly number[]): Generator<number[]> {
  const total = kernel.reduce((a, b) => a * b, 1)
  for (let i = 0; i < total; i++) {
    const place: number[] = []
    let rest = i
    for (let axis = kernel.length - 1; axis >= 0; axis--) {
      place[axis] = rest % (kernel[axis] ?? 1)
      rest = Math.floor(rest / (kernel[axis] ?? 1))
    }
    yield place
  }
}

/** The convolution as one matrix product over the taps (im2col): right for every dilation, with its gradients. */
function byTaps(x: tf.Tensor, filter: tf.Tensor, w: Window): tf.Tensor {
  const out = outputs(w, x.shape.slice(1, -1))
  const t = padded(x, w.pads)
  const columns = tf.concat([...places(w.kernel)].map((place) => tap(t, w, place, out)), t.rank - 1)
  const [inner, outer] = [filter.size / (filter.shape[filter.rank - 1] ?? 1), filter.shape[filter.rank - 1] ?? 1]
  return tf.reshape(tf.matMul(tf.reshape(columns, [columns.size / inner, inner]), tf.reshape(filter, [inner, outer])), [x.shape[0], ...out, outer])
}

/** Each channel with its own kernels, tap by tap: filter [height, width, channels, multiplier]. */
function depthwiseByTaps(x: tf.Tensor, filter: tf.Tensor, w: Window): tf.Tensor {
  const out = outputs(w, x.shape.slice(1, -1))
  const t = padded(x, w.pads)
  const [channels, multiplier] = filter.shape.slice(-2) as [number, number]
  const flat = tf.reshape(filter, [filter.size / (channels * multiplier), channels, multiplier])
  let sum: tf.Tensor | undefined
  let i = 0
  for (const place of places(w.kernel)) {
    const kernel = tf.reshape(tf.slice(flat, [i++, 0, 0], [1, channels, multiplier]), [channels, multiplier])
    const part = tf.mul(tf.expandDims(tap(t, w, place, out), t.rank), kernel)
    sum = sum === undefined ? part : tf.add(sum, part)
  }
  return tf.reshape(sum ?? tf.zeros([0]), [x.shape[0], ...out, channels * multiplier])
}

/** Two dimensions, one group; x NHWC, filter HWIO. */
function convolve2d(x: tf.Tensor, filter: tf.Tensor, w: Window, depthwise: boolean): tf.Tensor {
  const strides = [...w.strides] as [number, number]
  const negative = w.pads.some(([a, b]) => a < 0 || b < 0)
  const image = (negative ? padded(x, w.pads) : x) as tf.Tensor4D
  const pad = negative ? 'valid' : explicit(w)
  const around = negative ? { ...w, pads: w.pads.map(() => [0, 0] as const) } : w
  const run = (dilations: [number, number]) => (a: tf.Tensor, b: tf.Tensor): tf.Tensor => (depthwise
    ? tf.depthwiseConv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides, pad, 'NHWC', dilations)
    : tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides, pad, 'NHWC', dilations))
  if (all(w.dilations, 1)) return run([1, 1])(image, filter)
  const slow = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => (depthwise ? depthwiseByTaps : byTaps)(a, b, around)
  // The fast kernel refuses dilations with strides, and its gradient refuses dilations.
  return !all(w.strides, 1) || tf.engine().state.gradientDepth > 0 ? slow(image, filter) : run([...w.dilations] as [number, number])(image, filter)
}

/** Three dimensions, one group; x NDHWC, filter DHWIO. */
function convolve3d(x: tf.Tensor, filter: tf.Tensor, w: Window): tf.Tensor {
  if (!all(w.dilations, 1)) return byTaps(x, filter, w)
  return tf.conv3d(padded(x, w.pads) as tf.Tensor5D, filter as tf.Tensor5D, [...w.strides] as [number, number, number], 'valid')
}

/** [out, in, spatial…] → [spatial…, in, out]. */
function filterLast(w: tf.Tensor): tf.Tensor {
  return tf.transpose(w, [...Array.from({ length: w.rank - 2 }, (_, i) => i + 2), 1, 0])
}

/** ONNX, "Conv": x [N, C, …], w [M, C/group, …]. */
export function convolution(call: Call, x: Datum, weights: tf.Tensor, bias: tf.Tensor | undefined): Datum {
  const group = call.node.int('group', 1)
  const spatial = x.rank - 2
  const sizes = x.shape.slice(2)
  const kernel = call.node.ints('kernel_shape', weights.shape.slice(2))
  let w = windowOf(call, sizes, kernel)
  let image = x.lastTensor
  let filters = weights
  if (spatial === 1) {
    w = widened(w)
    image = tf.expandDims(image, 1)
    filters = tf.expandDims(filters, 2)
  } else if (spatial > 3) refuse(call, 'Convolutions over more than three axes have no TensorFlow.js form')
  const channels = x.shape[1] ?? 1
  const made = filters.shape[0]
  let y: tf.Tensor
  if (group > 1 && group === channels && spatial <= 2) {
    // [C·m, 1, h, w] → [h, w, C, m]
    const depth = tf.transpose(tf.reshape(filters, [channels, made / channels, ...filters.shape.slice(2)]), [2, 3, 0, 1])
    y = convolve2d(image, depth, w, true)
  } else {
    const one = (part: tf.Tensor, f: tf.Tensor): tf.Tensor => (spatial === 3 ? convolve3d(part, filterLast(f), w) : convolve2d(part, filterLast(f), w, false))
    y = group === 1 ? one(image, filters)
      : tf.concat(tf.split(image, group, image.rank - 1).map((part, g) => one(part, tf.slice(filters, filters.shape.map((_, i) => (i === 0 ? g * (made / group) : 0)),
        filters.shape.map((size, i) => (i === 0 ? made / group : size))))), image.rank - 1)
  }
  if (bias !== undefined) y = tf.add(y, bias)
  return Datum.channelsLast(spatial === 1 ? tf.squeeze(y, [1]) : y, x.dtype)
}

/** A kernel with zeros between its elements, so that no dilation is left. */
function spread(filter: tf.Tensor, dilations: readonly number[]): tf.Tensor {
  let t = filter
  dilations.forEach((d, i) => {
    if (d === 1) return
    const axis = i + 2
    const size = t.shape[axis] ?? 1
    const apart = tf.pad(tf.expandDims(t, axis + 1), [...t.shape.slice(0, axis + 1).map((): [number, number] => [0, 0]), [0, d - 1], ...t.shape.slice(axis + 1).map((): [number, number] => [0, 0])])
    const wide = tf.reshape(apart, [...t.shape.slice(0, axis), size * d, ...t.shape.slice(axis + 1)])
    t = tf.slice(wide, wide.shape.map(() => 0), wide.shape.map((s, k) => (k === axis ? s - d + 1 : s)))
  })
  return t
}

/** ONNX, "ConvTranspose": x [N, C, …], w [C, M/group, …]; the gradient of a convolution with respect to its input. */
const convTranspose: Operator = (call) => {
  const { node } = call
  const [x, weights, bias] = [need(call, 0), need(call, 1).tensor, call.inputs[2]]
  const spatial = x.rank - 2
  const group = node.int('group', 1)
  const kernel = weights.shape.slice(2)
  const ones = kernel.map(() => 1)
  const [strides, dilations] = [node.ints('strides', ones), node.ints('dilations', ones)]
  const extra = node.ints('output_padding', ones.map(() => 0))
  const wanted = node.ints('output_shape')?.slice(-spatial)
  const auto = node.string('auto_pad', 'NOTSET')
  const given = node.ints('pads', [...ones, ...ones].map(() => 0))
  const geometry = kernel.map((size, i) => {
    const span = (size - 1) * (dilations[i] ?? 1) + 1
    const [input, stride] = [x.shape[i + 2] ?? 1, strides[i] ?? 1]
    const full = (input - 1) * stride + span + (extra[i] ?? 0)
    const out = wanted?.[i] ?? (auto.startsWith('SAME') ? input * stride : undefined)
    if (out === undefined) return { before: auto === 'VALID' ? 0 : given[i] ?? 0, out: full - (auto === 'VALID' ? 0 : (given[i] ?? 0) + (given[i + spatial] ?? 0)), full }
    const total = Math.max(0, full - out)
    return { before: auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2), out, full }
  })
  if (spatial > 3) refuse(call, 'Transposed convolutions over more than three axes have no TensorFlow.js form')
  // All that the kernels reach, then the part that is asked for.
  const filters = spread(weights, dilations)
  const reached = filters.shape.slice(2).map((size, i) => ((x.shape[i + 2] ?? 1) - 1) * (strides[i] ?? 1) + size)
  const one = (image: tf.Tensor, f: tf.Tensor): tf.Tensor => {
    const batch = image.shape[0]
    const outer = f.shape[1] ?? 1
    // [C, M, …] → […, M, C]
    const last = tf.transpose(f, [...Array.from({ length: spatial }, (_, i) => i + 2), 1, 0])
    if (spatial === 3) {
      // TensorFlow.js's own has no gradient: zeros between the elements, then a convolution with the turned kernel.
      const apart = spread(tf.transpose(image, [0, 4, 1, 2, 3]), strides)
      const wide = padded(tf.transpose(apart, [0, 2, 3, 4, 1]), f.shape.slice(2).map((size) => [size - 1, size - 1] as const))
      return tf.conv3d(wide as tf.Tensor5D, tf.reverse(tf.transpose(f, [2, 3, 4, 0, 1]), [0, 1, 2]) as tf.Tensor5D, 1, 'valid')
    }
    if (spatial === 2) return tf.conv2dTranspose(image as tf.Tensor4D, last as tf.Tensor4D, [batch, ...reached, outer] as [number, number, number, number], [...strides] as [number, number], 'valid')
    const y = tf.conv2dTranspose(tf.expandDims<tf.Tensor4D>(image, 1), tf.expandDims<tf.Tensor4D>(last, 0), [batch, 1, reached[0] ?? 1, outer], [1, strides[0] ?? 1], 'valid')
    return tf.squeeze(y, [1])
  }
  const image = x.lastTensor
  const share = (x.shape[1] ?? 1) / group
  let y = group === 1 ? one(image, filters)
    : tf.concat(tf.split(image, group, image.rank - 1).map((part, g) => one(part, tf.slice(filters, filters.shape.map((_, i) => (i === 0 ? g * share : 0)),
      filters.shape.map((size, i) => (i === 0 ? share : size))))), image.rank - 1)
  y = padded(y, geometry.map(({ before, out }, i) => [-before, out + before - (reached[i] ?? 0)] as const))
  if (bias !== undefined) y = tf.add(y, bias.tensor)
  return Datum.channelsLast(y, x.dtype)
}

/** Where sizes round up, the window may reach further than the pads: that much more padding, and it counts for nothing. */
function rounded(call: Call, w: Window, sizes: readonly number[]): { w: Window; over: number[] } {
  if (call.node.int('ceil_mode', 0) === 0) return { w, over: w.kernel.map(() => 0) }
  const over = w.kernel.map((_, i) => {
    const [before, after] = w.pads[i] ?? [0, 0]
    const [size, stride] = [sizes[i] ?? 1, w.strides[i] ?? 1]
    let out = Math.ceil((size + before + after - reach(w, i)) / stride) + 1
    // The last window must begin inside the input or the padding before it.
    if ((out - 1) * stride >= size + before) out--
    return Math.max(0, (out - 1) * stride + reach(w, i) - size - before - after)
  })
  return { w: { ...w, pads: w.pads.map(([a, b], i) => [a, b + (over[i] ?? 0)] as const) }, over }
}

interface Pooled { readonly image: tf.Tensor; readonly w: Window; readonly over: readonly number[]; readonly back: (y: tf.Tensor) => Datum }

function pooled(call: Call): Pooled {
  const x = need(call, 0)
  const spatial = x.rank - 2
  if (spatial > 3 || spatial < 1) refuse(call, 'Pools have one to three axes besides batch and channels')
  const made = rounded(call, windowOf(call, x.shape.slice(2), call.node.ints('kernel_shape', [])), x.shape.slice(2))
  if (spatial !== 1) return { image: x.lastTensor, ...made, back: (y) => Datum.channelsLast(y, x.dtype) }
  return {
    image: tf.expandDims(x.lastTensor, 1), w: widened(made.w), over: [0, ...made.over],
    back: (y) => Datum.channelsLast(tf.squeeze(y, [1]), x.dtype),
  }
}

const maxPool: Operator = (call) => {
  if (call.node.outputs.length > 1 && call.node.outputs[1]?.name !== '') refuse(call, 'The places of maxima have no TensorFlow.js form')
  const { image, w, back } = pooled(call)
  const spatial = w.kernel.length
  if (all(w.dilations, 1) && spatial === 2 && w.pads.every(([a, b], i) => a < (w.kernel[i] ?? 1) && b < (w.kernel[i] ?? 1) && a >= 0 && b >= 0)) {
    return back(tf.maxPool(image as tf.Tensor4D, [...w.kernel] as [number, number], [...w.strides] as [number, number], explicit(w)))
  }
  const t = padded(image, w.pads, -3.4e38)
  if (all(w.dilations, 1) && spatial === 3) {
    return back(tf.maxPool3d(t as tf.Tensor5D, [...w.kernel] as [number, number, number], [...w.strides] as [number, number, number], 'valid'))
  }
  const out = outputs({ ...w, pads: w.pads.map(() => [0, 0] as const) }, t.shape.slice(1, -1))
  return back([...places(w.kernel)].map((place) => tap(t, w, place, out)).reduce((a, b) => tf.maximum(a, b)))
}

/** Sum under each window, as the mean of a zero-padded image times the window's size. */
function averagePool(call: Call): Datum {
  const { image, w, over, back } = pooled(call)
  const include = call.node.int('count_include_pad', 0) === 1
  const t = padded(image, w.pads)
  const spatial = w.kernel.length
  const valid = { ...w, pads: w.pads.map(() => [0, 0] as const) }
  const out = outputs(valid, t.shape.slice(1, -1))
  const mean = !all(w.dilations, 1) ? tf.div([...places(w.kernel)].map((place) => tap(t, w, place, out)).reduce((a, b) => tf.add(a, b)), tf.scalar(w.kernel.reduce((a, b) => a * b, 1)))
    : spatial === 3 ? tf.avgPool3d(t as tf.Tensor5D, [...w.kernel] as [number, number, number], [...w.strides] as [number, number, number], 'valid')
      : tf.avgPool(t as tf.Tensor4D, [...w.kernel] as [number, number], [...w.strides] as [number, number], 'valid')
  // How many elements count: all under the window, or those inside the image, axis by axis.
  const counts = w.kernel.map((size, i) => Float32Array.from({ length: out[i] ?? 1 }, (_, o) => {
    const [before, after] = w.pads[i] ?? [0, 0]
    const length = image.shape[i + 1] ?? 1
    const limit = include ? [0, before + length + after - (over[i] ?? 0)] as const : [before, before + length] as const
    let count = 0
    for (let k = 0; k < size; k++) {
      const at = o * (w.strides[i] ?? 1) + k * (w.dilations[i] ?? 1)
      if (at >= limit[0] && at < limit[1]) count++
    }
    return size / Math.max(1, count)
  }))
  if (counts.every((axis) => axis.every((factor) => factor === 1))) return back(mean)
  return back(counts.reduce((y, axis, i) => tf.mul(y, tf.tensor(axis, [axis.length, ...new Array<number>(spatial - i).fill(1)])), mean))
}

const overPixels = (f: (x: tf.Tensor, axes: number[]) => tf.Tensor): Operator => (call) => {
  const x = need(call, 0)
  const axes = Array.from({ length: x.rank - 2 }, (_, i) => i + (x.isLast ? 1 : 2))
  const y = f(x.isLast ? x.lastTensor : x.tensor, axes)
  const shape = [x.shape[0] ?? 1, x.shape[1] ?? 1, ...axes.map(() => 1)]
  return Datum.of(tf.reshape(y, shape), x.dtype)
}

/** Σ over neighbouring channels as a product with a band of ones (ONNX, "LRN"). */
const localResponse: Operator = (call) => {
  const x = need(call, 0)
  const channels = x.shape[1] ?? 1
  const size = call.node.int('size', 1)
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const band = tf.tensor2d(Float32Array.from({ length: channels * channels }, (_, i) => {
    const distance = Math.floor(i / channels) - (i % channels)
    return distance >= -before && distance <= after ? 1 : 0
  }), [channels, channels])
  const t = x.lastTensor
  const sums = tf.reshape(tf.matMul(tf.reshape(tf.mul(t, t), [t.size / channels, channels]), band), t.shape)
  const base = tf.add(tf.mul(sums, tf.scalar(call.node.float('alpha', 1e-4) / size)), tf.scalar(call.node.float('bias', 1)))
  return Datum.channelsLast(tf.div(t, tf.pow(base, tf.scalar(call.node.float('beta', 0.75)))), x.dtype)
}

export const spatial: Readonly<Record<string, Operator>> = {
  Conv: (call) => convolution(call, need(call, 0), need(call, 1).tensor, call.inputs[2]?.tensor),
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: overPixels((x, axes) => tf.mean(x, axes)),
  GlobalMaxPool: overPixels((x, axes) => tf.max(x, axes)),
  LpPool: (call) => {
    const p = call.node.int('p', 2)
    const inner = { ...call, inputs: [need(call, 0).map((x) => tf.pow(tf.abs(x), tf.scalar(p)))] }
    const { w, image, back } = pooled(inner)
    const t = padded(image, w.pads)
    const out = outputs({ ...w, pads: w.pads.map(() => [0, 0] as const) }, t.shape.slice(1, -1))
    return back(tf.pow([...places(w.kernel)].map((place) => tap(t, w, place, out)).reduce((a, b) => tf.add(a, b)), tf.scalar(1 / p)))
  },
  LRN: localResponse,
}

