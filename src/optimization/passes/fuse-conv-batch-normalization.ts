// Folds batch normalization into the convolution before it.
import type { Tensor } from '../../onnx'
import { floats, floatTensor, isFloat } from '../constants'
import type { Pass } from '../pass'
import { any, constant, op, optional, type Condition, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'
import { perOutputChannel, scaleOutputChannels } from '../weights'

const vector: Condition<Tensor> = (tensor) =>
  tensor.shape.length === 1 && isFloat(tensor.dtype) ? undefined : `it is no vector of floats but ${tensor.toString()}`

/** Inference: the running mean and variance are used, one for each channel. */
const inference: Condition<Match['root']> = (node, { opset }) => {
  if (opset >= 14 && node.int('training_mode', 0) !== 0) return `${node.label} is in training mode`
  if (opset < 7 && node.int('is_test', 0) === 0) return `${node.label} is in training mode (is_test is 0)`
  if (opset < 9 && node.int('spatial', 1) === 0) return `${node.label} normalizes each place by itself (spatial is 0)`
  const extra = node.outputs.findIndex((output, index) => index > 0 && output.name !== '')
  return opset < 14 && extra > 0 ? `${node.label} gives its statistics, so it is in training mode` : undefined
}

/**
 * s = γ / √(σ² + ε):  γ (W * x + b − μ) / √(σ² + ε) + β  =  (s W) * x + (s (b − μ) + β)
 * γ, σ², μ, β and s: one for each output channel.
 */
function rule(opType: 'Conv' | 'ConvTranspose'): Rule {
  return {
    name: `${opType.toLowerCase()}-batch-normalization`,
    equation: `γ (${opType}(x, W, b) − μ) / √(σ² + ε) + β → ${opType}(x, s W, s (b − μ) + β) with s = γ / √(σ² + ε)`,
    pattern: op('BatchNormalization', [
      op(opType, [any('x'), constant('w'), optional(constant('b'))], { as: 'conv' }),
      constant('scale', vector), constant('shift', vector), constant('mean', vector), constant('variance', vector),
    ], { as: 'norm', where: [inference] }),
    check: (match) => {
      const types = new Set(['w', 'scale', 'shift', 'mean', 'variance'].map((name) => match.tensor(name).dtype))
      if (types.size > 1) return `weights and statistics have several types: ${[...types].join(', ')}`
      const folded = fold(match)
      return typeof folded === 'string' ? folded : undefined
    },
    rewrite: (match, edit) => {
      const folded = fold(match)
      if (typeof folded === 'string') throw new TypeError(folded)
      const w = match.value('w').name
      return edit.copy(match.node('conv'), [
        match.value('x'), edit.constant(folded.weight, `${w}_folded`), edit.constant(folded.bias, `${match.find('b')?.name ?? `${w}_bias`}_folded`),
      ])
    },
  }
}

function fold(match: Match): { weight: Tensor; bias: Tensor } | string {
  const conv = match.node('conv')
  const weight = match.tensor('w')
  const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'variance'].map((name) => floats(match.tensor(name))) as
    [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]
  const channels = perOutputChannel(conv, weight)
  if (channels === undefined) return `the weight of ${conv.label} has the shape [${weight.shape.join(',')}], which is no kernel for its groups`
  if (scale.length !== channels.count) return `${conv.label} has ${channels.count} output channels and ${match.root.label} has ${scale.length}`
  const epsilon = match.node('norm').float('epsilon', 1e-5)
  const bias = match.findTensor('b')
  const before = bias === undefined ? undefined : floats(bias)
  const s = new Float64Array(channels.count)
  const b = new Float64Array(channels.count)
  for (let c = 0; c < s.length; c++) {
    const spread = (variance[c] ?? 0) + epsilon
    if (!(spread > 0)) return `the variance of channel ${c} is ${variance[c]}, so its normalization is not a number`
    s[c] = (scale[c] ?? 0) / Math.sqrt(spread)
    b[c] = (s[c] ?? 0) * ((before?.[c] ?? 0) - (mean[c] ?? 0)) + (shift[c] ?? 0)
  }
  const scaled = scaleOutputChannels(weight, channels, s)
  const moved = floatTensor(b, [b.length], weight.dtype)
  return scaled === undefined || moved === undefined ? `the folded weights do not fit into ${weight.dtype}` : { weight: scaled, bias: moved }
}

/** Conv or ConvTranspose followed by BatchNormalization. */
export const fuseConvBatchNormalization: Pass = rulePass({
  name: 'fuse-conv-batch-normalization',
  summary: 'Folds batch normalization into the convolution before it, so that it costs nothing.',
  leavesAlone: [
    'batch normalization in training mode: its statistics are of the batch, not constants',
    'weights or statistics that are inputs, or initializers that are also inputs: a caller may replace them',
    'a convolution whose output is used elsewhere too, or is an output of the model',
    'statistics of another type than the weights, and folded weights that overflow their type',
    'a variance that is not positive',
    'batch normalization before a convolution: padding would then not be zero at the borders',
  ],
  rules: [rule('Conv'), rule('ConvTranspose')],
})
