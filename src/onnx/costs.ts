// How much arithmetic an operator does: multiply-accumulates and other operations, from the shapes of its inputs and
// outputs. Counts follow the definition of the operator, not any implementation (no Winograd, no fusion).
import type { Node } from './ir/node'
import { staticShape } from './ir/types'

/** Arithmetic of one node. One multiply-accumulate is two floating-point operations. */
export interface Cost {
  /** Multiplications that are added up: of matrix products and convolutions. */
  readonly macs: number
  /** Every other arithmetic operation on elements. */
  readonly operations: number
}

const NONE: Cost = { macs: 0, operations: 0 }

/** Operators that move or reinterpret elements and calculate nothing. */
const MOVES = new Set([
  'Cast', 'CastLike', 'BitCast', 'Compress', 'Concat', 'ConcatFromSequence', 'Constant', 'ConstantOfShape', 'DepthToSpace',
  'Expand', 'EyeLike', 'Flatten', 'Gather', 'GatherElements', 'GatherND', 'Identity', 'If', 'Loop', 'NonZero', 'OneHot',
  'Optional', 'OptionalGetElement', 'OptionalHasElement', 'Pad', 'Reshape', 'ReverseSequence', 'Scan', 'Scatter',
  'ScatterElements', 'ScatterND', 'SequenceAt', 'SequenceConstruct', 'SequenceEmpty', 'SequenceErase', 'SequenceInsert',
  'SequenceLength', 'SequenceMap', 'Shape', 'Size', 'Slice', 'SpaceToDepth', 'Split', 'SplitToSequence', 'Squeeze', 'Tile',
  'Transpose', 'Trilu', 'Unsqueeze', 'Where', 'Dropout',
])

/** Operations an element of operators that need several; a count of the definition's arithmetic and function calls. */
const PER_ELEMENT: Readonly<Record<string, number>> = {
  BatchNormalization: 2, LayerNormalization: 8, InstanceNormalization: 8, GroupNormalization: 8, RMSNormalization: 5,
  Softmax: 4, LogSoftmax: 4, Gelu: 5, Sigmoid: 3, HardSigmoid: 3, HardSwish: 4, Swish: 4, Mish: 5, Elu: 3, Selu: 4, Celu: 4,
  Softplus: 3, Softsign: 3, Tanh: 1, LRN: 6, QuantizeLinear: 3, DequantizeLinear: 2, LpNormalization: 4,
}

const sizeOf = (shape: readonly number[] | undefined) => shape?.reduce((a, b) => a * b, 1)

/** The arithmetic of a node; undefined when the shapes that it depends on are not numbers. */
export function costOf(node: Node): Cost | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined
  if (MOVES.has(node.opType)) return NONE
  const input = (i: number) => staticShape(node.inputs[i]?.shape)
  const output = staticShape(node.outputs.find((value) => value.name !== '')?.shape)
  const out = sizeOf(output)
  const x = input(0)
  const only = (macs: number | undefined): Cost | undefined => (macs === undefined || Number.isNaN(macs) ? undefined : { macs, operations: 0 })
  switch (node.opType) {
    case 'Conv':
    case 'ConvInteger':
    case 'QLinearConv':
    case 'DeformConv': {
      const w = input(node.opType === 'QLinearConv' ? 3 : 1)
      if (out === undefined || w === undefined) return undefined
      const bias = node.inputs[node.opType === 'QLinearConv' ? 8 : 2] === undefined || node.opType === 'ConvInteger' ? 0 : out
      return { macs: out * (sizeOf(w.slice(1)) ?? NaN), operations: bias }
    }
    case 'ConvTranspose': {
      const w = input(1)
      return x === undefined || w === undefined ? undefined : { macs: (sizeOf(x) ?? NaN) * (sizeOf(w.slice(1)) ?? NaN), operations: node.inputs[2] === undefined ? 0 : (out ?? 0) }
    }
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul':
      return x === undefined || out === undefined ? undefined : only(out * (x.at(-1) ?? NaN))
    case 'Gemm': {
      if (x === undefined || out === undefined) return undefined
      return { macs: out * ((node.int('transA', 0) === 1 ? x[0] : x[1]) ?? NaN), operations: node.inputs[2] === undefined ? 0 : out }
    }
    case 'Einsum':
      return einsum(node)
    case 'RNN':
    case 'GRU':
    case 'LSTM':
      return recurrent(node)
    case 'Attention': {
      const [q, k, v] = [input(0), input(1), input(2)]
      if (q === undefined || k === undefined || v === undefined) return undefined
      const [rows, columns] = [q.at(-2) ?? NaN, k.at(-2) ?? NaN]
      const heads = q.length === 4 ? (q[1] ?? 1) : 1
      const width = (q.at(-1) ?? NaN) + (v.at(-1) ?? NaN)
      return { macs: (q[0] ?? 1) * heads * rows * columns * width, operations: 5 * (q[0] ?? 1) * heads * rows * columns }
    }
    case 'MaxPool':
    case 'AveragePool':
    case 'LpPool':
      return out === undefined ? undefined : { macs: 0, operations: out * (sizeOf(node.ints('kernel_shape')) ?? 1) }
    default:
      return elementwise(node, x, out)
  }
}

function elementwise(node: Node, x: readonly number[] | undefined, out: number | undefined): Cost | undefined {
  const reduces = node.opType.startsWith('Reduce') || node.opType.startsWith('Arg') || node.opType.startsWith('Global') || node.opType === 'CumSum'
  const count = reduces ? sizeOf(x) : out
  if (count === undefined) return undefined
  const variadic = ['Sum', 'Mean', 'Max', 'Min'].includes(node.opType) ? Math.max(1, node.inputs.length - 1) : 1
  return { macs: 0, operations: count * (PER_ELEMENT[node.opType] ?? variadic) }
}

function einsum(node: Node): Cost | undefined {
  const terms = (node.string('equation', '').replaceAll(' ', '').split('->')[0] ?? '').split(',')
  const sizes = new Map<string, number>()
  for (const [i, term] of terms.entries()) {
    const shape = staticShape(node.inputs[i]?.shape)
    if (shape === undefined || term.includes('.')) return undefined
    Array.from(term).forEach((letter, axis) => sizes.set(letter, shape[axis] ?? 1))
  }
  const total = [...sizes.values()].reduce((a, b) => a * b, 1)
  return terms.length > 1 ? { macs: total * (terms.length - 1), operations: 0 } : { macs: 0, operations: total }
}

function recurrent(node: Node): Cost | undefined {
  const x = staticShape(node.inputs[0]?.shape)
  const w = staticShape(node.inputs[1]?.shape)
  const r = staticShape(node.inputs[2]?.shape)
  const [first = NaN, second = NaN] = x ?? []
  if (x === undefined || w === undefined || r === undefined) return undefined
  // W is [directions, gates · hidden, input], R is [directions, gates · hidden, hidden].
  const steps = first * second
  const gates = (w[0] ?? 1) * (w[1] ?? NaN)
  return { macs: steps * gates * ((w[2] ?? NaN) + (r[2] ?? NaN)), operations: steps * gates * 4 }
}
