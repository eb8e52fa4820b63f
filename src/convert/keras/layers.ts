// Keras layers (Keras 3, and the configurations that TensorFlow.js and Keras 2 write) as ONNX operators.
import { elementCount } from '../../core'
import { Tensor, type Value } from '../../onnx'
import { OperatorTable, type Lowering } from '../operators'
import { axisFirst, Held } from '../tensorflow/held'
import { permuted } from '../tensorflow/tensors'
import { entry, type LayerContext } from './context'
import { recurrentLayers } from './recurrent'

/** Softmax reads its channels last; all other activations take any order. */
function finish(c: LayerContext, y: Value): void {
  const name = c.config.maybe('activation')?.value
  const held = Held.first(c.emitter, y)
  if (name === 'softmax') c.out(c.activated(held.value))
  else c.outFirst(c.activated(y))
}

function requireLast(c: LayerContext): void {
  if (c.text('data_format', 'channels_last') !== 'channels_last') throw c.error('only channels_last is read', 'channels_first')
}

function samePads(c: LayerContext, kernel: readonly number[], strides: readonly number[], dilations: readonly number[]): Record<string, readonly number[] | string> {
  const kind = c.text('padding', 'valid')
  const sizes = (c.x.shape ?? []).slice(1, -1)
  const pairs: [number, number][] = []
  for (const [i, size] of kernel.entries()) {
    const span = (size - 1) * (dilations[i] ?? 1) + 1
    const [input, stride] = [sizes[i], strides[i] ?? 1]
    if (kind === 'valid') pairs.push([0, 0])
    else if (kind === 'causal') pairs.push([span - 1, 0])
    else {
      if (typeof input !== 'number' && stride !== 1) return { auto_pad: 'SAME_UPPER' }
      const total = stride === 1 ? span - 1 : Math.max(0, (Math.ceil((input as number) / stride) - 1) * stride + span - (input as number))
      pairs.push([Math.floor(total / 2), Math.ceil(total / 2)])
    }
  }
  return { pads: [...pairs.map(([a]) => a), ...pairs.map(([, b]) => b)] }
}

const places = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

function convolve(c: LayerContext, x: Value, kernel: Tensor, bias: Tensor | undefined, depthwise: boolean): Value {
  requireLast(c)
  const n = kernel.shape.length - 2
  const size = kernel.shape.slice(0, n)
  const [strides, dilations] = [c.ints('strides', n), c.ints('dilation_rate', n)]
  const [inner, outer] = [kernel.shape[n] ?? 1, kernel.shape[n + 1] ?? 1]
  const filter = depthwise ? permuted(kernel, [n, n + 1, ...places(n)]).reshape([inner * outer, 1, ...size]) : permuted(kernel, [n + 1, n, ...places(n)])
  return c.op('Conv', [x, c.constant(filter, 'kernel'), bias === undefined ? undefined : c.constant(bias, 'bias')], {
    strides, dilations, kernel_shape: size, group: depthwise ? inner : c.int('groups', 1), ...samePads(c, size, strides, dilations),
  })
}

const conv = entry(['Conv'], (c) => { finish(c, convolve(c, c.x.first, c.weight(0), c.flag('use_bias') ? c.weight(1) : undefined, false)) })
const depthwise = entry(['Conv'], (c) => { finish(c, convolve(c, c.x.first, c.weight(0), c.flag('use_bias') ? c.weight(1) : undefined, true)) })

const separable = entry(['Conv'], (c) => {
  const y = convolve(c, c.x.first, c.weight(0), undefined, true)
  const n = c.rank - 2
  const point = permuted(c.weight(1), [n + 1, n, ...places(n)])
  finish(c, c.op('Conv', [y, c.constant(point, 'pointwise_kernel'), c.flag('use_bias') ? c.constant(c.weight(2), 'bias') : undefined], { kernel_shape: places(n).map(() => 1) }))
})

const transposed = entry(['ConvTranspose'], (c) => {
  requireLast(c)
  const kernel = c.weight(0)
  const n = kernel.shape.length - 2
  const size = kernel.shape.slice(0, n)
  const [strides, dilations] = [c.ints('strides', n), c.ints('dilation_rate', n)]
  if (c.config.maybe('output_padding') !== undefined) throw c.error('output_padding is not read')
  const over = size.map((k, i) => (k - 1) * (dilations[i] ?? 1) + 1 - (strides[i] ?? 1))
  const same = c.text('padding', 'valid') === 'same'
  const pads = same ? over.map((o) => Math.max(0, o)) : over.map(() => 0)
  const bias = c.flag('use_bias') ? c.constant(c.weight(1), 'bias') : undefined
  finish(c, c.op('ConvTranspose', [c.x.first, c.constant(permuted(kernel, [n + 1, n, ...places(n)]), 'kernel'), bias], {
    strides, dilations, kernel_shape: size, pads: [...pads.map((p) => Math.floor(p / 2)), ...pads.map((p) => Math.ceil(p / 2))], output_padding: over.map((o) => Math.max(0, -o)),
  }))
})

const dense = entry(['MatMul', 'Add'], (c) => {
  const y = c.op('MatMul', [c.x.value, c.constant(c.weight(0), 'kernel')])
  c.out(c.activated(c.flag('use_bias') ? c.op('Add', [y, c.constant(c.weight(1), 'bias')]) : y))
})

/** Keras keeps channels last; statistics along another axis would be broadcast along the wrong one. */
function requireLastAxis(c: LayerContext): void {
  const axis = c.config.maybe('axis')
  const axes = axis === undefined ? [] : Array.isArray(axis.value) ? axis.list.map((entry) => entry.int) : [axis.int]
  if (axes.some((at) => at !== -1 && at !== c.rank - 1)) throw c.error('only the last axis is normalized', axes.join(', '))
}

const batchNorm = entry(['BatchNormalization'], (c) => {
  requireLastAxis(c)
  const [scale, centre] = [c.flag('scale'), c.flag('center')]
  const width = c.weights[0]?.shape[0] ?? 1
  const filled = (value: number): Tensor => Tensor.from(new Float32Array(width).fill(value), [width])
  let i = 0
  const gamma = scale ? c.weight(i++) : filled(1)
  const beta = centre ? c.weight(i++) : filled(0)
  const list = [gamma, beta, c.weight(i), c.weight(i + 1)].map((tensor, k) => c.constant(tensor, ['gamma', 'beta', 'moving_mean', 'moving_variance'][k] ?? ''))
  const y = c.op('BatchNormalization', [c.rank < 3 ? c.x.value : c.x.first, ...list], { epsilon: c.float('epsilon', 1e-3), momentum: c.float('momentum', 0.99) })
  if (c.rank < 3) c.out(y)
  else c.outFirst(y)
})

const layerNorm = entry(['LayerNormalization'], (c) => {
  requireLastAxis(c)
  const width = c.weights[0]?.shape ?? []
  const gamma = c.flag('scale') ? c.weight(0) : Tensor.from(new Float32Array(elementCount(width)).fill(1), width)
  c.out(c.op('LayerNormalization', [c.x.value, c.constant(gamma, 'gamma'), c.flag('center') ? c.constant(c.weight(c.flag('scale') ? 1 : 0), 'beta') : undefined], { axis: -1, epsilon: c.float('epsilon', 1e-3) }))
})

const pool = (name: string, n: number): Lowering<LayerContext> => entry([name], (c) => {
  requireLast(c)
  const kernel = c.ints('pool_size', n, 2)
  const strides = c.config.maybe('strides') === undefined ? kernel : c.ints('strides', n)
  c.outFirst(c.op(name, [c.x.first], { kernel_shape: kernel, strides, ...samePads(c, kernel, strides, kernel.map(() => 1)) }))
})

const globalPool = (name: string): Lowering<LayerContext> => entry([name], (c) => {
  requireLast(c)
  const keep = c.flag('keepdims', false)
  const axes = Array.from({ length: c.rank - 2 }, (_, i) => (c.x.isFirst ? axisFirst(i + 1, c.rank) : i + 1))
  const y = c.op(name, [c.x.isFirst ? c.x.first : c.x.value, c.emitter.numbers(axes)], { keepdims: keep ? 1 : 0 })
  if (keep && c.x.isFirst) c.outFirst(y)
  else c.out(y)
})

const merge = (name: string, last?: (c: LayerContext, y: Value) => Value): Lowering<LayerContext> => entry([name], (c) => {
  const rank = Math.max(...c.inputs.map((h) => h.rank ?? -1))
  const first = c.inputs.some((h) => h.isFirst) && c.inputs.every((h) => h.rank === rank || h.rank === 0)
  const y = c.inputs.map((h) => (first && h.rank !== 0 ? h.first : h.value)).reduce((a, b) => c.op(name, [a, b]))
  const done = last === undefined ? y : last(c, y)
  if (first) c.outFirst(done)
  else c.out(done)
})

/** x + scale · y: a layer of InceptionResNetV2 in Keras's applications. */
const scaledSum = entry(['Mul', 'Add'], (c) => {
  const [x, y] = c.inputs
  if (x === undefined || y === undefined || x.rank !== y.rank) throw c.error('two inputs of the same rank are expected', `${c.inputs.length}`)
  const first = x.isFirst || y.isFirst
  const sum = c.op('Add', [first ? x.first : x.value, c.op('Mul', [first ? y.first : y.value, c.scalar(c.float('scale', 1))])])
  if (first) c.outFirst(sum)
  else c.out(sum)
})

const concatenate = entry(['Concat'], (c) => {
  const axis = c.int('axis', -1)
  const at = axis < 0 ? axis + c.rank : axis
  const first = c.inputs.some((h) => h.isFirst)
  const y = c.op('Concat', c.inputs.map((h) => (first ? h.first : h.value)), { axis: first ? axisFirst(at, c.rank) : at })
  if (first) c.outFirst(y)
  else c.out(y)
})

/** [[before, after], …] of a padding or cropping. */
function sides(c: LayerContext, key: string, n: number): [number, number][] {
  const found = c.config.get(key)
  if (!Array.isArray(found.value)) return places(n).map(() => [found.int, found.int])
  if (n === 1) return [[found.list[0]?.int ?? 0, found.list[1]?.int ?? 0]]
  return found.list.map((pair) => (Array.isArray(pair.value) ? [pair.list[0]?.int ?? 0, pair.list[1]?.int ?? 0] : [pair.int, pair.int]))
}

const border = (key: 'padding' | 'cropping', n: number): Lowering<LayerContext> => entry(['Pad'], (c) => {
  requireLast(c)
  const sign = key === 'padding' ? 1 : -1
  const list = sides(c, key, n)
  c.outFirst(c.op('Pad', [c.x.first, c.emitter.numbers([0, 0, ...list.map(([a]) => sign * a), 0, 0, ...list.map(([, b]) => sign * b)])]))
})

const upsample = (n: number): Lowering<LayerContext> => entry(['Resize'], (c) => {
  const size = c.ints('size', n, 2)
  const linear = c.text('interpolation', 'nearest')
  if (linear !== 'nearest' && linear !== 'bilinear') throw c.error('the interpolation has no ONNX form', linear)
  c.outFirst(c.op('Resize', [c.x.first, undefined, c.emitter.numbers([1, 1, ...size], 'float32')], linear === 'nearest'
    ? { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' } : { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }))
})

const attention = entry(['MatMul', 'Softmax'], (c) => {
  const [heads, width] = [c.int('num_heads', 1), c.int('key_dim', 1)]
  const bias = c.flag('use_bias')
  const step = bias ? 2 : 1
  const part = (i: number, x: Value): Value => {
    const kernel = c.weight(i * step)
    const [inner = 1, h = 1, d = 1] = kernel.shape
    const y = c.op('MatMul', [x, c.constant(kernel.reshape([inner, h * d]), `${['query', 'key', 'value'][i] ?? ''}/kernel`)])
    const full = bias ? c.op('Add', [y, c.constant(c.weight(i * step + 1).reshape([h * d]), `${['query', 'key', 'value'][i] ?? ''}/bias`)]) : y
    return c.emitter.transpose(c.op('Reshape', [full, c.emitter.numbers([0, 0, heads, d])]), [0, 2, 1, 3])
  }
  const [query, value, key] = [c.inputs[0], c.inputs[1] ?? c.inputs[0], c.inputs[2] ?? c.inputs[1] ?? c.inputs[0]]
  if (query === undefined || value === undefined || key === undefined || query.rank !== 3) throw c.error('sequences of rank 3 are read', `rank ${c.rank}`)
  const scores = c.op('Mul', [c.op('MatMul', [part(0, query.value), c.emitter.transpose(part(1, key.value), [0, 1, 3, 2])]), c.scalar(1 / Math.sqrt(width))])
  const mixed = c.emitter.transpose(c.op('MatMul', [c.op('Softmax', [scores], { axis: -1 }), part(2, value.value)]), [0, 2, 1, 3])
  const out = c.weight(3 * step)
  const [h = 1, d = 1, outer = 1] = out.shape
  const y = c.op('MatMul', [c.op('Reshape', [mixed, c.emitter.numbers([0, 0, h * d])]), c.constant(out.reshape([h * d, outer]), 'output/kernel')])
  c.out(bias ? c.op('Add', [y, c.constant(c.weight(3 * step + 1), 'output/bias')]) : y)
})

const identity = entry([], (c) => { c.result = c.x })
const rescaled = (c: LayerContext, key: string, otherwise: number): Value => {
  const found = c.config.maybe(key)
  return found !== undefined && Array.isArray(found.value) ? c.emitter.numbers(found.list.map((n) => n.float), 'float32') : c.scalar(found?.float ?? otherwise)
}

/** Statistics that were given when the layer was made: one number for all, or one for each place of the last axis. */
function given(c: LayerContext, key: string): Tensor | undefined {
  const found = c.config.maybe(key)
  if (found === undefined || found.value === null) return undefined
  const numbers = Array.isArray(found.value) ? found.list.map((n) => n.float) : [found.float]
  return Tensor.from(Float32Array.from(numbers), Array.isArray(found.value) ? [numbers.length] : [])
}

/** (x − μ)/max(σ, 1e-7) along the last axis, with statistics that were given or those of `adapt`. */
const normalization = entry(['Sub', 'Div'], (c) => {
  const [mean, variance] = [given(c, 'mean') ?? c.weights[0], given(c, 'variance') ?? c.weights[1]]
  if (mean === undefined || variance === undefined || mean.shape.length > 1) throw c.error('statistics of several axes are not read')
  if (mean.shape.length > 0) requireLastAxis(c)
  if (c.flag('invert', false)) throw c.error('the inverse is not read')
  const deviation = Float32Array.from(variance.toArray() as Float32Array, (v) => Math.max(Math.sqrt(v), 1e-7))
  c.out(c.op('Div', [c.op('Sub', [c.x.value, c.constant(mean, 'mean')]), c.constant(Tensor.from(deviation, variance.shape), 'deviation')]))
})

/** x · γ along the last axis: a layer of ConvNeXt in Keras's applications. */
const layerScale = entry(['Mul'], (c) => {
  const gamma = c.weight(0)
  const scale = Held.of(c.emitter, c.constant(gamma.reshape([...new Array<number>(Math.max(0, c.rank - 1)).fill(1), gamma.size]), 'gamma'))
  if (c.x.isFirst) c.outFirst(c.op('Mul', [c.x.first, scale.first]))
  else c.out(c.op('Mul', [c.x.value, scale.value]))
})

const LAYERS: Readonly<Record<string, Lowering<LayerContext>>> = {
  Dense: dense, Conv1D: conv, Conv2D: conv, Conv3D: conv, DepthwiseConv1D: depthwise, DepthwiseConv2D: depthwise, SeparableConv1D: separable, SeparableConv2D: separable,
  Conv1DTranspose: transposed, Conv2DTranspose: transposed, Conv3DTranspose: transposed, BatchNormalization: batchNorm, LayerNormalization: layerNorm,
  GroupNormalization: entry(['GroupNormalization'], (c) => {
    const groups = c.int('groups', 32)
    const channels = Number(c.x.shape?.[c.rank - 1])
    const one = (value: number): Tensor => Tensor.from(new Float32Array(channels).fill(value), [channels])
    const [scale, centre] = [c.flag('scale'), c.flag('center')]
    c.outFirst(c.op('GroupNormalization', [c.x.first, c.constant(scale ? c.weight(0) : one(1), 'gamma'), c.constant(centre ? c.weight(scale ? 1 : 0) : one(0), 'beta')], { num_groups: groups < 0 ? channels : groups, epsilon: c.float('epsilon', 1e-3) }))
  }),
  Activation: entry(['Relu'], (c) => { if (c.config.maybe('activation')?.value === 'softmax') c.out(c.activated(c.x.value)); else c.map((x) => c.activated(x)) }),
  ReLU: entry(['Relu', 'Clip'], (c) => {
    const [most, slope, threshold] = [c.config.maybe('max_value')?.float, c.float('negative_slope', 0), c.float('threshold', 0)]
    if (threshold !== 0 || (slope !== 0 && most !== undefined)) throw c.error('a threshold, or a slope with a largest value, has no ONNX form')
    c.map((x) => (most !== undefined ? c.op('Clip', [x, c.scalar(0), c.scalar(most)]) : slope !== 0 ? c.op('LeakyRelu', [x], { alpha: slope }) : c.op('Relu', [x])))
  }),
  LeakyReLU: entry(['LeakyRelu'], (c) => { c.map((x) => c.op('LeakyRelu', [x], { alpha: c.float('negative_slope', c.float('alpha', 0.3)) })) }),
  ELU: entry(['Elu'], (c) => { c.map((x) => c.op('Elu', [x], { alpha: c.float('alpha', 1) })) }),
  PReLU: entry(['PRelu'], (c) => {
    const slope = Held.of(c.emitter, c.constant(c.weight(0).reshape([1, ...c.weight(0).shape]), 'alpha'))
    if (c.x.isFirst) c.outFirst(c.op('PRelu', [c.x.first, slope.first]))
    else c.out(c.op('PRelu', [c.x.value, slope.value]))
  }),
  Softmax: entry(['Softmax'], (c) => { c.out(c.op('Softmax', [c.x.value], { axis: c.int('axis', -1) })) }),
  MaxPooling1D: pool('MaxPool', 1), MaxPooling2D: pool('MaxPool', 2), MaxPooling3D: pool('MaxPool', 3),
  AveragePooling1D: pool('AveragePool', 1), AveragePooling2D: pool('AveragePool', 2), AveragePooling3D: pool('AveragePool', 3),
  ...Object.fromEntries(['1D', '2D', '3D'].flatMap((d) => [[`GlobalAveragePooling${d}`, globalPool('ReduceMean')], [`GlobalMaxPooling${d}`, globalPool('ReduceMax')]])),
  Flatten: entry(['Reshape'], (c) => {
    const rest = (c.x.shape ?? []).slice(1)
    const size = rest.every((s) => typeof s === 'number') ? elementCount(rest) : undefined
    c.out(size === undefined ? c.op('Flatten', [c.x.value], { axis: 1 }) : c.op('Reshape', [c.x.value, c.emitter.numbers([-1, size])]))
  }),
  Reshape: entry(['Reshape'], (c) => {
    const target = c.config.get('target_shape').list.map((size) => size.int)
    c.out(c.op('Reshape', [c.x.value, c.emitter.numbers(target.includes(-1) ? [0, ...target] : [-1, ...target])]))
  }),
  Permute: entry(['Transpose'], (c) => { c.out(c.emitter.transpose(c.x.value, [0, ...c.config.get('dims').list.map((axis) => axis.int)])) }),
  RepeatVector: entry(['Tile'], (c) => { c.out(c.op('Tile', [c.op('Unsqueeze', [c.x.value, c.emitter.numbers([1])]), c.emitter.numbers([1, c.config.get('n').int, 1])])) }),
  Add: merge('Add'), Subtract: merge('Sub'), Multiply: merge('Mul'), Maximum: merge('Max'), Minimum: merge('Min'),
  Divide: merge('Div'), TrueDivide: merge('Div'), Power: merge('Pow'),
  Average: merge('Add', (c, y) => c.op('Mul', [y, c.scalar(1 / c.inputs.length)])), Concatenate: concatenate,
  ZeroPadding1D: border('padding', 1), ZeroPadding2D: border('padding', 2), Cropping1D: border('cropping', 1), Cropping2D: border('cropping', 2),
  UpSampling1D: upsample(1), UpSampling2D: upsample(2),
  Embedding: entry(['Gather'], (c) => { c.out(c.op('Gather', [c.constant(c.weight(0), 'embeddings'), c.emitter.cast(c.x.value, 'int32')], { axis: 0 })) }),
  ...recurrentLayers, MultiHeadAttention: attention,
  Normalization: normalization, LayerScale: layerScale, CustomScaleLayer: scaledSum,
  Rescaling: entry(['Mul', 'Add'], (c) => { c.out(c.op('Add', [c.op('Mul', [c.x.value, rescaled(c, 'scale', 1)]), rescaled(c, 'offset', 0)])) }),
  ...Object.fromEntries(['Dropout', 'SpatialDropout1D', 'SpatialDropout2D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'ActivityRegularization', 'StochasticDepth', 'Identity'].map((name) => [name, identity])),
}

/** The lowerings of Keras layers: built in, and those that a user registers. */
export const kerasLayers: OperatorTable<LayerContext> = new OperatorTable('Keras', new Map(Object.entries(LAYERS)), () => 'export the model with model.export(folder) and convert the SavedModel, or register a lowering: convert.kerasLayers.registerLowering(name, …)')
