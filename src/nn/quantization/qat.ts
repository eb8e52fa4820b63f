// Quantization-aware training of a QDQ model: the quantizer of the optimization room (or any other) decides where values
// are quantized; here weights and scales are trained under that quantization, and written back into the same model.
import * as tf from '@tensorflow/tfjs'
import { cloneModel, Node, Tensor, type Model, type Value } from '../../onnx'
import { NnError } from '../errors'
import { GraphLearner } from '../graph/learner'
import type { Learner } from '../training/learner'
import { fakeQuantize, lsqGradientScale, scaleGradient, type IntegerRange } from './fake-quantize'

export interface QatOptions {
  /** The model before quantization: training starts from its weights, not from the rounded ones. */
  readonly float?: Model
  /** Train the scales too (default). Otherwise they stay as calibrated. */
  readonly learnScales?: boolean
  readonly batchNorm?: 'train' | 'frozen'
}

/** One scale of the model: what is quantized with it, and the factor that is trained. */
interface Scale {
  readonly name: string
  readonly initial: Float32Array
  readonly shape: readonly number[]
  /** ln(s / s₀): trained in the logarithm, so a scale stays positive and a step is relative to it (arXiv 1903.08066). */
  readonly log: tf.Variable
}

interface Quantized {
  readonly scale: Scale
  readonly zeroPoint: Float32Array
  readonly range: IntegerRange
  /** Axis of the scale in the tensor; undefined for one scale. */
  readonly axis: number | undefined
}

interface Weight extends Quantized {
  /** The integers in the QDQ model, and the float weight in its twin. */
  readonly integers: string
  readonly float: string
}

const RANGES: Readonly<Record<string, IntegerRange>> = {
  int8: { low: -128, high: 127 }, uint8: { low: 0, high: 255 }, int4: { low: -8, high: 7 }, uint4: { low: 0, high: 15 },
  int16: { low: -32768, high: 32767 }, uint16: { low: 0, high: 65535 },
}

/**
 * A QDQ model as something that can be trained; `toModel` gives the QDQ model with trained integers and scales.
 *
 * @example
 * const qat = new QatLearner(qdq, { float: model })
 * await train(qat, samples, { epochs: 1, schedule: cosine(1e-4), compile: engine.compile })
 * const better = qat.toModel()
 */
export class QatLearner implements Learner {
  readonly #source: Model
  readonly #graph: GraphLearner
  readonly #scales = new Map<string, Scale>()
  readonly #weights = new Map<string, Weight>()
  readonly #biases = new Map<string, { readonly integers: string; readonly scale: string }>()
  readonly #values = new Map<string, Quantized>()

  /** @throws NnError `NN_GRAPH` when the model has no QuantizeLinear and DequantizeLinear that can be trained */
  constructor(model: Model, options: QatOptions = {}) {
    this.#source = cloneModel(model)
    const twin = this.#twin(options.float)
    if (this.#values.size + this.#weights.size === 0) {
      throw new NnError('NN_GRAPH', 'The model has nothing quantized to train', {
        expected: 'a QDQ model: QuantizeLinear and DequantizeLinear with constant scales', fix: 'quantize it first (static, QDQ)',
      })
    }
    const byName = new Map([...this.#weights.values()].map((weight) => [weight.float, weight]))
    this.#graph = new GraphLearner(twin, {
      ...(options.batchNorm && { batchNorm: options.batchNorm }),
      extra: options.learnScales === false ? [] : [...this.#scales.values()].map(({ log }) => log),
      hooks: {
        weight: (name, weight) => {
          const held = byName.get(name)
          return held ? this.#quantize(weight, held) : weight
        },
        value: (name, value) => {
          const held = this.#values.get(name)
          return held ? this.#quantize(value, held) : value
        },
      },
    })
  }

  get variables(): readonly tf.Variable[] {
    return this.#graph.variables
  }

  forward(x: tf.Tensor, training: boolean): tf.Tensor {
    return this.#graph.forward(x, training)
  }

  /** Name of the first output. */
  get output(): string {
    return this.#graph.output
  }

  /** Values of the float twin by name, for distillation. */
  run(x: tf.Tensor, training: boolean, wanted: readonly string[]): tf.Tensor[] {
    return this.#graph.run(x, training, wanted)
  }

  /** The scales as trained, by name. */
  scales(): Map<string, Float32Array> {
    return new Map([...this.#scales].map(([name, { initial, log }]) => {
      const change = log.dataSync()
      return [name, initial.map((s, i) => s * Math.exp(change[i] ?? 0))]
    }))
  }

  /** The QDQ model with the trained weights, biases and scales. */
  toModel(): Model {
    const copy = cloneModel(this.#source)
    const { graph } = copy
    const scales = this.scales()
    const numbers = this.#graph.numbers()
    const set = (name: string, values: ArrayLike<number>): void => {
      const value = graph.find(name)
      if (value?.tensor) graph.setInitializer(value, Tensor.from(Array.from(values), value.tensor.shape, value.tensor.dtype))
    }
    for (const [name, values] of scales) set(name, values)
    for (const weight of this.#weights.values()) {
      const data = numbers.get(weight.float) ?? new Float32Array(0)
      const shape = graph.find(weight.integers)?.tensor?.shape ?? []
      set(weight.integers, integersOf(data, shape, weight, scales.get(weight.scale.name) ?? weight.scale.initial))
    }
    for (const [float, { integers, scale }] of this.#biases) {
      const product = biasScale(copy, integers, scales)
      const data = numbers.get(float) ?? new Float32Array(0)
      const given = product ?? graph.find(scale)?.tensor?.numbers() ?? []
      const size = graph.find(scale)?.tensor?.size ?? 1
      if (product && (product.length === size || product.length === 1)) set(scale, Array.from({ length: size }, (_, i) => product[i % product.length] ?? 1))
      set(integers, data.map((b, i) => clamp(roundEven(b / (given[i % given.length] ?? 1)), { low: -(2 ** 31), high: 2 ** 31 - 1 })))
    }
    for (const name of numbers.keys()) {
      const value = graph.find(name)
      if (value?.tensor?.dtype === 'float32' && !this.#scales.has(name)) set(name, numbers.get(name) ?? [])
    }
    return copy
  }

  dispose(): void {
    this.#graph.dispose()
    for (const { log } of this.#scales.values()) log.dispose()
  }

  /** The model in float32: integers become floats, a pair of quantize and dequantize a node that changes nothing. */
  #twin(float: Model | undefined): Model {
    const twin = cloneModel(this.#source)
    const { graph } = twin
    for (const node of graph.nodes) {
      if (node.opType !== 'DequantizeLinear') continue
      const [x, scale, zero] = node.inputs
      const quantizer = x?.producer?.opType === 'QuantizeLinear' ? x.producer : undefined
      const integers = quantizer ? undefined : x?.tensor
      if (!x || !scale?.tensor || (!quantizer && !integers) || (zero && !zero.tensor)) {
        throw new NnError('NN_GRAPH', 'A scale that is computed cannot be trained', { where: `node ${node.label}`, expected: 'constant scale and zero point' })
      }
      const dtype = integers?.dtype ?? zero?.tensor?.dtype ?? 'uint8'
      const rank = integers?.shape.length ?? x.shape?.length ?? 4
      const axis = scale.tensor.size === 1 ? undefined : (node.int('axis', 1) + rank) % rank
      const held = this.#scale(scale)
      const zeroPoint = Float32Array.from(zero?.tensor?.numbers() ?? Array<number>(scale.tensor.size).fill(0))
      if (integers?.dtype === 'int32') {
        const value = graph.addInitializer(`${x.name}_float`, dequantized(integers, held.initial, zeroPoint, axis))
        graph.replaceAllUses(node.output, value)
        graph.remove(node)
        this.#scales.delete(held.name)
        held.log.dispose()
        this.#biases.set(value.name, { integers: x.name, scale: scale.name })
        continue
      }
      const range = RANGES[dtype]
      if (!range) throw new NnError('NN_GRAPH', `Integers of type ${dtype} are not trained`, { where: `node ${node.label}`, expected: Object.keys(RANGES).join(', ') })
      const quantized = { scale: held, zeroPoint, range, axis }
      if (integers) {
        const start = dequantized(integers, held.initial, zeroPoint, axis)
        const value = graph.addInitializer(`${x.name}_float`, exactFloat(float, start, integers, quantized) ?? start)
        graph.replaceAllUses(node.output, value)
        graph.remove(node)
        this.#weights.set(value.name, { ...quantized, integers: x.name, float: value.name })
      } else if (quantizer) {
        const source = quantizer.inputs[0]
        const identity = graph.insertBefore(node, new Node('Identity', [source], 1, { name: `${node.name}_fake` }))
        graph.replaceAllUses(node.output, identity.output)
        this.#values.set(identity.output.name, quantized)
        graph.remove(node)
        if (quantizer.output.consumers.size === 0) graph.remove(quantizer)
      }
    }
    for (const [value] of graph.initializers) if (value.consumers.size === 0 && !value.isGraphOutput) graph.removeInitializer(value)
    return twin
  }

  #scale(value: Value): Scale {
    let held = this.#scales.get(value.name)
    if (!held) {
      const initial = Float32Array.from(value.tensor?.numbers() ?? [])
      const shape = value.tensor?.shape ?? []
      held = { name: value.name, initial, shape, log: tf.tidy(() => tf.variable(tf.zeros([...shape]))) }
      this.#scales.set(value.name, held)
    }
    return held
  }

  #quantize(x: tf.Tensor, { scale, zeroPoint, range, axis }: Quantized): tf.Tensor {
    const shape = axis === undefined ? [] : Array.from({ length: x.rank }, (_, i) => (i === axis ? -1 : 1))
    const each = axis === undefined ? x.size : x.size / (x.shape[axis] ?? 1)
    const learned = tf.exp(scaleGradient(scale.log, Math.sqrt(each) * lsqGradientScale(each, range))).mul(tf.tensor(scale.initial, [...scale.shape]))
    const zero = zeroPoint.every((z) => z === 0) ? 0 : tf.tensor(zeroPoint, [...scale.shape]).reshape(shape)
    return fakeQuantize(x, learned.reshape(shape), zero, range)
  }
}

const clamp = (x: number, { low, high }: IntegerRange): number => Math.min(high, Math.max(low, x))

/** Ties to even, as ONNX says. */
function roundEven(x: number): number {
  const near = Math.round(x)
  return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

const channelOf = (shape: readonly number[], axis: number | undefined): ((index: number) => number) => {
  if (axis === undefined) return () => 0
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return (index) => Math.floor(index / inner) % (shape[axis] ?? 1)
}

function integersOf(data: Float32Array, shape: readonly number[], { zeroPoint, range, axis }: Quantized, scale: Float32Array): Float32Array {
  const channel = channelOf(shape, axis)
  return data.map((w, i) => clamp(roundEven(w / (scale[channel(i)] ?? 1)) + (zeroPoint[channel(i)] ?? 0), range))
}

function dequantized(integers: Tensor, scale: Float32Array, zeroPoint: Float32Array, axis: number | undefined): Tensor {
  const channel = channelOf(integers.shape, axis)
  return Tensor.from(Float32Array.from(integers.numbers(), (q, i) => (q - (zeroPoint[channel(i)] ?? 0)) * (scale[channel(i)] ?? 1)), integers.shape)
}

/** The weight of the float model that these integers stand for: of the same shape, within a step of them everywhere. */
function exactFloat(float: Model | undefined, start: Tensor, integers: Tensor, quantized: Quantized): Tensor | undefined {
  if (!float) return undefined
  const wanted = integers.numbers()
  for (const tensor of float.graph.initializers.values()) {
    if (tensor.dtype !== 'float32' || tensor.shape.join() !== start.shape.join()) continue
    const made = integersOf(Float32Array.from(tensor.toArray() as Float32Array), tensor.shape, quantized, quantized.scale.initial)
    if (wanted.every((q, i) => Math.abs(q - (made[i] ?? Infinity)) <= 1)) return tensor
  }
  return undefined
}

/** scale of input · scale of weight, which is what the integers of a bias count. */
function biasScale(model: Model, integers: string, scales: ReadonlyMap<string, Float32Array>): Float32Array | undefined {
  const dequantize = [...model.graph.find(integers)?.consumers ?? []].find((node) => node.opType === 'DequantizeLinear')
  const reader = [...dequantize?.output.consumers ?? []][0]
  const [x, w] = [reader?.inputs[0]?.producer, reader?.inputs[1]?.producer].map((node) => (node?.opType === 'DequantizeLinear' ? node.inputs[1]?.name : undefined))
  const [a, b] = [scales.get(x ?? ''), scales.get(w ?? '')]
  return a && b ? b.map((s) => s * (a[0] ?? 1)) : undefined
}
