// Inference for operators that work element by element, with broadcasting, and what they do to known elements.
import { DTYPES, type DType } from '../../core'
import { dtypeOfCode } from '../codec/codes'
import type { Dim } from '../ir/types'
import { addDims, floorDivDims, mulDims, subDims } from './dims'
import type { InferContext, InferFunction, KnownValue } from './context'

/** Output 0 is as input 0. */
export const sameAsInput: InferFunction = (c) => {
  c.setType(0, c.type(0))
}

/** Output 0 is as input 0, and so are its elements. */
const identity: InferFunction = (c) => {
  c.setType(0, c.type(0))
  const known = c.known_(0)
  if (known !== undefined) c.setKnown(0, known.shape, known.elements)
}

/** A map over elements whose type stays. */
function unary(element?: (x: Dim, dtype: DType | undefined) => Dim): InferFunction {
  return (c) => {
    c.setType(0, c.type(0))
    const known = c.known_(0)
    const dtype = c.dtype(0)
    if (element !== undefined && known !== undefined) c.setKnown(0, known.shape, known.elements.map((x) => element(x, dtype)))
  }
}

const wholeKinds = new Set(['signed', 'unsigned', 'bool'])

function isWhole(dtype: DType | undefined): boolean {
  return dtype !== undefined && wholeKinds.has(DTYPES[dtype].kind)
}

/** Elements of several inputs broadcast together and combined, when all of them are known. */
function combine(c: InferContext, inputs: readonly number[], element: (xs: readonly Dim[]) => Dim): void {
  const known = inputs.map((i) => c.known_(i))
  if (known.some((k) => k === undefined)) return
  const all = known as KnownValue[]
  const shape = c.broadcast(all.map((k) => k.shape)) as number[] | undefined
  if (shape === undefined) return
  const count = shape.reduce((a, b) => a * b, 1)
  if (count > 4096) return
  const elements: Dim[] = []
  for (let i = 0; i < count; i++) {
    elements.push(element(all.map((k) => k.elements[broadcastIndex(i, shape, k.shape)] ?? null)))
  }
  c.setKnown(0, shape, elements)
}

/** Where element number `i` of a tensor of shape `to` comes from in a tensor of shape `from`. */
function broadcastIndex(i: number, to: readonly number[], from: readonly number[]): number {
  let index = 0
  let step = 1
  let rest = i
  for (let axis = to.length - 1, at = from.length - 1; axis >= 0; axis--, at--) {
    const size = to[axis] ?? 1
    const position = rest % size
    rest = Math.floor(rest / size)
    const own = from[at]
    if (own === undefined) continue
    if (own > 1) index += position * step
    step *= own
  }
  return index
}

function broadcastShape(c: InferContext, inputs: readonly number[]): Dim[] | undefined {
  // Before version 7 operators broadcast only on request, by their own rule: the result is as the first input.
  if (c.since < 7 && inputs.length === 2 && c.int('broadcast') === 1) return c.shape(0)?.slice()
  return c.broadcast(inputs.map((i) => c.shape(i)))
}

/** A function of two elements with broadcasting; `element` follows known ones. */
function binary(element?: (x: Dim, y: Dim, whole: boolean) => Dim): InferFunction {
  return (c) => {
    const dtype = c.dtype(0)
    c.set(0, dtype ?? c.dtype(1), broadcastShape(c, [0, 1]))
    if (element !== undefined) combine(c, [0, 1], ([x = null, y = null]) => element(x, y, isWhole(dtype)))
  }
}

/** A comparison: the result is bool. */
function comparison(element?: (x: number, y: number) => boolean): InferFunction {
  return (c) => {
    c.set(0, 'bool', broadcastShape(c, [0, 1]))
    if (element === undefined) return
    combine(c, [0, 1], ([x = null, y = null]) => {
      if (typeof x === 'number' && typeof y === 'number') return element(x, y) ? 1 : 0
      return null
    })
  }
}

/** A function of any number of inputs with broadcasting. */
function variadic(element?: (x: number, y: number) => number): InferFunction {
  return (c) => {
    const inputs = Array.from({ length: c.inputCount }, (_, i) => i)
    c.set(0, c.dtype(0), c.since < 8 ? c.shape(0) : broadcastShape(c, inputs))
    if (element === undefined) return
    combine(c, inputs, (xs) => xs.reduce((x, y) => {
      if (typeof x === 'number' && typeof y === 'number') return element(x, y)
      return x === y ? x : null
    }))
  }
}

const toBool: InferFunction = (c) => {
  c.set(0, 'bool', c.shape(0))
}

const where: InferFunction = (c) => {
  c.set(0, c.dtype(1) ?? c.dtype(2), broadcastShape(c, [0, 1, 2]))
  combine(c, [0, 1, 2], ([condition = null, x = null, y = null]) => {
    if (condition === null || typeof condition === 'string') return x === y ? x : null
    return condition === 0 ? y : x
  })
}

/** The element type that an attribute names by its code; in version 1 of Cast, by its name. */
export function dtypeAttribute(c: InferContext, name: string): DType | undefined {
  const attribute = c.node.attributes.get(name)
  if (attribute?.kind === 'string') return dtypeByOldName(attribute.value)
  const code = c.int(name)
  if (code === undefined) return undefined
  return dtypeOfCode(code) ?? c.fail(`The attribute ${name} names no element type`, 'a TensorProto.DataType', String(code))
}

function dtypeByOldName(name: string): DType | undefined {
  const lower = name.toLowerCase()
  const known = lower === 'float' ? 'float32' : lower === 'double' ? 'float64' : lower
  return known in DTYPES ? (known as DType) : undefined
}

function castElement(x: Dim, to: DType | undefined): Dim {
  if (to === 'bool') return typeof x === 'number' ? (x === 0 ? 0 : 1) : null
  return typeof x === 'number' && isWhole(to) ? Math.trunc(x) : x
}

const cast: InferFunction = (c) => {
  const to = c.node.opType === 'CastLike' ? c.dtype(1) : dtypeAttribute(c, 'to')
  c.set(0, to, c.shape(0))
  const known = c.known_(0)
  if (known !== undefined && to !== undefined && !to.startsWith('complex') && to !== 'string') {
    c.setKnown(0, known.shape, known.elements.map((x) => castElement(x, to)))
  }
}

const bitCast: InferFunction = (c) => {
  c.set(0, dtypeAttribute(c, 'to'), c.shape(0))
}

const numeric = (f: (x: number) => number) => unary((x) => (typeof x === 'number' ? f(x) : null))

/** The parametric slope of PRelu broadcasts to the input. */
const likeFirst: InferFunction = (c) => {
  c.set(0, c.dtype(0), c.shape(0))
}

const dropout: InferFunction = (c) => {
  c.setType(0, c.type(0))
  if (c.hasOutput(1)) c.set(1, c.since >= 10 ? 'bool' : c.dtype(0), c.shape(0))
}

const bernoulli: InferFunction = (c) => {
  c.set(0, c.node.attributes.has('dtype') ? dtypeAttribute(c, 'dtype') : c.dtype(0), c.shape(0))
}

const sameTyped = [
  'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitwiseNot', 'Celu', 'Cos', 'Cosh', 'CumProd', 'CumSum', 'Elu',
  'Erf', 'Exp', 'Gelu', 'HardSigmoid', 'HardSwish', 'Hardmax', 'InstanceNormalization', 'LRN', 'LeakyRelu', 'Log',
  'LogSoftmax', 'LpNormalization', 'MeanVarianceNormalization', 'Mish', 'Reciprocal', 'Selu', 'Shrink', 'Sigmoid',
  'Sign', 'Sin', 'Sinh', 'Softmax', 'Softplus', 'Softsign', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'Trilu', 'Clip',
  'ReverseSequence', 'Scatter', 'ScatterElements', 'ScatterND', 'TensorScatter', 'GroupNormalization', 'RotaryEmbedding',
]

export const ELEMENTWISE: Readonly<Record<string, InferFunction>> = {
  ...Object.fromEntries(sameTyped.map((name) => [name, likeFirst])),
  Identity: identity,
  PRelu: likeFirst,
  Dropout: dropout,
  Bernoulli: bernoulli,
  Abs: numeric(Math.abs),
  Ceil: unary((x, dtype) => (typeof x === 'number' ? Math.ceil(x) : isWhole(dtype) ? x : null)),
  Floor: unary((x, dtype) => (typeof x === 'number' ? Math.floor(x) : isWhole(dtype) ? x : null)),
  Neg: unary((x) => subDims(0, x)),
  Relu: numeric((x) => Math.max(0, x)),
  Round: numeric((x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sqrt: numeric(Math.sqrt),
  Not: (c) => {
    toBool(c)
    const known = c.known_(0)
    if (known !== undefined) c.setKnown(0, known.shape, known.elements.map((x) => (typeof x === 'number' ? 1 - x : null)))
  },
  IsNaN: toBool,
  IsInf: toBool,
  Cast: cast,
  CastLike: cast,
  BitCast: bitCast,
  Where: where,
  Add: binary(addDims),
  Sub: binary(subDims),
  Mul: binary(mulDims),
  Div: binary((x, y, whole) => {
    if (!whole) return typeof x === 'number' && typeof y === 'number' ? x / y : y === 1 ? x : null
    // Integer division of ONNX truncates; sizes are never negative, so it is a floor for symbols.
    return typeof x === 'number' && typeof y === 'number' ? (y === 0 ? null : Math.trunc(x / y)) : floorDivDims(x, y)
  }),
  Mod: binary((x, y, whole) => {
    if (!whole || typeof x !== 'number' || typeof y !== 'number' || y === 0) return null
    return ((x % y) + y) % y
  }),
  Pow: binary((x, y) => (typeof x === 'number' && typeof y === 'number' ? x ** y : null)),
  And: comparison((x, y) => x !== 0 && y !== 0),
  Or: comparison((x, y) => x !== 0 || y !== 0),
  Xor: comparison((x, y) => (x !== 0) !== (y !== 0)),
  Equal: comparison((x, y) => x === y),
  Greater: comparison((x, y) => x > y),
  GreaterOrEqual: comparison((x, y) => x >= y),
  Less: comparison((x, y) => x < y),
  LessOrEqual: comparison((x, y) => x <= y),
  BitShift: binary(),
  BitwiseAnd: binary(),
  BitwiseOr: binary(),
  BitwiseXor: binary(),
  Max: variadic(Math.max),
  Min: variadic(Math.min),
  Mean: variadic(),
  Sum: variadic((x, y) => x + y),
}
