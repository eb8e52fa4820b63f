// Operators of two and more tensors, element by element, with PyTorch's type promotion.
import { DTYPES, type DType } from '../../../core'
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'
import { addedLogs } from './statistics'
import { truncated } from './unary'

/** Ranks of kinds for promotion: truth values, integers, floating point (torch, "Type Promotion"). */
const RANK = { bool: 0, unsigned: 1, signed: 1, float: 2, complex: 3, string: 4 } as const

/** The type in which two arguments meet, each a tensor with axes, a tensor without, or a number. */
export function promoted(c: TorchContext, a: string, b: string): DType {
  const part = (name: string): { dtype: DType; weight: number } => {
    const argument = c.argument(name)
    if (argument?.kind === 'tensor') return { dtype: c.dtype(c.tensor(name)), weight: c.rank(c.tensor(name)) === 0 ? 1 : 2 }
    return { dtype: argument?.kind === 'float' || argument?.kind === 'symFloat' ? 'float32' : argument?.kind === 'bool' ? 'bool' : 'int64', weight: 0 }
  }
  const [x, y] = [part(a), part(b)]
  if (x.dtype === y.dtype) return x.dtype
  const rank = ({ dtype }: { dtype: DType }): number => RANK[DTYPES[dtype].kind]
  if (rank(x) !== rank(y)) {
    // A higher kind wins; of a number it gives the default type of that kind.
    return rank(x) > rank(y) ? x.dtype : y.dtype
  }
  if (x.weight !== y.weight) return x.weight > y.weight ? x.dtype : y.dtype
  if (DTYPES[x.dtype].bits === DTYPES[y.dtype].bits) return DTYPES[x.dtype].kind === 'float' ? 'float32' : x.dtype === 'uint8' ? 'int16' : x.dtype
  return DTYPES[x.dtype].bits > DTYPES[y.dtype].bits ? x.dtype : y.dtype
}

/** a ∘ alpha·b in the type of the result. */
const arithmetic = (type: string, swap = false): TorchLowering => ({
  makes: [type],
  lower: (c) => {
    const d = c.resultType
    const [first, second] = swap ? ['other', 'self'] : ['self', 'other']
    const alpha = c.float('alpha', 1)
    // Truth values add as "or" and multiply as "and".
    if (d === 'bool') {
      const other = alpha === 0 ? c.op('And', [c.operand('other', d), c.scalar(0, d)]) : c.operand('other', d)
      c.set(c.op(type === 'Mul' ? 'And' : 'Or', [c.operand('self', d), other]))
      return
    }
    const scaled = swap ? 'self' : 'other'
    const value = (name: string): Value =>
      name === scaled && alpha !== 1 ? c.op('Mul', [c.operand(name, d), c.scalar(alpha, d)]) : c.operand(name, d)
    c.set(c.op(type, [value(first), value(second)]))
  },
})

const comparison = (type: string, negate = false): TorchLowering => ({
  makes: negate ? [type, 'Not'] : [type],
  lower: (c) => {
    let d = promoted(c, 'self', 'other')
    // Equal is defined for truth values, the others are not.
    if (d === 'bool' && type !== 'Equal') d = 'int32'
    const y = c.op(type, [c.operand('self', d), c.operand('other', d)])
    c.set(negate ? c.op('Not', [y]) : y)
  },
})

const logical = (type: string): TorchLowering => ({
  makes: [type], lower: (c) => { c.set(c.op(type, [c.operand('self', 'bool'), c.operand('other', 'bool')])) },
})

const bitwise = (type: string): TorchLowering => ({
  makes: [type, `Bitwise${type}`],
  lower: (c) => {
    const d = c.resultType
    c.set(c.op(d === 'bool' ? type : `Bitwise${type}`, [c.operand('self', d), c.operand('other', d)]))
  },
})

const shift = (direction: 'LEFT' | 'RIGHT'): TorchLowering => ({
  makes: ['Mul', 'Div'], limits: 'written with powers of two; negative numbers are refused by some runtimes',
  lower: (c) => {
    const d = c.resultType
    const power = c.cast(c.op('Pow', [c.scalar(2, 'float64'), c.operand('other', 'float64')]), d)
    c.set(direction === 'LEFT' ? c.op('Mul', [c.operand('self', d), power]) : floorDivide(c, c.operand('self', d), power, d))
  },
})

/** ⌊a / b⌋; ONNX's Div of integers rounds towards zero. */
export function floorDivide(c: TorchContext, a: Value, b: Value, d: DType): Value {
  if (DTYPES[d].kind === 'float') return c.op('Floor', [c.op('Div', [a, b])])
  if (DTYPES[d].kind === 'unsigned') return c.op('Div', [a, b])
  return c.op('Div', [c.op('Sub', [a, c.op('Mod', [a, b])]), b])
}

const divide: TorchLowering = {
  makes: ['Div'],
  lower: (c) => {
    const d = c.resultType
    const mode = c.text('rounding_mode', '')
    const [a, b] = [c.operand('self', d), c.operand('other', d)]
    if (mode === '') c.set(c.op('Div', [a, b]))
    else if (mode === 'floor') c.set(floorDivide(c, a, b, d))
    else c.set(DTYPES[d].kind === 'float' ? truncated(c, c.op('Div', [a, b])) : c.op('Div', [a, b]))
  },
}

const remainder: TorchLowering = {
  makes: ['Mod', 'Floor', 'Sub'],
  lower: (c) => {
    const d = c.resultType
    const [a, b] = [c.operand('self', d), c.operand('other', d)]
    c.set(DTYPES[d].kind === 'float' ? c.op('Sub', [a, c.op('Mul', [c.op('Floor', [c.op('Div', [a, b])]), b])]) : c.op('Mod', [a, b]))
  },
}

const power: TorchLowering = {
  makes: ['Pow', 'Mul', 'Sqrt', 'Reciprocal'],
  lower: (c) => {
    const d = c.resultType
    const base = c.operand('self', d)
    const argument = c.argument('exponent')
    const exponent = argument?.kind === 'int' || argument?.kind === 'float' ? argument.value : undefined
    if (exponent === 2) c.set(c.op('Mul', [base, base]))
    else if (exponent === 1) c.set(base)
    else if (exponent === 0.5) c.set(c.op('Sqrt', [base]))
    else if (exponent === -1 && DTYPES[d].kind === 'float') c.set(c.op('Reciprocal', [base]))
    else if (exponent === -0.5) c.set(c.op('Reciprocal', [c.op('Sqrt', [base])]))
    else c.set(c.op('Pow', [base, c.operand('exponent', d)]))
  },
}

/** The larger or smaller; of truth values "or" and "and". Where one is not a number, so is the result, unless `ignore`. */
const extreme = (type: 'Max' | 'Min', ignore = false): TorchLowering => ({
  makes: ignore ? [type, 'IsNaN', 'Where'] : [type],
  lower: (c) => {
    const d = c.resultType
    const [a, b] = [c.operand('self', d), c.operand('other', d)]
    const y = c.op(d === 'bool' ? (type === 'Max' ? 'Or' : 'And') : type, [a, b])
    if (!ignore || DTYPES[d].kind !== 'float') c.set(y)
    else c.set(c.op('Where', [c.op('IsNaN', [a]), b, c.op('Where', [c.op('IsNaN', [b]), a, y])]))
  },
})

/** self + value · (tensor1 ∘ tensor2) */
const combined = (type: string): TorchLowering => ({
  makes: [type, 'Add'],
  lower: (c) => {
    const d = c.resultType
    const product = c.op(type, [c.operand('tensor1', d), c.operand('tensor2', d)])
    const value = c.float('value', 1)
    c.set(c.op('Add', [c.operand('self', d), value === 1 ? product : c.op('Mul', [product, c.scalar(value, d)])]))
  },
})

const where: TorchLowering = {
  makes: ['Where'],
  lower: (c) => { c.set(c.op('Where', [c.operand('condition', 'bool'), c.operand('self', c.resultType), c.operand('other', c.resultType)])) },
}

const maskedFill: TorchLowering = {
  makes: ['Where'],
  lower: (c) => {
    const d = c.resultType
    c.set(c.op('Where', [c.operand('mask', 'bool'), c.operand('value', d), c.operand('self', d)]))
  },
}

/** A formula of two tensors in the type of the result. */
function two(makes: readonly string[], of: (c: TorchContext, a: Value, b: Value, n: (value: number) => Value) => Value): TorchLowering {
  return {
    makes,
    lower: (c) => {
      const d = c.resultType
      c.set(of(c, c.operand('self', d), c.operand('other', d), (value) => c.scalar(value, d)))
    },
  }
}

/** Below zero, or the zero that has a sign: its reciprocal is −∞. */
export function negative(c: TorchContext, x: Value): Value {
  const d = c.dtype(x)
  const below = c.op('Less', [x, c.scalar(0, d)])
  return DTYPES[d].kind === 'float' ? c.op('Or', [below, c.op('Equal', [c.op('Div', [c.scalar(1, d), x]), c.scalar(-Infinity, d)])]) : below
}

/** a · log, zero where a is, also of what has no logarithm, but not of what is no number. */
function productWithLog(c: TorchContext, a: Value, log: Value, b: Value, n: (value: number) => Value): Value {
  const none = c.op('And', [c.op('Equal', [a, n(0)]), c.op('Not', [c.op('IsNaN', [b])])])
  return c.op('Where', [none, n(0), c.op('Mul', [a, log])])
}

/** a × b along an axis of three. */
const cross: TorchLowering = {
  makes: ['Gather', 'Mul', 'Sub'],
  lower: (c) => {
    const d = c.resultType
    const [a, b] = [c.operand('self', d), c.operand('other', d)]
    const axis = c.has('dim') ? c.int('dim') : c.node.target.includes('linalg') ? -1 : c.shape(a).findIndex((dim) => dim === 3)
    const rank = Math.max(c.rank(a), c.rank(b))
    const at = c.normal(axis, rank) - rank
    const turned = (value: Value, by: number): Value => c.op('Gather', [value, c.vector([0, 1, 2].map((i) => (i + by) % 3))], { axis: at })
    c.set(c.op('Sub', [c.op('Mul', [turned(a, 1), turned(b, 2)]), c.op('Mul', [turned(a, 2), turned(b, 1)])]))
  },
}

export const binary: Readonly<Record<string, TorchLowering>> = {
  'aten.add': arithmetic('Add'), 'aten.sub': arithmetic('Sub'), 'aten.subtract': arithmetic('Sub'), 'aten.rsub': arithmetic('Sub', true),
  'aten.mul': arithmetic('Mul'), 'aten.multiply': arithmetic('Mul'), 'aten.div': divide, 'aten.divide': divide, 'aten.true_divide': divide,
  'aten.floor_divide': {
    makes: ['Div', 'Floor'], lower: (c) => { c.set(floorDivide(c, c.operand('self', c.resultType), c.operand('other', c.resultType), c.resultType)) },
  },
  'aten.remainder': remainder,
  'aten.fmod': { makes: ['Mod'], lower: (c) => { c.set(c.op('Mod', [c.operand('self', c.resultType), c.operand('other', c.resultType)], { fmod: 1 })) } },
  'aten.pow': power, 'aten.float_power': power,
  'aten.maximum': extreme('Max'), 'aten.minimum': extreme('Min'), 'aten.max.other': extreme('Max'), 'aten.min.other': extreme('Min'),
  'aten.fmax': extreme('Max', true), 'aten.fmin': extreme('Min', true),
  'aten.eq': comparison('Equal'), 'aten.ne': comparison('Equal', true), 'aten.lt': comparison('Less'), 'aten.gt': comparison('Greater'),
  'aten.le': comparison('LessOrEqual'), 'aten.ge': comparison('GreaterOrEqual'),
  'aten.logical_and': logical('And'), 'aten.logical_or': logical('Or'), 'aten.logical_xor': logical('Xor'),
  'aten.bitwise_and': bitwise('And'), 'aten.__and__': bitwise('And'), 'aten.bitwise_or': bitwise('Or'), 'aten.__or__': bitwise('Or'),
  'aten.bitwise_xor': bitwise('Xor'), 'aten.__xor__': bitwise('Xor'),
  'aten.bitwise_left_shift': shift('LEFT'), 'aten.__lshift__': shift('LEFT'), 'aten.bitwise_right_shift': shift('RIGHT'), 'aten.__rshift__': shift('RIGHT'),
  'aten.where.self': where, 'aten.where.ScalarOther': where, 'aten.where.ScalarSelf': where, 'aten.where.Scalar': where,
  'aten.masked_fill': maskedFill, 'aten.addcmul': combined('Mul'), 'aten.addcdiv': combined('Div'),
  'aten.lerp': {
    makes: ['Sub', 'Mul', 'Add'],
    lower: (c) => {
      const d = c.resultType
      const [a, b] = [c.operand('self', d), c.operand('end', d)]
      c.set(c.op('Add', [a, c.op('Mul', [c.operand('weight', d), c.op('Sub', [b, a])])]))
    },
  },
  'aten.atan2': {
    makes: ['Atan', 'Div', 'Where', 'Sign'], limits: 'the sign of a zero',
    lower: (c) => {
      const d = c.resultType
      const [y, x] = [c.operand('self', d), c.operand('other', d)]
      const [zero, pi] = [c.scalar(0, d), c.scalar(Math.PI, d)]
      const right = c.op('Mul', [c.op('Sign', [y]), c.scalar(Math.PI / 2, d)])
      const angle = c.op('Where', [c.op('Equal', [x, zero]), right, c.op('Atan', [c.op('Div', [y, x])])])
      const turned = c.op('Where', [c.op('GreaterOrEqual', [y, zero]), c.op('Add', [angle, pi]), c.op('Sub', [angle, pi])])
      c.set(c.op('Where', [c.op('Less', [x, zero]), turned, angle]))
    },
  },
  'aten.logaddexp': two(['Max', 'Exp', 'Log'], (c, a, b) => addedLogs(c, a, b, 1)),
  'aten.logaddexp2': two(['Max', 'Exp', 'Log'], (c, a, b) => addedLogs(c, a, b, Math.LN2)),
  // |a| with the sign of b.
  'aten.copysign': two(['Abs', 'Where'], (c, a, b, n) => {
    const size = c.op('Abs', [a])
    return c.op('Where', [negative(c, b), c.op('Neg', [size]), c.op('Add', [size, c.op('Mul', [n(0), c.op('Sign', [b])])])])
  }),
  'aten.xlogy': two(['Log', 'Mul', 'Where'], (c, a, b, n) => productWithLog(c, a, c.op('Log', [b]), b, n)),
  'aten.special_xlogy': two(['Log', 'Mul', 'Where'], (c, a, b, n) => productWithLog(c, a, c.op('Log', [b]), b, n)),
  'aten.special_xlog1py': two(['Log', 'Mul', 'Where'], (c, a, b, n) => productWithLog(c, a, c.op('Log', [c.op('Add', [b, n(1)])]), b, n)),
  'aten.heaviside': { makes: ['Greater', 'Equal', 'Where'], lower: (c) => {
    const own = c.resultType
    const d = own === 'bool' ? 'int32' : own
    const [x, value] = [c.operand('self', d), c.operand('values', d)]
    const zero = c.scalar(0, d)
    const step = c.cast(c.op('Greater', [x, zero]), d)
    c.set(c.op('Where', [c.op('Equal', [x, zero]), value, step]))
  } },
  // a · 2ᵇ
  'aten.ldexp': two(['Pow', 'Mul'], (c, a, b, n) => c.op('Mul', [a, c.op('Pow', [n(2), b])])),
  // β·self + α·(vec1 ⊗ vec2)
  'aten.addr': { makes: ['Unsqueeze', 'Mul', 'Add'], lower: (c) => {
    const own = c.resultType
    const d = own === 'bool' ? 'int32' : own
    const scaled = (value: Value, by: number): Value => (by === 1 ? value : c.op('Mul', [value, c.scalar(by, d)]))
    const product = c.op('Mul', [c.unsqueeze(c.operand('vec1', d), 1), c.operand('vec2', d)])
    const beta = c.float('beta', 1)
    const added = scaled(product, c.float('alpha', 1))
    // With β = 0 what is no number in self does not count.
    c.set(beta === 0 ? added : c.op('Add', [scaled(c.operand('self', d), beta), added]))
  } },
  'aten.cross': cross, 'aten.linalg_cross': cross,
  'aten.hypot': {
    makes: ['Mul', 'Add', 'Sqrt'],
    lower: (c) => {
      const [x, y] = [c.operand('self', c.resultType), c.operand('other', c.resultType)]
      c.set(c.op('Sqrt', [c.op('Add', [c.op('Mul', [x, x]), c.op('Mul', [y, y])])]))
    },
  },
  'aten.isclose': {
    makes: ['Sub', 'Abs', 'LessOrEqual', 'Equal', 'Or'],
    lower: (c) => {
      const own = c.dtype(c.tensor('self'))
      const d = DTYPES[own].kind === 'float' ? own : 'float64'
      const [a, b] = [c.operand('self', d), c.operand('other', d)]
      const bound = c.op('Add', [c.scalar(c.float('atol', 1e-8), d), c.op('Mul', [c.scalar(c.float('rtol', 1e-5), d), c.op('Abs', [b])])])
      const gap = c.op('Abs', [c.op('Sub', [a, b])])
      // Infinities are close to themselves only; the bound would be infinite.
      const near = c.op('And', [c.op('LessOrEqual', [gap, bound]), c.op('Less', [gap, c.scalar(Infinity, d)])])
      const close = c.op('Or', [c.op('Equal', [a, b]), near])
      c.set(c.bool('equal_nan') ? c.op('Or', [close, c.op('And', [c.op('IsNaN', [a]), c.op('IsNaN', [b])])]) : close)
    },
  },
}
