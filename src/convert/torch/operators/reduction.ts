// Reductions over axes, softmax, cumulative sums.
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** Axes that are asked for; all when none are. */
function axesOf(c: TorchContext, rank: number, name = 'dim'): number[] {
  const asked = c.has(name) ? c.ints(name) : []
  return asked.length === 0 ? Array.from({ length: rank }, (_, i) => i) : asked.map((axis) => c.normal(axis, rank))
}

function reduced(c: TorchContext, type: string, x: Value, axes: readonly number[], keep: boolean): Value {
  if (c.rank(x) === 0) return /L[12]$/.test(type) ? c.op('Abs', [x]) : x
  // The mean of nothing is not a number; runtimes say zero.
  const d = c.dtype(x)
  if (type === 'ReduceMean' && axes.some((axis) => c.shape(x)[axis] === 0)) {
    return c.op('Add', [c.op('ReduceSum', [x, c.vector(axes)], { keepdims: Number(keep) }), c.scalar(NaN, d)])
  }
  return c.op(type, [x, c.vector(axes)], { keepdims: Number(keep) })
}

const reduce = (type: string): TorchLowering => ({
  makes: [type],
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    c.set(reduced(c, type, x, axesOf(c, c.rank(x)), c.bool('keepdim')))
  },
})

/** Truth of any or all: the maximum or minimum of zeros and ones. */
const truth = (type: 'ReduceMax' | 'ReduceMin'): TorchLowering => ({
  makes: ['Cast', type],
  lower: (c) => {
    const x = c.cast(c.cast(c.tensor('self'), 'bool'), 'int32')
    c.set(c.cast(reduced(c, type, x, axesOf(c, c.rank(x)), c.bool('keepdim')), 'bool'))
  },
})

/** Maximum or minimum along an axis with its places, or of everything. */
const extreme = (type: 'Max' | 'Min'): TorchLowering => ({
  makes: [`Reduce${type}`, `Arg${type}`],
  lower: (c) => {
    // Runtimes reduce no truth values; the result is one again.
    const x = c.dtype(c.tensor('self')) === 'bool' ? c.cast(c.tensor('self'), 'int32') : c.tensor('self')
    if (c.rank(x) === 0 && c.has('dim')) {
      c.setAll([x, c.scalar(0, 'int64')])
      return
    }
    if (!c.has('dim')) {
      c.set(reduced(c, `Reduce${type}`, x, axesOf(c, c.rank(x)), false))
      return
    }
    const axis = c.axis('dim', c.rank(x))
    const keep = c.bool('keepdim')
    c.set(reduced(c, `Reduce${type}`, x, [axis], keep), 0)
    c.set(c.op(`Arg${type}`, [x], { axis, keepdims: Number(keep) }), 1)
  },
})

const place = (type: 'ArgMax' | 'ArgMin'): TorchLowering => ({
  makes: [type],
  lower: (c) => {
    const x = c.dtype(c.tensor('self')) === 'bool' ? c.cast(c.tensor('self'), 'int32') : c.tensor('self')
    if (c.rank(x) === 0) c.set(c.scalar(0, 'int64'))
    else if (c.has('dim')) c.set(c.op(type, [x], { axis: c.axis('dim', c.rank(x)), keepdims: Number(c.bool('keepdim')) }))
    else c.set(c.op(type, [c.reshape(x, [c.fixed(-1)])], { axis: 0, keepdims: 0 }))
  },
})

/** Σ (x − mean)² / (n − correction), and its root. */
const variance = (root: boolean, withMean: boolean): TorchLowering => ({
  makes: ['ReduceMean', 'Sub', 'Mul', ...(root ? ['Sqrt'] : [])],
  lower: (c) => {
    const x = c.tensor('self')
    const d = c.dtype(x)
    const axes = axesOf(c, c.rank(x))
    const keep = c.bool('keepdim')
    const correction = c.has('correction') ? c.float('correction') : c.has('unbiased') ? Number(c.bool('unbiased')) : 1
    const mean = reduced(c, 'ReduceMean', x, axes, true)
    const centred = c.op('Sub', [x, mean])
    const squared = reduced(c, 'ReduceMean', c.op('Mul', [centred, centred]), axes, keep)
    const sizes = axes.map((axis) => c.shape(x)[axis])
    let result = squared
    if (correction !== 0) {
      if (sizes.every((size) => typeof size === 'number')) {
        const n = sizes.reduce((a, b) => a * b, 1)
        result = c.op('Mul', [squared, c.scalar(n / Math.max(0, n - correction), d)])
      } else {
        const shape = c.op('Gather', [c.op('Shape', [x]), c.vector(axes)], { axis: 0 })
        const n = c.cast(c.op('ReduceProd', [shape], { keepdims: 0 }), d)
        result = c.op('Mul', [squared, c.op('Div', [n, c.op('Sub', [n, c.scalar(correction, d)])])])
      }
    }
    c.set(root ? c.op('Sqrt', [result]) : result, 0)
    if (withMean) c.set(reduced(c, 'ReduceMean', x, axes, keep), 1)
  },
})

/** (Σ |x|ᵖ)^(1/p) */
const norm: TorchLowering = {
  makes: ['ReduceL2', 'ReduceL1', 'ReduceMax', 'ReduceSum', 'Pow'],
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    const p = c.has('ord') ? c.float('ord') : c.float('p', 2)
    const axes = axesOf(c, c.rank(x))
    const keep = c.bool('keepdim')
    const d = c.dtype(x)
    if (p === 2 || p === 1) c.set(reduced(c, `ReduceL${p}`, x, axes, keep))
    else if (!Number.isFinite(p)) c.set(reduced(c, p > 0 ? 'ReduceMax' : 'ReduceMin', c.op('Abs', [x]), axes, keep))
    else if (p === 0) c.set(reduced(c, 'ReduceSum', c.cast(c.op('Not', [c.op('Equal', [x, c.scalar(0, d)])]), d), axes, keep))
    else c.set(c.op('Pow', [reduced(c, 'ReduceSum', c.op('Pow', [c.op('Abs', [x]), c.scalar(p, d)]), axes, keep), c.scalar(1 / p, d)]))
  },
}

/** Of matrices: Frobenius, or the largest or smallest sum of a column (1) or row (∞). */
const matrixNorm: TorchLowering = {
  makes: ['ReduceL2', 'ReduceL1', 'ReduceMax', 'ReduceMin'], limits: 'orders 2, −2 and nuclear, which are singular values',
  lower: (c) => { c.set(normOfMatrix(c, c.cast(c.tensor('self'), c.resultType))) },
}

function normOfMatrix(c: TorchContext, x: Value): Value {
  const rank = c.rank(x)
  const [row = -2, column = -1] = c.has('dim') ? c.ints('dim') : [-2, -1]
  const [a, b] = [c.normal(row, rank), c.normal(column, rank)]
  const keep = c.bool('keepdim')
  const order = c.argument('ord')?.kind === 'string' ? c.text('ord') : c.has('ord') ? c.float('ord') : 'fro'
  if (order === 'fro') return reduced(c, 'ReduceL2', x, [a, b], keep)
  const size = typeof order === 'number' ? Math.abs(order) : 2
  if (typeof order !== 'number' || (size !== 1 && Number.isFinite(size))) throw c.error('singular values have no ONNX operator', { got: `order ${String(order)}`, fix: 'use the Frobenius norm, or compute it before exporting' })
  const [along, over] = size === 1 ? [a, b] : [b, a]
  // Without elements the norm is zero; runtimes say −∞.
  if (c.shape(x)[a] === 0 || c.shape(x)[b] === 0) return reduced(c, 'ReduceL2', x, [a, b], keep)
  const sums = reduced(c, 'ReduceL1', x, [along], true)
  const found = reduced(c, order > 0 ? 'ReduceMax' : 'ReduceMin', sums, [over], true)
  return keep ? found : c.squeeze(found, a, b)
}

/** Of a vector, a matrix, or all elements, as many axes as are named. */
const generalNorm: TorchLowering = {
  makes: ['ReduceL2', 'ReduceL1', 'ReduceMax', 'ReduceMin'], limits: 'orders of matrices that are singular values',
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    const axes = c.has('dim') ? c.ints('dim').length : c.has('ord') ? c.rank(x) : 0
    if (axes === 2 && c.has('ord')) c.set(normOfMatrix(c, x))
    else norm.lower(c)
  },
}

const softmax = (type: string, negate = false): TorchLowering => ({
  makes: negate ? ['Neg', type] : [type],
  lower: (c) => {
    const given = c.cast(c.tensor(c.has('self') ? 'self' : 'input'), c.resultType)
    const x = negate ? c.op('Neg', [given]) : given
    c.set(c.rank(x) === 0 ? c.squeeze(c.op(type, [c.unsqueeze(x, 0)], { axis: 0 }), 0) : c.op(type, [x], { axis: c.axis('dim', c.rank(x)) }))
  },
})

/** Rows of which everything is −∞ have the weights zero. */
const safeSoftmax: TorchLowering = {
  makes: ['Softmax', 'ReduceMax', 'Equal', 'Where'],
  lower: (c) => {
    const [x, d] = [c.cast(c.tensor('self'), c.resultType), c.resultType]
    if (c.rank(x) === 0) {
      c.set(c.cast(c.op('Not', [c.op('Equal', [x, c.scalar(-Infinity, d)])]), d))
      return
    }
    const axis = c.axis('dim', c.rank(x))
    const masked = c.op('Equal', [c.op('ReduceMax', [x, c.vector([axis])], { keepdims: 1 }), c.scalar(-Infinity, d)])
    c.set(c.op('Where', [masked, c.scalar(0, d), c.op('Softmax', [x], { axis })]))
  },
}

const cumulative: TorchLowering = {
  makes: ['CumSum'],
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    c.set(c.rank(x) === 0 ? x : c.op('CumSum', [x, c.scalar(c.axis('dim', c.rank(x)), 'int64')]))
  },
}

/** Differences of neighbours along an axis, after joining what comes before and after. */
const difference: TorchLowering = {
  makes: ['Concat', 'Slice', 'Sub'],
  lower: (c) => {
    const parts = [c.optional('prepend'), c.tensor('self'), c.optional('append')].filter((value) => value !== undefined)
    const axis = c.axis('dim', c.rank(c.tensor('self')), -1)
    let x = parts.length === 1 ? c.tensor('self') : c.op('Concat', parts, { axis })
    const boolean = c.dtype(x) === 'bool'
    for (let n = c.int('n', 1); n > 0; n--) {
      const [later, earlier] = [c.slice(x, axis, c.fixed(1), c.fixed(2 ** 53)), c.slice(x, axis, c.fixed(0), c.fixed(-1))]
      x = c.op(boolean ? 'Xor' : 'Sub', [later, earlier])
    }
    c.set(x)
  },
}

export const reduction: Readonly<Record<string, TorchLowering>> = {
  'aten.sum': reduce('ReduceSum'), 'aten.mean': reduce('ReduceMean'), 'aten.prod': {
    makes: ['ReduceProd'],
    lower: (c) => {
      const x = c.cast(c.tensor('self'), c.resultType)
      c.set(reduced(c, 'ReduceProd', x, axesOf(c, c.rank(x)), c.bool('keepdim')))
    },
  },
  'aten.amax': reduce('ReduceMax'), 'aten.amin': reduce('ReduceMin'), 'aten.logsumexp': reduce('ReduceLogSumExp'),
  'aten.nansum': {
    makes: ['IsNaN', 'Where', 'ReduceSum'],
    lower: (c) => {
      const x = c.tensor('self')
      const clean = c.op('Where', [c.op('IsNaN', [x]), c.scalar(0, c.dtype(x)), x])
      c.set(reduced(c, 'ReduceSum', clean, axesOf(c, c.rank(x)), c.bool('keepdim')))
    },
  },
  'aten.nanmean': {
    makes: ['IsNaN', 'Where', 'ReduceSum', 'Div'],
    lower: (c) => {
      const [x, d] = [c.tensor('self'), c.resultType]
      const nan = c.op('IsNaN', [x])
      const sum = (value: Value): Value => reduced(c, 'ReduceSum', value, axesOf(c, c.rank(x)), c.bool('keepdim'))
      c.set(c.op('Div', [sum(c.op('Where', [nan, c.scalar(0, d), x])), sum(c.cast(c.op('Not', [nan]), d))]))
    },
  },
  'aten.linalg_matrix_norm': matrixNorm, 'aten.linalg_matrix_norm.str_ord': matrixNorm, 'aten.linalg_norm': generalNorm, 'aten.linalg_norm.ord_str': matrixNorm,
  'aten.any': truth('ReduceMax'), 'aten.all': truth('ReduceMin'),
  'aten.max': extreme('Max'), 'aten.min': extreme('Min'), 'aten.argmax': place('ArgMax'), 'aten.argmin': place('ArgMin'),
  'aten.aminmax': {
    makes: ['ReduceMin', 'ReduceMax'],
    lower: (c) => {
      const x = c.tensor('self')
      const axes = axesOf(c, c.rank(x))
      c.set(reduced(c, 'ReduceMin', x, axes, c.bool('keepdim')), 0)
      c.set(reduced(c, 'ReduceMax', x, axes, c.bool('keepdim')), 1)
    },
  },
  'aten.var': variance(false, false), 'aten.std': variance(true, false), 'aten.var_mean': variance(false, true), 'aten.std_mean': variance(true, true),
  'aten.norm': norm, 'aten.linalg_vector_norm': norm, 'aten.frobenius_norm': norm,
  'aten.count_nonzero': {
    makes: ['Cast', 'ReduceSum'],
    lower: (c) => {
      const x = c.cast(c.cast(c.tensor('self'), 'bool'), 'int64')
      c.set(reduced(c, 'ReduceSum', x, axesOf(c, c.rank(x)), false))
    },
  },
  'aten.softmax': softmax('Softmax'), 'aten._softmax': softmax('Softmax'), 'aten.special_softmax': softmax('Softmax'), 'aten._safe_softmax': safeSoftmax,
  'aten.log_softmax': softmax('LogSoftmax'), 'aten._log_softmax': softmax('LogSoftmax'), 'aten.special_log_softmax': softmax('LogSoftmax'),
  'aten.softmin': softmax('Softmax', true),
  'aten.cumsum': cumulative, 'aten.diff': difference,
  'aten.cosine_similarity': {
    makes: ['Mul', 'ReduceSum', 'ReduceL2', 'Max', 'Div'],
    lower: (c) => {
      const [first, second] = [c.tensor('x1'), c.tensor('x2')]
      // Broadcast first: the axis is counted in the common shape.
      const rank = Math.max(c.rank(first), c.rank(second))
      const full = (x: Value): Value => (c.rank(x) < rank ? c.unsqueeze(x, ...Array.from({ length: rank - c.rank(x) }, (_, i) => i)) : x)
      const common = c.shape(full(first)).some((dim, i) => dim !== c.shape(full(second))[i])
      const zeros = common ? c.op('Mul', [c.op('Add', [first, second]), c.scalar(0, c.dtype(first))]) : undefined
      const [a, b] = zeros === undefined ? [first, second] : [c.op('Add', [first, zeros]), c.op('Add', [second, zeros])]
      const axes = [c.axis('dim', c.rank(a), 1)]
      const length = (x: Value): Value => c.op('Max', [reduced(c, 'ReduceL2', x, axes, false), c.scalar(c.float('eps', 1e-8), c.dtype(x))])
      c.set(c.op('Div', [reduced(c, 'ReduceSum', c.op('Mul', [a, b]), axes, false), c.op('Mul', [length(a), length(b)])]))
    },
  },
}

