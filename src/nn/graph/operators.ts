// ONNX operators in TensorFlow.js, differentiable. Images are NCHW in the graph and NHWC in TensorFlow.js: the transposes
// between vanish when the engine compiles the step.
import * as tf from '@tensorflow/tfjs'
import type { Node } from '../../onnx'
import { Integers, integersAt, tensorAt, unsupported, type GraphValue } from './values'

/** What operators are given besides their inputs. */
export interface OperatorContext {
  readonly training: boolean
  readonly opset: number
  /** Takes the batch statistics of a normalization: mean and variance of its input, one number a channel. */
  readonly statistics: (node: Node, mean: tf.Tensor, variance: tf.Tensor) => void
}

/** Outputs of a node from its inputs. */
export type Operator = (node: Node, inputs: readonly (GraphValue | undefined)[], context: OperatorContext) => GraphValue | GraphValue[]

const toNhwc = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1])
const toNchw = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 3, 1, 2])
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

const elementwise = (f: (x: tf.Tensor) => tf.Tensor): Operator => (node, inputs) => f(tensorAt(node, inputs, 0))
const binary = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, whole: (a: number, b: number) => number): Operator => (node, inputs) => {
  const [a, b] = inputs
  if (a instanceof Integers && b instanceof Integers && (a.data.length === b.data.length || b.data.length === 1 || a.data.length === 1)) {
    const shape = a.data.length >= b.data.length ? a.shape : b.shape
    return new Integers(Array.from({ length: Math.max(a.data.length, b.data.length) }, (_, i) =>
      whole(a.data[i % a.data.length] ?? 0, b.data[i % b.data.length] ?? 0)), shape)
  }
  return f(tensorAt(node, inputs, 0), tensorAt(node, inputs, 1))
}

type Pads = [[number, number], [number, number], [number, number], [number, number]]

/** Height and width of a window: strides, dilations and padding of a two-dimensional operator. */
function geometry(node: Node, x: tf.Tensor, kernel: readonly number[]): { strides: [number, number]; dilations: [number, number]; pads: Pads } {
  if (x.rank !== 4 || kernel.length !== 2) throw unsupported(node, `${x.rank - 2} spatial axes, where only two are trained`)
  const [strideH = 1, strideW = 1] = node.ints('strides', [1, 1])
  const [dilationH = 1, dilationW = 1] = node.ints('dilations', [1, 1])
  let [top = 0, left = 0, bottom = 0, right = 0] = node.ints('pads', [0, 0, 0, 0])
  const auto = node.string('auto_pad', 'NOTSET')
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const need = (axis: 2 | 3, k: number, stride: number, dilation: number): [number, number] => {
      const size = x.shape[axis] ?? 1
      const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + (k - 1) * dilation + 1 - size)
      const less = Math.floor(total / 2)
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less]
    }
    ;[top, bottom] = need(2, kernel[0] ?? 1, strideH, dilationH)
    ;[left, right] = need(3, kernel[1] ?? 1, strideW, dilationW)
  }
  return { strides: [strideH, strideW], dilations: [dilationH, dilationW], pads: [[0, 0], [top, bottom], [left, right], [0, 0]] }
}

const conv: Operator = (node, inputs) => {
  const [x, w] = [tensorAt(node, inputs, 0), tensorAt(node, inputs, 1)]
  const { strides, dilations, pads } = geometry(node, x, w.shape.slice(2))
  const group = node.int('group', 1)
  const channels = x.shape[1] ?? 1
  const image = toNhwc(x)
  let y: tf.Tensor4D
  if (group === 1) y = tf.conv2d(image, tf.transpose(w as tf.Tensor4D, [2, 3, 1, 0]), strides, pads, 'NHWC', dilations)
  else if (group === channels) {
    // W is [C·m, 1, h, w]; TensorFlow.js has [h, w, C, m].
    const multiplier = w.shape[0] / channels
    const [, , h = 1, width = 1] = w.shape
    const kernel = w.reshape<tf.Tensor4D>([channels, multiplier, h, width]).transpose<tf.Tensor4D>([2, 3, 0, 1])
    y = tf.depthwiseConv2d(image, kernel, strides, pads, 'NHWC', dilations)
  } else {
    const kernels = tf.split(tf.transpose(w as tf.Tensor4D, [2, 3, 1, 0]), group, 3)
    y = tf.concat(tf.split<tf.Tensor4D>(image, group, 3).map((part, g) => tf.conv2d(part, kernels[g] as tf.Tensor4D, strides, pads, 'NHWC', dilations)), 3)
  }
  if (inputs[2] !== undefined) y = y.add(tensorAt(node, inputs, 2))
  return toNchw(y)
}

const pool = (kind: 'max' | 'avg'): Operator => (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const kernel = node.ints('kernel_shape', [1, 1])
  const { strides, dilations, pads } = geometry(node, x, kernel)
  const padded = pads.flat().some((size) => size > 0)
  if (dilations.some((d) => d > 1)) throw unsupported(node, 'a dilated pool')
  if (kind === 'avg' && padded && node.int('count_include_pad', 0) !== 0) throw unsupported(node, 'count_include_pad')
  if (node.int('ceil_mode', 0) !== 0 && [2, 3].some((axis) => ((x.shape[axis] ?? 0) + (pads[axis - 1]?.[0] ?? 0) + (pads[axis - 1]?.[1] ?? 0) - (kernel[axis - 2] ?? 1)) % (strides[axis - 2] ?? 1) !== 0)) {
    throw unsupported(node, 'ceil_mode with windows over the edge')
  }
  const size = kernel as [number, number]
  return toNchw((kind === 'max' ? tf.maxPool : tf.avgPool)(toNhwc(x), size, strides, padded ? pads as never : 'valid'))
}

const gemm: Operator = (node, inputs) => {
  const y = tf.matMul(tensorAt(node, inputs, 0), tensorAt(node, inputs, 1), node.int('transA', 0) !== 0, node.int('transB', 0) !== 0)
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)]
  const scaled = alpha === 1 ? y : y.mul(alpha)
  if (inputs[2] === undefined) return scaled
  const c = tensorAt(node, inputs, 2)
  return scaled.add(beta === 1 ? c : c.mul(beta))
}

/** Several leading axes times one matrix are one product. */
const matMul: Operator = (node, inputs) => {
  const [a, b] = [tensorAt(node, inputs, 0), tensorAt(node, inputs, 1)]
  if (b.rank !== 2 || a.rank <= 2) return tf.matMul(a, b)
  return tf.matMul(a.reshape([-1, a.shape[a.rank - 1] ?? 1]), b).reshape([...a.shape.slice(0, -1), b.shape[1] ?? 1])
}

const batchNormalization: Operator = (node, inputs, { training, statistics }) => {
  const x = tensorAt(node, inputs, 0)
  const shape = [1, -1, ...Array<number>(x.rank - 2).fill(1)]
  const axes = Array.from({ length: x.rank }, (_, i) => i).filter((i) => i !== 1)
  let [mean, variance] = [tensorAt(node, inputs, 3), tensorAt(node, inputs, 4)]
  if (training) {
    mean = x.mean(axes)
    variance = x.sub(mean.reshape(shape)).square().mean(axes)
    statistics(node, mean, variance)
  }
  const scale = variance.add(node.float('epsilon', 1e-5)).rsqrt().mul(tensorAt(node, inputs, 1))
  return x.sub(mean.reshape(shape)).mul(scale.reshape(shape)).add(tensorAt(node, inputs, 2).reshape(shape))
}

const layerNormalization: Operator = (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const first = axisOf(node.int('axis', -1), x.rank)
  const axes = Array.from({ length: x.rank - first }, (_, i) => first + i)
  const centred = x.sub(x.mean(axes, true))
  const y = centred.mul(centred.square().mean(axes, true).add(node.float('epsilon', 1e-5)).rsqrt()).mul(tensorAt(node, inputs, 1))
  return inputs[2] === undefined ? y : y.add(tensorAt(node, inputs, 2))
}

const reduce = (f: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): Operator => (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const given = node.ints('axes') ?? integersAt(node, inputs, 1) ?? []
  if (given.length === 0 && node.int('noop_with_empty_axes', 0) !== 0) return x
  const axes = given.length === 0 ? Array.from({ length: x.rank }, (_, i) => i) : [...given]
  return f(x, axes, node.int('keepdims', 1) !== 0)
}

const reshape: Operator = (node, inputs) => {
  const [x] = inputs
  const wanted = integersAt(node, inputs, 1) ?? []
  const before = x?.shape ?? []
  const sizes = wanted.map((size, axis) => (size === 0 && node.int('allowzero', 0) === 0 ? before[axis] ?? 1 : size))
  // Integers keep their order; only the shape changes.
  if (x instanceof Integers) return new Integers(x.data, sizes.includes(-1) ? [x.data.length] : sizes)
  return tensorAt(node, inputs, 0).reshape(sizes)
}

const axesOf = (node: Node, inputs: readonly (GraphValue | undefined)[]): readonly number[] | undefined => node.ints('axes') ?? integersAt(node, inputs, 1)

const softmaxOver = (f: (x: tf.Tensor) => tf.Tensor): Operator => (node, inputs, { opset }) => {
  const x = tensorAt(node, inputs, 0)
  const axis = axisOf(node.int('axis', opset < 13 ? 1 : -1), x.rank)
  if (axis === x.rank - 1) return f(x)
  if (opset < 13) throw unsupported(node, 'softmax over several axes')
  const perm = Array.from({ length: x.rank }, (_, i) => (i === axis ? x.rank - 1 : i === x.rank - 1 ? axis : i))
  return f(x.transpose(perm)).transpose(perm)
}

const slice: Operator = (node, inputs) => {
  const x = inputs[0]
  const starts = node.ints('starts') ?? integersAt(node, inputs, 1) ?? []
  const ends = node.ints('ends') ?? integersAt(node, inputs, 2) ?? []
  const rank = x?.shape.length ?? 0
  const axes = node.ints('axes') ?? integersAt(node, inputs, 3) ?? starts.map((_, i) => i)
  const steps = integersAt(node, inputs, 4) ?? starts.map(() => 1)
  if (steps.some((step) => step !== 1)) throw unsupported(node, 'a slice with steps')
  const begin = (x?.shape ?? []).map(() => 0)
  const size = [...x?.shape ?? []]
  axes.forEach((axis, i) => {
    const at = axisOf(axis, rank)
    const n = x?.shape[at] ?? 0
    const clamp = (place: number): number => Math.min(n, Math.max(0, place < 0 ? place + n : place))
    begin[at] = clamp(starts[i] ?? 0)
    size[at] = Math.max(0, clamp(ends[i] ?? n) - (begin[at] ?? 0))
  })
  if (x instanceof Integers) return new Integers(x.data.slice(begin[0], (begin[0] ?? 0) + (size[0] ?? 0)), size)
  return tf.slice(tensorAt(node, inputs, 0), begin, size)
}

const gather: Operator = (node, inputs) => {
  const [x, indices] = inputs
  if (x instanceof Integers) {
    const at = integersAt(node, inputs, 1) ?? []
    return new Integers(at.map((i) => x.data[axisOf(i, x.data.length)] ?? 0), indices?.shape ?? [])
  }
  const from = tensorAt(node, inputs, 0)
  return tf.gather(from, tensorAt(node, inputs, 1).toInt(), axisOf(node.int('axis', 0), from.rank))
}

const clip: Operator = (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const low = inputs[1] === undefined ? node.float('min') : tensorAt(node, inputs, 1)
  const high = inputs[2] === undefined ? node.float('max') : tensorAt(node, inputs, 2)
  const above = low === undefined ? x : tf.maximum(x, low)
  return high === undefined ? above : tf.minimum(above, high)
}

const pad: Operator = (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const pads = node.ints('pads') ?? integersAt(node, inputs, 1) ?? []
  if (node.string('mode', 'constant') !== 'constant' || inputs[2] !== undefined || pads.some((size) => size < 0)) throw unsupported(node, 'padding with other than zeros')
  return tf.pad(x, x.shape.map((_, axis): [number, number] => [pads[axis] ?? 0, pads[axis + x.rank] ?? 0]))
}

const split: Operator = (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  const axis = axisOf(node.int('axis', 0), x.rank)
  const sizes = node.ints('split') ?? integersAt(node, inputs, 1)
  const each = Math.ceil((x.shape[axis] ?? 0) / node.outputs.length)
  return tf.split(x, sizes ? [...sizes] : node.outputs.map((_, i) => Math.min(each, (x.shape[axis] ?? 0) - i * each)), axis)
}

const gelu: Operator = (node, inputs) => {
  const x = tensorAt(node, inputs, 0)
  if (node.string('approximate', 'none') === 'tanh') return x.mul(0.5).mul(tf.tanh(x.pow(3).mul(0.044715).add(x).mul(Math.sqrt(2 / Math.PI))).add(1))
  return x.mul(0.5).mul(tf.erf(x.div(Math.SQRT2)).add(1))
}

const hardSigmoid = (x: tf.Tensor, alpha: number, beta: number): tf.Tensor => x.mul(alpha).add(beta).clipByValue(0, 1)
const spatialAxes = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 2 }, (_, i) => i + 2)

/** The operators of ONNX that can be trained, by name. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>(Object.entries({
  Conv: conv, Gemm: gemm, MatMul: matMul, MaxPool: pool('max'), AveragePool: pool('avg'),
  BatchNormalization: batchNormalization, LayerNormalization: layerNormalization,
  GlobalAveragePool: (node, inputs) => { const x = tensorAt(node, inputs, 0); return x.mean(spatialAxes(x), true) },
  GlobalMaxPool: (node, inputs) => { const x = tensorAt(node, inputs, 0); return x.max(spatialAxes(x), true) },
  Add: binary(tf.add, (a, b) => a + b), Sub: binary(tf.sub, (a, b) => a - b), Mul: binary(tf.mul, (a, b) => a * b),
  Div: binary(tf.div, (a, b) => Math.trunc(a / b)), Pow: binary(tf.pow, (a, b) => a ** b),
  Max: binary(tf.maximum, Math.max), Min: binary(tf.minimum, Math.min),
  Sum: (node, inputs) => tf.addN(inputs.map((_, i) => tensorAt(node, inputs, i))),
  Relu: elementwise(tf.relu), Sigmoid: elementwise(tf.sigmoid), Tanh: elementwise(tf.tanh), Elu: elementwise(tf.elu), Softplus: elementwise(tf.softplus),
  Erf: elementwise(tf.erf), Exp: elementwise(tf.exp), Log: elementwise(tf.log), Sqrt: elementwise(tf.sqrt), Neg: elementwise(tf.neg),
  Abs: elementwise(tf.abs), Reciprocal: elementwise(tf.reciprocal),
  LeakyRelu: (node, inputs) => tf.leakyRelu(tensorAt(node, inputs, 0), node.float('alpha', 0.01)),
  HardSigmoid: (node, inputs) => hardSigmoid(tensorAt(node, inputs, 0), node.float('alpha', 0.2), node.float('beta', 0.5)),
  HardSwish: (node, inputs) => { const x = tensorAt(node, inputs, 0); return x.mul(hardSigmoid(x, 1 / 6, 0.5)) },
  PRelu: (node, inputs) => tf.prelu(tensorAt(node, inputs, 0), tensorAt(node, inputs, 1)),
  Gelu: gelu, Clip: clip, Softmax: softmaxOver((x) => tf.softmax(x)), LogSoftmax: softmaxOver((x) => tf.logSoftmax(x)),
  ReduceMean: reduce((x, axes, keep) => x.mean(axes, keep)), ReduceSum: reduce((x, axes, keep) => x.sum(axes, keep)),
  ReduceMax: reduce((x, axes, keep) => x.max(axes, keep)),
  Identity: (_, [x]) => x ?? [], Dropout: (_, [x]) => x ?? [],
  Cast: (node, [x]) => (x instanceof Integers && ![1, 10, 11, 16].includes(node.int('to', 1)) ? x : tensorAt(node, [x], 0).toFloat()),
  Transpose: (node, inputs) => { const x = tensorAt(node, inputs, 0); const perm = node.ints('perm'); return x.transpose(perm ? [...perm] : undefined) },
  Reshape: reshape, Slice: slice, Gather: gather, Pad: pad, Split: split,
  Flatten: (node, inputs) => {
    const x = tensorAt(node, inputs, 0)
    const rows = x.shape.slice(0, axisOf(node.int('axis', 1), x.rank)).reduce((a, b) => a * b, 1)
    return x.reshape([rows, x.size / rows])
  },
  Squeeze: (node, inputs) => {
    const [x] = inputs
    if (x instanceof Integers) return new Integers(x.data, [])
    const axes = axesOf(node, inputs)
    const t = tensorAt(node, inputs, 0)
    return t.squeeze(axes?.map((axis) => axisOf(axis, t.rank)))
  },
  Unsqueeze: (node, inputs) => {
    const [x] = inputs
    if (x instanceof Integers) return new Integers(x.data, [x.data.length])
    const t = tensorAt(node, inputs, 0)
    const axes = [...axesOf(node, inputs) ?? []]
    const places = axes.map((axis) => axisOf(axis, t.rank + axes.length)).sort((a, b) => a - b)
    const shape = [...t.shape]
    for (const place of places) shape.splice(place, 0, 1)
    return t.reshape(shape)
  },
  Concat: (node, inputs) => {
    if (inputs.every((x) => x instanceof Integers)) {
      const data = (inputs as Integers[]).flatMap((x) => [...x.data])
      return new Integers(data, [data.length])
    }
    const parts = inputs.map((_, i) => tensorAt(node, inputs, i))
    return tf.concat(parts, axisOf(node.int('axis', 0), parts[0]?.rank ?? 1))
  },
  Shape: (node, [x]) => {
    const shape = [...x?.shape ?? []].slice(node.int('start', 0), node.int('end'))
    return new Integers(shape, [shape.length])
  },
  Expand: (node, inputs) => {
    const x = tensorAt(node, inputs, 0)
    return x.mul(tf.ones([...integersAt(node, inputs, 1) ?? []]))
  },
} satisfies Record<string, Operator>))
