// Losses and distances: models that return them beside their predictions are exported with them.
import type { Dim, Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** As the argument `reduction` says: 0 each, 1 their mean, 2 their sum. */
function reduced(c: TorchContext, loss: Value): Value {
  const how = c.int('reduction', 1)
  if (how === 0) return loss
  const axes = c.shape(loss).map((_, i) => i)
  return axes.length === 0 ? loss : c.op(how === 1 ? 'ReduceMean' : 'ReduceSum', [loss, c.vector(axes)], { keepdims: 0 })
}

const loss = (makes: readonly string[], of: (c: TorchContext, number: (value: number) => Value) => Value): TorchLowering =>
  ({ makes, lower: (c) => { c.set(reduced(c, of(c, (value) => c.scalar(value, c.resultType)))) } })

const operands = (c: TorchContext, ...names: string[]): Value[] => names.map((name) => c.operand(name, c.resultType))

const pair = (c: TorchContext): [Value, Value] => [c.operand('self', c.resultType), c.operand('target', c.resultType)]

/** ½ d² / β below β, d − ½ β beyond (Huber); Smooth L1 is that divided by β. */
function huber(c: TorchContext, gap: Value, beta: number): Value {
  const d = c.resultType
  const [half, edge] = [c.scalar(0.5, d), c.scalar(beta, d)]
  const inner = c.op('Mul', [half, c.op('Mul', [gap, gap])])
  const outer = c.op('Mul', [edge, c.op('Sub', [gap, c.op('Mul', [half, edge])])])
  return c.op('Where', [c.op('Less', [gap, edge]), inner, outer])
}

const gapOf = (c: TorchContext): Value => c.op('Abs', [c.op('Sub', pair(c))])

/** log(1 + eˣ) */
const softplus = (c: TorchContext, x: Value): Value => c.op('Softplus', [x])

/** log p, at least −100, as PyTorch keeps it finite. */
const bounded = (c: TorchContext, p: Value): Value => c.op('Max', [c.op('Log', [p]), c.scalar(-100, c.resultType)])

/**
 * −Σ w[t] log p[t] over classes t of the targets, or Σ over probabilities; `ignore` leaves targets out, and the mean divides
 * by the weights that took part.
 */
function negativeLogLikelihood(c: TorchContext, logs: Value, name: string, smoothing: number): Value {
  const d = c.dtype(logs)
  const rank = c.rank(logs)
  const axis = rank === 1 ? 0 : 1
  const classes = c.shape(logs)[axis] as Dim
  if (typeof classes !== 'number') throw c.error('the number of classes is not known')
  const target = c.tensor(name)
  const weight = c.optional('weight')
  const aligned = weight === undefined ? undefined : c.reshape(weight, c.shape(logs).map((_, i) => c.fixed(i === axis ? classes : 1)))
  const how = c.int('reduction', 1)
  const sum = (value: Value): Value => (c.rank(value) === 0 ? value : c.op('ReduceSum', [value, c.vector(c.shape(value).map((_, i) => i))], { keepdims: 0 }))
  const overClasses = (value: Value): Value => c.op('ReduceSum', [value, c.vector([axis])], { keepdims: 0 })
  const weighted = aligned === undefined ? logs : c.op('Mul', [logs, aligned])
  if (/float/.test(c.dtype(target))) {
    // Targets are probabilities.
    const soft = smoothing === 0 ? target : c.op('Add', [c.op('Mul', [target, c.scalar(1 - smoothing, d)]), c.scalar(smoothing / classes, d)])
    const each = c.op('Neg', [overClasses(c.op('Mul', [weighted, soft]))])
    if (how === 0) return each
    return how === 2 || c.rank(each) === 0 ? sum(each) : c.op('Div', [sum(each), c.cast(c.op('Size', [each]), d)])
  }
  const ignore = c.int('ignore_index', -100)
  const index = c.cast(target, 'int64')
  const kept = c.op('Not', [c.op('Equal', [index, c.scalar(ignore, 'int64')])])
  const safe = c.unsqueeze(c.op('Where', [kept, index, c.scalar(0, 'int64')]), axis)
  const pick = (value: Value): Value => c.squeeze(c.op('GatherElements', [value, safe], { axis }), axis)
  const zero = c.scalar(0, d)
  const mask = (value: Value): Value => c.op('Where', [kept, value, zero])
  const chosen = mask(c.op('Neg', [pick(weighted)]))
  const share = weight === undefined ? c.cast(kept, d) : mask(c.op('Gather', [weight, c.squeeze(safe, axis)], { axis: 0 }))
  const spread = smoothing === 0 ? undefined : mask(c.op('Neg', [overClasses(weighted)]))
  const mixed = (value: Value, all: Value | undefined): Value => all === undefined ? value
    : c.op('Add', [c.op('Mul', [value, c.scalar(1 - smoothing, d)]), c.op('Mul', [all, c.scalar(smoothing / classes, d)])])
  if (how !== 1) return how === 0 ? mixed(chosen, spread) : sum(mixed(chosen, spread))
  const total = sum(share)
  return mixed(c.op('Div', [sum(chosen), total]), spread === undefined ? undefined : c.op('Div', [sum(spread), total]))
}

/** (Σ |a − b + ε|ᵖ)^(1/p) along the last axis. */
function distance(c: TorchContext, gap: Value, p: number, axes: readonly number[], keep: boolean): Value {
  const d = c.dtype(gap)
  const size = c.op('Abs', [gap])
  const reduce = (type: string, value: Value): Value => c.op(type, [value, c.vector(axes)], { keepdims: Number(keep) })
  if (p === 2 || p === 1) return reduce(`ReduceL${p}`, gap)
  if (!Number.isFinite(p)) return reduce(p > 0 ? 'ReduceMax' : 'ReduceMin', size)
  if (p === 0) return reduce('ReduceSum', c.cast(c.op('Greater', [size, c.scalar(0, d)]), d))
  return c.op('Pow', [reduce('ReduceSum', c.op('Pow', [size, c.scalar(p, d)])), c.scalar(1 / p, d)])
}

const pairwise = (c: TorchContext, a: Value, b: Value, keep = false): Value =>
  distance(c, c.op('Add', [c.op('Sub', [a, b]), c.scalar(c.float('eps', 1e-6), c.resultType)]), c.float('p', 2), [-1], keep)

export const losses: Readonly<Record<string, TorchLowering>> = {
  'aten.mse_loss': loss(['Sub', 'Mul'], (c) => {
    const gap = c.op('Sub', pair(c))
    return c.op('Mul', [gap, gap])
  }),
  'aten.l1_loss': loss(['Sub', 'Abs'], gapOf),
  'aten.huber_loss': loss(['Sub', 'Abs', 'Where'], (c) => huber(c, gapOf(c), c.float('delta', 1))),
  'aten.smooth_l1_loss': loss(['Sub', 'Abs', 'Where'], (c, n) => {
    const beta = c.float('beta', 1)
    return beta === 0 ? gapOf(c) : c.op('Div', [huber(c, gapOf(c), beta), n(beta)])
  }),
  'aten.binary_cross_entropy': loss(['Log', 'Mul', 'Add'], (c, n) => {
    const [p, t] = pair(c)
    const sum = c.op('Add', [c.op('Mul', [t, bounded(c, p)]), c.op('Mul', [c.op('Sub', [n(1), t]), bounded(c, c.op('Sub', [n(1), p]))])])
    return weightedBy(c, c.op('Neg', [sum]))
  }),
  // (1 − t) x + (1 + (w − 1) t) log(1 + e^−x)
  'aten.binary_cross_entropy_with_logits': loss(['Softplus', 'Mul', 'Add'], (c, n) => {
    const [x, t] = pair(c)
    const weight = c.optional('pos_weight')
    const logs = softplus(c, c.op('Neg', [x]))
    const factor = weight === undefined ? undefined : c.op('Add', [c.op('Mul', [c.op('Sub', [c.cast(weight, c.resultType), n(1)]), t]), n(1)])
    return weightedBy(c, c.op('Add', [c.op('Mul', [c.op('Sub', [n(1), t]), x]), factor === undefined ? logs : c.op('Mul', [factor, logs])]))
  }),
  'aten.kl_div': loss(['Exp', 'Log', 'Sub', 'Mul'], (c, n) => {
    const [x, t] = pair(c)
    if (c.bool('log_target')) return c.op('Mul', [c.op('Exp', [t]), c.op('Sub', [t, x])])
    const terms = c.op('Mul', [t, c.op('Sub', [c.op('Log', [t]), x])])
    return c.op('Where', [c.op('Equal', [t, n(0)]), n(0), terms])
  }),
  'aten.soft_margin_loss': loss(['Softplus', 'Mul'], (c) => softplus(c, c.op('Neg', [c.op('Mul', pair(c))]))),
  'aten.hinge_embedding_loss': loss(['Where', 'Max'], (c, n) => {
    const [x, t] = pair(c)
    const apart = c.op('Max', [c.op('Sub', [n(c.float('margin', 1)), x]), n(0)])
    return c.op('Add', [c.op('Where', [c.op('Equal', [t, n(1)]), n(0), apart]), c.op('Where', [c.op('Equal', [t, n(-1)]), n(0), x])])
  }),
  'aten.margin_ranking_loss': loss(['Sub', 'Mul', 'Max'], (c, n) => {
    const [a, b, t] = operands(c, 'input1', 'input2', 'target') as [Value, Value, Value]
    return c.op('Max', [c.op('Add', [c.op('Neg', [c.op('Mul', [t, c.op('Sub', [a, b])])]), n(c.float('margin', 0))]), n(0)])
  }),
  'aten.poisson_nll_loss': loss(['Exp', 'Log', 'Sub', 'Mul'], (c, n) => {
    const [x, t] = operands(c, 'input', 'target') as [Value, Value]
    const base = c.bool('log_input', true) ? c.op('Sub', [c.op('Exp', [x]), c.op('Mul', [t, x])])
      : c.op('Sub', [x, c.op('Mul', [t, c.op('Log', [c.op('Add', [x, n(c.float('eps', 1e-8))])])])])
    if (!c.bool('full')) return base
    // Stirling's approximation of log t!, for t beyond 1.
    const stirling = c.op('Add', [c.op('Sub', [c.op('Mul', [t, c.op('Log', [t])]), t]), c.op('Mul', [n(0.5), c.op('Log', [c.op('Mul', [n(2 * Math.PI), t])])])])
    return c.op('Add', [base, c.op('Where', [c.op('Greater', [t, n(1)]), stirling, n(0)])])
  }),
  'aten.triplet_margin_loss': loss(['Sub', 'ReduceL2', 'Max'], (c, n) => {
    const [a, p, q] = operands(c, 'anchor', 'positive', 'negative') as [Value, Value, Value]
    const near = pairwise(c, a, p)
    let far = pairwise(c, a, q)
    if (c.bool('swap')) far = c.op('Min', [far, pairwise(c, p, q)])
    return c.op('Max', [c.op('Add', [c.op('Sub', [near, far]), n(c.float('margin', 1))]), n(0)])
  }),
  'aten.cosine_embedding_loss': loss(['Mul', 'ReduceSum', 'Sqrt', 'Where'], (c, n) => {
    const [a, b, t] = operands(c, 'input1', 'input2', 'target') as [Value, Value, Value]
    const axis = Math.max(c.rank(a), c.rank(b)) - 1
    const sum = (x: Value, y: Value): Value => c.op('ReduceSum', [c.op('Mul', [x, y]), c.vector([axis])], { keepdims: 0 })
    // PyTorch adds its own small number to both squared lengths (aten, Loss.cpp).
    const length = (x: Value): Value => c.op('Add', [sum(x, x), n(1e-12)])
    const cosine = c.op('Div', [sum(a, b), c.op('Sqrt', [c.op('Mul', [length(a), length(b)])])])
    const same = c.op('Where', [c.op('Equal', [t, n(1)]), c.op('Sub', [n(1), cosine]), n(0)])
    const other = c.op('Where', [c.op('Equal', [t, n(-1)]), c.op('Max', [c.op('Sub', [cosine, n(c.float('margin', 0))]), n(0)]), n(0)])
    return c.op('Add', [same, other])
  }),
  'aten.cross_entropy_loss': {
    makes: ['LogSoftmax', 'GatherElements', 'Where', 'ReduceSum'],
    lower: (c) => {
      const x = c.tensor('self')
      const logs = c.op('LogSoftmax', [x], { axis: c.rank(x) === 1 ? 0 : 1 })
      c.set(negativeLogLikelihood(c, logs, 'target', c.float('label_smoothing', 0)))
    },
  },
  'aten.nll_loss': nll(), 'aten.nll_loss_nd': nll(), 'aten.nll_loss2d': nll(),
  'aten.pairwise_distance': {
    makes: ['Sub', 'Add', 'ReduceL2'], lower: (c) => {
      const [a, b] = operands(c, 'x1', 'x2') as [Value, Value]
      c.set(pairwise(c, a, b, c.bool('keepdim')))
    },
  },
  'aten.dist': {
    makes: ['Sub', 'ReduceL2'], lower: (c) => {
      const [a, b] = operands(c, 'self', 'other') as [Value, Value]
      const gap = c.op('Sub', [a, b])
      c.set(distance(c, c.reshape(gap, [c.fixed(-1)]), c.float('p', 2), [0], false))
    },
  },
  'aten.cdist': {
    makes: ['Sub', 'ReduceL2'], lower: (c) => {
      const [a, b] = operands(c, 'x1', 'x2') as [Value, Value]
      c.set(distance(c, c.op('Sub', [c.unsqueeze(a, c.rank(a) - 1), c.unsqueeze(b, c.rank(b) - 2)]), c.float('p', 2), [-1], false))
    },
  },
  'aten.pdist': {
    makes: ['Gather', 'Sub', 'ReduceL2'], lower: (c) => {
      const x = c.tensor('self')
      const [n] = c.shape(x)
      if (typeof n !== 'number') throw c.error('the number of rows is not known')
      const pairs = Array.from({ length: n }, (_, i) => Array.from({ length: n - i - 1 }, (__, j) => [i, i + j + 1] as const)).flat()
      const rows = (which: 0 | 1): Value => c.op('Gather', [x, c.vector(pairs.map((one) => one[which]))], { axis: 0 })
      c.set(distance(c, c.op('Sub', [rows(0), rows(1)]), c.float('p', 2), [-1], false))
    },
  },
}

function weightedBy(c: TorchContext, value: Value): Value {
  const weight = c.optional('weight')
  return weight === undefined ? value : c.op('Mul', [value, c.cast(weight, c.resultType)])
}

function nll(): TorchLowering {
  return { makes: ['GatherElements', 'Where', 'ReduceSum'], lower: (c) => {
    const result = negativeLogLikelihood(c, c.tensor('self'), 'target', 0)
    c.set(result)
  } }
}
