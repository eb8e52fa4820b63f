// Operators of one tensor, element by element.
import { DTYPES, type DType } from '../../../core'
import type { Attributes, Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** One ONNX operator does it; integers are cast to the type of the result first. */
const direct = (type: string, attributes: Attributes = {}): TorchLowering =>
  ({ makes: [type], lower: (c) => { c.set(c.op(type, [input(c)], attributes)) } })

/** A formula over the input. */
const formula = (makes: readonly string[], of: (c: TorchContext, x: Value, dtype: DType) => Value): TorchLowering =>
  ({ makes, lower: (c) => { c.set(of(c, input(c), c.resultType)) } })

/** The tensor in the type of the result, unless that is a truth value. */
function input(c: TorchContext): Value {
  const name = c.has('self') ? 'self' : 'input'
  const { resultType } = c
  return resultType === 'bool' ? c.tensor(name) : c.cast(c.tensor(name), resultType)
}

/** Clip; an absent end is left out. */
export function clip(c: TorchContext, x: Value, low: Value | undefined, high: Value | undefined): Value {
  return c.op('Clip', high === undefined ? [x, low] : [x, low, high])
}

const bounds = (low: number | string | undefined, high: number | string | undefined, defaults: readonly [number, number] = [0, 0]): TorchLowering => ({
  makes: ['Clip'],
  lower: (c) => {
    // Truth values are bounded as numbers; the result is a truth value again.
    const dtype = c.resultType === 'bool' ? 'uint8' : c.resultType
    const end = (of: number | string | undefined, otherwise: number): Value | undefined =>
      of === undefined ? undefined : typeof of === 'number' ? c.scalar(of, dtype) : c.has(of) ? c.operand(of, dtype) : otherwise === 0 ? undefined : c.scalar(otherwise, dtype)
    const [least, most] = [end(low, defaults[0]), end(high, defaults[1])]
    let x = c.cast(input(c), dtype)
    // Clip takes scalars; whole tensors as bounds are a maximum and a minimum.
    const tensors = [least, most].some((value) => value !== undefined && value.shape?.length !== 0)
    if (!tensors) {
      c.set(clip(c, x, least, most))
      return
    }
    if (least !== undefined) x = c.op('Max', [x, least])
    c.set(most === undefined ? x : c.op('Min', [x, most]))
  },
})

const gelu: TorchLowering = {
  makes: ['Gelu'],
  lower: (c) => {
    const x = input(c)
    const approximate = c.text('approximate', 'none')
    if (c.opset >= 20) {
      c.set(c.op('Gelu', [x], approximate === 'none' ? {} : { approximate }))
      return
    }
    const dtype = c.resultType
    const inner = approximate === 'none' ? c.op('Erf', [c.op('Mul', [x, c.scalar(Math.SQRT1_2, dtype)])])
      : c.op('Tanh', [c.op('Mul', [c.scalar(Math.sqrt(2 / Math.PI), dtype),
        c.op('Add', [x, c.op('Mul', [c.scalar(0.044715, dtype), c.op('Mul', [x, c.op('Mul', [x, x])])])])])])
    c.set(c.op('Mul', [c.op('Mul', [x, c.scalar(0.5, dtype)]), c.op('Add', [inner, c.scalar(1, dtype)])]))
  },
}

export const unary: Readonly<Record<string, TorchLowering>> = {
  'aten.relu': formula(['Relu', 'Max'], (c, x, d) => DTYPES[d].kind === 'float' ? c.op('Relu', [x]) : c.op('Max', [x, c.scalar(0, d)])), 'aten.sigmoid': direct('Sigmoid'), 'aten.tanh': direct('Tanh'), 'aten.exp': direct('Exp'),
  'aten.log': direct('Log'), 'aten.neg': direct('Neg'), 'aten.abs': direct('Abs'), 'aten.sqrt': direct('Sqrt'), 'aten.sin': direct('Sin'),
  'aten.cos': direct('Cos'), 'aten.tan': direct('Tan'), 'aten.asin': direct('Asin'), 'aten.acos': direct('Acos'), 'aten.atan': direct('Atan'),
  'aten.sinh': direct('Sinh'), 'aten.cosh': direct('Cosh'), 'aten.asinh': direct('Asinh'), 'aten.acosh': direct('Acosh'),
  'aten.atanh': direct('Atanh'), 'aten.erf': direct('Erf'), 'aten.reciprocal': direct('Reciprocal'), 'aten.sign': formula(['Sign'], signed),
  'aten.sgn': formula(['Sign'], signed), 'aten.isnan': testing(['IsNaN'], (c, x) => c.op('IsNaN', [x])), 'aten.isinf': testing(['IsInf'], (c, x) => c.op('IsInf', [x])),
  'aten.floor': rounding('Floor'), 'aten.ceil': rounding('Ceil'), 'aten.round': rounding('Round'),
  'aten.logical_not': formula(['Not'], (c) => c.op('Not', [c.cast(c.tensor('self'), 'bool')])),
  'aten.bitwise_not': { makes: ['Not', 'BitwiseNot'], lower: (c) => { c.set(c.op(c.resultType === 'bool' ? 'Not' : 'BitwiseNot', [c.tensor('self')])) } },
  'aten.isfinite': testing(['IsNaN', 'IsInf'], (c, x) => c.op('Not', [c.op('Or', [c.op('IsNaN', [x]), c.op('IsInf', [x])])])),
  'aten.isposinf': testing(['IsInf'], (c, x) => c.op('IsInf', [x], { detect_negative: 0 })),
  'aten.isneginf': testing(['IsInf'], (c, x) => c.op('IsInf', [x], { detect_positive: 0 })),
  'aten.rsqrt': formula(['Sqrt', 'Reciprocal'], (c, x) => c.op('Reciprocal', [c.op('Sqrt', [x])])),
  'aten.square': formula(['Mul'], (c, x) => c.op('Mul', [x, x])),
  'aten.log1p': formula(['Add', 'Log'], (c, x, d) => c.op('Log', [c.op('Add', [x, c.scalar(1, d)])])),
  'aten.expm1': formula(['Exp', 'Sub'], (c, x, d) => c.op('Sub', [c.op('Exp', [x]), c.scalar(1, d)])),
  'aten.log2': formula(['Log', 'Mul'], (c, x, d) => c.op('Mul', [c.op('Log', [x]), c.scalar(Math.LOG2E, d)])),
  'aten.log10': formula(['Log', 'Mul'], (c, x, d) => c.op('Mul', [c.op('Log', [x]), c.scalar(Math.LOG10E, d)])),
  'aten.exp2': formula(['Pow'], (c, x, d) => c.op('Pow', [c.scalar(2, d), x])),
  'aten.erfc': formula(['Erf', 'Sub'], (c, x, d) => c.op('Sub', [c.scalar(1, d), c.op('Erf', [x])])),
  'aten.trunc': formula(['Abs', 'Floor', 'Sign', 'Mul'], truncated), 'aten.fix': formula(['Abs', 'Floor', 'Sign', 'Mul'], truncated),
  'aten.frac': formula(['Sub'], (c, x) => c.op('Sub', [x, truncated(c, x)])),
  'aten.silu': formula(['Sigmoid', 'Mul'], (c, x) => c.op('Mul', [x, c.op('Sigmoid', [x])])),
  'aten.gelu': gelu,
  'aten.hardswish': direct('HardSwish'), 'aten.hardsigmoid': direct('HardSigmoid', { alpha: 1 / 6, beta: 0.5 }),
  'aten.relu6': bounds(0, 6), 'aten.hardtanh': bounds('min_val', 'max_val', [-1, 1]),
  'aten.clamp': bounds('min', 'max'), 'aten.clip': bounds('min', 'max'), 'aten.clamp_min': bounds('min', undefined), 'aten.clamp_max': bounds(undefined, 'max'),
  'aten.leaky_relu': { makes: ['LeakyRelu'], lower: (c) => { c.set(c.op('LeakyRelu', [c.tensor('self')], { alpha: c.float('negative_slope', 0.01) })) } },
  'aten.elu': {
    makes: ['Elu'], limits: 'scale and input_scale other than 1 become multiplications',
    lower: (c) => {
      const [alpha, scale, inner, d] = [c.float('alpha', 1), c.float('scale', 1), c.float('input_scale', 1), c.resultType]
      const x = c.tensor('self')
      if (inner !== 1) {
        const low = c.op('Mul', [c.op('Sub', [c.op('Exp', [c.op('Mul', [x, c.scalar(inner, d)])]), c.scalar(1, d)]), c.scalar(alpha, d)])
        c.set(c.op('Mul', [c.op('Where', [c.op('Greater', [x, c.scalar(0, d)]), x, low]), c.scalar(scale, d)]))
        return
      }
      const y = c.op('Elu', [x], { alpha })
      c.set(scale === 1 ? y : c.op('Mul', [y, c.scalar(scale, d)]))
    },
  },
  'aten.selu': direct('Selu'),
  'aten.celu': { makes: ['Celu'], lower: (c) => { c.set(c.op('Celu', [c.tensor('self')], { alpha: c.float('alpha', 1) })) } },
  'aten.softplus': {
    makes: ['Softplus'],
    lower: (c) => {
      const [beta, threshold, d] = [c.float('beta', 1), c.float('threshold', 20), c.resultType]
      const x = c.tensor('self')
      const scaled = beta === 1 ? x : c.op('Mul', [x, c.scalar(beta, d)])
      const y = c.op('Softplus', [scaled])
      const back = beta === 1 ? y : c.op('Div', [y, c.scalar(beta, d)])
      c.set(c.op('Where', [c.op('Greater', [scaled, c.scalar(threshold, d)]), x, back]))
    },
  },
  'aten.mish': direct('Mish'),
  'aten.log_sigmoid': formula(['Softplus', 'Neg'], (c, x) => c.op('Neg', [c.op('Softplus', [c.op('Neg', [x])])])),
  'aten.log_sigmoid_forward': formula(['Softplus', 'Neg'], (c, x) => c.op('Neg', [c.op('Softplus', [c.op('Neg', [x])])])),
  'aten.softsign': direct('Softsign'), 'aten.tanhshrink': formula(['Tanh', 'Sub'], (c, x) => c.op('Sub', [x, c.op('Tanh', [x])])),
  'aten.hardshrink': { makes: ['Shrink'], lower: (c) => { c.set(c.op('Shrink', [c.tensor('self')], { lambd: c.float('lambd', 0.5), bias: 0 })) } },
  'aten.softshrink': { makes: ['Shrink'], lower: (c) => { c.set(c.op('Shrink', [c.tensor('self')], { lambd: c.float('lambd', 0.5), bias: c.float('lambd', 0.5) })) } },
  'aten.threshold': {
    makes: ['Greater', 'Where'],
    lower: (c) => {
      const x = c.tensor('self')
      c.set(c.op('Where', [c.op('Greater', [x, c.scalar(c.float('threshold'), c.resultType)]), x, c.scalar(c.float('value'), c.resultType)]))
    },
  },
  'aten.nan_to_num': {
    makes: ['IsNaN', 'Where', 'Clip'], limits: 'infinities become the largest finite float32 unless given',
    lower: (c) => {
      const [x, d] = [c.tensor('self'), c.resultType]
      if (DTYPES[d].kind !== 'float') {
        c.set(x)
        return
      }
      const most = d === 'float16' ? 65504 : d === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38
      const plain = c.op('Where', [c.op('IsNaN', [x]), c.scalar(c.float('nan', 0), d), x])
      const above = c.op('IsInf', [x], { detect_negative: 0 })
      const below = c.op('IsInf', [x], { detect_positive: 0 })
      c.set(c.op('Where', [above, c.scalar(c.float('posinf', most), d), c.op('Where', [below, c.scalar(c.float('neginf', -most), d), plain])]))
    },
  },
  'aten.glu': {
    makes: ['Split', 'Sigmoid', 'Mul'],
    lower: (c) => {
      const x = c.tensor('self')
      const [a, b] = c.ops('Split', [x], { axis: c.axis('dim', c.rank(x), -1), num_outputs: 2 }, 2)
      c.set(c.op('Mul', [a, c.op('Sigmoid', [b])]))
    },
  },
  'aten.prelu': prelu(), 'aten._prelu_kernel': prelu(),
  // sin(πx) / (πx), 1 at 0.
  'aten.sinc': formula(['Sin', 'Div', 'Where'], (c, x, d) => {
    const angle = c.op('Mul', [x, c.scalar(Math.PI, d)])
    return c.op('Where', [c.op('Equal', [x, c.scalar(0, d)]), c.scalar(1, d), c.op('Div', [c.op('Sin', [angle]), angle])])
  }),
  'aten.signbit': { makes: ['Less', 'Div', 'Equal', 'Or'], lower: (c) => {
    const x = c.tensor('self')
    const d = c.dtype(x)
    if (d === 'bool') c.set(c.op('And', [x, c.scalar(0, 'bool')]))
    else {
      const below = c.op('Less', [x, c.scalar(0, d)])
      c.set(DTYPES[d].kind === 'float' ? c.op('Or', [below, c.op('Equal', [c.op('Div', [c.scalar(1, d), x]), c.scalar(-Infinity, d)])]) : below)
    }
  } },
  'aten.isreal': testing([], (c, x) => c.op('Equal', [c.op('IsNaN', [x]), c.op('IsNaN', [x])])),
  // 0 or π of real numbers; what is no number stays.
  'aten.angle': formula(['Less', 'Where'], (c, x, d) => {
    const angle = c.op('Where', [c.op('Less', [x, c.scalar(0, d)]), c.scalar(Math.PI, d), c.scalar(0, d)])
    return c.op('Where', [c.op('IsNaN', [x]), x, angle])
  }),
  'aten.special_ndtr': formula(['Erf', 'Mul', 'Add'], (c, x, d) =>
    c.op('Mul', [c.scalar(0.5, d), c.op('Add', [c.scalar(1, d), c.op('Erf', [c.op('Mul', [x, c.scalar(Math.SQRT1_2, d)])])])])),
  // −x log x, 0 at 0, −∞ below.
  'aten.special_entr': formula(['Log', 'Mul', 'Where'], (c, x, d) => {
    const zero = c.scalar(0, d)
    const inner = c.op('Where', [c.op('Equal', [x, zero]), zero, c.op('Neg', [c.op('Mul', [x, c.op('Log', [x])])])])
    return c.op('Where', [c.op('Less', [x, zero]), c.scalar(-Infinity, d), inner])
  }),
  'aten.logit': { makes: ['Clip', 'Log', 'Div'], lower: (c) => {
    const d = c.resultType
    const x = input(c)
    const eps = c.has('eps') ? c.float('eps') : undefined
    const p = eps === undefined || eps < 0 ? x : c.op('Max', [c.op('Min', [x, c.scalar(1 - eps, d)]), c.scalar(eps, d)])
    c.set(c.op('Log', [c.op('Div', [p, c.op('Sub', [c.scalar(1, d), p])])]))
  } },
  'aten.rrelu': { makes: ['LeakyRelu'], limits: 'training mode', lower: (c) => {
    if (c.bool('training')) throw c.error('the module was exported in training mode', { fix: 'call module.eval() before torch.export.export' })
    c.set(c.op('LeakyRelu', [c.tensor('self')], { alpha: (c.float('lower', 1 / 8) + c.float('upper', 1 / 3)) / 2 }))
  } },
  'aten.deg2rad': formula(['Mul'], (c, x, d) => c.op('Mul', [x, c.scalar(Math.PI / 180, d)])),
  'aten.rad2deg': formula(['Mul'], (c, x, d) => c.op('Mul', [x, c.scalar(180 / Math.PI, d)])),
}

function rounding(type: string): TorchLowering {
  return {
    makes: [type],
    lower: (c) => {
      const x = c.tensor('self')
      const decimals = c.int('decimals', 0)
      if (!/float/.test(c.resultType)) c.setSame('self')
      else if (decimals === 0) c.set(c.op(type, [x]))
      else {
        const scale = c.scalar(10 ** decimals, c.resultType)
        c.set(c.op('Div', [c.op(type, [c.op('Mul', [x, scale])]), scale]))
      }
    },
  }
}

/** sign(x) ⌊|x|⌋ */
export function truncated(c: TorchContext, x: Value): Value {
  if (DTYPES[c.dtype(x)].kind !== 'float') return x
  return c.op('Mul', [c.op('Sign', [x]), c.op('Floor', [c.op('Abs', [x])])])
}

function signed(c: TorchContext, x: Value): Value {
  return c.dtype(x) === 'bool' ? x : c.op('Sign', [x])
}

/** A question about floating point numbers; of others it is asked as if they were. */
function testing(makes: readonly string[], of: (c: TorchContext, x: Value) => Value): TorchLowering {
  return {
    makes,
    lower: (c) => {
      const x = c.tensor('self')
      c.set(of(c, DTYPES[c.dtype(x)].kind === 'float' ? x : c.cast(x, 'float32')))
    },
  }
}

function prelu(): TorchLowering {
  return {
    makes: ['PRelu'],
    lower: (c) => {
      const [x, slope] = [c.tensor('self'), c.tensor('weight')]
      const missing = c.rank(x) - 2
      // One slope a channel: the channel axis is the second, ONNX aligns at the last.
      const aligned = c.rank(slope) === 1 && c.shape(slope)[0] !== 1 && missing > 0
        ? c.unsqueeze(slope, ...Array.from({ length: missing }, (_, i) => i + 1)) : slope
      c.set(c.op('PRelu', [x, aligned]))
    },
  }
}
