// Kernels that compute each element from the elements at the same place.
import { backend_util } from '@tensorflow/tfjs'
import type { ClipByValueAttrs, LeakyReluAttrs, StepAttrs } from '@tensorflow/tfjs'
import { decline, listed, lowering } from '../lowering'
import type { KernelSpec, Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { V } from '../graph'
import type { EngineDType } from '../record'

const FLOAT_ONLY = 'int32 and bool inputs'
const NUMBERS_ONLY = 'bool inputs'

type Types = 'float' | 'numbers'

const refused = (spec: KernelSpec, types: Types): string | undefined =>
  types === 'float' ? (spec.dtype === 'float32' ? undefined : FLOAT_ONLY) : spec.dtype === 'bool' ? NUMBERS_ONLY : undefined

/** y = f(x), of the same shape. */
const unary = (types: Types, emit: (b: Builder, x: V) => V, dtype?: EngineDType): Lowering => lowering<unknown, 'x'>({
  infer: ({ x }) => {
    const reason = refused(x, types)
    return reason === undefined ? { shape: x.shape, dtype: dtype ?? x.dtype } : decline(reason)
  },
  emit: (b, { x }) => emit(b, x),
  except: types === 'float' ? FLOAT_ONLY : NUMBERS_ONLY,
})

const direct = (op: string, types: Types = 'float'): Lowering => unary(types, (b, x) => b.unary(op, x))

/** z = f(x, y), broadcast. */
const binary = (types: Types | 'any', emit: (b: Builder, x: V, y: V) => V, dtype?: EngineDType): Lowering =>
  lowering<unknown, 'a' | 'b'>({
    infer: ({ a, b }) => {
      if (a.dtype !== b.dtype) return decline('inputs of different types')
      const reason = types === 'any' ? undefined : refused(a, types)
      if (reason !== undefined) return decline(reason)
      const shape = backend_util.assertAndGetBroadcastShape([...a.shape], [...b.shape])
      return { shape, dtype: dtype ?? a.dtype }
    },
    emit: (b, inputs) => emit(b, inputs.a, inputs.b),
    except: types === 'any' ? 'inputs of different types' : types === 'float' ? FLOAT_ONLY : NUMBERS_ONLY,
  })

const arithmetic = (op: string): Lowering => binary('numbers', (b, x, y) => b.binary(op, x, y))
const comparison = (op: string): Lowering => binary('numbers', (b, x, y) => b.compare(op, x, y), 'bool')

/** The larger (smaller) one; NaN wherever either is, which ONNX Runtime's Max and Min promise too. */
const extreme = (op: 'Max' | 'Min'): Lowering => binary('numbers', (b, x, y) => b.binary(op, x, y))

/** Remainder with the sign of the divisor, as Python's `%`. */
const floorMod = (b: Builder, x: V, y: V): V => {
  const remainder = b.elementwise('Mod', [x, y], x.dtype, { fmod: 1 })
  const zero = b.scalar(0, x.dtype)
  const opposite = b.elementwise('Xor', [b.compare('Less', x, zero), b.compare('Less', y, zero)], 'bool')
  return b.where(opposite, b.elementwise('Mod', [b.binary('Add', remainder, y), y], x.dtype, { fmod: 1 }), remainder)
}

/** ⌊x / y⌋. Integer division by zero would end the process inside ONNX Runtime, so it is kept from it and gives 0. */
const floorDiv = (b: Builder, x: V, y: V): V => {
  if (x.dtype === 'float32') return b.unary('Floor', b.binary('Div', x, y))
  const zero = b.scalar(0, 'int32')
  const none = b.compare('Equal', y, zero)
  const divisor = b.where(none, b.scalar(1, 'int32'), y)
  const quotient = b.binary('Div', x, divisor)
  const rest = b.binary('Sub', x, b.binary('Mul', quotient, divisor))
  const opposite = b.elementwise('Xor', [b.compare('Less', rest, zero), b.compare('Less', divisor, zero)], 'bool')
  const inexact = b.unary('Not', b.compare('Equal', rest, zero))
  const lower = b.cast(b.elementwise('And', [opposite, inexact], 'bool'), 'int32')
  return b.where(none, zero, b.binary('Sub', quotient, lower))
}

/** The angle of (x, y) from atan(y / x), by quadrant. */
const atan2 = (b: Builder, y: V, x: V): V => {
  const zero = b.scalar(0)
  const base = b.unary('Atan', b.binary('Div', y, x))
  const turn = b.where(b.compare('Less', y, zero), b.scalar(-Math.PI), b.scalar(Math.PI))
  const left = b.where(b.compare('Less', x, zero), b.binary('Add', base, turn), base)
  const axis = b.binary('Mul', b.unary('Sign', y), b.scalar(Math.PI / 2))
  return b.where(b.compare('Equal', x, zero), axis, left)
}

/** log(1 + x) without losing small x: log(u)·x / (u − 1) with u = 1 + x (W. Kahan). */
const log1p = (b: Builder, x: V): V => {
  const one = b.scalar(1)
  const u = b.binary('Add', x, one)
  const ratio = b.binary('Div', x, b.binary('Sub', u, one))
  const log = b.unary('Log', u)
  const exact = b.elementwise('Or', [b.compare('Equal', u, one), b.compare('Equal', u, b.scalar(Infinity))], 'bool')
  return b.where(exact, b.where(b.compare('Equal', u, one), x, log), b.binary('Mul', log, ratio))
}

/** eˣ − 1 = tanh(x/2)·(eˣ + 1), exact for small x. */
const expm1 = (b: Builder, x: V): V =>
  b.binary('Mul', b.unary('Tanh', b.binary('Mul', x, b.scalar(0.5))), b.binary('Add', b.unary('Exp', x), b.scalar(1)))

/** lo ≤ u ∧ u ≤ hi as clip(u, lo, hi) = u: the mask of a clip's gradient, whose forward pass has that clip already. */
const within = (b: Builder, x: V, y: V): V | undefined => {
  const [u, lo] = x.node?.op === 'GreaterOrEqual' ? x.node.inputs : []
  const [same, hi] = y.node?.op === 'LessOrEqual' ? y.node.inputs : []
  if (!u || u !== same || u.dtype !== 'float32' || lo?.constant?.length !== 1 || hi?.constant?.length !== 1) return undefined
  const [least, most] = [Number(lo.constant[0]), Number(hi.constant[0])]
  return least <= most ? b.compare('Equal', b.elementwise('Clip', [u, b.scalar(least), b.scalar(most)], 'float32'), u) : undefined
}

const square = (b: Builder, x: V): V => b.binary('Mul', x, x)

/** The activations that fused kernels name. */
export function activate(b: Builder, v: V, name: string | undefined, alpha = 0.2, slopes?: V): V {
  switch (name) {
    case 'relu': return b.unary('Relu', v)
    case 'relu6': return b.elementwise('Clip', [v, b.scalar(0), b.scalar(6)], 'float32')
    case 'elu': return b.unary('Elu', v)
    case 'sigmoid': return b.unary('Sigmoid', v)
    case 'leakyrelu': return b.unary('LeakyRelu', v, { alpha: { float: alpha } })
    case 'prelu': return slopes ? prelu(b, v, slopes) : v
    default: return v
  }
}

const prelu = (b: Builder, x: V, alpha: V): V =>
  b.where(b.compare('Less', x, b.scalar(0)), b.binary('Mul', x, alpha), x)

export const elementwise = {
  Abs: direct('Abs', 'numbers'),
  Acos: direct('Acos'),
  Acosh: direct('Acosh'),
  Asin: direct('Asin'),
  Asinh: direct('Asinh'),
  Atan: direct('Atan'),
  Atanh: direct('Atanh'),
  Ceil: direct('Ceil'),
  Cos: direct('Cos'),
  Cosh: direct('Cosh'),
  Elu: direct('Elu'),
  Erf: direct('Erf'),
  Exp: direct('Exp'),
  Floor: direct('Floor'),
  Log: direct('Log'),
  Neg: direct('Neg', 'numbers'),
  Reciprocal: direct('Reciprocal'),
  Relu: direct('Relu'),
  Round: direct('Round'),
  Selu: unary('float', (b, x) => b.unary('Selu', x)),
  Sigmoid: direct('Sigmoid'),
  // Not ONNX's Sign: TensorFlow.js gives 0 for NaN.
  Sign: unary('numbers', (b, x) => b.binary('Sub', b.cast(b.compare('Greater', x, b.scalar(0, x.dtype)), x.dtype),
    b.cast(b.compare('Less', x, b.scalar(0, x.dtype)), x.dtype))),
  Sin: direct('Sin'),
  Sinh: direct('Sinh'),
  Softplus: direct('Softplus'),
  Sqrt: direct('Sqrt'),
  Tan: direct('Tan'),
  Tanh: direct('Tanh'),
  Expm1: unary('float', expm1),
  Log1p: unary('float', log1p),
  Relu6: unary('float', (b, x) => activate(b, x, 'relu6')),
  Rsqrt: unary('float', (b, x) => b.unary('Reciprocal', b.unary('Sqrt', x))),
  Square: unary('numbers', square),
  IsNan: unary('float', (b, x) => b.elementwise('IsNaN', [x], 'bool'), 'bool'),
  IsInf: unary('float', (b, x) => b.elementwise('IsInf', [x], 'bool'), 'bool'),
  IsFinite: unary('float', (b, x) => b.unary('Not', b.elementwise('Or', [
    b.elementwise('IsNaN', [x], 'bool'), b.elementwise('IsInf', [x], 'bool')], 'bool')), 'bool'),
  LeakyRelu: lowering<LeakyReluAttrs, 'x'>({
    infer: ({ x }) => (x.dtype === 'float32' ? x : decline(FLOAT_ONLY)),
    emit: (b, { x }, { alpha }) => activate(b, x, 'leakyrelu', alpha),
    except: FLOAT_ONLY,
  }),
  Step: lowering<StepAttrs | undefined, 'x'>({
    infer: ({ x }) => (x.dtype === 'float32' ? x : decline(FLOAT_ONLY)),
    emit: (b, { x }, attributes) => {
      const alpha = attributes?.alpha ?? 0
      // clip(3.4e38·x, 0, 1) is 0 or 1 for all but subnormal numbers, keeps NaN, and takes half the time of a mask.
      if (alpha === 0 && b.exactNaN) return b.unary('HardSigmoid', x, { alpha: { float: 3.4e38 }, beta: { float: 0 } })
      if (alpha === 0) return b.cast(b.compare('Greater', x, b.scalar(0)), 'float32')
      const step = b.where(b.compare('Greater', x, b.scalar(0)), b.scalar(1), b.scalar(alpha))
      return b.where(b.elementwise('IsNaN', [x], 'bool'), x, step)
    },
    except: FLOAT_ONLY,
  }),
  ClipByValue: lowering<ClipByValueAttrs, 'x'>({
    infer: ({ x }) => (x.dtype === 'float32' ? x : decline(FLOAT_ONLY)),
    emit: (b, { x }, { clipValueMin, clipValueMax }) =>
      b.elementwise('Clip', [x, b.scalar(clipValueMin), b.scalar(clipValueMax)], 'float32'),
    except: FLOAT_ONLY,
  }),
  Prelu: lowering<unknown, 'x' | 'alpha'>({
    infer: ({ x, alpha }) => (x.dtype === 'float32' && alpha.dtype === 'float32'
      ? { dtype: 'float32', shape: backend_util.assertAndGetBroadcastShape([...x.shape], [...alpha.shape]) }
      : decline(FLOAT_ONLY)),
    emit: (b, { x, alpha }) => prelu(b, x, alpha),
    except: FLOAT_ONLY,
  }),
  EluGrad: lowering<unknown, 'dy' | 'y'>({
    infer: ({ y }) => (y.dtype === 'float32' ? y : decline(FLOAT_ONLY)),
    // d elu(x)/dx = 1 for x ≥ 0, else elu(x) + 1
    emit: (b, { dy, y }) => b.where(b.compare('GreaterOrEqual', y, b.scalar(0)), dy,
      b.binary('Mul', dy, b.binary('Add', y, b.scalar(1)))),
    except: FLOAT_ONLY,
  }),

  Add: arithmetic('Add'),
  Sub: arithmetic('Sub'),
  Multiply: arithmetic('Mul'),
  Maximum: extreme('Max'),
  Minimum: extreme('Min'),
  Pow: binary('float', (b, x, y) => b.binary('Pow', x, y)),
  RealDiv: binary('float', (b, x, y) => b.binary('Div', x, y)),
  FloorDiv: binary('numbers', floorDiv),
  Mod: binary('float', floorMod),
  Atan2: binary('float', atan2),
  SquaredDifference: binary('numbers', (b, x, y) => square(b, b.binary('Sub', x, y))),
  BitwiseAnd: lowering<unknown, 'a' | 'b'>({
    infer: ({ a, b }) => (a.dtype === 'int32' && b.dtype === 'int32' ? a : decline('types other than int32')),
    emit: (b, inputs) => b.binary('BitwiseAnd', inputs.a, inputs.b),
    except: 'types other than int32',
  }),
  Equal: binary('any', (b, x, y) => b.compare('Equal', x, y), 'bool'),
  NotEqual: binary('any', (b, x, y) => b.unary('Not', b.compare('Equal', x, y)), 'bool'),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: binary('any', (b, x, y) => within(b, x, y) ?? b.binary('And', x, y)),
  LogicalOr: binary('any', (b, x, y) => b.binary('Or', x, y)),
  LogicalNot: lowering<unknown, 'x'>({
    infer: ({ x }) => (x.dtype === 'bool' ? x : decline('types other than bool')),
    emit: (b, { x }) => b.unary('Not', x),
    except: 'types other than bool',
  }),
  Select: lowering<unknown, 'condition' | 't' | 'e'>({
    infer: ({ condition, t, e }) =>
      condition.dtype !== 'bool' || t.dtype !== e.dtype || t.dtype === 'bool' ? decline('bool or mixed branches') : t,
    // A condition of rank 1 chooses whole rows.
    emit: (b, { condition, t, e }) => b.where(condition.shape.length === 1 && t.shape.length > 1
      ? b.reshape(condition, [condition.shape[0] ?? 1, ...t.shape.slice(1).map(() => 1)]) : condition, t, e),
    except: 'bool or mixed branches',
  }),
  AddN: lowering<unknown, string>({
    infer: (inputs) => {
      const list = listed(inputs)
      const [lead] = list
      return lead && list.every((t) => t.dtype === 'float32' && String(t.shape) === String(lead.shape))
        ? lead : decline('int32 inputs, or shapes that differ')
    },
    emit: (b, inputs) => b.elementwise('Sum', listed(inputs), 'float32'),
    except: 'int32 inputs, or shapes that differ',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
