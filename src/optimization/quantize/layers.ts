// Linear operators with constant weights, seen as matrices: one row for each output channel, whatever the layout in the model.
import type { Graph, Model, Node, Tensor, Value } from '../../onnx'
import { constantOf, floats, originOf } from '../constants'
import { channelVector } from '../weights'

/** A Conv, Gemm or MatMul whose weight is constant: y = W x + b for each patch or row x. */
export interface Layer {
  readonly node: Node
  /** The name of its first output: what a layer is called in options and reports. */
  readonly key: string
  readonly input: Value
  readonly weight: Value
  readonly tensor: Tensor
  /** Where the bias is: the third input of the node, or the constant of an Add after a MatMul. */
  readonly bias: { readonly node: Node; readonly index: number; readonly value: Value | undefined } | undefined
  /** The axis of output channels in the weight. */
  readonly axis: number
  /** Output channels. */
  readonly rows: number
  /** Numbers that go into one output: C/g · k₁ · k₂ …, or K. */
  readonly columns: number
  readonly groups: number
  /** The axis of input channels in the input, of output channels in the output: 1 for Conv, −1 otherwise. */
  readonly channelAxis: 1 | -1
  /** Place in the weight's row-major order of column k of row o. */
  readonly at: (row: number, column: number) => number
}

/** The name by which a node is spoken of: of its first output, which every node has and no other. */
export function keyOf(node: Node): string {
  return node.outputs[0]?.name ?? node.name
}

/** The layer of a node, or the reason why it is none. */
export function layerOf(node: Node): Layer | string {
  const [input, weight, bias] = node.inputs
  if (!['Conv', 'Gemm', 'MatMul'].includes(node.opType) || node.domain !== '') return `${node.opType} is no linear operator with weights`
  if (input === undefined || weight === undefined) return 'an input is missing'
  const tensor = constantOf(weight)
  if (tensor === undefined) return `its weight is not constant: ${originOf(weight)}`
  if (tensor.dtype !== 'float32') return `its weight is ${tensor.dtype}, not float32`
  if (constantOf(input) !== undefined) return 'its input is constant too'
  const common = { node, key: keyOf(node), input, weight, tensor }
  if (node.opType === 'Conv') {
    const [rows = 0, perGroup = 0, ...kernel] = tensor.shape
    const columns = kernel.reduce((product, size) => product * size, perGroup)
    return {
      ...common, bias: { node, index: 2, value: bias }, axis: 0, rows, columns, groups: node.int('group', 1), channelAxis: 1,
      at: (row, column) => row * columns + column,
    }
  }
  const [first = 0, second = 0] = tensor.shape
  if (tensor.shape.length !== 2) return `its weight has ${tensor.shape.length} axes, so its channels are not one axis`
  if (node.opType === 'MatMul') {
    return {
      ...common, bias: addedBias(node, second), axis: 1, rows: second, columns: first, groups: 1, channelAxis: -1,
      at: (row, column) => column * second + row,
    }
  }
  if (node.int('transA', 0) !== 0) return 'it transposes its input'
  if (node.float('alpha', 1) !== 1 || (bias !== undefined && node.float('beta', 1) !== 1)) return 'its alpha or beta is not 1'
  const turned = node.int('transB', 0) !== 0
  return {
    ...common, bias: { node, index: 2, value: bias }, axis: turned ? 0 : 1, rows: turned ? first : second, columns: turned ? second : first, groups: 1,
    channelAxis: -1, at: turned ? (row, column) => row * second + column : (row, column) => column * second + row,
  }
}

/** The constant of an Add that is all that reads a product. */
function addedBias(node: Node, rows: number): Layer['bias'] {
  const [output] = node.outputs
  const [add, ...others] = [...output?.consumers ?? []]
  if (output === undefined || add === undefined || others.length > 0 || output.isGraphOutput || add.opType !== 'Add' || add.graph !== node.graph) return undefined
  const index = add.inputs.findIndex((value) => value !== output)
  const value = add.inputs[index]
  const tensor = constantOf(value)
  return index >= 0 && tensor !== undefined && typeof channelVector(tensor, rows, -1, tensor.shape.length) !== 'string' && tensor.size === rows
    ? { node: add, index, value } : undefined
}

/** All layers of the main graph, in order. */
export function layersOf(graph: Graph): Layer[] {
  return graph.nodes.map(layerOf).filter((found): found is Layer => typeof found !== 'string')
}

/** The bias of a layer as numbers: zeros when it has none; a reason when it is not constant. */
export function biasOf(layer: Layer): Float64Array | string {
  const value = layer.bias?.value
  if (value === undefined) return new Float64Array(layer.rows)
  const tensor = constantOf(value)
  if (tensor === undefined) return `its bias is not constant: ${originOf(value)}`
  return channelVector(tensor, layer.rows, -1, tensor.shape.length)
}

/** Puts another weight in place of a layer's; other readers of the old one keep it. */
export function replaceWeight(layer: Layer, tensor: Tensor): Value {
  const { graph } = layer.node
  if (graph === undefined) throw new TypeError('the layer is in no graph')
  const made = graph.addInitializer(`${layer.weight.name}_changed`, tensor)
  layer.node.setInput(1, made)
  dropUnused(layer.weight)
  return made
}

/** Puts another bias in place of a layer's, or gives it one. False when it has no place for one. */
export function replaceBias(layer: Layer, tensor: Tensor): boolean {
  const { graph } = layer.node
  if (graph === undefined || layer.bias === undefined) return false
  const { node, index, value } = layer.bias
  // The initializer's shape stays what it was, such as [1, N] of an Add.
  const shape = value === undefined ? [tensor.size] : constantOf(value)?.shape ?? [tensor.size]
  const shaped = elements(shape) === tensor.size ? tensor.reshape(shape) : tensor
  node.setInput(index, graph.addInitializer(value === undefined ? `${layer.weight.name}_bias` : `${value.name}_changed`, shaped))
  if (value !== undefined) dropUnused(value)
  return true
}

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** Removes an initializer, or the Constant node of a value, when nothing reads it any more. */
export function dropUnused(value: Value): void {
  if (value.consumers.size > 0 || value.isGraphOutput || value.isGraphInput) return
  if (value.producer !== undefined) value.producer.graph?.remove(value.producer)
  else if (value.graph?.initializers.has(value)) value.graph.removeInitializer(value)
}

/** Rows of the weight as numbers: [rows × columns]. */
export function matrixOf(layer: Layer): Float64Array {
  const data = floats(layer.tensor)
  const { rows, columns, at } = layer
  const out = new Float64Array(rows * columns)
  for (let o = 0; o < rows; o++) for (let k = 0; k < columns; k++) out[o * columns + k] = data[at(o, k)] ?? 0
  return out
}

/** Operators whose presence means that a model was quantized before. */
const QUANTIZED = /^(Quantize|Dequantize|DynamicQuantize)Linear$|^QLinear|^QGemm$|^(MatMul|Conv)Integer|^MatMulNBits$|^DynamicQuantize|^QAttention$|^FakeQuant/

/** A quantized operator of the model, if there is one. */
export function quantizedOperator(model: Model): Node | undefined {
  for (const node of model.graph.allNodes()) if (QUANTIZED.test(node.opType)) return node
  return undefined
}
