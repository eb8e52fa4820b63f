// Keras layers (Keras 3, and the configurations that TensorFlow.js and Keras 2 write) as ONNX operators.
import { elementCount } from '../../core'
import { Tensor, type Value } from '../../onnx'
import { ConvertError } from '../errors'
import type { Json } from '../json'
import { OperatorTable, type Lowering } from '../operators'
import { axisFirst, Held, type Emitter } from '../tensorflow/held'
import { permuted } from '../tensorflow/tensors'

/** What the lowering of a layer sees. */
export class LayerContext {
  result: Held | undefined

  constructor(readonly emitter: Emitter, readonly name: string, readonly kind: string, readonly config: Json, readonly inputs: readonly Held[], readonly weights: readonly Tensor[]) {}

  error(what: string, got?: string): ConvertError {
    return new ConvertError('CONVERT_OPERATOR', `${this.kind}: ${what}`, { ...(got === undefined ? {} : { got }), where: `layer ${this.name}` })
  }

  get x(): Held {
    const [first] = this.inputs
    if (first === undefined) throw this.error('the layer has no input')
    return first
  }

  get rank(): number {
    return this.x.rank ?? 2
  }

  weight(index: number): Tensor {
    const found = this.weights[index]
    if (found === undefined) throw new ConvertError('CONVERT_WEIGHTS', `${this.kind}: a weight is missing`, { expected: `weight ${index}`, got: `${this.weights.length} weights`, where: `layer ${this.name}`, fix: 'save the whole model, not only its configuration' })
    return found
  }

  flag(key: string, otherwise = true): boolean {
    return this.config.maybe(key)?.bool ?? otherwise
  }

  text(key: string, otherwise: string): string {
    return this.config.maybe(key)?.text ?? otherwise
  }

  float(key: string, otherwise: number): number {
    return this.config.maybe(key)?.float ?? otherwise
  }

  int(key: string, otherwise: number): number {
    return this.config.maybe(key)?.int ?? otherwise
  }

  /** A number or list of numbers as a list of `count`. */
  ints(key: string, count: number, otherwise = 1): number[] {
    const found = this.config.maybe(key)
    if (found === undefined) return new Array<number>(count).fill(otherwise)
    return Array.isArray(found.value) ? found.list.map((entry) => entry.int) : new Array<number>(count).fill(found.int)
  }

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, number | string | readonly number[] | readonly string[] | undefined>> = {}): Value {
    return this.emitter.op(opType, inputs, attributes)
  }

  constant(tensor: Tensor, name: string): Value {
    return this.emitter.tensor(tensor, `${this.name}/${name}`)
  }

  scalar(value: number): Value {
    return this.emitter.scalar(value)
  }

  out(value: Value): void {
    this.result = Held.of(this.emitter, value)
  }

  outFirst(value: Value): void {
    this.result = Held.first(this.emitter, value)
  }

  map(f: (value: Value) => Value): void {
    if (this.x.isFirst) this.outFirst(f(this.x.first))
    else this.out(f(this.x.value))
  }

  activated(value: Value, key = 'activation', otherwise = 'linear'): Value {
    const found = this.config.maybe(key)
    const name = found === undefined ? otherwise : typeof found.value === 'string' ? found.text : found.maybe('class_name')?.text ?? found.maybe('config')?.text ?? otherwise
    return activation(this, value, name)
  }
}

function activation(c: LayerContext, x: Value, name: string): Value {
  switch (name.replaceAll('_', '').toLowerCase()) {
    case 'linear': return x
    case 'relu': return c.op('Relu', [x])
    case 'relu6': return c.op('Clip', [x, c.scalar(0), c.scalar(6)])
    case 'sigmoid': return c.op('Sigmoid', [x])
    case 'tanh': return c.op('Tanh', [x])
    case 'elu': return c.op('Elu', [x])
    case 'selu': return c.op('Selu', [x])
    case 'softplus': return c.op('Softplus', [x])
    case 'softsign': return c.op('Softsign', [x])
    case 'gelu': return c.op('Gelu', [x])
    case 'exponential': return c.op('Exp', [x])
    case 'mish': return c.op('Mish', [x])
    case 'swish':
    case 'silu': return c.op('Mul', [x, c.op('Sigmoid', [x])])
    case 'hardsigmoid': return c.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 })
    case 'hardswish':
    case 'hardsilu': return c.op('HardSwish', [x])
    case 'softmax': return c.op('Softmax', [x], { axis: -1 })
    default: throw c.error('the activation has no ONNX form', name)
  }
}

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

const entry = (makes: readonly string[], lower: (c: LayerContext) => void): Lowering<LayerContext> => ({ makes, lower })

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

const batchNorm = entry(['BatchNormalization'], (c) => {
  const axis = c.config.maybe('axis')
  const at = axis === undefined ? -1 : Array.isArray(axis.value) ? axis.list[0]?.int ?? -1 : axis.int
  if (at !== -1 && at !== c.rank - 1) throw c.error('only the last axis is normalized', String(at))
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
  const axis = c.config.maybe('axis')
  const at = axis === undefined ? -1 : Array.isArray(axis.value) ? axis.list[0]?.int ?? -1 : axis.int
  if (at !== -1 && at !== c.rank - 1) throw c.error('only the last axis is normalized', String(at))
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

/** Blocks of gates in another order: Keras [in, G·u] → ONNX [1, G·u, in]. */
function gates(kernel: Tensor, units: number, order: readonly number[]): Tensor {
  const rows = permuted(kernel, [1, 0])
  const inner = rows.shape[1] ?? 1
  const from = rows.toArray() as Float32Array
  const out = new Float32Array(from.length)
  order.forEach((g, i) => { out.set(from.subarray(g * units * inner, (g + 1) * units * inner), i * units * inner) })
  return Tensor.from(out, [1, rows.shape[0] ?? 1, inner])
}

const RNN = { LSTM: { gates: 4, order: [0, 3, 1, 2], f: 3 }, GRU: { gates: 3, order: [0, 1, 2], f: 2 }, SimpleRNN: { gates: 1, order: [0], f: 1 } } as const
const RNN_ACTIVATIONS: Readonly<Record<string, string>> = { tanh: 'Tanh', sigmoid: 'Sigmoid', relu: 'Relu', hard_sigmoid: 'HardSigmoid', softsign: 'Softsign', linear: 'Affine', elu: 'Elu' }

/** One recurrent layer over x [batch, time, features]: [batch, time, units] or the last state. */
function recurrent(c: LayerContext, kind: keyof typeof RNN, config: Json, weights: readonly Tensor[], backwards: boolean, flip: boolean): Value {
  const { gates: count, order, f } = RNN[kind]
  const [kernel, recurrentKernel, bias] = weights
  if (kernel === undefined || recurrentKernel === undefined) throw c.error('a weight is missing')
  const units = config.get('units').size
  const fits = ({ shape }: Tensor, rows: number | undefined): boolean => shape.length === 2 && shape[1] === count * units && (rows === undefined || shape[0] === rows)
  for (const [weight, rows] of [[kernel, undefined], [recurrentKernel, units]] as const) {
    if (fits(weight, rows)) continue
    throw new ConvertError('CONVERT_WEIGHTS', 'The weights of a layer do not fit its configuration', {
      expected: `[${rows ?? 'features'}, ${count * units}]`, got: `[${weight.shape.join(', ')}]`, where: `layer ${c.name}`, fix: 'save the model again with Keras: model.save("model.keras")',
    })
  }
  const after = kind === 'GRU' && config.maybe('reset_after')?.bool !== false
  const flat = bias === undefined ? undefined : (bias.toArray() as Float32Array)
  const reordered = (from: Float32Array): Float32Array => Float32Array.from({ length: count * units }, (_, i) => from[(order[Math.floor(i / units)] ?? 0) * units + (i % units)] ?? 0)
  const both = flat === undefined ? undefined : Float32Array.from([...reordered(flat.subarray(0, count * units)), ...(after && flat.length === 2 * count * units ? reordered(flat.subarray(count * units)) : new Float32Array(count * units))])
  const name = (key: string, otherwise: string): string => {
    const value = config.maybe(key)?.value ?? otherwise
    const given = typeof value === 'string' ? value : JSON.stringify(value)
    const found = RNN_ACTIVATIONS[given]
    if (found === undefined) throw c.error('the activation has no ONNX form', given)
    return found
  }
  const [inner, outer] = [name('activation', 'tanh'), kind === 'SimpleRNN' ? 'Sigmoid' : name('recurrent_activation', 'sigmoid')]
  const sequences = config.maybe('return_sequences')?.bool === true
  const x = c.emitter.transpose(c.x.value, [1, 0, 2])
  const side = backwards ? 'backward_' : ''
  const made = c.emitter.ops(kind === 'SimpleRNN' ? 'RNN' : kind, [
    x, c.constant(gates(kernel, units, order), `${side}kernel`), c.constant(gates(recurrentKernel, units, order), `${side}recurrent_kernel`),
    both === undefined ? undefined : c.constant(Tensor.from(both, [1, both.length]), `${side}bias`),
  ], {
    hidden_size: units, direction: backwards ? 'reverse' : 'forward', activations: kind === 'SimpleRNN' ? [inner] : kind === 'LSTM' ? [outer, inner, inner] : [outer, inner],
    ...(kind === 'GRU' ? { linear_before_reset: after ? 1 : 0 } : {}), ...(outer === 'HardSigmoid' ? { activation_alpha: [1 / 6, ...new Array<number>(f - 1).fill(0)], activation_beta: [0.5, ...new Array<number>(f - 1).fill(0)] } : {}),
  }, { outputs: 2 })
  if (!sequences) return c.op('Squeeze', [made[1], c.emitter.numbers([0])])
  const y = c.emitter.transpose(c.op('Squeeze', [made[0], c.emitter.numbers([1])]), [1, 0, 2])
  // A layer that goes backwards gives its steps in that order; ONNX gives them in the order of time.
  return flip ? c.op('Slice', [y, c.emitter.numbers([-1]), c.emitter.numbers([Number.MIN_SAFE_INTEGER]), c.emitter.numbers([1]), c.emitter.numbers([-1])]) : y
}

const rnn = (kind: keyof typeof RNN): Lowering<LayerContext> => entry([kind === 'SimpleRNN' ? 'RNN' : kind], (c) => {
  const back = c.flag('go_backwards', false)
  c.out(recurrent(c, kind, c.config, c.weights, back, back))
})

const bidirectional = entry(['LSTM', 'GRU', 'RNN'], (c) => {
  const layer = c.config.get('layer')
  const kind = layer.get('class_name').text
  if (!(kind in RNN)) throw c.error('only LSTM, GRU and SimpleRNN go both ways', kind)
  const half = c.weights.length / 2
  const run = (weights: readonly Tensor[], back: boolean): Value => recurrent(c, kind as keyof typeof RNN, layer.get('config'), weights, back, false)
  const [a, b] = [run(c.weights.slice(0, half), false), run(c.weights.slice(half), true)]
  const mode = c.text('merge_mode', 'concat')
  const y = mode === 'concat' ? c.op('Concat', [a, b], { axis: -1 }) : c.op(mode === 'mul' ? 'Mul' : 'Add', [a, b])
  c.out(mode === 'ave' ? c.op('Mul', [y, c.scalar(0.5)]) : y)
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
  LSTM: rnn('LSTM'), GRU: rnn('GRU'), SimpleRNN: rnn('SimpleRNN'), Bidirectional: bidirectional, MultiHeadAttention: attention,
  Rescaling: entry(['Mul', 'Add'], (c) => { c.out(c.op('Add', [c.op('Mul', [c.x.value, rescaled(c, 'scale', 1)]), rescaled(c, 'offset', 0)])) }),
  ...Object.fromEntries(['Dropout', 'SpatialDropout1D', 'SpatialDropout2D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'ActivityRegularization', 'Identity'].map((name) => [name, identity])),
}

/** The lowerings of Keras layers: built in, and those that a user registers. */
export const kerasLayers: OperatorTable<LayerContext> = new OperatorTable('Keras', new Map(Object.entries(LAYERS)), () => 'export the model with model.export(folder) and convert the SavedModel, or register a lowering: convert.kerasLayers.registerLowering(name, …)')
