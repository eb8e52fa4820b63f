// How operators tie the coordinates of their inputs and outputs together: one rule an operator, in families. An operator
// without a rule keeps everything it touches.
import { sameDomain, type Node } from '../../../onnx'
import { keepsAll, type Rule, type RuleContext } from './rule'
import { attention, multiHead, rotary, skipNorm } from './rules-attention'
import { concat, gather, pad, reshape, resize, shape, slice, split, transpose } from './rules-axes'
import { channelNorm, elementwise, fromAxis, lastAxis, normalizes, pool, quantizes, reduce, unary } from './rules-elementwise'
import { conv, gemm, matMul } from './rules-linear'

const table = (rule: Rule, ...names: readonly string[]): [string, Rule][] => names.map((name) => [name, rule])

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...table(elementwise, 'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Mean', 'Where', 'PRelu', 'Equal', 'Greater',
    'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor', 'Mod'),
  ...table(unary, 'Relu', 'LeakyRelu', 'Elu', 'Selu', 'Celu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Swish', 'Mish', 'Tanh', 'Clip', 'Erf', 'Gelu',
    'Softplus', 'Softsign', 'ThresholdedRelu', 'Identity', 'Cast', 'Dropout', 'Neg', 'Abs', 'Sqrt', 'Exp', 'Log', 'Reciprocal', 'Sign',
    'Floor', 'Ceil', 'Round', 'Sin', 'Cos', 'Not'),
  ...table(conv, 'Conv', 'ConvTranspose'),
  ...table(gemm, 'Gemm'),
  ...table(matMul, 'MatMul'),
  ...table(channelNorm, 'BatchNormalization', 'InstanceNormalization'),
  ...table(normalizes(fromAxis), 'LayerNormalization', 'RMSNormalization'),
  ...table(normalizes(lastAxis), 'Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization'),
  ...table(pool, 'MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'),
  ...table(reduce, 'ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceProd', 'ReduceSumSquare',
    'ReduceLogSum', 'ReduceLogSumExp'),
  ...table(transpose, 'Transpose'),
  ...table(reshape, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'),
  ...table(concat, 'Concat'),
  ...table(split, 'Split'),
  ...table(slice, 'Slice'),
  ...table(pad, 'Pad'),
  ...table(resize, 'Resize'),
  ...table(gather, 'Gather'),
  ...table(quantizes, 'QuantizeLinear', 'DequantizeLinear'),
  ...table(shape, 'Shape'),
  // What fusing makes of them.
  ...table(conv, 'com.microsoft.FusedConv'),
  ...table(unary, 'com.microsoft.Gelu', 'com.microsoft.FastGelu', 'com.microsoft.QuickGelu'),
  ...table(skipNorm, 'com.microsoft.SkipLayerNormalization'),
  ...table(attention, 'Attention'),
  ...table(multiHead, 'com.microsoft.MultiHeadAttention'),
  ...table(rotary, 'RotaryEmbedding', 'com.microsoft.RotaryEmbedding'),
])

/** Operators through which channels can be removed. */
export const PRUNABLE_OPERATORS: readonly string[] = [...RULES.keys()]

/** Applies the rule of a node, or keeps everything that it touches. */
export function tie(node: Node, context: RuleContext): void {
  const name = sameDomain(node.domain, '') ? node.opType : `${node.domain}.${node.opType}`
  const rule = RULES.get(name)
  const untyped = [...node.inputs, ...node.outputs].find((value) => value !== undefined && value.name !== '' && value.shape === undefined)
  if (node.subgraphs.length > 0 || rule === undefined || untyped !== undefined) {
    keepsAll(node, context.atoms, untyped !== undefined ? `the shape of "${untyped.name}" is not known` : `${node.label} has no rule for removing channels`)
  } else rule(node, context)
}
