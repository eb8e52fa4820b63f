// Elementwise operators and activations.
import type { DType } from '../../../core'
import type { Value } from '../../../onnx'
import { lowering, type TfContext, type TfLowering } from '../context'

const unary = (name: string): TfLowering => lowering([name], (c) => { c.map((x) => c.op(name, [x])) })

const binary = (name: string): TfLowering => lowering([name], (c) => { apply(c, (a, b) => c.op(name, [a, b])) })

export function apply(c: TfContext, f: (a: Value, b: Value) => Value): void {
  const { a, b, first } = c.together(c.held(0), c.held(1))
  c.give2(f(a, b), first)
}

const isInteger = (dtype: DType | undefined): boolean => dtype !== undefined && /^u?int/.test(dtype)

/** ⌊a/b⌋: ONNX divides integers towards zero. */
function floorDivide(c: TfContext, a: Value, b: Value): Value {
  if (!isInteger(a.dtype)) return c.op('Floor', [c.op('Div', [a, b])])
  const rest = c.op('Mod', [a, b])
  return c.op('Div', [c.op('Sub', [a, rest]), b])
}

const cast: TfLowering = lowering(['Cast'], (c) => {
  const to = c.node.dtype('DstT') ?? 'float32'
  c.map((x) => (x.dtype === to ? x : c.emitter.cast(x, to)))
})

const select: TfLowering = lowering(['Where'], (c) => {
  const [condition, a, b] = [c.held(0), c.held(1), c.held(2)]
  // TensorFlow 1's Select takes a vector of conditions for whole rows.
  const rows = c.node.op === 'Select' && condition.rank === 1 && (a.rank ?? 1) > 1
  const flags = rows ? c.op('Unsqueeze', [condition.value, c.emitter.numbers(Array.from({ length: (a.rank ?? 1) - 1 }, (_, i) => i + 1))]) : condition.value
  c.out(c.op('Where', [flags, a.value, b.value]))
})

/** Applies a fused activation by TensorFlow's name. */
export function activate(c: TfContext, x: Value, name: string, alpha: () => Value): Value {
  switch (name) {
    case 'Relu': return c.op('Relu', [x])
    case 'Relu6': return relu6(c, x)
    case 'Elu': return c.op('Elu', [x])
    case 'Sigmoid': return c.op('Sigmoid', [x])
    case 'Tanh': return c.op('Tanh', [x])
    case 'LeakyRelu': return c.op('LeakyRelu', [x], { alpha: c.node.float('leakyrelu_alpha', 0.2) })
    case 'Prelu': return c.op('PRelu', [x, alpha()])
    case 'GeluApproximate': return gelu(c, x, true)
    case 'GeluExact': return gelu(c, x, false)
    default: throw c.error('the fused operator is not known', name)
  }
}

function gelu(c: TfContext, x: Value, tanh: boolean): Value {
  return c.op('Gelu', [x], { approximate: tanh ? 'tanh' : 'none' })
}

const relu6 = (c: TfContext, x: Value): Value => c.op('Clip', [x, c.emitter.scalar(0, x.dtype ?? 'float32'), c.emitter.scalar(6, x.dtype ?? 'float32')])

/** 1/√x; of constants as a quotient, which is folded: the scales of batch normalization. */
function inverseRoot(c: TfContext, x: Value): Value {
  const root = c.op('Sqrt', [x])
  return root.tensor === undefined ? c.op('Reciprocal', [root]) : c.op('Div', [c.emitter.scalar(1, x.dtype ?? 'float32'), root])
}

const addN: TfLowering = lowering(['Sum'], (c) => {
  const first = c.inputs.some((h) => h.isFirst) && c.inputs.every((h) => h.rank === c.held(0).rank)
  const values = c.inputs.map((h) => (first ? h.first : h.value))
  c.give2(values.length === 1 ? values[0] as Value : c.op('Sum', values), first)
})

const identity: TfLowering = lowering([], (c) => { c.give(c.held(0)) })

export const elementwise: Readonly<Record<string, TfLowering>> = {
  ...Object.fromEntries(Object.entries({
    Abs: 'Abs', Neg: 'Neg', Exp: 'Exp', Log: 'Log', Sqrt: 'Sqrt', Floor: 'Floor', Ceil: 'Ceil', Round: 'Round', Rint: 'Round', Sign: 'Sign', Sin: 'Sin', Cos: 'Cos',
    Tan: 'Tan', Asin: 'Asin', Acos: 'Acos', Atan: 'Atan', Sinh: 'Sinh', Cosh: 'Cosh', Tanh: 'Tanh', Asinh: 'Asinh', Acosh: 'Acosh', Atanh: 'Atanh', Erf: 'Erf',
    Relu: 'Relu', Sigmoid: 'Sigmoid', Softplus: 'Softplus', Softsign: 'Softsign', Elu: 'Elu', Selu: 'Selu', Reciprocal: 'Reciprocal', Inv: 'Reciprocal', LogicalNot: 'Not', IsNan: 'IsNaN', IsInf: 'IsInf',
  }).map(([name, onnx]) => [name, unary(onnx)])),
  ...Object.fromEntries(Object.entries({
    Add: 'Add', AddV2: 'Add', BiasAddV1: 'Add', Sub: 'Sub', Mul: 'Mul', RealDiv: 'Div', Maximum: 'Max', Minimum: 'Min', Pow: 'Pow', Equal: 'Equal', Less: 'Less', LessEqual: 'LessOrEqual',
    Greater: 'Greater', GreaterEqual: 'GreaterOrEqual', LogicalAnd: 'And', LogicalOr: 'Or', BitwiseAnd: 'BitwiseAnd', BitwiseOr: 'BitwiseOr', BitwiseXor: 'BitwiseXor',
  }).map(([name, onnx]) => [name, binary(onnx)])),
  Div: binary('Div'),
  TruncateDiv: binary('Div'),
  FloorDiv: lowering(['Div', 'Floor', 'Mod'], (c) => { apply(c, (a, b) => floorDivide(c, a, b)) }),
  FloorMod: lowering(['Mod'], (c) => {
    apply(c, (a, b) => (isInteger(a.dtype) ? c.op('Mod', [a, b]) : c.op('Sub', [a, c.op('Mul', [floorDivide(c, a, b), b])])))
  }),
  Mod: lowering(['Mod'], (c) => { apply(c, (a, b) => c.op('Mod', [a, b], { fmod: 1 })) }),
  DivNoNan: lowering(['Div', 'Where'], (c) => {
    apply(c, (a, b) => {
      const zero = c.emitter.scalar(0, b.dtype ?? 'float32')
      return c.op('Where', [c.op('Equal', [b, zero]), zero, c.op('Div', [a, b])])
    })
  }),
  MulNoNan: binary('Mul'),
  NotEqual: lowering(['Equal', 'Not'], (c) => { apply(c, (a, b) => c.op('Not', [c.op('Equal', [a, b])])) }),
  SquaredDifference: lowering(['Sub', 'Mul'], (c) => { apply(c, (a, b) => { const d = c.op('Sub', [a, b]); return c.op('Mul', [d, d]) }) }),
  Square: lowering(['Mul'], (c) => { c.map((x) => c.op('Mul', [x, x])) }),
  Rsqrt: lowering(['Sqrt', 'Reciprocal'], (c) => { c.map((x) => inverseRoot(c, x)) }),
  Log1p: lowering(['Add', 'Log'], (c) => { c.map((x) => c.op('Log', [c.op('Add', [x, c.emitter.scalar(1, x.dtype ?? 'float32')])])) }),
  Expm1: lowering(['Exp', 'Sub'], (c) => { c.map((x) => c.op('Sub', [c.op('Exp', [x]), c.emitter.scalar(1, x.dtype ?? 'float32')])) }),
  Erfc: lowering(['Erf', 'Sub'], (c) => { c.map((x) => c.op('Sub', [c.emitter.scalar(1, x.dtype ?? 'float32'), c.op('Erf', [x])])) }),
  Relu6: lowering(['Clip'], (c) => { c.map((x) => relu6(c, x)) }),
  LeakyRelu: lowering(['LeakyRelu'], (c) => { c.map((x) => c.op('LeakyRelu', [x], { alpha: c.node.float('alpha', 0.2) })) }),
  Prelu: lowering(['PRelu'], (c) => { apply(c, (a, b) => c.op('PRelu', [a, b])) }),
  Gelu: lowering(['Gelu'], (c) => { c.map((x) => gelu(c, x, c.node.bool('approximate'))) }),
  ClipByValue: lowering(['Min', 'Max'], (c) => { c.map((x) => c.op('Max', [c.op('Min', [x, c.in(2)]), c.in(1)])) }),
  IsFinite: lowering(['IsNaN', 'IsInf', 'Or', 'Not'], (c) => { c.map((x) => c.op('Not', [c.op('Or', [c.op('IsNaN', [x]), c.op('IsInf', [x])])])) }),
  Cast: cast,
  Select: select,
  SelectV2: select,
  AddN: addN,
  ...Object.fromEntries(['Identity', 'StopGradient', 'PreventGradient', 'Snapshot', 'EnsureShape', 'CheckNumerics', 'PlaceholderWithDefault', 'DeepCopy'].map((name) => [name, identity])),
  IdentityN: lowering([], (c) => { c.inputs.forEach((h, i) => { c.give(h, i) }) }),
  FakeQuantWithMinMaxVars: lowering([], (c) => { c.give(c.held(0)) }, 'the rounding of quantization-aware training'),
}
