// Convolutions, pools, normalization, products, reductions and images.
import type { Value } from '../../../onnx'
import { lowering, type TfContext, type TfLowering } from '../context'
import { Held } from '../held'
import { activate, apply } from './elementwise'

/** [before, after] for each spatial axis, or the automatic padding that ONNX works out itself. */
type Padding = { readonly pads: number[] } | { readonly auto_pad: string }

const spatialOf = (list: readonly number[], first: boolean): number[] => (list.length === 0 ? [] : first ? list.slice(2) : list.slice(1, -1))

function channelsFirst(c: TfContext): boolean {
  return c.node.string('data_format', 'NHWC').startsWith('NC')
}

/** TensorFlow's SAME: enough padding that the output is ⌈input/stride⌉, the odd one after. */
function padding(c: TfContext, sizes: readonly (number | string | null)[], kernel: readonly number[], strides: readonly number[], dilations: readonly number[]): Padding {
  const kind = c.node.string('padding', 'VALID')
  if (kind === 'VALID') return { pads: new Array<number>(2 * kernel.length).fill(0) }
  if (kind === 'EXPLICIT') {
    const list = c.node.ints('explicit_paddings')
    const pairs = spatialOf(list.filter((_, i) => i % 2 === 0), channelsFirst(c)).map((before, i) => [before, spatialOf(list.filter((_, k) => k % 2 === 1), channelsFirst(c))[i] ?? 0])
    return { pads: [...pairs.map(([before]) => before ?? 0), ...pairs.map(([, after]) => after ?? 0)] }
  }
  const pairs: [number, number][] = []
  for (const [i, size] of kernel.entries()) {
    const span = (size - 1) * (dilations[i] ?? 1) + 1
    const [input, stride] = [sizes[i], strides[i] ?? 1]
    if (typeof input !== 'number' && stride !== 1) return { auto_pad: 'SAME_UPPER' }
    const length = typeof input === 'number' ? input : 1
    const total = stride === 1 ? span - 1 : Math.max(0, (Math.ceil(length / stride) - 1) * stride + span - length)
    pairs.push([Math.floor(total / 2), Math.ceil(total / 2)])
  }
  return { pads: [...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)] }
}

/** The image with channels first, and a way to give the result. */
function image(c: TfContext, index = 0): { x: Value; give: (y: Value) => void } {
  const first = channelsFirst(c)
  return { x: first ? c.in(index) : c.held(index).first, give: (y) => { if (first) c.out(y); else c.outFirst(y) } }
}

function convolve(c: TfContext, depthwise: boolean, bias?: Value): Value {
  const { x } = image(c)
  const filter = c.in(1)
  const shape = filter.shape ?? []
  const kernel = shape.slice(0, -2).map(Number)
  const spatial = kernel.length
  const first = channelsFirst(c)
  const strides = spatialOf(c.node.ints('strides'), first)
  const dilations = c.node.ints('dilations').length > 0 ? spatialOf(c.node.ints('dilations'), first) : kernel.map(() => 1)
  const around = padding(c, (x.shape ?? []).slice(2), kernel, strides, dilations)
  const places = Array.from({ length: spatial }, (_, i) => i)
  const [inner, outer] = [Number(shape[spatial]), Number(shape[spatial + 1])]
  if (!depthwise) {
    const channels = x.shape?.[1]
    const group = typeof channels === 'number' ? channels / inner : 1
    return c.op('Conv', [x, c.emitter.transpose(filter, [spatial + 1, spatial, ...places]), bias], { strides, dilations, group, ...around, kernel_shape: kernel })
  }
  const weights = c.emitter.reshape(c.emitter.transpose(filter, [spatial, spatial + 1, ...places]), [inner * outer, 1, ...kernel])
  return c.op('Conv', [x, weights, bias], { strides, dilations, group: inner, ...around, kernel_shape: kernel })
}

const conv = (depthwise: boolean): TfLowering => lowering(['Conv'], (c) => { image(c).give(convolve(c, depthwise)) })

/** Convolution or product with bias and activation in one, as TensorFlow.js's converter writes them. */
const fusedConv = (depthwise: boolean): TfLowering => lowering(['Conv', 'Relu'], (c) => {
  const fused = c.node.strings('fused_ops')
  const { give, x } = image(c)
  const biased = fused[0] === 'BiasAdd'
  const rank = x.shape?.length ?? 4
  let y = fused[0] === 'FusedBatchNorm' ? normalized(c, convolve(c, depthwise), 2) : convolve(c, depthwise, biased ? c.in(2) : undefined)
  for (const name of fused.slice(biased || fused[0] === 'FusedBatchNorm' ? 1 : 0)) y = activate(c, y, name, () => slope(c, 3, rank))
  give(y)
})

/** PReLU's slopes beside channels-first images. */
function slope(c: TfContext, index: number, rank: number): Value {
  const held = c.held(index)
  if (held.rank === 1) return c.emitter.reshape(held.value, [Number(held.shape?.[0] ?? 1), ...new Array<number>(rank - 2).fill(1)])
  const wide = held.rank === rank ? held : Held.of(c.emitter, c.emitter.reshape(held.value, [1, ...(held.shape ?? []).map(Number)]))
  return wide.first
}

/** The gradient of a convolution with respect to its input: what Keras's Conv2DTranspose is. */
const transposed: TfLowering = lowering(['ConvTranspose'], (c) => {
  const held = c.held(2)
  const first = channelsFirst(c)
  const x = first ? held.value : held.first
  const filter = c.in(1)
  const shape = (filter.shape ?? []).map(Number)
  const kernel = shape.slice(0, -2)
  const spatial = kernel.length
  const strides = spatialOf(c.node.ints('strides'), first)
  const dilations = c.node.ints('dilations').length > 0 ? spatialOf(c.node.ints('dilations'), first) : kernel.map(() => 1)
  const known = c.held(0).constant?.numbers()
  const wanted = known === undefined ? undefined : spatialOf(known, first)
  const same = c.node.string('padding') === 'SAME'
  const sizes = (x.shape ?? []).slice(2)
  const pads: number[][] = []
  const extra: number[] = []
  kernel.forEach((size, i) => {
    const span = (size - 1) * (dilations[i] ?? 1) + 1
    const stride = strides[i] ?? 1
    const input = sizes[i]
    const out = wanted?.[i]
    // How far the whole reach of the kernels exceeds the output.
    const over = typeof input === 'number' && out !== undefined && out > 0 ? (input - 1) * stride + span - out : same ? span - stride : Math.min(0, span - stride)
    const total = Math.max(0, over)
    pads.push(same ? [Math.floor(total / 2), Math.ceil(total / 2)] : [0, total])
    extra.push(Math.max(0, -over))
  })
  const weights = c.emitter.transpose(filter, [spatial + 1, spatial, ...Array.from({ length: spatial }, (_, i) => i)])
  const y = c.op('ConvTranspose', [x, weights], {
    strides, dilations, kernel_shape: kernel, pads: [...pads.map(([before]) => before ?? 0), ...pads.map(([, after]) => after ?? 0)], output_padding: extra,
  })
  if (first) c.out(y)
  else c.outFirst(y)
})

const pool = (name: 'MaxPool' | 'AveragePool'): TfLowering => lowering([name], (c) => {
  const { x, give } = image(c)
  const first = channelsFirst(c)
  const kernel = spatialOf(c.node.ints('ksize'), first)
  const strides = spatialOf(c.node.ints('strides'), first)
  give(c.op(name, [x], { kernel_shape: kernel, strides, ...padding(c, (x.shape ?? []).slice(2), kernel, strides, kernel.map(() => 1)) }))
})

function normalized(c: TfContext, x: Value, at: number): Value {
  const epsilon = c.node.float('epsilon', 1e-4)
  const [scale, offset] = [c.in(at), c.in(at + 1)]
  if (c.node.bool('is_training', false) || c.held(at + 2).shape?.[0] === 0) {
    // Statistics of the batch itself.
    const axes = c.emitter.numbers([0, ...Array.from({ length: (x.shape?.length ?? 4) - 2 }, (_, i) => i + 2)])
    const centred = c.op('Sub', [x, c.op('ReduceMean', [x, axes])])
    const variance = c.op('ReduceMean', [c.op('Mul', [centred, centred]), axes])
    const unit = c.op('Div', [centred, c.op('Sqrt', [c.op('Add', [variance, c.emitter.scalar(epsilon)])])])
    const beside = (value: Value): Value => c.op('Unsqueeze', [value, c.emitter.numbers([1, 2])])
    return c.op('Add', [c.op('Mul', [unit, beside(scale)]), beside(offset)])
  }
  return c.op('BatchNormalization', [x, scale, offset, c.in(at + 2), c.in(at + 3)], { epsilon })
}

const batchNorm: TfLowering = lowering(['BatchNormalization'], (c) => {
  const { x, give } = image(c)
  give(normalized(c, x, 1))
  for (let i = 1; i < 6; i++) c.give(c.held(Math.min(i + 2, 4)), i)
})

const biasAdd: TfLowering = lowering(['Add'], (c) => {
  if (!channelsFirst(c)) {
    apply(c, (a, b) => c.op('Add', [a, b]))
    return
  }
  const rank = c.rank(0)
  c.out(c.op('Add', [c.in(0), c.emitter.reshape(c.in(1), [Number(c.shape(1)[0]), ...new Array<number>(rank - 2).fill(1)])]))
})

function turned(c: TfContext, value: Value, turn: boolean): Value {
  if (!turn) return value
  const rank = value.shape?.length ?? 2
  return c.emitter.transpose(value, Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i)))
}

const matMul = (a: string, b: string): TfLowering => lowering(['MatMul', 'Transpose'], (c) => {
  c.out(c.op('MatMul', [turned(c, c.in(0), c.node.bool(a)), turned(c, c.in(1), c.node.bool(b))]))
})

const fusedMatMul: TfLowering = lowering(['MatMul', 'Add'], (c) => {
  let y = c.op('MatMul', [turned(c, c.in(0), c.node.bool('transpose_a')), turned(c, c.in(1), c.node.bool('transpose_b'))])
  const fused = c.node.strings('fused_ops')
  if (fused[0] === 'BiasAdd') y = c.op('Add', [y, c.in(2)])
  for (const name of fused.slice(fused[0] === 'BiasAdd' ? 1 : 0)) y = activate(c, y, name, () => c.in(3))
  c.out(y)
})

const reduction = (name: string): TfLowering => lowering([name], (c) => {
  const held = c.held(0)
  const rank = held.rank
  const keep = c.node.bool('keep_dims')
  const axes = c.numbers(1, 'the axes').map((axis) => (rank === undefined ? axis : c.axis(axis, rank)))
  const bool = held.dtype === 'bool'
  const run = (x: Value, at: readonly number[]): Value => {
    if (at.length === 0) return x
    const y = c.op(name, [bool ? c.emitter.cast(x, 'int32') : x, c.emitter.numbers(at)], { keepdims: keep ? 1 : 0 })
    return bool ? c.emitter.cast(y, 'bool') : y
  }
  // Channels first stays so, when axes stay or only pixels go; what is left has then one order.
  const pixels = rank !== undefined && axes.length === rank - 2 && axes.every((axis) => axis > 0 && axis < rank - 1)
  if (held.isFirst && rank !== undefined && (keep || pixels)) {
    const y = run(held.first, c.place(axes, rank, true))
    if (keep) c.outFirst(y)
    else c.out(y)
  } else c.out(run(held.value, axes))
})

const arg = (name: string): TfLowering => lowering([name, 'Cast'], (c) => {
  const axis = c.inputs[1] === undefined ? 0 : c.numbers(1, 'the axis')[0] ?? 0
  c.out(c.emitter.cast(c.op(name, [c.in(0)], { axis, keepdims: 0 }), c.node.dtype('output_type') ?? 'int64'))
})

const resize = (mode: 'linear' | 'nearest' | 'cubic'): TfLowering => lowering(['Resize'], (c) => {
  const x = c.held(0).first
  const [corners, centres] = [c.node.bool('align_corners'), c.node.bool('half_pixel_centers')]
  const nearest = mode === 'nearest'
  const coordinates = corners ? 'align_corners' : centres ? (nearest ? 'tf_half_pixel_for_nn' : 'half_pixel') : 'asymmetric'
  // In an inner graph, ONNX Runtime 1.30 reads constant sizes as empty and refuses the model: there they are computed.
  const sizes = c.emitter.isInner ? c.op('Concat', [c.op('Shape', [x], { start: 0, end: 2 }), c.int64(c.in(1))], { axis: 0 }) : c.int64(c.in(1))
  c.outFirst(c.op('Resize', [c.emitter.cast(x, 'float32'), undefined, undefined, sizes], {
    mode, coordinate_transformation_mode: coordinates, ...(c.emitter.isInner ? {} : { axes: [2, 3] }),
    ...(nearest ? { nearest_mode: corners ? 'round_prefer_ceil' : 'floor' } : mode === 'cubic' ? { cubic_coeff_a: centres ? -0.5 : -0.75, exclude_outside: centres ? 1 : 0 } : {}),
  }))
})

const softmax = (name: string): TfLowering => lowering([name], (c) => {
  const held = c.held(0)
  if (held.isFirst) c.outFirst(c.op(name, [held.first], { axis: 1 }))
  else c.out(c.op(name, [held.value], { axis: -1 }))
})

const topK: TfLowering = lowering(['TopK', 'Cast'], (c) => {
  const k = c.inputs[1] === undefined ? c.emitter.numbers([c.node.int('k')]) : c.op('Reshape', [c.int64(c.in(1)), c.emitter.numbers([1])])
  const [values, places] = c.emitter.ops('TopK', [c.in(0), k], { axis: -1, sorted: c.node.bool('sorted', true) ? 1 : 0 }, { outputs: 2 })
  c.out(values as Value)
  c.out(c.emitter.cast(places as Value, c.node.dtype('index_type') ?? 'int32'), 1)
})

/** Boxes chosen one after another: one image, one class. */
const suppression: TfLowering = lowering(['NonMaxSuppression', 'Gather'], (c) => {
  if (c.inputs.length > 5 && (c.held(5).constant?.numbers()[0] ?? 1) !== 0) throw c.error('soft suppression has no ONNX form', 'soft_nms_sigma other than 0', 'set soft_nms_sigma=0')
  const boxes = c.op('Unsqueeze', [c.in(0), c.emitter.numbers([0])])
  const scores = c.op('Unsqueeze', [c.in(1), c.emitter.numbers([0, 1])])
  const one = (index: number, float: boolean): Value | undefined => (c.inputs[index] === undefined ? undefined
    : c.op('Reshape', [float ? c.emitter.cast(c.in(index), 'float32') : c.int64(c.in(index)), c.emitter.numbers([1])]))
  const overlap = c.node.op === 'NonMaxSuppression' ? c.emitter.numbers([c.node.float('iou_threshold', 0.5)], 'float32') : one(3, true)
  const found = c.op('NonMaxSuppression', [boxes, scores, one(2, false), overlap, one(4, true)])
  const indices = c.emitter.cast(c.op('Gather', [found, c.emitter.scalar(2, 'int64')], { axis: 1 }), 'int32')
  c.out(indices)
  if (c.node.op === 'NonMaxSuppressionV5') c.out(c.op('Gather', [c.in(1), indices]), 1)
  c.out(c.emitter.cast(c.op('Size', [indices]), 'int32'), c.node.op === 'NonMaxSuppressionV5' ? 2 : 1)
})

const einsum: TfLowering = lowering(['Einsum'], (c) => {
  c.out(c.op('Einsum', c.inputs.map((h) => h.value), { equation: c.node.string('equation') }))
})

export const nn: Readonly<Record<string, TfLowering>> = {
  Conv1D: conv(false), Conv2D: conv(false), Conv3D: conv(false), Conv: conv(false), DepthwiseConv2dNative: conv(true),
  _FusedConv2D: fusedConv(false), FusedDepthwiseConv2dNative: fusedConv(true), _FusedDepthwiseConv2dNative: fusedConv(true),
  Conv2DBackpropInput: transposed, Conv3DBackpropInputV2: transposed,
  MaxPool: pool('MaxPool'), MaxPool3D: pool('MaxPool'), AvgPool: pool('AveragePool'), AvgPool3D: pool('AveragePool'),
  FusedBatchNorm: batchNorm, FusedBatchNormV2: batchNorm, FusedBatchNormV3: batchNorm,
  BiasAdd: biasAdd,
  MatMul: matMul('transpose_a', 'transpose_b'), BatchMatMul: matMul('adj_x', 'adj_y'), BatchMatMulV2: matMul('adj_x', 'adj_y'), BatchMatMulV3: matMul('adj_x', 'adj_y'),
  _FusedMatMul: fusedMatMul, Einsum: einsum, XlaEinsum: einsum,
  Mean: reduction('ReduceMean'), Sum: reduction('ReduceSum'), Max: reduction('ReduceMax'), Min: reduction('ReduceMin'), Prod: reduction('ReduceProd'),
  All: reduction('ReduceMin'), Any: reduction('ReduceMax'), EuclideanNorm: reduction('ReduceL2'),
  ArgMax: arg('ArgMax'), ArgMin: arg('ArgMin'),
  Cumsum: lowering(['CumSum'], (c) => { c.out(c.op('CumSum', [c.in(0), c.in(1)], { exclusive: c.node.bool('exclusive') ? 1 : 0, reverse: c.node.bool('reverse') ? 1 : 0 })) }),
  ResizeBilinear: resize('linear'), ResizeNearestNeighbor: resize('nearest'), ResizeBicubic: resize('cubic'),
  Softmax: softmax('Softmax'), LogSoftmax: softmax('LogSoftmax'),
  L2Loss: lowering(['ReduceSumSquare', 'Mul'], (c) => { c.out(c.op('Mul', [c.op('ReduceSumSquare', [c.in(0)], { keepdims: 0 }), c.emitter.scalar(0.5)])) }),
  LRN: lowering(['LRN'], (c) => {
    const size = 2 * c.node.int('depth_radius', 5) + 1
    c.outFirst(c.op('LRN', [c.held(0).first], { size, alpha: c.node.float('alpha', 1) * size, beta: c.node.float('beta', 0.5), bias: c.node.float('bias', 1) }))
  }),
  TopK: topK, TopKV2: topK,
  NonMaxSuppression: suppression, NonMaxSuppressionV2: suppression, NonMaxSuppressionV3: suppression, NonMaxSuppressionV4: suppression, NonMaxSuppressionV5: suppression,
}

