// Puts a plan into a graph: QuantizeLinear and DequantizeLinear around the operators that compute in integers.
import { Node, Tensor, type Graph, type Value } from '../../onnx'
import { limitsOf, weightTensors, type Grid, type Parameters, type QuantizedWeight } from './arithmetic'
import { biasOf, dropUnused, type Layer } from './layers'
import type { Plan } from './plan'

/** Everything that a plan needs to become a graph. */
export interface Numbers {
  readonly activationGrid: Grid
  /** By the name of the value. */
  readonly activations: ReadonlyMap<string, Parameters>
  /** By the key of the layer. */
  readonly weights: ReadonlyMap<string, QuantizedWeight>
  /** Biases that differ from the model's, by the key of the layer. */
  readonly biases: ReadonlyMap<string, Float64Array>
}

/** Changes the graph. Constants that integer operators read as activations are quantized by their own range. */
export function insertQuantization(graph: Graph, plan: Plan, numbers: Numbers): void {
  // By value, because names move to the dequantized values where the graph returns them.
  const parametersOf = new Map<Value, Parameters>()
  for (const [value, leader] of plan.activations) {
    const parameters = numbers.activations.get(leader.name)
    if (parameters !== undefined) parametersOf.set(value, parameters)
  }
  const shared = new Map<Value, Map<QuantizedWeight, Value>>()
  for (const layer of plan.layers) insertLayer(graph, layer, parametersOf.get(layer.input), numbers, shared)
  for (const [value, parameters] of parametersOf) insertPair(graph, value, parameters, numbers.activationGrid)
  for (const [node, bounds] of plan.folded) {
    const parameters = parametersOf.get(bounds.value)
    if (parameters !== undefined && saturates(bounds, parameters)) removeFolded(graph, node)
  }
}

/** x → QuantizeLinear → DequantizeLinear, which every reader of x then reads. */
export function insertPair(graph: Graph, value: Value, parameters: Parameters, { dtype }: Grid): Value {
  const scale = graph.addInitializer(`${value.name}_scale`, Tensor.scalar(parameters.scale, 'float32'))
  const zeroPoint = graph.addInitializer(`${value.name}_zero_point`, Tensor.scalar(parameters.zeroPoint, dtype))
  const quantize = new Node('QuantizeLinear', [value, scale, zeroPoint], [graph.freshName(`${value.name}_quantized`)], { name: `${value.name}_quantize` })
  const dequantize = new Node('DequantizeLinear', [quantize.output, scale, zeroPoint], [graph.freshName(`${value.name}_dequantized`)], { name: `${value.name}_dequantize` })
  const readers = [...value.consumers]
  const first = graph.nodes[0]
  if (value.producer === undefined) {
    if (first === undefined) throw new TypeError('the graph has no nodes')
    graph.insertBefore(first, quantize)
  } else graph.insertAfter(value.producer, quantize)
  graph.insertAfter(quantize, dequantize)
  const after = dequantize.output
  if (value.declaredType !== undefined) after.declaredType = value.declaredType
  for (const node of readers) node.inputs.forEach((input, index) => { if (input === value) node.setInput(index, after) })
  if (value.isGraphOutput && value.producer !== undefined) returnInstead(graph, value, after)
  return after
}

/** Makes the graph return `after` under the name of `before`. */
function returnInstead(graph: Graph, before: Value, after: Value): void {
  graph.setOutputs(graph.outputs.map((output) => (output === before ? after : output)))
  const name = before.currentName
  before.currentName = after.currentName
  after.currentName = name
}

function insertLayer(graph: Graph, layer: Layer, input: Parameters | undefined, numbers: Numbers, shared: Map<Value, Map<QuantizedWeight, Value>>): void {
  const weight = numbers.weights.get(layer.key)
  if (weight === undefined || input === undefined) return
  const { node } = layer
  const made = shared.get(layer.weight)?.get(weight) ?? insertWeight(graph, layer.weight.name, weight)
  node.setInput(1, made)
  shared.set(layer.weight, (shared.get(layer.weight) ?? new Map<QuantizedWeight, Value>()).set(weight, made))
  dropUnused(layer.weight)
  if (layer.bias === undefined) return
  const bias = numbers.biases.get(layer.key) ?? (layer.bias.value === undefined ? undefined : biasOf(layer))
  if (bias === undefined || typeof bias === 'string') return
  const { value } = layer.bias
  if (layer.node.opType === 'MatMul') {
    // The Add after a product stays in float.
    if (numbers.biases.has(layer.key)) {
      const shape = value?.tensor?.shape ?? [bias.length]
      layer.bias.node.setInput(layer.bias.index, graph.addInitializer(`${value?.name ?? layer.weight.name}_corrected`, Tensor.from(Float32Array.from(bias), shape)))
    }
  } else {
    node.setInput(2, insertBias(graph, value?.name ?? `${layer.weight.name}_bias`, bias, input.scale, weight))
  }
  if (value !== undefined) dropUnused(value)
}

/** Integers → DequantizeLinear, for a weight. */
export function insertWeight(graph: Graph, name: string, weight: QuantizedWeight): Value {
  const { values, scale, zeroPoint } = weightTensors(weight)
  const inputs = [
    graph.addInitializer(`${name}_quantized`, values), graph.addInitializer(`${name}_scale`, scale), graph.addInitializer(`${name}_zero_point`, zeroPoint),
  ]
  return dequantizeFirst(graph, inputs, name, weight.axis)
}

/** A bias in 32 bits at the scale of the products that it is added to: scale of the input × scale of the weight. */
function insertBias(graph: Graph, name: string, bias: ArrayLike<number>, inputScale: number, weight: QuantizedWeight): Value {
  const scales = Float32Array.from(weight.parameters, ({ scale }) => scale * inputScale)
  const values = Int32Array.from(bias, (b, i) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(b / (scales[scales.length === 1 ? 0 : i] ?? 1)))))
  const perChannel = weight.axis !== undefined
  const shape = perChannel ? [scales.length] : []
  const inputs = [
    graph.addInitializer(`${name}_quantized`, Tensor.from(values)), graph.addInitializer(`${name}_scale`, Tensor.from(scales, shape)),
    graph.addInitializer(`${name}_zero_point`, Tensor.from(new Int32Array(scales.length), shape)),
  ]
  return dequantizeFirst(graph, inputs, name, perChannel ? 0 : undefined)
}

function dequantizeFirst(graph: Graph, inputs: readonly Value[], name: string, axis: number | undefined): Value {
  const output = graph.freshName(`${name}_dequantized`)
  const node = new Node('DequantizeLinear', inputs, [output], {
    name: output, ...(axis === undefined ? {} : { attributes: { axis } }),
  })
  const first = graph.nodes[0]
  if (first === undefined) graph.append(node)
  else graph.insertBefore(first, node)
  return node.output
}

/** Q(Relu(x)) = Q(x) when the smallest integer stands for 0: saturation does what the Relu did. */
function removeFolded(graph: Graph, node: Node): void {
  const [input] = node.inputs
  const [output] = node.outputs
  if (input === undefined || output === undefined) return
  graph.replaceAllUses(output, input)
  graph.remove(node)
  for (const value of node.inputs.slice(1)) if (value !== undefined) dropUnused(value)
}

/** Whether quantization with these parameters keeps to the bounds by saturating, up to half a step. */
export function saturates(bounds: { readonly low: number; readonly high: number }, { scale, zeroPoint, low, high }: Parameters): boolean {
  return (low - zeroPoint) * scale >= bounds.low - scale / 2 && (high - zeroPoint) * scale <= bounds.high + scale / 2
}

/** The integers of a grid, for reports. */
export function gridText(grid: Grid): string {
  const { low, high } = limitsOf(grid)
  return `${grid.dtype} [${low}, ${high}]${grid.symmetric ? ', symmetric' : ''}`
}
