// What TensorRT is likely to fuse, by the rules of its documentation ("Types of Fusions"), seen on the graph before any
// engine is built; and, once there is one, how much of it came true.
import type { Model, Node, Value } from '../../onnx'
import { constantOf } from '../constants'

/** Nodes that are expected in one layer of an engine. */
export interface FusionGroup {
  /** `convolution`, `matrix product`, `pointwise`, `shuffle`, `reformat` or `single`. */
  readonly kind: string
  /** The nodes, in order; their labels. */
  readonly nodes: readonly string[]
  readonly operators: readonly string[]
  /** In which type the layer computes: int8 between dequantize and quantize nodes. */
  readonly precision: string
}

/** A preview and what it can be counted by. */
export interface FusionPreview {
  readonly groups: readonly FusionGroup[]
  /** Nodes of the model, without constants. */
  readonly nodes: number
}

const ACTIVATIONS: ReadonlySet<string> = new Set(['Relu', 'Clip', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Elu', 'Selu', 'Softplus', 'HardSigmoid', 'HardSwish', 'Gelu', 'Mish', 'ThresholdedRelu', 'Celu', 'PRelu'])
const ARITHMETIC: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Sqrt', 'Exp', 'Log', 'Abs', 'Neg', 'Erf', 'Reciprocal', 'Floor', 'Ceil', 'Round', 'Sin', 'Cos', 'Where', 'Equal', 'Greater', 'Less', 'And', 'Or', 'Not'])
const SHUFFLES: ReadonlySet<string> = new Set(['Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])
const PRODUCTS: ReadonlySet<string> = new Set(['Gemm', 'MatMul'])
const isPointwise = (node: Node): boolean => ACTIVATIONS.has(node.opType) || ARITHMETIC.has(node.opType)

/** The node that alone uses a value; none when it leaves the graph. */
function only(value: Value): Node | undefined {
  const users = [...value.consumers]
  return users.length === 1 && !value.isGraphOutput ? users[0] : undefined
}

/** Whether all inputs but the first are constants, or the values of `within`. */
const constantBeside = (node: Node, from: Value): boolean => node.inputs.every((input) => input === undefined || input === from || constantOf(input) !== undefined)

/** Batch normalization and scales by constants after a convolution; then a residual; then an activation. */
function followLinear(start: Node, taken: Set<Node>): Node[] {
  const chain = [start]
  let at = start.outputs[0], residual = false, activated = false
  while (at !== undefined && !activated) {
    const next = only(at)
    if (next === undefined || taken.has(next)) break
    const scale = next.opType === 'BatchNormalization' || ((next.opType === 'Mul' || next.opType === 'Add' || next.opType === 'Sub' || next.opType === 'Div') && constantBeside(next, at))
    const sum = next.opType === 'Add' && !scale && !residual
    activated = ACTIVATIONS.has(next.opType)
    if (!activated && !sum && !(scale && !residual)) break
    if (sum) residual = true
    chain.push(next)
    at = next.outputs[0]
  }
  return chain
}

/** Nodes of one kind that follow each other, each the only user of the one before. */
function follow(start: Node, taken: Set<Node>, belongs: (node: Node) => boolean): Node[] {
  const chain = [start]
  for (let at = start.outputs[0]; at !== undefined;) {
    const next = only(at)
    if (next === undefined || taken.has(next) || !belongs(next)) break
    chain.push(next)
    at = next.outputs[0]
  }
  return chain
}

function precisionOf(chain: readonly Node[]): string {
  const [first] = chain
  const operand = first?.inputs[0]
  if (operand?.producer?.opType === 'DequantizeLinear') {
    const low = operand.producer.inputs[0]?.dtype
    // With a dequantized second operand too, the product itself is in integers.
    const both = first?.inputs[1]?.producer?.opType === 'DequantizeLinear'
    return low !== undefined && (both || isPointwise(first as Node)) ? low : operand.dtype ?? 'unknown'
  }
  return first?.outputs[0]?.dtype ?? 'unknown'
}

/**
 * Groups the nodes of a model the way TensorRT's documented fusions would: a convolution or matrix product with the scale,
 * residual sum and activation behind it, a padding before it; chains of pointwise operators; chains of reshapes and
 * transpositions. Quantize and dequantize nodes vanish into the layers beside them. It is a preview: TensorRT decides by
 * timing, and fuses patterns (attention, normalization) that are not followed here.
 */
export function previewFusion(model: Model): FusionPreview {
  const taken = new Set<Node>()
  const groups: FusionGroup[] = []
  const nodes = model.graph.nodes.filter((node) => node.opType !== 'Constant')
  const add = (kind: string, chain: readonly Node[]): void => {
    for (const node of chain) taken.add(node)
    groups.push({ kind, nodes: chain.map((node) => node.label), operators: chain.map((node) => node.opType), precision: precisionOf(chain) })
  }
  // Heavy nodes first: a pointwise chain must not take what a convolution can.
  for (const node of nodes) {
    const convolution = node.opType === 'Conv' || node.opType === 'ConvTranspose'
    if (taken.has(node) || !(convolution || PRODUCTS.has(node.opType))) continue
    const before = node.inputs[0]?.producer
    const padded = convolution && before?.opType === 'Pad' && before.outputs[0] !== undefined && only(before.outputs[0]) === node ? [before] : []
    add(convolution ? 'convolution' : 'matrix product', [...padded, ...followLinear(node, taken)])
  }
  for (const node of nodes) {
    if (taken.has(node)) continue
    if (node.opType === 'QuantizeLinear' || node.opType === 'DequantizeLinear') {
      taken.add(node)
      // At the border of the model, or between layers of other types, a conversion remains.
      if (node.inputs[0]?.isGraphInput === true || node.outputs[0]?.isGraphOutput === true) add('reformat', [node])
    } else if (isPointwise(node)) add('pointwise', follow(node, taken, isPointwise))
    else if (SHUFFLES.has(node.opType)) add('shuffle', follow(node, taken, (next) => SHUFFLES.has(next.opType)))
    else add('single', [node])
  }
  const order = new Map(nodes.map((node, i) => [node.label, i]))
  return { nodes: nodes.length, groups: groups.sort((a, b) => (order.get(a.nodes[0] ?? '') ?? 0) - (order.get(b.nodes[0] ?? '') ?? 0)) }
}

/**
 * Of the pairs of neighbours that the preview puts into one layer, the share that the engine has in one layer too.
 *
 * @param layers for each layer of the engine the names of its ONNX nodes (`runtime.parseLayerInfo`)
 */
export function agreement(preview: FusionPreview, layers: readonly { readonly onnxNodes: readonly string[] }[]): { readonly share: number, readonly together: number, readonly expected: number } {
  const layerOf = new Map<string, number>()
  for (const [i, layer] of layers.entries()) for (const name of layer.onnxNodes) layerOf.set(name, i)
  const pairs = preview.groups.flatMap(({ nodes }) => nodes.slice(1).map((name, i): [string, string] => [nodes[i] ?? '', name]))
    .filter(([a, b]) => layerOf.has(a) && layerOf.has(b))
  const together = pairs.filter(([a, b]) => layerOf.get(a) === layerOf.get(b)).length
  return { share: pairs.length === 0 ? 1 : together / pairs.length, together, expected: pairs.length }
}
