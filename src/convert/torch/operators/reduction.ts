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
  return c.rank(x) === 0 ? x : c.op(type, [x, c.vector(axes)], { keepdims: Number(keep) })
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
    const x = c.tensor('self')
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
    if (c.has('dim')) c.set(c.op(type, [x], { axis: c.axis('dim', c.rank(x)), keepdims: Number(c.bool('keepdim')) }))
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

const softmax = (type: string): TorchLowering => ({
  makes: [type],
  lower: (c) => {
    const x = c.cast(c.tensor(c.has('self') ? 'self' : 'input'), c.resultType)
    c.set(c.op(type, [x], { axis: c.axis('dim', c.rank(x)) }))
  },
})

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
  'aten.softmax': softmax('Softmax'), 'aten._softmax': softmax('Softmax'), 'aten.special_softmax': softmax('Softmax'), 'aten._safe_softmax': softmax('Softmax'),
  'aten.log_softmax': softmax('LogSoftmax'), 'aten._log_softmax': softmax('LogSoftmax'), 'aten.special_log_softmax': softmax('LogSoftmax'),
  'aten.softmin': { makes: ['Neg', 'Softmax'], lower: (c) => { c.set(c.op('Softmax', [c.op('Neg', [c.tensor('self')])], { axis: c.int('dim') })) } },
  'aten.cumsum': cumulative, 'aten.diff': difference,
  'aten.cosine_similarity': {
    makes: ['Mul', 'ReduceSum', 'ReduceL2', 'Max', 'Div'],
    lower: (c) => {
      const [a, b] = [c.tensor('x1'), c.tensor('x2')]
      const axes = [c.axis('dim', c.rank(a), 1)]
      const length = (x: Value): Value => c.op('Max', [reduced(c, 'ReduceL2', x, axes, false), c.scalar(c.float('eps', 1e-8), c.dtype(x))])
      c.set(c.op('Div', [reduced(c, 'ReduceSum', c.op('Mul', [a, b]), axes, false), c.op('Mul', [length(a), length(b)])]))
    },
  },
}

