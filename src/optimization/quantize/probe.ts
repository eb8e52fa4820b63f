// What quantization does to each layer by itself: beside every layer a twin with quantized input and weight runs on the same
// input, and the difference of the two outputs is summed up inside the model, so that only a few numbers come out.
import { cloneModel, Node, Tensor, type Graph, type Model, type Value } from '../../onnx'
import type { RunFunction } from '../run'
import { dequantizeWeight, type Grid, type Parameters, type QuantizedWeight } from './arithmetic'
import { observe, type CalibrationData, type Observer } from './calibrate'
import { layersOf, type Layer } from './layers'

/** What a layer's quantization does to its output. */
export interface LayerError {
  /** E[ŷ − y] of each output channel: what bias correction takes away. */
  readonly shift: Float64Array
  /** 10 log₁₀(Σ (y − b)² / Σ (ŷ − y)²), decibels; of the products alone, without the bias. */
  readonly sqnr: number
}

class Sum implements Observer {
  total = new Float64Array(0)

  see(values: ArrayLike<number>): void {
    if (this.total.length === 0) this.total = new Float64Array(values.length)
    for (let i = 0; i < values.length; i++) this.total[i] = (this.total[i] ?? 0) + (values[i] ?? 0)
  }
}

/** Sums over samples for one layer. */
interface Sums {
  readonly shift: Sum
  readonly noise: Sum
  readonly signal: Sum
  readonly size: Sum
}

/**
 * Measures every layer on the data.
 *
 * @param inputs parameters of the layers' inputs, by the name of the value
 * @param weights by the key of the layer
 */
export function probeLayers(
  model: Model, data: CalibrationData, run: RunFunction, grid: Grid, inputs: ReadonlyMap<string, Parameters>, weights: ReadonlyMap<string, QuantizedWeight>,
): Map<string, LayerError> {
  const copy = cloneModel(model)
  const observers = new Map<string, readonly Observer[]>()
  const sums = new Map<string, Sums>()
  for (const layer of layersOf(copy.graph)) {
    const [input, weight] = [inputs.get(layer.input.name), weights.get(layer.key)]
    if (input === undefined || weight === undefined) continue
    const values = addTwin(copy.graph, layer, weight, (x, place) => pair(copy.graph, x, input, grid, place))
    const made: Sums = { shift: new Sum(), noise: new Sum(), signal: new Sum(), size: new Sum() }
    sums.set(layer.key, made)
    values.forEach((value, i) => observers.set(copy.graph.addOutput(value).name, [[made.shift, made.noise, made.signal, made.size][i] ?? made.size]))
  }
  observe(copy, data, run, observers)
  const found = new Map<string, LayerError>()
  for (const [key, { shift, noise, signal, size }] of sums) {
    const places = (size.total[0] ?? 1) / Math.max(1, shift.total.length)
    const [lost, whole] = [noise.total[0] ?? 0, signal.total[0] ?? 0]
    found.set(key, { shift: shift.total.map((sum) => sum / places), sqnr: lost === 0 ? Infinity : 10 * Math.log10(whole / lost) })
  }
  return found
}

function pair(graph: Graph, x: Value, parameters: Parameters, { dtype }: Grid, place: Node): Value {
  const scale = graph.addInitializer('probe_scale', Tensor.scalar(parameters.scale, 'float32'))
  const zeroPoint = graph.addInitializer('probe_zero_point', Tensor.scalar(parameters.zeroPoint, dtype))
  const q = new Node('QuantizeLinear', [x, scale, zeroPoint], 1)
  graph.insertBefore(place, q)
  const dq = new Node('DequantizeLinear', [q.output, scale, zeroPoint], 1)
  graph.insertBefore(place, dq)
  return dq.output
}

/** Sums over the channel axis's others of ŷ − y, of its square, of y², and the number of elements. */
function addTwin(graph: Graph, layer: Layer, weight: QuantizedWeight, quantized: (x: Value, place: Node) => Value): Value[] {
  const place = layer.node
  const add = (opType: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, number>> = {}): Value => {
    const node = new Node(opType, inputs, 1)
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
    graph.insertBefore(place, node)
    return node.output
  }
  const twin = (x: Value, w: Value): Value => {
    const node = new Node(layer.node.opType, [x, w], 1)
    for (const [name, value] of layer.node.attributes) node.setAttribute(name, value)
    graph.insertBefore(place, node)
    return node.output
  }
  const [y, changed] = [
    twin(layer.input, layer.weight),
    twin(quantized(layer.input, place), graph.addInitializer('probe_weight', Tensor.from(dequantizeWeight(weight), weight.shape))),
  ]
  const difference = add('Sub', [changed, y])
  // [N, M, …] → [N, M, all places] → [M]; […, M] → [all rows, M] → [M].
  const integers = (...values: number[]): Value => graph.addInitializer('probe_shape', Tensor.from(values, [values.length], 'int64'))
  const [shape, axes] = layer.channelAxis === 1 ? [integers(0, layer.rows, -1), integers(0, 2)] : [integers(-1, layer.rows), integers(0)]
  const square = (x: Value): Value => add('ReduceSum', [add('Mul', [x, x])], { keepdims: 0 })
  return [
    add('ReduceSum', [add('Reshape', [difference, shape]), axes], { keepdims: 0 }), square(difference), square(y), add('Cast', [add('Size', [difference])], { to: 1 }),
  ]
}
