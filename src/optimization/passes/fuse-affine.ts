// Folds elementwise arithmetic with constants into the weights of the linear operator before it.
import type { Tensor } from '../../onnx'
import { isFloat } from '../constants'
import type { Pass } from '../pass'
import { any, constant, op, optional, type Condition, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'
import { channelVector, foldedName, outputChannels, scaleAndShift, type Linear } from '../weights'

const float: Condition<Tensor> = (tensor) => (isFloat(tensor.dtype) ? undefined : `it is ${tensor.toString()}, not of floats`)

/** f(W x + b, c) for f one of + − × ÷ → (s W) x + (s b + t). */
function rule(opType: 'Conv' | 'ConvTranspose' | 'Gemm' | 'MatMul', f: 'Add' | 'Sub' | 'Mul' | 'Div'): Rule {
  const symbol = { Add: '+', Sub: '−', Mul: '×', Div: '÷' }[f]
  const folded = { Add: 'W, b + c', Sub: 'W, b − c', Mul: 'c W, c b', Div: 'W ÷ c, b ÷ c' }[f]
  const matmul = opType === 'MatMul'
  const linear = op(opType, matmul ? [any('x'), constant('w', float)] : [any('x'), constant('w', float), optional(constant('b'))], { as: 'linear' })
  return {
    name: `${opType.toLowerCase()}-${f.toLowerCase()}`,
    equation: matmul ? `MatMul(x, W) ${symbol} c → MatMul(x, ${folded.split(',')[0] ?? ''})` : `${opType}(x, W, b) ${symbol} c → ${opType}(x, ${folded})`,
    pattern: op(f, [linear, constant('c', float)], { as: 'f', where: [(node, { opset }) => (opset < 7 ? `${node.label} broadcasts by the rules before operator set 7` : undefined)] }),
    check: (match) => {
      const made = match.once((found) => fold(found, f))
      return typeof made === 'string' ? made : undefined
    },
    rewrite: (match, edit) => {
      const made = match.once((found) => fold(found, f))
      if (typeof made === 'string') throw new TypeError(made)
      const w = match.value('w')
      const weight = f === 'Add' || f === 'Sub' ? w : edit.constant(made.weight, foldedName(w, ''))
      const inputs = [match.value('x'), weight]
      if (!matmul && (f === 'Add' || f === 'Sub' || match.find('b') !== undefined)) inputs.push(edit.constant(made.bias, foldedName(match.find('b'), `${w.name}_bias`)))
      return edit.copy(match.node('linear'), inputs, opType === 'Gemm' && inputs.length > 2 ? { beta: 1.0 } : {})
    },
  }
}

function fold(match: Match, f: 'Add' | 'Sub' | 'Mul' | 'Div'): Linear | string {
  const linear = match.node('linear')
  const [weight, c] = [match.tensor('w'), match.tensor('c')]
  if (c.dtype !== weight.dtype) return `the constant is ${c.dtype} and the weight ${weight.dtype}`
  const channels = outputChannels(linear, weight)
  const rank = linear.opType === 'Gemm' ? 2 : linear.opType === 'MatMul' ? linear.output.shape?.length : weight.shape.length
  if (rank === undefined) return `the rank of what ${linear.label} makes is unknown`
  if (channels === undefined) return `the weight of ${linear.label} has the shape [${weight.shape.join(',')}], which has no output channels`
  const vector = channelVector(c, channels.count, channels.axis, rank)
  if (typeof vector === 'string') return vector
  if (f === 'Add') return scaleAndShift(linear, weight, match.findTensor('b'), undefined, vector)
  if (f === 'Sub') return scaleAndShift(linear, weight, match.findTensor('b'), undefined, vector.map((value) => -value))
  const s = f === 'Mul' ? vector : vector.map((value) => 1 / value)
  const bad = s.findIndex((value) => !Number.isFinite(value))
  return bad >= 0 ? `channel ${bad} is scaled by ${s[bad]}` : scaleAndShift(linear, weight, match.findTensor('b'), s, undefined)
}

/** Conv, ConvTranspose, Gemm and MatMul followed by + − × ÷ with constants. */
export const fuseAffine: Pass = rulePass({
  name: 'fuse-affine',
  summary: 'Folds sums, differences, products and quotients with constants into the weights of the operator before them.',
  leavesAlone: [
    'a constant that varies along other axes than the output channels',
    'a sum after MatMul: fuse-gemm makes a Gemm of it where both inputs are matrices',
    'division by zero and factors that are not finite',
    'a product whose weights overflow their type',
    'a linear operator whose output is used elsewhere too, or is an output of the model',
    'arithmetic before a convolution: padding would then not be zero at the borders',
    'operator sets before 7, which broadcast by other rules',
  ],
  rules: [
    ...(['Conv', 'ConvTranspose', 'Gemm'] as const).flatMap((opType) => (['Add', 'Sub', 'Mul', 'Div'] as const).map((f) => rule(opType, f))),
    rule('MatMul', 'Mul'), rule('MatMul', 'Div'),
  ],
})
