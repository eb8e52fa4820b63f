// Operators on constants, computed here: the arithmetic of shapes and small tensors. For everything else a model is run.
import { broadcastShape, DTYPES, elementCount, rowMajorStrides, sameShape, stridedCopy, type DType } from '../core'
import { Tensor, type Node, type TensorArray } from '../onnx'
import { dtypeOfCode } from '../onnx/codec/codes'

/** A call of an operator on known tensors. */
interface Call {
  readonly node: Node
  readonly opset: number
  /** Most elements that a result may have. */
  readonly limit: number
  readonly inputs: readonly (Tensor | undefined)[]
}

type Evaluator = (call: Call) => Tensor | undefined
type Numbers = Exclude<TensorArray, string[]>

/**
 * The result of a node with one output on constant inputs, or undefined: the operator is not among those computed here,
 * its result would be larger than `limit` elements, or the call is faulty (then the runtime shall report it).
 */
export function evaluate(node: Node, inputs: readonly (Tensor | undefined)[], opset: number, limit: number): Tensor | undefined {
  const evaluator = EVALUATORS[node.opType]
  if (evaluator === undefined || node.outputs.length !== 1) return undefined
  if (inputs.some((tensor) => tensor?.dtype === 'string' || (tensor !== undefined && DTYPES[tensor.dtype].bits < 8))) return undefined
  const result = evaluator({ node, inputs, opset, limit })
  return result !== undefined && result.size <= limit ? result : undefined
}

/** Operators that are computed here. */
export function evaluatedOperators(): string[] {
  return Object.keys(EVALUATORS)
}

const numbersOf = (tensor: Tensor): Numbers => tensor.toArray() as Numbers
const isWide = (dtype: DType): boolean => dtype === 'int64' || dtype === 'uint64'
const isInteger = (dtype: DType): boolean => DTYPES[dtype].kind === 'signed' || DTYPES[dtype].kind === 'unsigned'

/** For each element of a result of shape `to`, the place of the element of `from` that broadcasting puts there. */
function broadcastPlaces(from: readonly number[], to: readonly number[]): Int32Array {
  const places = new Int32Array(elementCount(to))
  const strides = rowMajorStrides(from)
  const offset = to.length - from.length
  const outStrides = rowMajorStrides(to)
  for (let i = 0; i < places.length; i++) {
    let place = 0
    for (let axis = 0; axis < from.length; axis++) {
      if ((from[axis] ?? 1) === 1) continue
      const index = Math.floor(i / (outStrides[axis + offset] ?? 1)) % (to[axis + offset] ?? 1)
      place += index * (strides[axis] ?? 1)
    }
    places[i] = place
  }
  return places
}

/** An elementwise operator of two inputs; the result is rounded once, to the type of the inputs. */
function binary(wide: (a: bigint, b: bigint, node: Node) => bigint | boolean | undefined, plain: (a: number, b: number, node: Node, dtype: DType) => number | boolean | undefined, result?: DType): Evaluator {
  return ({ node, inputs: [a, b], limit }) => {
    if (a === undefined || b === undefined || a.dtype !== b.dtype || node.attributes.has('broadcast')) return undefined
    const shape = broadcastShape(a.shape, b.shape)
    if (elementCount(shape) > limit) return undefined
    const [left, right] = [numbersOf(a), numbersOf(b)]
    const [leftPlaces, rightPlaces] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)]
    const out: (number | bigint | boolean)[] = []
    for (let i = 0; i < leftPlaces.length; i++) {
      const [x, y] = [left[leftPlaces[i] ?? 0] ?? 0, right[rightPlaces[i] ?? 0] ?? 0]
      const value = typeof x === 'bigint' && typeof y === 'bigint' ? wide(x, y, node) : plain(Number(x), Number(y), node, a.dtype)
      if (value === undefined) return undefined
      out.push(typeof value === 'bigint' ? wrap(value, a.dtype) : value)
    }
    return Tensor.from(out, shape, result ?? a.dtype)
  }
}

const wrap = (value: bigint, dtype: DType): bigint => (dtype === 'uint64' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value))

const comparison = (wide: (a: bigint, b: bigint) => boolean, plain: (a: number, b: number) => boolean): Evaluator =>
  binary(wide, plain, 'bool')

/** Integer remainder: the sign of the divisor (fmod 0) or of the dividend (fmod 1). */
function mod(a: number, b: number, node: Node, dtype: DType): number | undefined {
  if (isInteger(dtype) && b === 0) return undefined
  if (node.int('fmod', 0) === 1) return a % b
  if (!isInteger(dtype)) return undefined
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}

function unary(plain: (x: number) => number | boolean, wide: (x: bigint) => bigint): Evaluator {
  return ({ inputs: [x] }) => {
    if (x === undefined) return undefined
    const out = Array.from(numbersOf(x) as ArrayLike<number | bigint>, (value) => (typeof value === 'bigint' ? wrap(wide(value), x.dtype) : plain(value)))
    return Tensor.from(out, x.shape, x.dtype)
  }
}

/** The elements of `x` at the given places, in a new shape. */
function take(x: Tensor, places: ArrayLike<number>, shape: readonly number[]): Tensor {
  const bytes = DTYPES[x.dtype].bits / 8
  const from = x.bytes
  const out = new Uint8Array(places.length * bytes)
  for (let i = 0, to = 0; i < places.length; i++) {
    const start = (places[i] ?? 0) * bytes
    for (let byte = 0; byte < bytes; byte++) out[to++] = from[start + byte] ?? 0
  }
  return Tensor.ofBytes(x.dtype, shape, out)
}

/** A strided view of `x` as a tensor of its own. */
const view = (x: Tensor, shape: readonly number[], strides: readonly number[], base = 0): Tensor =>
  Tensor.ofBytes(x.dtype, shape, stridedCopy(x.bytes, DTYPES[x.dtype].bits / 8, shape, strides, base))

const axisOf = (axis: number, rank: number): number | undefined => {
  const index = axis < 0 ? axis + rank : axis
  return index >= 0 && index < rank ? index : undefined
}

/** A list of integers that older operator sets have as an attribute and newer ones as an input. */
function listOf({ node, inputs }: Call, name: string, index: number): readonly number[] | undefined {
  return inputs[index]?.numbers() ?? node.ints(name)
}

const reshape: Evaluator = (call) => {
  const [x] = call.inputs
  const target = listOf(call, 'shape', 1)
  if (x === undefined || target === undefined) return undefined
  const copies = call.node.int('allowzero', 0) === 0
  const shape = target.map((size, axis) => (size === 0 && copies ? x.shape[axis] ?? 0 : size))
  const free = shape.indexOf(-1)
  if (free >= 0) {
    const known = shape.reduce((product, size, axis) => (axis === free ? product : product * size), 1)
    if (known === 0 || x.size % known !== 0) return undefined
    shape[free] = x.size / known
  }
  return shape.every((size) => size >= 0) && elementCount(shape) === x.size ? x.reshape(shape) : undefined
}

const squeeze: Evaluator = (call) => {
  const [x] = call.inputs
  if (x === undefined) return undefined
  const axes = listOf(call, 'axes', 1)?.map((axis) => axisOf(axis, x.shape.length))
  if (axes?.some((axis) => axis === undefined || x.shape[axis] !== 1)) return undefined
  return x.reshape(x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis))))
}

const unsqueeze: Evaluator = (call) => {
  const [x] = call.inputs
  const given = listOf(call, 'axes', 1)
  if (x === undefined || given === undefined) return undefined
  const rank = x.shape.length + given.length
  const axes = given.map((axis) => axisOf(axis, rank))
  if (axes.includes(undefined) || new Set(axes).size !== axes.length) return undefined
  const sizes = [...x.shape]
  return x.reshape(Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : sizes.shift() ?? 1)))
}

const transpose: Evaluator = ({ node, inputs: [x] }) => {
  if (x === undefined) return undefined
  const order = node.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis)
  if (order.length !== x.shape.length) return undefined
  const strides = rowMajorStrides(x.shape)
  const shape = order.map((axis) => x.shape[axis] ?? 1)
  return view(x, shape, order.map((axis) => strides[axis] ?? 1))
}

const gather: Evaluator = ({ node, inputs: [x, indices], limit }) => {
  if (x === undefined || indices === undefined) return undefined
  const axis = axisOf(node.int('axis', 0), x.shape.length)
  if (axis === undefined) return undefined
  const size = x.shape[axis] ?? 0
  const chosen = indices.numbers().map((index) => (index < 0 ? index + size : index))
  if (chosen.some((index) => index < 0 || index >= size)) return undefined
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
  if (elementCount(shape) > limit) return undefined
  // Whole blocks after the axis are moved: [outer, size, block] → [outer, chosen, block].
  const block = elementCount(x.shape.slice(axis + 1)) * DTYPES[x.dtype].bits / 8
  const from = x.bytes
  const out = new Uint8Array(elementCount(x.shape.slice(0, axis)) * chosen.length * block)
  for (let start = 0, to = 0; to < out.length; start += size * block) {
    for (const index of chosen) {
      const at = start + index * block
      if (block > 64) out.set(from.subarray(at, at + block), to)
      else for (let i = 0; i < block; i++) out[to + i] = from[at + i] ?? 0
      to += block
    }
  }
  return Tensor.ofBytes(x.dtype, shape, out)
}

const concat: Evaluator = ({ node, inputs, limit }) => {
  const parts = inputs.filter((part) => part !== undefined)
  const [first] = parts
  if (first === undefined || parts.some((part) => part.dtype !== first.dtype || part.shape.length !== first.shape.length)) return undefined
  const axis = axisOf(node.int('axis', 1), first.shape.length)
  if (axis === undefined || parts.some((part) => part.shape.some((size, i) => i !== axis && size !== first.shape[i]))) return undefined
  const shape = first.shape.map((size, i) => (i === axis ? parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0) : size))
  if (elementCount(shape) > limit) return undefined
  const rows = elementCount(first.shape.slice(0, axis))
  const contents = parts.map(({ bytes }) => bytes)
  const out = new Uint8Array(contents.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let to = 0
  for (let row = 0; row < rows; row++) {
    for (const bytes of contents) {
      const length = bytes.byteLength / rows
      out.set(bytes.subarray(row * length, (row + 1) * length), to)
      to += length
    }
  }
  return Tensor.ofBytes(first.dtype, shape, out)
}

const slice: Evaluator = (call) => {
  const [x] = call.inputs
  const old = call.opset < 10
  const list = (name: string, index: number): readonly number[] | undefined => (old ? call.node.ints(name) : call.inputs[index]?.numbers())
  const [starts, ends] = [list('starts', 1), list('ends', 2)]
  if (x === undefined || starts === undefined || ends === undefined) return undefined
  const axes = list('axes', 3) ?? starts.map((_, axis) => axis)
  const steps = list('steps', 4) ?? starts.map(() => 1)
  const shape = [...x.shape]
  const strides = rowMajorStrides(x.shape)
  let base = 0
  for (const [i, given] of axes.entries()) {
    const axis = axisOf(given, x.shape.length)
    const step = steps[i] ?? 1
    if (axis === undefined || step === 0) return undefined
    const size = x.shape[axis] ?? 0
    const place = (index: number): number => (index < 0 ? index + size : index)
    const clamp = (index: number, low: number, high: number): number => Math.min(high, Math.max(low, index))
    const start = step > 0 ? clamp(place(starts[i] ?? 0), 0, size) : clamp(place(starts[i] ?? 0), 0, size - 1)
    const end = step > 0 ? clamp(place(ends[i] ?? 0), 0, size) : clamp(place(ends[i] ?? 0), -1, size - 1)
    shape[axis] = Math.max(0, Math.ceil((end - start) / step))
    base += start * (strides[axis] ?? 1)
    strides[axis] = (strides[axis] ?? 1) * step
  }
  return view(x, shape, strides, base)
}

const cast: Evaluator = ({ node, inputs: [x] }) => {
  const to = dtypeOfCode(node.int('to', 0))
  if (x === undefined || to === undefined || to === 'string' || DTYPES[to].bits < 16 && to !== 'bool' && to !== 'int8' && to !== 'uint8') return undefined
  if (DTYPES[to].kind === 'complex' || DTYPES[x.dtype].kind === 'complex') return undefined
  if (to === x.dtype) return x
  const values = Array.from(numbersOf(x) as ArrayLike<number | bigint>)
  if (!isInteger(to)) return Tensor.from(values.map((value) => (to === 'bool' ? Number(value) !== 0 : Number(value))), x.shape, to)
  const { bits, kind } = DTYPES[to]
  const [low, high] = kind === 'signed' ? [-(2 ** (bits - 1)), 2 ** (bits - 1)] : [0, 2 ** bits]
  const out: bigint[] = []
  for (const value of values) {
    // Numbers that the type cannot hold are cast differently by different machines, so they are left to the runtime.
    if (typeof value === 'number' && !(Math.trunc(value) >= low && Math.trunc(value) < high)) return undefined
    const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(value))
    out.push(kind === 'signed' ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole))
  }
  return isWide(to) ? Tensor.from(out, x.shape, to) : Tensor.from(out.map(Number), x.shape, to)
}

const constantOfShape: Evaluator = ({ node, inputs: [shape], limit }) => {
  const sizes = shape?.numbers()
  if (sizes === undefined || sizes.some((size) => size < 0) || elementCount(sizes) > limit) return undefined
  const value = node.get('value', 'tensor') ?? Tensor.scalar(0, 'float32')
  return value.dtype === 'string' || value.size !== 1 ? undefined : take(value, new Int32Array(elementCount(sizes)), sizes)
}

const range: Evaluator = ({ inputs: [start, limitValue, delta], limit }) => {
  if (start === undefined || limitValue === undefined || delta === undefined) return undefined
  const [from, to, step] = [start.item(), limitValue.item(), delta.item()]
  const count = step === 0 ? Infinity : Math.max(0, Math.ceil((to - from) / step))
  // Sums of floats depend on the order in which the runtime adds, so only integers are computed here.
  if (count > limit || !isInteger(start.dtype)) return undefined
  return Tensor.from(Array.from({ length: count }, (_, i) => from + i * step), [count], start.dtype)
}

const where: Evaluator = ({ inputs: [condition, a, b], limit }) => {
  if (condition === undefined || a === undefined || b === undefined || a.dtype !== b.dtype) return undefined
  const shape = broadcastShape(broadcastShape(condition.shape, a.shape), b.shape)
  if (elementCount(shape) > limit) return undefined
  const [flags, [c, x, y]] = [numbersOf(condition), [condition, a, b].map((part) => broadcastPlaces(part.shape, shape)) as [Int32Array, Int32Array, Int32Array]]
  const both = Tensor.ofBytes(a.dtype, [a.size + b.size], Uint8Array.from(Buffer.concat([a.bytes, b.bytes])))
  return take(both, Int32Array.from(c, (place, i) => (flags[place] ? x[i] ?? 0 : a.size + (y[i] ?? 0))), shape)
}

const expand: Evaluator = ({ inputs: [x, target], limit }) => {
  if (x === undefined || target === undefined) return undefined
  const shape = broadcastShape(x.shape, target.numbers())
  if (elementCount(shape) > limit) return undefined
  const strides = rowMajorStrides(x.shape)
  return view(x, shape, shape.map((_, axis) => {
    const own = axis - shape.length + x.shape.length
    return own < 0 || x.shape[own] === 1 ? 0 : strides[own] ?? 0
  }))
}

const shapeOf: Evaluator = ({ node, inputs: [x] }) => {
  if (x === undefined) return undefined
  const sizes = x.shape.slice(node.int('start', 0), node.int('end'))
  return Tensor.from(sizes, [sizes.length], 'int64')
}

/** Product of all or some axes: how exporters compute sizes. */
const reduceProd: Evaluator = (call) => {
  const [x] = call.inputs
  if (x === undefined || !isInteger(x.dtype) || x.shape.length !== 1) return undefined
  const axes = listOf(call, 'axes', 1)
  if (axes !== undefined && (axes.length !== 1 || axisOf(axes[0] ?? 0, 1) !== 0)) return undefined
  if (axes === undefined && call.node.int('noop_with_empty_axes', 0) === 1) return undefined
  const product = Array.from(numbersOf(x) as ArrayLike<number | bigint>, BigInt).reduce((a, b) => a * b, 1n)
  return Tensor.from([isWide(x.dtype) ? wrap(product, x.dtype) : Number(product)] as number[], call.node.int('keepdims', 1) === 1 ? [1] : [], x.dtype)
}

const EVALUATORS: Readonly<Record<string, Evaluator>> = {
  Identity: ({ inputs: [x] }) => x,
  Shape: shapeOf,
  Size: ({ inputs: [x] }) => x && Tensor.scalar(x.size, 'int64'),
  Gather: gather, Concat: concat, Slice: slice, Unsqueeze: unsqueeze, Squeeze: squeeze, Cast: cast, Reshape: reshape,
  Transpose: transpose, ConstantOfShape: constantOfShape, Range: range, Where: where, Expand: expand, ReduceProd: reduceProd,
  Add: binary((a, b) => a + b, (a, b) => a + b),
  Sub: binary((a, b) => a - b, (a, b) => a - b),
  Mul: binary((a, b) => a * b, (a, b) => a * b),
  Div: binary((a, b) => (b === 0n ? undefined : a / b), (a, b, _, dtype) => (isInteger(dtype) ? (b === 0 ? undefined : Math.trunc(a / b)) : a / b)),
  Mod: binary((a, b, node) => {
    if (b === 0n) return undefined
    const rest = a % b
    return node.int('fmod', 0) === 0 && rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest
  }, mod),
  Max: binary((a, b) => (a > b ? a : b), (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? undefined : Math.max(a, b))),
  Min: binary((a, b) => (a < b ? a : b), (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? undefined : Math.min(a, b))),
  Equal: comparison((a, b) => a === b, (a, b) => a === b),
  Less: comparison((a, b) => a < b, (a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b, (a, b) => a <= b),
  Greater: comparison((a, b) => a > b, (a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b, (a, b) => a >= b),
  And: comparison(() => false, (a, b) => a !== 0 && b !== 0),
  Or: comparison(() => false, (a, b) => a !== 0 || b !== 0),
  Xor: comparison(() => false, (a, b) => (a !== 0) !== (b !== 0)),
  Not: unary((x) => x === 0, (x) => x),
  Neg: unary((x) => -x, (x) => -x),
  Abs: unary(Math.abs, (x) => (x < 0n ? -x : x)),
  Sqrt: ({ inputs: [x] }) => {
    if (x === undefined || (x.dtype !== 'float32' && x.dtype !== 'float64')) return undefined
    const roots = Array.from(numbersOf(x) as ArrayLike<number>, Math.sqrt)
    // What is not a number has several bit patterns: the runtime chooses.
    return roots.some(Number.isNaN) ? undefined : Tensor.from(roots, x.shape, x.dtype)
  },
}

/** Whether two tensors hold the same bytes in the same type and shape. */
export function sameTensor(a: Tensor, b: Tensor): boolean {
  return a === b || (a.dtype === b.dtype && sameShape(a.shape, b.shape) && a.dtype !== 'string' && Buffer.compare(a.bytes, b.bytes) === 0)
}
