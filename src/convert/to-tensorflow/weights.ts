// Which initializers are weights. ONNX does not say, so their place in the graph does.
import { DTYPES } from '../../core'
import type { Graph, Node, Tensor, Value } from '../../onnx'

/** Inputs that hold parameters even when they are a single number. */
const PARAMETERS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2], ConvTranspose: [1, 2], Gemm: [0, 1, 2], MatMul: [0, 1], PRelu: [1], BatchNormalization: [1, 2],
  LayerNormalization: [1, 2], RMSNormalization: [1], InstanceNormalization: [1, 2], GroupNormalization: [1, 2],
  LSTM: [1, 2, 3, 7], GRU: [1, 2, 3], RNN: [1, 2, 3],
}

/** Inputs that set how an operator works, and are no parameters even when they hold many numbers. */
const SETTINGS: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4], Resize: [1, 2, 3], Upsample: [1], Clip: [1, 2], Pad: [1, 2, 3], Dropout: [1, 2],
  QuantizeLinear: [1, 2], DequantizeLinear: [1, 2], OneHot: [1, 2], Range: [0, 1, 2], NonMaxSuppression: [0, 1, 2, 3, 4],
  QLinearConv: [0, 1, 2, 3, 4, 5, 6, 7, 8], QLinearMatMul: [0, 1, 2, 3, 4, 5, 6, 7], MatMulInteger: [0, 1, 2, 3],
  Where: [0], Pow: [1], Cast: [], Expand: [1], Equal: [0, 1], Less: [0, 1], Greater: [0, 1], LSTM: [5, 6], GRU: [5], RNN: [5],
}

/** Beyond this, a number stands for infinity: such a tensor is a mask. */
const MASK = 1e9

/** What an initializer is to training. */
export type Role = 'trainable' | 'state' | 'latent' | 'constant'

/**
 * The role of an initializer, by its readers: `trainable` for weights, `state` for the running statistics of batch
 * normalization, `latent` for quantized weights that can be trained before their rounding, `constant` for all else.
 */
export function roleOf(value: Value, tensor: Tensor): Role {
  const uses = value.uses
  if (uses.length === 0) return 'constant'
  const { kind, bits } = DTYPES[tensor.dtype]
  if (kind === 'float') {
    if (uses.some(({ node, index }) => node.opType === 'BatchNormalization' && index >= 3)) return 'state'
    if (uses.some(({ node, index }) => SETTINGS[node.opType]?.includes(index) === true)) return 'constant'
    if (uses.some(({ node, index }) => PARAMETERS[node.opType]?.includes(index) === true)) return 'trainable'
    return tensor.size > 1 && isNumbers(tensor) ? 'trainable' : 'constant'
  }
  const quantized = (kind === 'signed' || kind === 'unsigned') && bits <= 32
  return quantized && tensor.shape.length > 0 && uses.every(({ node, index }) => dequantizes(node, index)) ? 'latent' : 'constant'
}

/** Whether a node makes a weight of these integers, by a scale that is a constant. */
function dequantizes(node: Node, index: number): boolean {
  const [, scale, zero] = node.inputs
  return node.opType === 'DequantizeLinear' && index === 0 && scale?.tensor !== undefined && (zero === undefined || zero.tensor !== undefined)
}

function isNumbers(tensor: Tensor): boolean {
  const array = tensor.toArray() as ArrayLike<number>
  for (let i = 0; i < array.length; i++) if (!(Math.abs(array[i] ?? 0) < MASK)) return false
  return true
}

/** Every initializer of a graph and the graphs inside it. */
export function* initializersOf(graph: Graph): Generator<[Value, Tensor]> {
  yield* graph.initializers
  for (const node of graph.allNodes()) for (const inner of node.subgraphs) yield* inner.initializers
}
