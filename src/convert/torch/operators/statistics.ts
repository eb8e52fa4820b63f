// Order statistics, counts and sets, and cumulative operators that ONNX lacks.
import { DTYPES, type DType } from '../../../core'
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

const flat = (c: TorchContext, value: Value): Value => c.reshape(value, [c.fixed(-1)])

/** The tensor with the axis that is asked for last; all elements in one axis where none is. */
function lastAxis(c: TorchContext, value: Value): { x: Value; axis: number | undefined; back: (y: Value) => Value } {
  if (!c.has('dim')) return { x: flat(c, value), axis: undefined, back: (y) => y }
  const rank = c.rank(value)
  if (rank === 0) return { x: flat(c, value), axis: undefined, back: (y) => y }
  const axis = c.axis('dim', rank)
  const order = [...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis), axis]
  const inverse = order.map((_, i) => order.indexOf(i))
  return { x: c.transpose(value, order), axis, back: (y) => c.transpose(y, inverse) }
}

const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float'

/** Sorted upwards along the last axis, with the places. */
function sorted(c: TorchContext, x: Value): { values: Value; places: Value } {
  const [values, places] = c.ops('TopK', [x, c.sizeOf(x, c.rank(x) - 1).vector()], { axis: -1, largest: 0, sorted: 1 }, 2)
  if (values === undefined || places === undefined) throw c.error('TopK gave no outputs')
  return { values, places }
}

const any = (c: TorchContext, truth: Value): Value => c.op('Greater', [c.op('ReduceMax', [c.cast(truth, 'int32'), c.vector([-1])], { keepdims: 1 }), c.scalar(0, 'int32')])

/** The lower of the two in the middle, with its place; the median of what is a number, where others are ignored. */
const median = (ignore: boolean): TorchLowering => ({
  makes: ['TopK', 'GatherElements'], limits: 'which of equal elements it is',
  lower: (c) => {
    const given = c.tensor('self')
    const d = c.dtype(given)
    const { x, axis, back } = lastAxis(c, given)
    const nan = isFloat(d) ? c.op('IsNaN', [x]) : undefined
    // What is no number goes to the end.
    const { values, places } = sorted(c, nan === undefined ? x : c.op('Where', [nan, c.scalar(Infinity, d), x]))
    const size = c.op('Shape', [x], { start: c.rank(x) - 1, end: c.rank(x) })
    const count = nan === undefined || !ignore ? size
      : c.op('ReduceSum', [c.cast(c.op('Not', [nan]), 'int64'), c.vector([-1])], { keepdims: 1 })
    const middle = c.op('Max', [c.op('Div', [c.op('Sub', [count, c.scalar(1, 'int64')]), c.scalar(2, 'int64')]), c.scalar(0, 'int64')])
    const at = c.expand(middle, [...c.sizesOf(x).slice(0, -1), c.fixed(1)])
    let found = c.op('GatherElements', [values, at], { axis: -1 })
    if (nan !== undefined) {
      const lost = ignore ? c.op('Equal', [count, c.scalar(0, 'int64')]) : any(c, nan)
      found = c.op('Where', [lost, c.scalar(NaN, d), found])
    }
    const results = [found, c.op('GatherElements', [places, at], { axis: -1 })]
    const drop = (y: Value): Value => (axis === undefined ? c.reshape(y, []) : c.bool('keepdim') ? back(y) : c.squeeze(y, c.rank(y) - 1))
    c.setAll(results.slice(0, c.results.length).map(drop))
  },
})

/** Element number k of the sorted axis, counted from one. */
const kth: TorchLowering = {
  makes: ['TopK', 'Slice'], limits: 'which of equal elements it is',
  lower: (c) => {
    const given = c.tensor('self')
    const k = c.int('k')
    const x = c.rank(given) === 0 ? c.unsqueeze(given, 0) : given
    const axis = c.axis('dim', c.rank(x), -1)
    const both = c.ops('TopK', [x, c.vector([k])], { axis, largest: 0, sorted: 1 }, 2)
    c.setAll(both.map((value) => {
      const last = c.slice(value, axis, c.fixed(k - 1), c.fixed(k))
      return c.bool('keepdim') && c.rank(given) > 0 ? last : c.squeeze(last, axis)
    }))
  },
}

/** Between the two elements around q · (n − 1), by the kind of interpolation. */
const quantile = (ignore: boolean): TorchLowering => ({
  makes: ['TopK', 'GatherElements', 'Sub', 'Mul', 'Add'],
  lower: (c) => {
    const given = c.tensor('self')
    const d = c.dtype(given)
    const { x, axis } = lastAxis(c, given)
    const nan = c.op('IsNaN', [x])
    const { values } = sorted(c, c.op('Where', [nan, c.scalar(Infinity, d), x]))
    const q = c.operand('q', d)
    const many = c.rank(q) === 1
    const front = c.sizesOf(x).slice(0, -1)
    const numbers = c.op('ReduceSum', [c.cast(c.op('Not', [nan]), d), c.vector([-1])], { keepdims: 1 })
    const count = ignore ? numbers : c.cast(c.op('Shape', [x], { start: c.rank(x) - 1, end: c.rank(x) }), d)
    // Where nothing is a number, any place will do.
    const rank = c.op('Max', [c.op('Mul', [c.op('Sub', [count, c.scalar(1, d)]), many ? q : c.unsqueeze(q, 0)]), c.scalar(0, d)])
    const kind = c.text('interpolation', 'linear')
    const place = (type: 'Floor' | 'Ceil' | 'Round'): Value =>
      c.op('GatherElements', [values, c.expand(c.cast(c.op(type, [rank]), 'int64'), [...front, c.sizeOf(rank, c.rank(rank) - 1)])], { axis: -1 })
    let found: Value
    if (kind === 'lower') found = place('Floor')
    else if (kind === 'higher') found = place('Ceil')
    else if (kind === 'nearest') found = place('Round')
    else {
      const [low, high] = [place('Floor'), place('Ceil')]
      const weight = kind === 'midpoint' ? c.scalar(0.5, d) : c.op('Sub', [rank, c.op('Floor', [rank])])
      found = c.op('Add', [low, c.op('Mul', [weight, c.op('Sub', [high, low])])])
    }
    const lost = ignore ? c.op('Equal', [numbers, c.scalar(0, d)]) : any(c, nan)
    found = c.op('Where', [lost, c.scalar(NaN, d), found])
    // [..., Q] → [Q, ...], the axis kept as 1 where asked for.
    const keep = c.bool('keepdim')
    const rest = c.rank(found) - 1
    const moved = c.transpose(found, [rest, ...Array.from({ length: rest }, (_, i) => i)])
    const own = c.rank(given)
    const shaped = !keep ? moved : axis === undefined ? (own === 0 ? moved : c.unsqueeze(moved, ...Array.from({ length: own }, (_, i) => i + 1))) : c.unsqueeze(moved, axis + 1)
    c.set(many ? shaped : c.squeeze(shaped, 0))
  },
})

/** How many boundaries lie before a value: below it, or also equal to it. */
function countBelow(c: TorchContext, boundaries: Value, values: Value, right: boolean): Value {
  const d = isFloat(c.dtype(boundaries)) || isFloat(c.dtype(values)) ? (c.dtype(values) === 'float64' || c.dtype(boundaries) === 'float64' ? 'float64' : 'float32') : 'int64'
  const rank = c.rank(boundaries)
  // One row of boundaries for all values, or a row for each row of values.
  const rows = rank === 1 ? c.cast(boundaries, d) : c.unsqueeze(c.cast(boundaries, d), rank - 1)
  const before = c.op(right ? 'LessOrEqual' : 'Less', [rows, c.unsqueeze(c.cast(values, d), c.rank(values))])
  return c.op('ReduceSum', [c.cast(before, 'int64'), c.vector([-1])], { keepdims: 0 })
}

const search = (boundaries: string, values: string): TorchLowering => ({
  makes: ['Less', 'ReduceSum'], limits: 'compares with every boundary',
  lower: (c) => {
    const right = c.bool('right') || c.text('side', 'left') === 'right'
    let rows = c.tensor(boundaries)
    const sorter = c.optional('sorter')
    if (sorter !== undefined) rows = c.op('GatherElements', [rows, sorter], { axis: -1 })
    const argument = c.argument(values)
    const given = argument?.kind === 'tensor' ? c.tensor(values) : c.operand(values, argument?.kind === 'float' ? 'float32' : 'int64')
    c.set(countBelow(c, rows, given, right))
  },
})

const isIn: TorchLowering = {
  makes: ['Equal', 'ReduceMax'],
  lower: (c) => {
    const of = (plural: string, single: string): string => (c.has(plural) ? plural : single)
    const [a, b] = [of('elements', 'element'), of('test_elements', 'test_element')]
    const typeOf = (name: string): DType => (c.argument(name)?.kind === 'tensor' ? c.dtype(c.tensor(name)) : c.argument(name)?.kind === 'float' ? 'float32' : 'int64')
    const [p, q] = [typeOf(a), typeOf(b)]
    const d = p === 'bool' && q === 'bool' ? 'int32' : isFloat(p) ? p : isFloat(q) ? q : 'int64'
    const [x, set] = [c.operand(a, d), flat(c, c.operand(b, d))]
    const found = c.shape(set)[0] === 0 ? c.op('Less', [x, x])
      : c.op('Greater', [c.op('ReduceMax', [c.cast(c.op('Equal', [c.unsqueeze(x, c.rank(x)), set]), 'int32'), c.vector([-1])], { keepdims: 0 }), c.scalar(0, 'int32')])
    c.set(c.bool('invert') ? c.op('Not', [found]) : found)
  },
}

/** Bins of equal width from min to max, the last with its end; the range of the data where both are 0. */
const histogram: TorchLowering = {
  makes: ['Floor', 'Equal', 'ReduceSum'],
  lower: (c) => {
    const x = flat(c, c.tensor('self'))
    const d = c.dtype(x)
    const bins = c.int('bins', 100)
    const [min, max] = [c.float('min', 0), c.float('max', 0)]
    let [low, high] = [c.scalar(min, d), c.scalar(max, d)]
    if (min === max) {
      if (min === 0) [low, high] = ['ReduceMin', 'ReduceMax'].map((type) => c.op(type, [x, c.vector([0])], { keepdims: 0 })) as [Value, Value]
      // Of equal numbers the range is one to either side.
      const equal = c.op('Equal', [low, high])
      const one = c.scalar(1, d)
      ;[low, high] = [c.op('Where', [equal, c.op('Sub', [low, one]), low]), c.op('Where', [equal, c.op('Add', [high, one]), high])]
    }
    const inside = c.op('And', [c.op('GreaterOrEqual', [x, low]), c.op('LessOrEqual', [x, high])])
    const place = c.op('Floor', [c.op('Div', [c.op('Mul', [c.op('Sub', [x, low]), c.scalar(bins, d)]), c.op('Sub', [high, low])])])
    const bin = c.op('Min', [place, c.scalar(bins - 1, d)])
    const numbers = c.lowerer.constant(Array.from({ length: bins }, (_, i) => i), d, [bins])
    const hit = c.op('And', [c.op('Equal', [c.unsqueeze(bin, 1), numbers]), c.unsqueeze(inside, 1)])
    c.set(c.op('ReduceSum', [c.cast(hit, d), c.vector([0])], { keepdims: 0 }))
  },
}

const bincount: TorchLowering = {
  makes: ['OneHot', 'ReduceSum'], limits: 'the size of the result depends on the data',
  lower: (c) => {
    const x = c.cast(c.tensor('self'), 'int64')
    const least = c.scalar(c.int('minlength', 0), 'int64')
    const depth = c.op('Max', [c.op('Add', [c.op('ReduceMax', [x, c.vector([0])], { keepdims: 0 }), c.scalar(1, 'int64')]), least])
    const d = c.resultType
    const hits = c.cast(c.op('OneHot', [x, depth, c.lowerer.constant([0, 1], 'int64', [2])], { axis: -1 }), d)
    const weights = c.optional('weights')
    c.set(c.op('ReduceSum', [weights === undefined ? hits : c.op('Mul', [hits, c.unsqueeze(c.cast(weights, d), 1)]), c.vector([0])], { keepdims: 0 }))
  },
}

/** Sorted; where each element went, and how many there are of each. */
const unique = (axisName: string | undefined): TorchLowering => ({
  makes: ['Unique'], limits: 'the size of the result depends on the data',
  lower: (c) => {
    const given = c.tensor('self')
    const d = c.dtype(given)
    const x = d === 'bool' ? c.cast(given, 'int64') : given
    const axis = axisName === undefined ? {} : { axis: c.axis(axisName, c.rank(x)) }
    const [values, , inverse, counts] = c.ops('Unique', [x], { sorted: 1, ...axis }, 4)
    if (values === undefined || inverse === undefined || counts === undefined) throw c.error('Unique gave no outputs')
    c.set(values)
    const has = (i: number): boolean => c.results[i] !== undefined && c.results[i] !== '' && !c.resultSizes(i).includes(0)
    const empty = (i: number): Value => c.lowerer.constant([], 'int64', c.resultSizes(i).map(Number))
    if (c.results.length > 1) c.set(has(1) ? (axisName === undefined ? c.reshape(inverse, c.sizesOf(given)) : inverse) : empty(1), 1)
    if (c.results.length > 2) c.set(has(2) ? counts : empty(2), 2)
  },
})

/**
 * Everything before and with an element, combined: in ⌈log₂ n⌉ steps, each with what lies 1, 2, 4, … places before (Hillis and
 * Steele, 1986). `combine` takes the earlier part first; the places before the beginning hold `neutral`.
 */
function scan(c: TorchContext, parts: readonly Value[], axis: number, neutral: readonly number[], combine: (earlier: readonly Value[], later: readonly Value[]) => Value[]): Value[] {
  const [first] = parts
  const size = first === undefined ? undefined : c.shape(first)[axis]
  if (first === undefined || typeof size !== 'number') throw c.error('it accumulates along an axis of unknown size', { fix: 'give the axis a fixed size when exporting' })
  let state = [...parts]
  for (let step = 1; step < size; step *= 2) {
    const earlier = state.map((value, i) => {
      const sizes = c.sizesOf(value).map((own, at) => (at === axis ? c.fixed(step) : own))
      const filling = c.expand(c.scalar(neutral[i] ?? 0, c.dtype(value)), sizes)
      return c.op('Concat', [filling, c.slice(value, axis, c.fixed(0), c.fixed(size - step))], { axis })
    })
    state = combine(earlier, state)
  }
  return state
}

const cumulativeProduct: TorchLowering = {
  makes: ['Concat', 'Slice', 'Mul'],
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    if (c.rank(x) === 0) c.set(x)
    else c.setAll(scan(c, [x], c.axis('dim', c.rank(x)), [1], ([a], [b]) => (a === undefined || b === undefined ? [] : [c.op('Mul', [a, b])])))
  },
}

/** log Σ exp of everything so far. */
const cumulativeLogSumExp: TorchLowering = {
  makes: ['Concat', 'Slice', 'Max', 'Exp', 'Log'],
  lower: (c) => {
    const x = c.cast(c.tensor('self'), c.resultType)
    if (c.rank(x) === 0) c.set(x)
    else c.setAll(scan(c, [x], c.axis('dim', c.rank(x)), [-Infinity], ([a], [b]) => (a === undefined || b === undefined ? [] : [addedLogs(c, a, b, 1)])))
  },
}

/** log(eᵃ + eᵇ) in the base e^scale, without overflow: max + log(1 + e^−|a − b|). */
export function addedLogs(c: TorchContext, a: Value, b: Value, scale: number): Value {
  const d = c.dtype(a)
  const by = (value: Value, factor: number): Value => (factor === 1 ? value : c.op('Mul', [value, c.scalar(factor, d)]))
  const gap = c.op('Neg', [c.op('Abs', [c.op('Sub', [a, b])])])
  const more = by(c.op('Log', [c.op('Add', [c.op('Exp', [by(gap, scale)]), c.scalar(1, d)])]), 1 / scale)
  // Equal infinities have no difference.
  return c.op('Where', [c.op('Equal', [a, b]), c.op('Add', [a, c.scalar(Math.LN2 / scale, d)]), c.op('Add', [c.op('Max', [a, b]), more])])
}

const cumulativeExtreme = (type: 'Max' | 'Min'): TorchLowering => ({
  makes: ['Concat', 'Slice', 'Where', 'GreaterOrEqual'],
  lower: (c) => {
    const given = c.tensor('self')
    const own = c.dtype(given)
    const d = own === 'bool' ? 'int32' : own
    const x = c.cast(given, d)
    if (c.rank(x) === 0) {
      c.setAll([x, c.scalar(0, 'int64')])
      return
    }
    const axis = c.axis('dim', c.rank(x))
    const size = c.shape(x)[axis]
    if (typeof size !== 'number') throw c.error('it accumulates along an axis of unknown size')
    const steps = c.reshape(c.vector(Array.from({ length: size }, (_, i) => i)), c.sizesOf(x).map((_, i) => c.fixed(i === axis ? size : 1)))
    const end = isFloat(d) ? Infinity : d === 'int64' ? 2 ** 63 : 2 ** (DTYPES[d].bits - (DTYPES[d].kind === 'signed' ? 1 : 0)) - 1
    const neutral = type === 'Max' ? (DTYPES[d].kind === 'unsigned' ? 0 : -end) : end
    const results = scan(c, [x, c.expand(steps, c.sizesOf(x))], axis, [neutral, -1], ([a, i], [b, j]) => {
      if (a === undefined || b === undefined || i === undefined || j === undefined) return []
      // The later of equal ones; what is no number stays.
      const newer = c.op(type === 'Max' ? 'GreaterOrEqual' : 'LessOrEqual', [b, a])
      const lost = isFloat(d) ? c.op('IsNaN', [b]) : undefined
      const earlier = isFloat(d) ? c.op('Not', [c.op('IsNaN', [a])]) : undefined
      const take = lost === undefined || earlier === undefined ? newer : c.op('Or', [lost, c.op('And', [newer, earlier])])
      return [c.op('Where', [take, b, a]), c.op('Where', [take, j, i])]
    })
    c.setAll(results)
  },
})

export const statistics: Readonly<Record<string, TorchLowering>> = {
  'aten.median': median(false), 'aten.nanmedian': median(true), 'aten.kthvalue': kth,
  'aten.quantile': quantile(false), 'aten.nanquantile': quantile(true),
  'aten.searchsorted': search('sorted_sequence', 'self'), 'aten.bucketize': search('boundaries', 'self'),
  'aten.isin': isIn, 'aten.histc': histogram, 'aten.bincount': bincount,
  'aten._unique2': unique(undefined), 'aten.unique_dim': unique('dim'),
  'aten.cumprod': cumulativeProduct, 'aten.logcumsumexp': cumulativeLogSumExp, 'aten.cummax': cumulativeExtreme('Max'), 'aten.cummin': cumulativeExtreme('Min'),
}
