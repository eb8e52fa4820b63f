// Models in the form that exporters write them, for the fusion benchmark: nothing fused, constants as nodes.
import { random } from '../core'
import { GraphBuilder, Tensor, type Model, type Value } from '../onnx'

/** Makes weights with the usual scale 1/√(numbers that go into one output). */
class Layers {
  readonly g: GraphBuilder
  private readonly numbers = random(1)

  constructor(name: string) {
    this.g = new GraphBuilder(name, { opsets: { '': 17 } })
  }

  weight(shape: readonly number[], scale = 1, shift = 0): Value {
    const count = shape.reduce((product, size) => product * size, 1)
    return this.g.constant(Tensor.from(Float32Array.from({ length: count }, () => this.numbers.normal() * scale + shift), shape), 'weight')
  }

  constant(value: number): Value {
    return this.g.op('Constant', [], { value: Tensor.scalar(value, 'float32') })
  }

  integers(...values: number[]): Value {
    return this.g.op('Constant', [], { value: Tensor.from(values, [values.length], 'int64') })
  }

  convolution(x: Value, from: number, to: number, kernel: number, stride = 1): Value {
    const pad = (kernel - 1) / 2
    const y = this.g.op('Conv', [x, this.weight([to, from, kernel, kernel], 1 / Math.sqrt(from * kernel * kernel))], { pads: [pad, pad, pad, pad], strides: [stride, stride] })
    const c = (shift: number) => this.weight([to], 0.1, shift)
    return this.g.op('BatchNormalization', [y, c(1), c(0), c(0), c(1)])
  }

  linear(x: Value, from: number, to: number): Value {
    return this.g.op('Add', [this.g.op('MatMul', [x, this.weight([from, to], 1 / Math.sqrt(from))]), this.weight([to], 0.02)])
  }

  layerNorm(x: Value, size: number): Value {
    const centred = this.g.op('Sub', [x, this.g.op('ReduceMean', [x], { axes: [-1] })])
    const variance = this.g.op('ReduceMean', [this.g.op('Pow', [centred, this.constant(2)])], { axes: [-1] })
    const y = this.g.op('Div', [centred, this.g.op('Sqrt', [this.g.op('Add', [variance, this.constant(1e-5)])])])
    return this.g.op('Add', [this.g.op('Mul', [y, this.weight([size], 0.1, 1)]), this.weight([size], 0.1)])
  }
}

/** A residual network for 64 × 64 images: nine convolutions with batch normalization. */
export function convolutionalNetwork(): Model {
  const net = new Layers('residual network')
  const { g } = net
  let x = g.op('Relu', [net.convolution(g.input('image', 'float32', ['N', 3, 64, 64]), 3, 16, 3)])
  let channels = 16
  for (const [to, stride] of [[16, 1], [32, 2], [64, 2]] as const) {
    const inner = net.convolution(g.op('Relu', [net.convolution(x, channels, to, 3, stride)]), to, to, 3)
    const shortcut = to === channels ? x : net.convolution(x, channels, to, 1, stride)
    x = g.op('Relu', [g.op('Add', [inner, shortcut])])
    channels = to
  }
  const flat = g.op('Flatten', [g.op('GlobalAveragePool', [x])])
  g.output(net.linear(g.op('Dropout', [flat]), channels, 10), 'logits')
  return g.model()
}

/** A block of an encoder: 64 tokens of 128 numbers, four heads, GELU, both residuals. */
export function transformerBlock(): Model {
  const [tokens, size, heads] = [64, 128, 4]
  const net = new Layers('transformer block')
  const { g } = net
  const x = g.input('x', 'float32', ['N', tokens, size])
  const batch = g.op('Gather', [g.op('Shape', [x]), g.op('Constant', [], { value: Tensor.scalar(0n, 'int64') })])
  const first = g.op('Unsqueeze', [batch, net.integers(0)])
  const split = (y: Value): Value => {
    const shape = g.op('Concat', [first, net.integers(tokens), net.integers(heads), net.integers(size / heads)], { axis: 0 })
    return g.op('Transpose', [g.op('Reshape', [y, shape])], { perm: [0, 2, 1, 3] })
  }
  const [q, k, v] = [0, 1, 2].map(() => split(net.linear(x, size, size))) as [Value, Value, Value]
  const scores = g.op('Div', [g.op('MatMul', [q, g.op('Transpose', [k], { perm: [0, 1, 3, 2] })]), net.constant(Math.sqrt(size / heads))])
  const joined = g.op('Transpose', [g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), v])], { perm: [0, 2, 1, 3] })
  const flat = g.op('Reshape', [joined, g.op('Concat', [first, net.integers(tokens), net.integers(size)], { axis: 0 })])
  const attended = net.layerNorm(g.op('Add', [net.linear(flat, size, size), x]), size)
  const wide = net.linear(attended, size, 4 * size)
  const phi = g.op('Add', [g.op('Erf', [g.op('Div', [wide, net.constant(Math.SQRT2)])]), net.constant(1)])
  const gelu = g.op('Mul', [g.op('Mul', [wide, phi]), net.constant(0.5)])
  g.output(net.layerNorm(g.op('Add', [net.linear(gelu, 4 * size, size), attended]), size), 'y')
  return g.model()
}
