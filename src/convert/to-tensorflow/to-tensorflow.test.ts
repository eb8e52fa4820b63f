// Back to TensorFlow.js: outputs against ONNX Runtime, gradients against finite differences, training, weights out and in.
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { engine, onnx, runtime } from 'whetstone'
import { random } from '../../core'
import { toTensorFlow, type TensorFlowModel } from '.'

type Build = (g: onnx.GraphBuilder) => void

beforeAll(async () => {
  await tf.setBackend('cpu')
})

const numbers = random(11)
const normal = (shape: readonly number[], scale = 0.5, shift = 0): onnx.Tensor =>
  onnx.Tensor.from(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => numbers.normal() * scale + shift), shape)
const ints = (...values: number[]): onnx.Tensor => onnx.Tensor.from(values.map(BigInt))

/** Runs a model in ONNX Runtime. */
function reference(model: onnx.Model, inputs: Readonly<Record<string, tf.Tensor>>): Record<string, number[]> {
  const session = runtime.Session.create(onnx.writeModel(model), { optimization: 'disabled', threads: 1 })
  try {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, t]) =>
      [name, runtime.tensor('float32', t.shape, t.dataSync() as Float32Array)]))
    return Object.fromEntries(Object.entries(session.runSync(feeds)).map(([name, t]) => [name, Array.from(t.data as ArrayLike<number>, Number)]))
  } finally {
    session.dispose()
  }
}

function close(got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-5): void {
  const largest = Array.from(want).reduce((most, x) => Math.max(most, Math.abs(x)), 1)
  expect(got.length).toBe(want.length)
  for (let i = 0; i < want.length; i++) if (!(Math.abs((got[i] ?? NaN) - (want[i] ?? NaN)) <= tolerance * largest)) expect(got[i], `element ${i}`).toBeCloseTo(want[i] ?? NaN, 5)
}

/** Every output equal to ONNX Runtime's, and the gradient along a random direction equal to a central difference. */
function check(body: Build, inputs: Readonly<Record<string, tf.Tensor>>, options: { gradient?: boolean; opset?: number } = {}): TensorFlowModel {
  const model = onnx.build('case', body, { opsets: { '': options.opset ?? 21 } })
  const subject = toTensorFlow(model)
  const wanted = reference(model, inputs)
  const got = subject.run(inputs)
  for (const [name, want] of Object.entries(wanted)) close(got[name]?.dataSync() ?? [], want)
  if (options.gradient !== false) {
    const parameters = subject.trainableWeights
    const points = [...Object.values(inputs), ...parameters]
    const mix = Object.values(got).map((y) => tf.tensor(Float32Array.from({ length: y.size }, () => numbers.normal()), y.shape))
    const loss = (xs: tf.Tensor[]): tf.Scalar => tf.tidy(() => {
      const named = Object.fromEntries(Object.keys(inputs).map((name, i) => [name, xs[i] as tf.Tensor]))
      return Object.values(subject.run(named)).flatMap((y, i) => (y.dtype === 'float32' ? [tf.sum(tf.mul(y, mix[i] as tf.Tensor))] : [])).reduce((a, b) => tf.add(a, b)) as tf.Scalar
    })
    const { grads } = parameters.length === 0 ? { grads: {} } : tf.variableGrads(() => loss(Object.values(inputs)), parameters)
    const inputGrads = tf.grads((...xs: tf.Tensor[]) => loss(xs))(Object.values(inputs))
    const all = [...inputGrads, ...parameters.map((v) => (grads as Record<string, tf.Tensor>)[v.name] as tf.Tensor)]
    for (const [i, point] of points.entries()) {
      const direction = tf.tensor(Float32Array.from({ length: point.size }, () => numbers.normal()), point.shape)
      const analytic = tf.sum(tf.mul(all[i] as tf.Tensor, direction)).dataSync()[0] ?? NaN
      const scale = Math.sqrt(tf.sum(tf.square(all[i] as tf.Tensor)).dataSync()[0] ?? 0)
      const errors = [3e-2, 1e-2, 3e-3, 1e-3].map((step) => {
        const at = (sign: number): number => {
          const moved = tf.add(point, tf.mul(direction, tf.scalar(sign * step)))
          if (i < inputGrads.length) return loss(Object.values(inputs).map((x, k) => (k === i ? moved : x))).dataSync()[0] ?? NaN
          if (!(point instanceof tf.Variable)) throw new TypeError('only inputs and variables have gradients')
          const variable = point
          const kept = variable.clone()
          variable.assign(moved)
          const value = loss(Object.values(inputs)).dataSync()[0] ?? NaN
          variable.assign(kept)
          return value
        }
        return Math.abs((at(1) - at(-1)) / (2 * step) - analytic) / Math.max(Math.abs(analytic), 0.3 * scale, 1e-3)
      })
      // Pools have corners: the step that misses them counts.
      expect(Math.min(...errors), `gradient ${i}`).toBeLessThan(0.03)
    }
  }
  return subject
}

const input = (shape: number[], scale = 0.8, shift = 0): tf.Tensor =>
  tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => numbers.normal() * scale + shift), shape)

/** One node over an image [2, 4, 7, 6], with more inputs and attributes. */
const onImage = (op: string, more: readonly onnx.Operand[] = [], attributes: onnx.Attributes = {}): Build => (g) => {
  g.output(g.op(op, [g.input('x', 'float32', ['N', 4, 'H', 'W']), ...more], attributes), 'y')
}

describe('operators, with their gradients', () => {
  const images: [string, Build, { gradient?: boolean; opset?: number }?][] = [
    ['Conv', onImage('Conv', [normal([5, 4, 3, 3]), normal([5])], { pads: [1, 0, 2, 1], strides: [2, 1] })],
    ['Conv, dilated', onImage('Conv', [normal([3, 4, 3, 2])], { pads: [2, 1, 2, 1], dilations: [2, 1] })],
    ['Conv, dilated with strides', onImage('Conv', [normal([3, 4, 3, 3])], { pads: [2, 2, 2, 2], dilations: [2, 2], strides: [2, 2] })],
    ['Conv, grouped', onImage('Conv', [normal([6, 2, 3, 3]), normal([6])], { group: 2, auto_pad: 'SAME_LOWER' })],
    ['Conv, depthwise', onImage('Conv', [normal([8, 1, 3, 3]), normal([8])], { group: 4, pads: [1, 1, 1, 1] })],
    ['Conv, depthwise and dilated', onImage('Conv', [normal([4, 1, 3, 3])], { group: 4, dilations: [2, 2], pads: [2, 2, 2, 2] })],
    ['ConvTranspose', onImage('ConvTranspose', [normal([4, 3, 3, 3]), normal([3])], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] })],
    ['ConvTranspose, grouped and dilated', onImage('ConvTranspose', [normal([4, 3, 2, 3])], { group: 2, strides: [1, 2], dilations: [2, 1] })],
    ['MaxPool', onImage('MaxPool', [], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })],
    ['MaxPool, rounded up', onImage('MaxPool', [], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 })],
    ['AveragePool, pads left out', onImage('AveragePool', [], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })],
    ['AveragePool, pads counted', onImage('AveragePool', [], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 })],
    ['AveragePool, rounded up', onImage('AveragePool', [], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 })],
    ['GlobalAveragePool', onImage('GlobalAveragePool')],
    ['GlobalMaxPool', onImage('GlobalMaxPool')],
    ['BatchNormalization', onImage('BatchNormalization', [normal([4], 0.1, 1), normal([4]), normal([4]), normal([4], 0.05, 1)])],
    ['InstanceNormalization', onImage('InstanceNormalization', [normal([4], 0.1, 1), normal([4])])],
    ['GroupNormalization', onImage('GroupNormalization', [normal([4], 0.1, 1), normal([4])], { num_groups: 2 })],
    ['LRN', onImage('LRN', [], { size: 3 })],
    ['PRelu', onImage('PRelu', [normal([4, 1, 1])])],
    ['Resize, linear', onImage('Resize', [undefined, onnx.Tensor.from(Float32Array.of(1, 1, 2, 1.5))], { mode: 'linear' })],
    ['Resize, cubic', onImage('Resize', [undefined, undefined, ints(2, 4, 4, 11)], { mode: 'cubic' })],
    ['Resize, nearest', onImage('Resize', [undefined, onnx.Tensor.from(Float32Array.of(1, 1, 2, 2))], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' })],
    ['DepthToSpace', onImage('DepthToSpace', [], { blocksize: 2, mode: 'CRD' })],
    ['Pad, reflected', onImage('Pad', [ints(0, 0, 2, 1, 0, 0, 1, 2)], { mode: 'reflect' })],
    ['Pad, cut off', onImage('Pad', [ints(0, 0, -1, 1, 0, 0, 1, -2)])],
    ['Slice', onImage('Slice', [ints(-1, 1), ints(-100, 5), ints(2, 3), ints(-2, 1)])],
    ['ReduceMean', onImage('ReduceMean', [ints(2, 3)], { keepdims: 0 })],
    ['ReduceL2', onImage('ReduceL2', [ints(1)])],
    ['ReduceLogSumExp', onImage('ReduceLogSumExp', [ints(1, 3)], { keepdims: 0 })],
    ['Softmax over channels', onImage('Softmax', [], { axis: 1 })],
    ['LogSoftmax', onImage('LogSoftmax', [], { axis: -1 })],
    ['CumSum over rows', onImage('CumSum', [ints(2)])],
    ['GatherElements', onImage('GatherElements', [onnx.Tensor.from([0n, 3n, -1n, 2n], [1, 1, 2, 2])], { axis: 1 })],
    ['Gelu', onImage('Gelu')],
    ['Celu', onImage('Celu', [], { alpha: 0.7 })],
    ['HardSwish', onImage('HardSwish')],
    ['Mish', onImage('Mish')],
    ['Selu', onImage('Selu')],
    ['Clip', onImage('Clip', [-0.5, 0.4])],
  ]
  test.each(images)('%s', (_, body, options) => {
    check(body, { x: input([2, 4, 7, 6]) }, options).dispose()
  })

  const sequences: [string, Build][] = [
    ['Gemm', (g) => { g.output(g.op('Gemm', [g.op('Flatten', [g.input('x', 'float32', [3, 2, 4])]), normal([5, 8]), normal([5])], { transB: 1, alpha: 0.5 }), 'y') }],
    ['MatMul with a batch on one side', (g) => { g.output(g.op('MatMul', [normal([5, 2]), g.input('x', 'float32', [3, 2, 4])]), 'y') }],
    ['Einsum', (g) => { g.output(g.op('Einsum', [g.input('x', 'float32', [3, 2, 4]), normal([2, 4, 5])], { equation: 'bij,ijk->bk' }), 'y') }],
    ['LayerNormalization', (g) => { g.output(g.op('LayerNormalization', [g.input('x', 'float32', [3, 2, 4]), normal([4], 0.1, 1), normal([4])]), 'y') }],
    ['LSTM, both directions', (g) => {
      const [y, h, c] = g.ops('LSTM', [g.input('x', 'float32', [3, 2, 4]), normal([2, 20, 4]), normal([2, 20, 5]), normal([2, 40])], { hidden_size: 5, direction: 'bidirectional' }, { outputs: 3 })
      for (const [i, value] of [y, h, c].entries()) g.output(value as onnx.Value, `out${i}`)
    }],
    ['GRU', (g) => { g.output(g.op('GRU', [g.input('x', 'float32', [3, 2, 4]), normal([1, 15, 4]), normal([1, 15, 5]), normal([1, 30])], { hidden_size: 5, linear_before_reset: 1 }, { outputs: 2 }), 'y') }],
    ['Gather of an embedding', (g) => { g.output(g.op('Add', [g.op('Gather', [normal([6, 4]), onnx.Tensor.from([1n, 5n, 1n, -1n, 0n, 2n], [3, 2])]), g.input('x', 'float32', [3, 2, 4])]), 'y') }],
    ['GatherND', (g) => { g.output(g.op('GatherND', [g.input('x', 'float32', [3, 2, 4]), onnx.Tensor.from([0n, 1n, 2n, 0n], [2, 2])]), 'y') }],
    ['ScatterND', (g) => { g.output(g.op('ScatterND', [g.input('x', 'float32', [3, 2, 4]), onnx.Tensor.from([2n, 0n], [2, 1]), normal([2, 2, 4])]), 'y') }],
    ['ScatterElements, added', (g) => { g.output(g.op('ScatterElements', [g.input('x', 'float32', [3, 2, 4]), onnx.Tensor.from([1n, 1n, 0n, 2n], [1, 1, 4]), normal([1, 1, 4])], { reduction: 'add' }), 'y') }],
    ['TopK', (g) => { g.output(g.op('TopK', [g.input('x', 'float32', [3, 2, 4]), ints(2)], { axis: 0 }, { outputs: 2 }), 'y') }],
    ['Where, Expand, Tile', (g) => {
      const x = g.input('x', 'float32', [3, 2, 4])
      const chosen = g.op('Where', [onnx.Tensor.from([true, false, true, true], [4], 'bool'), x, normal([2, 1])])
      g.output(g.op('Tile', [g.op('Expand', [chosen, ints(2, 1, 1, 1)]), ints(1, 2, 1, 1)]), 'y')
    }],
    ['Split, Concat, Transpose', (g) => {
      const [a, b] = g.ops('Split', [g.input('x', 'float32', [3, 2, 4]), ints(1, 3)], { axis: 2 }, { outputs: 2 })
      g.output(g.op('Transpose', [g.op('Concat', [b, a, normal([3, 2, 1])], { axis: -1 })], { perm: [2, 0, 1] }), 'y')
    }],
    ['shapes computed in the graph', (g) => {
      const x = g.input('x', 'float32', ['B', 'T', 4])
      const batch = g.op('Gather', [g.op('Shape', [x]), ints(0)])
      g.output(g.op('Reshape', [x, g.op('Concat', [batch, ints(-1)], { axis: 0 })]), 'y')
    }],
  ]
  test.each(sequences)('%s', (_, body) => {
    check(body, { x: input([3, 2, 4]) }).dispose()
  })

  // ONNX, "Attention", operator set 24: a row without a key is zeros, not the mean of all values.
  test.each(['bool', 'float32'] as const)('Attention: a query that may see nothing gives zeros and has no gradient (%s mask)', (type) => {
    const visible = [1, 1, 0, 0, 0, 0, 0, 1, 1]
    const mask = type === 'bool' ? onnx.Tensor.from(visible, [3, 3], 'bool') : onnx.Tensor.from(Float32Array.from(visible, (one) => (one === 1 ? 0 : -Infinity)), [3, 3])
    const model = toTensorFlow(onnx.build('blind', (g) => {
      g.output(g.op('Attention', [g.input('q', 'float32', [1, 1, 3, 4]), g.input('k', 'float32', [1, 1, 3, 4]), g.input('v', 'float32', [1, 1, 3, 4]), mask], {}), 'y')
    }, { opsets: { '': 23 } }))
    const [q, k, v] = [input([1, 1, 3, 4]), input([1, 1, 3, 4]), input([1, 1, 3, 4])] as const
    const y = model.apply([q, k, v]) as tf.Tensor
    const rows = (t: tf.Tensor): number[][] => (tf.reshape(t, [3, 4]).arraySync() as number[][])
    expect(rows(y)[1]).toEqual([0, 0, 0, 0])
    // softmax(q kᵀ / 2) v over the keys that are seen, by plain numbers.
    const scores = (i: number, keys: readonly number[]): number[] => {
      const e = keys.map((j) => Math.exp((rows(q)[i] ?? []).reduce((sum, a, n) => sum + a * (rows(k)[j]?.[n] ?? NaN), 0) / 2))
      return e.map((one) => one / e.reduce((a, b) => a + b, 0))
    }
    for (const [i, keys] of [[0, [0, 1]], [2, [1, 2]]] as [number, number[]][]) {
      const w = scores(i, keys)
      close(rows(y)[i] ?? [], [0, 1, 2, 3].map((n) => keys.reduce((sum, j, at) => sum + (w[at] ?? NaN) * (rows(v)[j]?.[n] ?? NaN), 0)))
    }
    const [dq] = tf.grads((a, b, c) => tf.sum(tf.square(model.apply([a, b, c]) as tf.Tensor)))([q, k, v])
    expect(rows(dq as tf.Tensor)[1]).toEqual([0, 0, 0, 0])
    expect(rows(dq as tf.Tensor)[0]?.every((x) => Number.isFinite(x) && x !== 0)).toBe(true)
  })

  test('Attention with grouped heads and causal mask', () => {
    check((g) => {
      const x = g.input('x', 'float32', [1, 4, 3, 2])
      g.output(g.op('Attention', [x, normal([1, 2, 3, 2]), normal([1, 2, 3, 2])], { is_causal: 1 }), 'y')
    }, { x: input([1, 4, 3, 2]) }, { opset: 23 }).dispose()
  })

  test('If and Loop take the path that the data says', () => {
    const body: Build = (g) => {
      const x = g.input('x', 'float32', [3])
      const branch = (op: string) => g.subgraph(op, (b) => { b.output(b.op(op, [x])) })
      const condition = g.op('Greater', [g.op('ReduceSum', [x], { keepdims: 0 }), 0])
      const [chosen] = g.ops('If', [condition], { then_branch: branch('Exp'), else_branch: branch('Tanh') })
      const loop = g.subgraph('body', (b) => {
        b.input('i', 'int64', [])
        const going = b.input('going', 'bool', [])
        const state = b.input('state', 'float32', [3])
        b.output(b.op('Identity', [going]))
        b.output(b.op('Mul', [state, x]))
      })
      g.output(g.op('Loop', [onnx.Tensor.scalar(3n), onnx.Tensor.scalar(true), chosen], { body: loop }), 'y')
    }
    check(body, { x: tf.tensor1d([0.5, 0.7, 0.9]) }).dispose()
    check(body, { x: tf.tensor1d([-0.5, -0.7, 0.9]) }).dispose()
  })
})

describe('training', () => {
  const network = (): onnx.Model => onnx.build('net', (g) => {
    const x = g.input('x', 'float32', ['N', 1, 8, 8])
    const conv = g.op('Conv', [x, g.constant(normal([4, 1, 3, 3], 0.4), 'conv.weight'), g.constant(normal([4], 0.1), 'conv.bias')], { pads: [1, 1, 1, 1] })
    const norm = g.op('BatchNormalization', [conv, g.constant(normal([4], 0, 1), 'bn.weight'), g.constant(normal([4], 0), 'bn.bias'), g.constant(normal([4], 0), 'bn.mean'), g.constant(normal([4], 0, 1), 'bn.var')], { momentum: 0.8 })
    const pooled = g.op('GlobalAveragePool', [g.op('Relu', [norm])])
    g.output(g.op('Gemm', [g.op('Flatten', [pooled]), g.constant(normal([2, 4]), 'fc.weight'), g.constant(normal([2]), 'fc.bias')], { transB: 1 }), 'logits')
  })
  const images = input([32, 1, 8, 8])
  // The sign of the mean brightness.
  const labels = tf.oneHot(tf.cast(tf.greater(tf.mean(images, [1, 2, 3]), 0), 'int32'), 2).toFloat()

  function train(model: TensorFlowModel, steps: number): number[] {
    const optimizer = tf.train.adam(0.02)
    return Array.from({ length: steps }, () => optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy<tf.Tensor, tf.Scalar>(labels, model.apply(images, { training: true }) as tf.Tensor), true, model.trainableWeights)?.dataSync()[0] ?? NaN)
  }

  test('lowers the loss; the model as ONNX then gives the same outputs in ONNX Runtime', () => {
    const source = network()
    const model = toTensorFlow(source)
    expect(model.trainableWeights.map(({ name }) => name.replace(/#\d+$/, ''))).toEqual(['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias', 'fc.weight', 'fc.bias'])
    const losses = train(model, 30)
    expect(losses[losses.length - 1]).toBeLessThan(0.8 * (losses[0] ?? 0))
    const tuned = model.toOnnx()
    expect(onnx.validateModel(tuned)).toEqual([])
    expect(onnx.diffModels(source, tuned).equal).toBe(false)
    close((model.predict(images) as tf.Tensor).dataSync(), reference(tuned, { x: images })['logits'] ?? [])
    // The weights go into a second model, also one whose variables have other names in TensorFlow.js.
    const other = toTensorFlow(source)
    other.updateWeights(tuned)
    close((other.predict(images) as tf.Tensor).dataSync(), (model.predict(images) as tf.Tensor).dataSync(), 1e-7)
    model.dispose()
    other.dispose()
  })

  test('running statistics move as batch normalization says', () => {
    const model = toTensorFlow(network())
    const before = (model.run(images)['logits'] as tf.Tensor).dataSync()
    model.apply(images, { training: true })
    // conv → mean over batch and pixels, by plain arithmetic on the reference's own convolution.
    const cut = onnx.extractModel(network(), ['x'], ['conv']).graph.outputs.length
    expect(cut).toBe(1)
    const weights = model.weights
    const conv = tf.add(tf.conv2d(tf.transpose(images, [0, 2, 3, 1]) as tf.Tensor4D, tf.transpose(weights.get('conv.weight') as tf.Tensor, [2, 3, 1, 0]) as tf.Tensor4D, 1, 'same'), weights.get('conv.bias') as tf.Tensor)
    const data = conv.dataSync()
    for (let c = 0; c < 4; c++) {
      const channel = Array.from(data).filter((_, i) => i % 4 === c)
      const mean = channel.reduce((a, b) => a + b, 0) / channel.length
      const variance = channel.reduce((a, b) => a + (b - mean) ** 2, 0) / channel.length
      expect(weights.get('bn.mean')?.dataSync()[c]).toBeCloseTo(0.2 * mean, 4)
      expect(weights.get('bn.var')?.dataSync()[c]).toBeCloseTo(0.8 + 0.2 * variance, 4)
    }
    expect(Array.from((model.run(images)['logits'] as tf.Tensor).dataSync())).not.toEqual(Array.from(before))
    model.dispose()
  })

  test('nothing is left behind', () => {
    const before = tf.memory().numTensors
    const model = toTensorFlow(network())
    tf.dispose(model.predict(images))
    model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test("on the engine's backend: the same numbers and a falling loss", async () => {
    const source = network()
    await engine.start()
    try {
      const model = toTensorFlow(source)
      close((model.predict(images) as tf.Tensor).dataSync(), reference(source, { x: images })['logits'] ?? [])
      const losses = train(model, 15)
      expect(losses[losses.length - 1]).toBeLessThan(losses[0] ?? 0)
      model.dispose()
    } finally {
      await tf.setBackend('cpu')
    }
  })
})

describe('quantized models', () => {
  const quantized = (): onnx.Model => onnx.build('qdq', (g) => {
    const x = g.input('x', 'float32', ['N', 3])
    const q = g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, 0.05, g.constant(onnx.Tensor.from([128], [], 'uint8'))]), 0.05, g.constant(onnx.Tensor.from([128], [], 'uint8'))])
    const w = g.op('DequantizeLinear', [
      g.constant(onnx.Tensor.from([10, -20, 30, -40, 127, -128], [3, 2], 'int8'), 'w.quantized'),
      g.constant(Float32Array.of(0.02, 0.03), 'w.scale'), g.constant(onnx.Tensor.from([0, 0], [2], 'int8')),
    ], { axis: 1 })
    g.output(g.op('MatMul', [q, w]), 'y')
  })

  test('compute what ONNX Runtime computes, and gradients pass straight through inside the range', () => {
    const source = quantized()
    const model = toTensorFlow(source)
    const x = tf.tensor2d([[0.12, -0.31, 0.9], [20, -20, 0]])
    close((model.predict(x) as tf.Tensor).dataSync(), reference(source, { x })['y'] ?? [])
    const gradient = tf.grad((v) => tf.sum(model.apply(v) as tf.Tensor))(x).dataSync()
    // Row sums of the dequantized weights, and 0 where x left the range of uint8 at this scale.
    const rows = [10 * 0.02 - 20 * 0.03, 30 * 0.02 - 40 * 0.03, 127 * 0.02 - 128 * 0.03]
    close(gradient, [...rows, 0, 0, rows[2] ?? NaN])
    model.dispose()
  })

  test('train their weights before rounding, and write integers', () => {
    const model = toTensorFlow(quantized())
    expect(model.trainableWeights.map(({ name }) => name.replace(/#\d+$/, ''))).toEqual(['w.quantized'])
    const x = input([16, 3], 1)
    const target = tf.matMul(x, tf.tensor2d([[0.5, 0.4], [-0.3, 0.2], [0.6, -1.1]]))
    const optimizer = tf.train.adam(0.05)
    const loss = (): tf.Scalar => tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(target, model.apply(x) as tf.Tensor)
    const first = loss().dataSync()[0] ?? NaN
    for (let i = 0; i < 60; i++) optimizer.minimize(loss, false, model.trainableWeights)
    expect(loss().dataSync()[0]).toBeLessThan(0.1 * first)
    const tuned = model.toOnnx()
    expect(tuned.graph.find('w.quantized')?.tensor?.dtype).toBe('int8')
    close((model.predict(x) as tf.Tensor).dataSync(), reference(tuned, { x })['y'] ?? [])
    model.dispose()
  })
})

describe('what cannot be done is said at once', () => {
  test('every operator without a form, with its places', () => {
    const model = onnx.build('odd', (g) => {
      const x = g.input('x', 'float32', [4, 4])
      g.output(g.op('Det', [g.op('Unique', [x], {}, { name: 'first' })], {}, { name: 'second' }))
      g.output(g.op('Custom', [x], {}, { domain: 'my.own', name: 'third' }))
    }, { check: false })
    expect(() => toTensorFlow(model)).toThrow(expect.objectContaining({
      code: 'CONVERT_OPERATOR', message: expect.stringMatching(/Unique.*first[\s\S]*my\.own\.Custom.*third/) as string,
    }) as Error)
  })

  test('inputs and weights that do not fit', () => {
    const model = toTensorFlow(onnx.build('one', (g) => { g.output(g.op('MatMul', [g.input('x', 'float32', ['N', 3]), g.constant(normal([3, 2]), 'w')]), 'y') }))
    const code = (code: string): Error => expect.objectContaining({ code }) as Error
    expect(() => model.predict(tf.zeros([2, 4]))).toThrow(code('CONVERT_SHAPE'))
    expect(() => model.predict({ z: tf.zeros([2, 3]) })).toThrow(code('CONVERT_SHAPE'))
    expect(() => { model.updateWeights(new Map([['w', tf.zeros([2, 2])], ['v', tf.zeros([1])]])) }).toThrow(code('CONVERT_WEIGHTS'))
    model.dispose()
    expect(() => model.predict(tf.zeros([2, 3]))).toThrow(code('CONVERT_OPTION'))
  })
})
