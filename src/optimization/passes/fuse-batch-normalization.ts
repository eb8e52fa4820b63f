// Folds batch normalization into the convolution or matrix product before it.
import type { Tensor } from '../../onnx'
import { floats, isFloat } from '../constants'
import type { Pass } from '../pass'
import { any, constant, op, optional, type Condition, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'
import { foldedName, outputChannels, scaleAndShift, type Linear } from '../weights'

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
 * s = γ / √(σ² + ε):  γ (W * x + b − μ) / √(σ² + ε) + β  =  (s W) * x + (s b + β − s μ)
 * γ, σ², μ, β and s: one for each output channel.
 */
function rule(opType: 'Conv' | 'ConvTranspose' | 'Gemm'): Rule {
  return {
    name: `${opType.toLowerCase()}-batch-normalization`,
    equation: `γ (${opType}(x, W, b) − μ) / √(σ² + ε) + β → ${opType}(x, s W, s b + (β − s μ)) with s = γ / √(σ² + ε)`,
    pattern: op('BatchNormalization', [
      op(opType, [any('x'), constant('w'), optional(constant('b'))], { as: 'linear' }),
      constant('scale', vector), constant('shift', vector), constant('mean', vector), constant('variance', vector),
    ], { as: 'norm', where: [inference] }),
    check: (match) => {
      const types = new Set(['w', 'scale', 'shift', 'mean', 'variance'].map((name) => match.tensor(name).dtype))
      if (types.size > 1) return `weights and statistics have several types: ${[...types].join(', ')}`
      const folded = match.once(fold)
      return typeof folded === 'string' ? folded : undefined
    },
    rewrite: (match, edit) => {
      const folded = match.once(fold)
      if (typeof folded === 'string') throw new TypeError(folded)
      const w = match.value('w')
      return edit.copy(match.node('linear'), [
        match.value('x'), edit.constant(folded.weight, foldedName(w, '')), edit.constant(folded.bias, foldedName(match.find('b'), `${w.name}_bias`)),
      ], opType === 'Gemm' ? { beta: 1.0 } : {})
    },
  }
}

function fold(match: Match): Linear | string {
  const linear = match.node('linear')
  const weight = match.tensor('w')
  const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'variance'].map((name) => floats(match.tensor(name))) as
    [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]
  const count = outputChannels(linear, weight)?.count
  if (count !== undefined && scale.length !== count) return `${linear.label} has ${count} output channels and ${match.root.label} has ${scale.length}`
  const epsilon = match.node('norm').float('epsilon', 1e-5)
  const s = new Float64Array(scale.length)
  const t = new Float64Array(scale.length)
  for (let c = 0; c < s.length; c++) {
    const spread = (variance[c] ?? 0) + epsilon
    if (!(spread > 0)) return `the variance of channel ${c} is ${variance[c]}, so its normalization is not a number`
    s[c] = (scale[c] ?? 0) / Math.sqrt(spread)
    t[c] = (shift[c] ?? 0) - (s[c] ?? 0) * (mean[c] ?? 0)
  }
  return scaleAndShift(linear, weight, match.findTensor('b'), s, t)
}

/** A linear operator followed by BatchNormalization. */
export const fuseBatchNormalization: Pass = rulePass({
  name: 'fuse-batch-normalization',
  summary: 'Folds batch normalization into the convolution or matrix product before it, so that it costs nothing.',
  leavesAlone: [
    'batch normalization in training mode: its statistics are of the batch, not constants',
    'weights or statistics that are inputs, or initializers that are also inputs: a caller may replace them',
    'a convolution whose output is used elsewhere too, or is an output of the model',
    'statistics of another type than the weights, and folded weights that overflow their type',
    'a variance that is not positive',
    'batch normalization before a convolution: padding would then not be zero at the borders',
  ],
  rules: [rule('Conv'), rule('ConvTranspose'), rule('Gemm')],
})
