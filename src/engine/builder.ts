// ONNX operators as methods, with shapes worked out. TensorFlow.js keeps images as NHWC and ONNX computes on NCHW, so
// transposes are pushed through elementwise operators and reductions until they meet their inverse and vanish.
import { broadcastShape, elementCount, rowMajorStrides, sameShape } from '../core'
import type { Shape } from '../core'
import { constantAlong, regrouped } from './algebra'
import { GraphWriter } from './graph'
import type { GraphAttribute, GraphData, GraphDType, V } from './graph'

type Attributes = Readonly<Record<string, GraphAttribute>>

/** `TensorProto.DataType` codes for Cast. */
const CODES: Readonly<Record<GraphDType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 }

const inverse = (perm: readonly number[]): number[] => {
  const result = new Array<number>(perm.length)
  perm.forEach((axis, i) => { result[axis] = i })
  return result
}
/** What a transpose turns, and how; undefined for any other value. */
function turned(v: V): { readonly inner: V; readonly perm: readonly number[] } | undefined {
  const inner = v.node?.op === 'Transpose' && !v.settled ? v.node.inputs[0] : undefined
  const perm = v.node?.attributes.perm
  return inner && Array.isArray(perm) ? { inner, perm: perm as readonly number[] } : undefined
}
const pick = <T>(list: readonly T[], indices: readonly number[]): T[] => indices.map((i) => list[i] as T)
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

const isOne = (v: V | undefined): boolean => v?.constant?.length === 1 && Number(v.constant[0]) === 1

/** The elements of a constant in the order of its transpose. */
function permuted(data: GraphData, shape: Shape, perm: readonly number[]): GraphData {
  const strides = pick(rowMajorStrides(shape), perm)
  const sizes = pick(shape, perm)
  const result = data.slice()
  const index = new Array<number>(perm.length).fill(0)
  let from = 0
  for (let to = 0; to < data.length; to++) {
    result[to] = data[from] as never
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1
      from += strides[axis] ?? 0
      index[axis] = next
      if (next < (sizes[axis] ?? 1)) break
      from -= next * (strides[axis] ?? 0)
      index[axis] = 0
    }
  }
  return result
}

/** Where a strided slice ends so that it has `size` elements; stepping back past 0 needs a very negative end. */
const sliceEnd = (begin: number, size: number, step: number): number => {
  const end = begin + (size - 1) * step + Math.sign(step)
  return end < 0 ? -(2 ** 31) : end
}

/**
 * Whether Aᵀ·B is computed faster as (Bᵀ·A)ᵀ. ONNX Runtime turns Aᵀ anew for every 128 columns of B, at about three times the
 * price a number of laying out B: [1792, 128]ᵀ·[1792, 512] takes 2.8 ms, turned 2.2 ms.
 */
const turnPays = (inner: number, rows: number, columns: number): boolean => {
  const price = (m: number, n: number): number => Math.ceil(n / 128) * m * 3 + n
  return inner >= 1024 && Math.min(rows, columns) >= 64 && price(columns, rows) < 0.9 * price(rows, columns)
}

/** Writes ONNX nodes; every method returns the value it makes. */
export class Builder extends GraphWriter {
  /**
   * @param purpose `run`: the fastest form on ONNX Runtime, NaN exactly as in TensorFlow.js. `export`: the plainest form,
   *   the same for every batch size.
   * @param block channels of a block in ONNX Runtime's layout for convolutions; 0: NCHW
   */
  constructor(readonly purpose: 'run' | 'export' = 'run', readonly block = 0) {
    super()
  }

  /** Whether reductions treat NaN exactly as TensorFlow.js does, at the price of more nodes. */
  get exactNaN(): boolean {
    return this.purpose === 'run'
  }

  scalar(value: number, dtype: GraphDType = 'float32'): V {
    return this.constant(dtype, [], [value])
  }

  ints(values: readonly number[]): V {
    return this.constant('int64', [values.length], Array.from(values))
  }

  /** A tensor full of one value. */
  full(shape: Shape, value: number, dtype: GraphDType = 'float32'): V {
    return shape.length === 0 ? this.scalar(value, dtype)
      : this.node('Expand', [this.scalar(value, dtype), this.ints(shape)], {}, { shape, dtype })
  }

  expand(v: V, shape: Shape): V {
    const inner = v.node?.op === 'Expand' ? v.node.inputs[0] : undefined
    if (inner) return this.expand(inner, shape)
    return sameShape(v.shape, shape) ? v : this.node('Expand', [v, this.ints(shape)], {}, { shape, dtype: v.dtype })
  }

  reshape(v: V, shape: Shape): V {
    if (sameShape(v.shape, shape)) return v
    if (v.constant) return this.constant(v.dtype, shape, v.constant, v.name)
    const [inner] = v.node?.op === 'Reshape' ? v.node.inputs : []
    if (inner) return this.reshape(inner, shape)
    return this.node('Reshape', [v, this.ints(shape)], { allowzero: 1 }, { shape, dtype: v.dtype })
  }

  transpose(v: V, perm: readonly number[]): V {
    if (perm.every((axis, i) => axis === i)) return v
    const earlier = turned(v)
    if (earlier) return this.transpose(earlier.inner, pick(earlier.perm, perm))
    const shape = pick(v.shape, perm)
    if (v.constant) return this.constant(v.dtype, shape, permuted(v.constant, v.shape, perm), v.name)
    const moved = perm.filter((axis) => v.shape[axis] !== 1)
    if (moved.every((axis, i) => i === 0 || (moved[i - 1] ?? 0) < axis)) return this.reshape(v, shape)
    return this.node('Transpose', [v], { perm }, { shape, dtype: v.dtype })
  }

  cast(v: V, dtype: GraphDType): V {
    return v.dtype === dtype ? v : this.elementwise('Cast', [v], dtype, { to: CODES[dtype] })
  }

  /**
   * An operator that computes each element from the elements at the same place, with broadcasting. When its inputs are
   * transposes of one kind, it runs before the transpose.
   */
  elementwise(op: string, inputs: readonly V[], dtype: GraphDType, attributes: Attributes = {}, domain = ''): V {
    const shape = inputs.map((v) => v.shape).reduce(broadcastShape)
    const narrow = this.#narrow(op, inputs, shape, dtype, attributes, domain)
    if (narrow) return narrow
    const lead = inputs.find((v) => turned(v) && sameShape(v.shape, shape))
    const perm = lead && turned(lead)?.perm
    const before = perm && this.#beforeTranspose(inputs, shape, perm)
    if (before) return this.transpose(this.elementwise(op, before, dtype, attributes, domain), perm)
    const [a, b] = inputs
    if (this.purpose === 'run' && a && b && (op === 'Mul' || op === 'Add')) return this.#commutative(op, a, b, shape, dtype)
    return this.node(op, inputs, attributes, { shape, dtype }, domain)
  }

  unary(op: string, v: V, attributes: Attributes = {}): V {
    return this.elementwise(op, [v], v.dtype, attributes)
  }

  binary(op: string, a: V, b: V): V {
    return this.elementwise(op, [a, b], a.dtype)
  }

  compare(op: string, a: V, b: V): V {
    return this.elementwise(op, [a, b], 'bool')
  }

  where(condition: V, yes: V, no: V): V {
    return this.elementwise('Where', [condition, yes, no], yes.dtype)
  }

  /** A reduction over `axes`; with no axes, the value itself. */
  reduce(op: string, v: V, axes: readonly number[], keepDims: boolean, dtype: GraphDType = v.dtype): V {
    if (axes.length === 0) return v
    const kept = v.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const final = keepDims ? kept : v.shape.filter((_, axis) => !axes.includes(axis))
    const earlier = turned(v)
    if (earlier) {
      const { inner, perm } = earlier
      const done = this.reduce(op, inner, axes.map((axis) => perm[axis] ?? axis).sort((a, b) => a - b), true, dtype)
      return this.reshape(this.transpose(done, perm), final)
    }
    const factors = op === 'ReduceSum' && this.purpose === 'run' ? constantAlong(v, axes) : undefined
    if (factors) {
      const product = (list: readonly V[]): V => list.reduce((x, y) => this.binary('Mul', x, y))
      return this.reshape(this.binary('Mul', this.reduce(op, product(factors.varying), axes, true), product(factors.constant)), final)
    }
    const summed = op === 'ReduceSum' && dtype === 'float32' ? this.#sumByProduct(v, axes) : undefined
    if (summed) return this.reshape(summed, final)
    return this.node(op, [v, this.ints(axes)], { keepdims: keepDims ? 1 : 0 }, { shape: final, dtype })
  }

  /** `begin[i]`, `size[i]` elements from there, `steps[i]` apart (may be negative). */
  slice(v: V, begin: readonly number[], size: readonly number[], steps: readonly number[] = begin.map(() => 1)): V {
    if (sameShape(size, v.shape) && steps.every((step) => step === 1)) return v
    const earlier = turned(v)
    if (earlier) {
      const { inner, perm } = earlier
      const back = inverse(perm)
      return this.transpose(this.slice(inner, pick(begin, back), pick(size, back), pick(steps, back)), perm)
    }
    const axes = range(v.shape.length).filter((i) => size[i] !== v.shape[i] || steps[i] !== 1)
    const ends = axes.map((i) => sliceEnd(begin[i] ?? 0, size[i] ?? 0, steps[i] ?? 1))
    const chosen = pick(steps, axes)
    return this.node('Slice', [
      v, this.ints(pick(begin, axes)), this.ints(ends), this.ints(axes),
      ...(chosen.every((step) => step === 1) ? [] : [this.ints(chosen)]),
    ], {}, { shape: size, dtype: v.dtype })
  }

  concat(values: readonly V[], axis: number): V {
    const [lead] = values
    if (!lead || values.length === 1) return lead ?? this.full([0], 0)
    const perm = turned(lead)?.perm
    const inner = perm ? values.flatMap((v) => turned(v) ?? []).filter((t) => sameShape(t.perm, perm)).map((t) => t.inner) : []
    if (perm && inner.length === values.length) {
      return this.transpose(this.concat(inner, perm[axis] ?? axis), perm)
    }
    const shape = lead.shape.map((size, i) => (i === axis ? values.reduce((sum, v) => sum + (v.shape[i] ?? 0), 0) : size))
    return this.node('Concat', values, { axis }, { shape, dtype: lead.dtype })
  }

  /** Adds `paddings[axis] = [before, after]` elements. */
  pad(v: V, paddings: readonly (readonly [number, number])[], value = 0, mode = 'constant'): V {
    if (paddings.every(([before, after]) => before === 0 && after === 0)) return v
    const earlier = turned(v)
    if (earlier) {
      const { inner, perm } = earlier
      return this.transpose(this.pad(inner, pick(paddings, inverse(perm)), value, mode), perm)
    }
    const shape = v.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0))
    const amounts = this.ints([...paddings.map((p) => p[0]), ...paddings.map((p) => p[1])])
    const inputs = mode === 'constant' ? [v, amounts, this.scalar(value, v.dtype)] : [v, amounts]
    return this.node('Pad', inputs, { mode }, { shape, dtype: v.dtype })
  }

  gather(v: V, indices: V, axis: number): V {
    const shape = [...v.shape.slice(0, axis), ...indices.shape, ...v.shape.slice(axis + 1)]
    return this.node('Gather', [v, indices], { axis }, { shape, dtype: v.dtype })
  }

  /** The matrix product over the last two axes, leading axes broadcast; `bias` is added per column. */
  matmul(a: V, b: V, transposeA = false, transposeB = false, bias?: V): V {
    const rows = a.shape.at(transposeA ? -1 : -2) ?? 1
    const columns = b.shape.at(transposeB ? -2 : -1) ?? 1
    const lead = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    const shape = [...lead, rows, columns]
    const flatA = a.shape.slice(-2)
    if (elementCount(lead) === 1 && transposeA && !transposeB && !bias && this.block > 0 && turnPays(a.shape.at(-2) ?? 1, rows, columns)) {
      // Not a Gemm: ONNX Runtime would take the transpose behind it back.
      const inputs = [this.reshape(b, b.shape.slice(-2)), this.reshape(a, flatA)]
      const turnedProduct = this.node('FusedMatMul', inputs, { transA: 1, transB: 0 }, { shape: [columns, rows], dtype: a.dtype }, 'com.microsoft')
      return this.reshape(this.swapLast(turnedProduct), shape)
    }
    if (elementCount(lead) === 1) {
      const inputs = [this.reshape(a, flatA), this.reshape(b, b.shape.slice(-2)), ...(bias ? [bias] : [])]
      const attributes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 }
      return this.reshape(this.node('Gemm', inputs, attributes, { shape: [rows, columns], dtype: a.dtype }), shape)
    }
    const product = this.node('MatMul', [transposeA ? this.swapLast(a) : a, transposeB ? this.swapLast(b) : b], {}, {
      shape, dtype: a.dtype,
    })
    return bias ? this.binary('Add', product, bias) : product
  }

  /** The same value, laid out in memory as its shape says: transposes are not pushed past this place. */
  settle(v: V): V {
    const earlier = turned(v)
    if (!earlier) return v
    return this.settled('Transpose', [earlier.inner], { perm: earlier.perm }, v)
  }

  /** Swaps the last two axes. */
  swapLast(v: V): V {
    const axes = range(v.shape.length)
    const last = axes.length - 1
    return this.transpose(v, [...axes.slice(0, -2), last, last - 1])
  }

  toNCHW(v: V): V {
    const last = v.shape.length - 1
    return this.transpose(v, [0, last, ...range(last).slice(1)])
  }

  toNHWC(v: V): V {
    return this.transpose(v, [0, ...range(v.shape.length).slice(2), 1])
  }

  /**
   * The operator on what was expanded instead of on the expanded: needless where broadcasting gives the same shape, and
   * otherwise better expanded afterwards. Multiplying by one is left out. undefined when there is nothing to gain.
   */
  #narrow(op: string, inputs: readonly V[], shape: Shape, dtype: GraphDType, attributes: Attributes, domain: string): V | undefined {
    if (inputs.length === 1 && inputs[0]?.node?.op !== 'Expand') return undefined
    const sources = inputs.map((v) => (v.node?.op === 'Expand' ? v.node.inputs[0] ?? v : v))
    if (op === 'Mul') {
      const other = isOne(sources[1]) ? sources[0] : isOne(sources[0]) ? sources[1] : undefined
      if (other) return this.expand(other, shape)
    }
    if (sources.every((v, i) => v === inputs[i])) return undefined
    return this.expand(this.elementwise(op, sources, dtype, attributes, domain), shape)
  }

  /** A sum or product in one order of its operands, so that equal ones are shared; small factors are multiplied first. */
  #commutative(op: 'Mul' | 'Add', a: V, b: V, shape: Shape, dtype: GraphDType): V {
    const groups = op === 'Mul' ? regrouped(a, b, shape) : undefined
    if (groups) return this.#commutative(op, groups.large, this.binary('Mul', ...groups.small), shape, dtype)
    return this.node(op, a.id <= b.id ? [a, b] : [b, a], {}, { shape, dtype })
  }

  /** The inputs as they were before a common transpose, or undefined when one of them would have to be moved. */
  #beforeTranspose(inputs: readonly V[], shape: Shape, perm: readonly number[]): V[] | undefined {
    const back = inverse(perm)
    const result: V[] = []
    for (const v of inputs) {
      const earlier = turned(v)
      if (earlier && sameShape(earlier.perm, perm)) result.push(earlier.inner)
      else if (elementCount(v.shape) <= Math.max(1, ...v.shape) || elementCount(v.shape) * 8 <= elementCount(shape)) {
        const padded = [...new Array<number>(shape.length - v.shape.length).fill(1), ...v.shape]
        result.push(elementCount(v.shape) === 1 && v.shape.length === 0 ? v : this.transpose(this.reshape(v, padded), back))
      } else return undefined
    }
    return result
  }

  /**
   * Σ over leading axes as [1 … 1]·X: ONNX Runtime's own sum over leading axes is several times slower. Kept dimensions
   * are left to the caller; undefined where it does not pay.
   */
  #sumByProduct(v: V, axes: readonly number[]): V | undefined {
    const leading = axes.length < v.shape.length && [...axes].sort((a, b) => a - b).every((axis, i) => axis === i)
    if (!leading || this.purpose === 'export' || elementCount(v.shape) < 4096) return undefined
    const rows = elementCount(v.shape.slice(0, axes.length))
    const columns = elementCount(v.shape.slice(axes.length))
    return this.matmul(this.full([1, rows], 1), this.reshape(v, [rows, columns]))
  }
}
