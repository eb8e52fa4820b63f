// Elementwise operators: arithmetic, comparison, logic and activations.
import * as tf from '@tensorflow/tfjs'
import { broadcastShape, DTYPES, type DType } from '../../core'
import { dtypeOfCode } from '../../onnx/codec/codes'
import { Datum, tensorFlowType } from './datum'
import { commonShape, detached, expandTo, need, refuse, together, type Call, type Operator } from './operator'

type Unary = (x: tf.Tensor) => tf.Tensor

const unary = (f: (x: tf.Tensor, call: Call) => tf.Tensor): Operator => (call) => {
  const x = need(call, 0)
  return x.map((t) => f(t, call))
}

const binary = (f: (a: tf.Tensor, b: tf.Tensor, call: Call, dtype: DType) => tf.Tensor, result?: DType): Operator => (call) => {
  const [x, y] = [need(call, 0), alignedOld(call, need(call, 0), need(call, 1))]
  const { a, b, wrap } = together(x, y)
  return wrap(f(a, b, call, x.dtype), result ?? x.dtype)
}

/** Before operator set 7, the second input was laid against the first at a stated axis. */
function alignedOld(call: Call, a: Datum, b: Datum): Datum {
  const axis = call.node.int('axis')
  if (call.opset >= 7 || axis === undefined || call.node.int('broadcast', 0) === 0) return b
  return Datum.of(tf.reshape(b.tensor, [...b.shape, ...new Array<number>(Math.max(0, a.rank - axis - b.rank)).fill(1)]), b.dtype)
}

const variadic = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operator => (call) => {
  const [first, ...rest] = call.inputs.filter((d) => d !== undefined)
  if (first === undefined) refuse(call, 'There are no inputs')
  return rest.reduce((sum, d) => {
    const { a, b, wrap } = together(sum, d)
    return wrap(f(a, b), first.dtype)
  }, first)
}

/** TensorFlow.js does not sum the gradient of an extreme over what was broadcast, so both are spread first. */
const spreadBoth = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor) => (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
  const shape = broadcastShape(a.shape, b.shape)
  return f(expandTo(a, shape), expandTo(b, shape))
}

const isInteger = (dtype: DType): boolean => DTYPES[dtype].kind === 'signed' || DTYPES[dtype].kind === 'unsigned'

/** Integers divide towards zero, as in C. */
function divide(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.dtype !== 'int32') return tf.div(a, b)
  const sign = tf.mul(tf.sign(a), tf.sign(b))
  return tf.mul(sign, tf.floorDiv(tf.abs(a), tf.abs(b))).toInt()
}

function remainder(a: tf.Tensor, b: tf.Tensor, call: Call): tf.Tensor {
  if (call.node.int('fmod', 0) === 0) return tf.mod(a, b)
  const whole = a.dtype === 'int32' ? divide(a, b) : truncate(tf.div(a, b))
  return tf.sub(a, tf.mul(whole, b))
}

const truncate: Unary = (x) => tf.mul(tf.sign(x), tf.floor(tf.abs(x)))

function cast(call: Call, x: Datum, to: DType): Datum {
  const { kind, bits } = DTYPES[to]
  if (kind === 'float' && bits <= 8) refuse(call, 'Floats of eight bits and fewer have no TensorFlow.js form', to)
  const type = tensorFlowType(to)
  return x.map((t) => {
    if (kind === 'bool') return t.dtype === 'bool' ? t : tf.notEqual(detached(t), tf.zerosLike(detached(t)))
    if (type !== 'int32') return tf.cast(t, type)
    const whole = t.dtype === 'float32' ? tf.cast(truncate(detached(t)), 'int32') : tf.cast(t, 'int32')
    if (bits >= 32) return whole
    // Narrow integers keep the low bits.
    const span = 2 ** bits
    const low = tf.mod(whole, tf.scalar(span, 'int32'))
    return kind === 'unsigned' ? low : tf.sub(tf.mod(tf.add(low, tf.scalar(span / 2, 'int32')), tf.scalar(span, 'int32')), tf.scalar(span / 2, 'int32'))
  }, to)
}

const castOperator: Operator = (call) => {
  const x = need(call, 0)
  const code = call.node.attributes.get('to')
  const to = code?.kind === 'string' ? code.value.toLowerCase() as DType : dtypeOfCode(call.node.int('to', 1))
  if (to === undefined || !(to in DTYPES)) refuse(call, 'The type to cast to is unknown', String(call.node.int('to')))
  return cast(call, x, to)
}

/** Φ(x)·x with Φ of the normal distribution, or its tanh form (Hendrycks & Gimpel, arXiv 1606.08415). */
function gelu(x: tf.Tensor, tanh: boolean): tf.Tensor {
  const half = tf.mul(x, tf.scalar(0.5))
  if (!tanh) return tf.mul(half, tf.add(tf.erf(tf.mul(x, tf.scalar(Math.SQRT1_2))), tf.scalar(1)))
  const inner = tf.mul(tf.scalar(Math.sqrt(2 / Math.PI)), tf.add(x, tf.mul(tf.scalar(0.044715), tf.mul(x, tf.mul(x, x)))))
  return tf.mul(half, tf.add(tf.tanh(inner), tf.scalar(1)))
}

/** x limited to [low, high]; the gradient is 1 inside and on the limits, 0 outside. */
function clip(call: Call): Datum {
  const x = need(call, 0)
  const limit = (name: string, index: number): tf.Tensor | number | undefined => {
    const input = call.inputs[index]
    const given = call.node.float(name)
    if (given !== undefined || input === undefined || input.size === 0) return given
    return input.known === undefined ? tf.reshape(input.tensor, []) : input.known.item()
  }
  const [low, high] = [limit('min', 1), limit('max', 2)]
  return x.map((t) => {
    if (t.dtype === 'float32' && typeof low === 'number' && typeof high === 'number' && low <= high) return tf.clipByValue(t, low, high)
    const like = (value: tf.Tensor | number): tf.Tensor => (typeof value !== 'number' ? value
      : t.dtype === 'float32' ? tf.scalar(value) : tf.scalar(Math.min(2147483647, Math.max(-2147483648, value)), 'int32'))
    // TensorFlow.js does not sum the gradient of an extreme over what was broadcast, so it is spread first.
    const raised = low === undefined ? t : tf.maximum(t, expandTo(like(low), t.shape))
    return high === undefined ? raised : tf.minimum(raised, expandTo(like(high), t.shape))
  })
}

const where: Operator = (call) => {
  const parts = [need(call, 0), need(call, 1), need(call, 2)] as const
  const shape = commonShape(parts)
  const [condition, a, b] = parts.map((d) => expandTo(d.tensor, shape)) as [tf.Tensor, tf.Tensor, tf.Tensor]
  return Datum.of(tf.where(condition.dtype === 'bool' ? condition : tf.cast(condition, 'bool'), a, b), parts[1].dtype)
}

const prelu: Operator = (call) => {
  const { a, b, wrap } = together(need(call, 0), need(call, 1))
  return wrap(tf.add(tf.relu(a), tf.mul(b, tf.minimum(a, tf.scalar(0)))), 'float32')
}

const dropout: Operator = (call) => {
  const x = need(call, 0)
  const ratio = call.inputs[1]?.numbers()[0] ?? call.node.float('ratio', 0.5)
  const active = (call.dropout || call.inputs[2]?.numbers()[0] === 1) && ratio > 0
  const mask = active ? tf.greaterEqual(tf.randomUniform(x.shape), tf.scalar(ratio)) : undefined
  const y = mask === undefined ? x : Datum.of(tf.mul(tf.div(x.tensor, tf.scalar(1 - ratio)), tf.cast(mask, 'float32')), x.dtype)
  return call.node.outputs.length < 2 ? y : [y, Datum.of(mask ?? tf.cast(tf.ones(x.shape), 'bool'), 'bool')]
}

const scalar = (value: number): tf.Scalar => tf.scalar(value)
const floatOr = (call: Call, name: string, otherwise: number): tf.Scalar => scalar(call.node.float(name, otherwise))
/** 1 where x is over a limit, 0 elsewhere. */
const above = (x: tf.Tensor, limit: number): tf.Tensor => tf.cast(tf.greater(detached(x), scalar(limit)), 'float32')
const hardSigmoid = (x: tf.Tensor, alpha: tf.Tensor, beta: tf.Tensor): tf.Tensor => tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1)
const compare = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operator => binary((a, b) => f(detached(a), detached(b)), 'bool')
const logic = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operator => binary((a, b) => f(tf.cast(a, 'bool'), tf.cast(b, 'bool')), 'bool')

/** The activations that recurrent operators name. */
export const ACTIVATIONS: Readonly<Record<string, (x: tf.Tensor, alpha?: number, beta?: number) => tf.Tensor>> = {
  relu: (x) => tf.relu(x),
  tanh: (x) => tf.tanh(x),
  sigmoid: (x) => tf.sigmoid(x),
  affine: (x, alpha = 1, beta = 0) => tf.add(tf.mul(x, scalar(alpha)), scalar(beta)),
  leakyrelu: (x, alpha = 0.01) => tf.leakyRelu(x, alpha),
  thresholdedrelu: (x, alpha = 1) => tf.mul(x, above(x, alpha)),
  scaledtanh: (x, alpha = 1, beta = 1) => tf.mul(scalar(alpha), tf.tanh(tf.mul(x, scalar(beta)))),
  hardsigmoid: (x, alpha = 0.2, beta = 0.5) => hardSigmoid(x, scalar(alpha), scalar(beta)),
  elu: (x) => tf.elu(x),
  softsign: (x) => tf.div(x, tf.add(tf.abs(x), scalar(1))),
  softplus: (x) => tf.softplus(x),
}

export const elementwise: Readonly<Record<string, Operator>> = {
  Identity: (call) => need(call, 0),
  Abs: unary(tf.abs), Neg: unary(tf.neg), Exp: unary(tf.exp), Log: unary(tf.log), Sqrt: unary(tf.sqrt),
  Reciprocal: unary(tf.reciprocal), Floor: unary(tf.floor), Ceil: unary(tf.ceil), Round: unary(tf.round), Sign: unary(tf.sign),
  Sin: unary(tf.sin), Cos: unary(tf.cos), Tan: unary(tf.tan), Asin: unary(tf.asin), Acos: unary(tf.acos), Atan: unary(tf.atan),
  Sinh: unary(tf.sinh), Cosh: unary(tf.cosh), Tanh: unary(tf.tanh), Asinh: unary(tf.asinh), Acosh: unary(tf.acosh), Atanh: unary(tf.atanh),
  Erf: unary(tf.erf), Relu: unary(tf.relu), Sigmoid: unary(tf.sigmoid), Softplus: unary(tf.softplus),
  Softsign: unary((x) => tf.div(x, tf.add(tf.abs(x), scalar(1)))),
  Elu: unary((x, call) => {
    const alpha = floatOr(call, 'alpha', 1)
    return tf.add(tf.relu(x), tf.mul(alpha, tf.sub(tf.exp(tf.minimum(x, scalar(0))), scalar(1))))
  }),
  Celu: unary((x, call) => {
    const alpha = floatOr(call, 'alpha', 1)
    return tf.add(tf.relu(x), tf.mul(alpha, tf.sub(tf.exp(tf.div(tf.minimum(x, scalar(0)), alpha)), scalar(1))))
  }),
  Selu: unary((x, call) => {
    const [alpha, gamma] = [floatOr(call, 'alpha', 1.6732632423543772), floatOr(call, 'gamma', 1.0507009873554805)]
    return tf.mul(gamma, tf.add(tf.relu(x), tf.mul(alpha, tf.sub(tf.exp(tf.minimum(x, scalar(0))), scalar(1)))))
  }),
  LeakyRelu: unary((x, call) => tf.leakyRelu(x, call.node.float('alpha', 0.01))),
  ThresholdedRelu: unary((x, call) => tf.mul(x, above(x, call.node.float('alpha', 1)))),
  HardSigmoid: unary((x, call) => hardSigmoid(x, floatOr(call, 'alpha', 0.2), floatOr(call, 'beta', 0.5))),
  HardSwish: unary((x) => tf.mul(x, hardSigmoid(x, scalar(1 / 6), scalar(0.5)))),
  Mish: unary((x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  Swish: unary((x, call) => tf.mul(x, tf.sigmoid(tf.mul(x, floatOr(call, 'alpha', 1))))),
  Gelu: unary((x, call) => gelu(x, call.node.string('approximate', 'none') === 'tanh')),
  FastGelu: (call) => {
    const bias = call.inputs[1]
    return need(call, 0).map((x) => gelu(bias === undefined ? x : tf.add(x, bias.tensor), true))
  },
  QuickGelu: unary((x, call) => tf.mul(x, tf.sigmoid(tf.mul(x, floatOr(call, 'alpha', 1.702))))),
  Shrink: unary((x, call) => {
    const [lambd, bias] = [call.node.float('lambd', 0.5), floatOr(call, 'bias', 0)]
    return tf.add(tf.mul(above(x, lambd), tf.sub(x, bias)), tf.mul(above(tf.neg(x), lambd), tf.add(x, bias)))
  }),
  Clip: clip,
  IsNaN: (call) => need(call, 0).map((x) => tf.isNaN(detached(x)), 'bool'),
  IsInf: (call) => need(call, 0).map((x) => {
    const [negative, positive] = [call.node.int('detect_negative', 1), call.node.int('detect_positive', 1)]
    const all = tf.isInf(detached(x))
    return negative && positive ? all : tf.logicalAnd(all, negative ? tf.less(detached(x), scalar(0)) : positive ? tf.greater(detached(x), scalar(0)) : tf.cast(tf.zerosLike(detached(x)), 'bool'))
  }, 'bool'),
  Not: (call) => need(call, 0).map((x) => tf.logicalNot(tf.cast(x, 'bool')), 'bool'),
  Cast: castOperator,
  CastLike: (call) => cast(call, need(call, 0), need(call, 1).dtype),
  Add: binary(tf.add), Sub: binary(tf.sub), Mul: binary(tf.mul), Div: binary(divide), Mod: binary(remainder),
  Pow: binary((a, b, _, dtype) => {
    const p = tf.pow(tf.cast(a, 'float32'), tf.cast(b, 'float32'))
    return isInteger(dtype) ? tf.cast(tf.round(p), 'int32') : p
  }),
  Equal: compare(tf.equal), Less: compare(tf.less), LessOrEqual: compare(tf.lessEqual),
  Greater: compare(tf.greater), GreaterOrEqual: compare(tf.greaterEqual),
  And: logic(tf.logicalAnd), Or: logic(tf.logicalOr), Xor: logic(tf.logicalXor),
  Max: variadic(spreadBoth(tf.maximum)), Min: variadic(spreadBoth(tf.minimum)), Sum: variadic(tf.add),
  Mean: (call) => {
    const sum = variadic(tf.add)(call) as Datum
    return sum.map((x) => tf.div(x, scalar(call.inputs.length)))
  },
  PRelu: prelu,
  Where: where,
  Dropout: dropout,
}
