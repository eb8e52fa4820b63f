// Recognises activations that exporters wrote out: GELU in its forms, SiLU and hard swish.
import { attribute, schemaOf, type Tensor } from '../../onnx'
import { isFloat, uniform } from '../constants'
import type { Pass } from '../pass'
import { any, constant, either, op, optional, type Condition, type Match, type Pattern } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** A constant whose elements all are this number, as far as half precision can tell. */
const near = (wanted: number): Condition<Tensor> => (tensor) => {
  const found = uniform(tensor)
  return found !== undefined && Math.abs(found - wanted) <= 1e-3 * Math.abs(wanted) ? undefined : `it is not ${Number(wanted.toPrecision(4))}`
}
const exactly = (wanted: number): Condition<Tensor> => (tensor) => (uniform(tensor) === wanted ? undefined : `it is not ${wanted}`)

const x = any('x', (value) => (isFloat(value.dtype) ? undefined : `"${value.name}" is not of floats`))
const half: Pattern = constant('half', exactly(0.5))
const one: Pattern = constant('one', exactly(1))

/** The constants must not broadcast x to more axes. */
function scalars(match: Match): string | undefined {
  const rank = match.value('x').shape?.length
  for (const name of ['half', 'one', 'root two', 'cubic', 'root', 'three', 'six', 'zero']) {
    const tensor = match.findTensor(name)
    if (tensor === undefined || (tensor.size === 1 && tensor.shape.length <= (rank ?? 0))) continue
    return `the constant "${match.value(name).name}" ${tensor.toString()} may broadcast x`
  }
  return undefined
}

/** x / √2, or −x / √2 with the sign −1. */
const overRootTwo = (of: Pattern, sign: number): Pattern[] =>
  [op('Div', [of, constant('root two', near(sign * Math.SQRT2))]), op('Mul', [of, constant('root two', near(sign * Math.SQRT1_2))])]
/** Φ(x) = (1 + erf(x / √2)) / 2, without the half; TensorFlow writes it as 1 − erf(−x / √2). */
const erf: Pattern = either(
  op('Add', [op('Erf', [either(...overRootTwo(x, 1))]), one]),
  op('Sub', [one, op('Erf', [either(...overRootTwo(op('Neg', [x]), 1), op('Neg', [either(...overRootTwo(x, 1))]), ...overRootTwo(x, -1))])]),
)
const cube: Pattern = either(
  op('Pow', [x, constant('three', exactly(3))]), op('Mul', [op('Mul', [x, x], { commutative: false }), x]),
)
const inner: Pattern = op('Mul', [
  op('Add', [x, op('Mul', [cube, constant('cubic', near(0.044715))])]), constant('root', near(Math.sqrt(2 / Math.PI))),
])
const tanh: Pattern = op('Add', [op('Tanh', [inner]), one])

/** The three orders in which x, one half and the factor f are multiplied. */
function products(f: Pattern): Rule['pattern'][] {
  return [op('Mul', [op('Mul', [x, f]), half]), op('Mul', [op('Mul', [x, half]), f]), op('Mul', [x, op('Mul', [f, half])])]
}

function gelu(approximate: 'none' | 'tanh', pattern: Rule['pattern'], index: number): Rule {
  const long = approximate === 'none' ? 'x ÷ 2 × (1 + erf(x ÷ √2))' : 'x ÷ 2 × (1 + tanh(√(2 ÷ π) (x + 0.044715 x³)))'
  return {
    name: `gelu-${approximate === 'none' ? 'exact' : 'tanh'}-${index + 1}`,
    equation: `${long} → Gelu(x${approximate === 'none' ? '' : ', approximate: tanh'})${['', ', with the half last', ', with the half inside'][index] ?? ''}`,

    pattern,
    check: (match) => {
      const standard = schemaOf('Gelu', match.opset) !== undefined
      if (!standard && match.context.target !== 'onnxruntime') return `operator set ${match.opset} has no Gelu (20 has), and the target is onnx`
      if (!standard && approximate === 'tanh' && match.value('x').dtype !== 'float32') return 'com.microsoft.FastGelu is for float32 here'
      return scalars(match)
    },
    rewrite: (match, edit) => schemaOf('Gelu', match.opset) !== undefined
      ? edit.op('Gelu', [match.value('x')], approximate === 'none' ? {} : { approximate }, { name: match.root.name, like: match.root.output })
      : edit.op(approximate === 'none' ? 'Gelu' : 'FastGelu', [match.value('x')], {}, { name: match.root.name, domain: 'com.microsoft', like: match.root.output }),
  }
}

/** x σ(x) (SiLU, swish): only ONNX Runtime has an operator for it before operator set 24. */
const silu: Rule = {
  name: 'silu', equation: 'x × Sigmoid(x) → com.microsoft.QuickGelu(x, alpha: 1) (target onnxruntime)',
  pattern: op('Mul', [x, op('Sigmoid', [x])]),
  check: (match) => {
    if (match.context.target !== 'onnxruntime') return 'it needs an operator of com.microsoft, and the target is onnx'
    return match.value('x').dtype === 'float32' ? undefined : `"${match.value('x').name}" is not float32`
  },
  rewrite: (match, edit) => edit.op('QuickGelu', [match.value('x')], { alpha: attribute('float', 1) }, { name: match.root.name, domain: 'com.microsoft', like: match.root.output }),
}

const clipped: Pattern = either(
  op('Clip', [op('Add', [x, constant('three', exactly(3))]), constant('zero', exactly(0)), constant('six', exactly(6))]),
  op('Clip', [op('Add', [x, constant('three', exactly(3))])], {
    where: [(node) => (node.float('min') === 0 && node.float('max') === 6 ? undefined : `${node.label} does not clip to 0 … 6`)],
  }),
)
const sixth: Pattern = constant('six again', exactly(6))

/** x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019). */
function hardSwish(pattern: Rule['pattern'], index: number): Rule {
  return {
    name: `hard-swish-${index + 1}`,
    equation: `x × Clip(x + 3, 0, 6) ÷ 6 → HardSwish(x), before operator set 14 x × HardSigmoid(x, 1/6, 1/2)${index === 0 ? '' : ', with the division inside'}`,
    pattern, check: scalars,
    rewrite: (match, edit) => {
      const value = match.value('x')
      const named = { name: match.root.name, like: match.root.output }
      if (schemaOf('HardSwish', match.opset) !== undefined) return edit.op('HardSwish', [value], {}, named)
      return edit.op('Mul', [value, edit.op('HardSigmoid', [value], { alpha: 1 / 6, beta: 0.5 }, { like: value })], {}, named)
    },
  }
}

/** An activation that com.microsoft.FusedConv applies to its own output. */
const convolution: Rule = {
  name: 'conv-activation', equation: 'f(Conv(x, W, b)) → com.microsoft.FusedConv(x, W, b, activation: f) for Relu, Sigmoid, Tanh (target onnxruntime)',
  pattern: op(['Relu', 'Sigmoid', 'Tanh'], [op('Conv', [x, any('w'), optional(any('b'))], { as: 'conv' })]),
  check: (match) => {
    if (match.context.target !== 'onnxruntime') return 'no standard operator holds a convolution and its activation, and the target is onnx'
    return match.value('x').dtype === 'float32' ? undefined : `"${match.value('x').name}" is not float32`
  },
  rewrite: (match, edit) => {
    const conv = match.node('conv')
    return edit.op('FusedConv', [match.value('x'), match.value('w'), match.find('b')], {
      ...Object.fromEntries(conv.attributes), activation: match.root.opType,
    }, { name: conv.name, domain: 'com.microsoft', like: match.root.output })
  },
}

/** GELU, SiLU, hard swish, and activations inside convolutions. */
export const fuseActivation: Pass = rulePass({
  name: 'fuse-activation',
  summary: 'Recognises activations that exporters write out: GELU (exact and by tanh), SiLU, hard swish.',
  leavesAlone: [
    'GELU in operator sets before 20, unless the target is onnxruntime: no standard operator does it there',
    'SiLU, unless the target is onnxruntime',
    'constants that differ from those of the formula by more than 0.1%, and constants that broadcast',
    'activations after Conv, unless the target is onnxruntime, and after Gemm: no standard operator holds both',
    'parts of the formula that something else uses',
  ],
  rules: [
    ...products(erf).map((pattern, index) => gelu('none', pattern, index)),
    ...products(tanh).map((pattern, index) => gelu('tanh', pattern, index)),
    silu, convolution, ...[op('Div', [op('Mul', [x, clipped]), sixth]), op('Mul', [x, op('Div', [clipped, sixth])])].map(hardSwish),
  ],
})
