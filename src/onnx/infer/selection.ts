// Inference for operators that pick elements: slice, gather, the largest, the ones that are not zero.
import { rowMajorStrides } from '../../core'
import type { Dim } from '../ir/types'
import { addDims, subDims } from './dims'
import type { InferContext, InferFunction, KnownValue } from './context'

const unknowns = (rank: number): Dim[] => new Array<Dim>(rank).fill(null)

/** The size of one axis after slicing from `start` to `end` by `step` (Python's rule). */
function sliced(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  if (step === 0) return null
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') {
    const bound = (at: number, low: number, high: number) => Math.max(low, Math.min(high, at < 0 ? at + dim : at))
    const [from, to] = step > 0 ? [bound(start, 0, dim), bound(end, 0, dim)] : [bound(start, 0, dim - 1), bound(end, -1, dim - 1)]
    return Math.max(0, Math.ceil((to - from) / step))
  }
  if (step !== 1 || dim === null || typeof dim === 'number') return step === 1 && typeof dim === 'number' && start === 0 ? null : null
  const huge = typeof end === 'number' && end >= 2 ** 31 - 1
  if (typeof start !== 'number') return null
  if (huge || end === dim) return start === 0 ? dim : start < 0 ? null : subDims(dim, start)
  // A symbol is not known to be larger than a number, so only ends counted from the back are exact.
  return typeof end === 'number' && end < 0 && start === 0 ? addDims(dim, end) : null
}

const slice: InferFunction = (c) => {
  const dims = c.shape(0)
  const old = c.since < 10
  const starts = old ? c.ints('starts') : c.elements(1)
  const ends = old ? c.ints('ends') : c.elements(2)
  if (dims === undefined || starts === undefined || ends === undefined) {
    c.set(0, c.dtype(0), dims === undefined ? undefined : unknownAxes(c, dims, old))
    return
  }
  const givesAxes = old ? c.node.attributes.has('axes') : c.has(3)
  const axes = givesAxes ? (old ? c.ints('axes') : c.numbers(3)) : starts.map((_, i) => i)
  const steps = !old && c.has(4) ? c.numbers(4) : starts.map(() => 1)
  if (starts.length !== ends.length) c.fail('Slice has different numbers of starts and ends', String(starts.length), String(ends.length))
  if (axes === undefined || steps === undefined) {
    c.set(0, c.dtype(0), unknowns(dims.length))
    return
  }
  const out = [...dims]
  axes.forEach((raw, i) => {
    const axis = c.axis(raw, dims.length)
    if (steps[i] === 0) c.fail('Slice has a step of 0', 'another step', '0')
    out[axis] = sliced(dims[axis] ?? null, starts[i] ?? null, ends[i] ?? null, steps[i] ?? 1)
  })
  c.set(0, c.dtype(0), out)
  const known = c.known_(0)
  if (known === undefined) return
  const lists = known.shape.map((size) => Array.from({ length: size }, (_, i) => i))
  for (const [i, raw] of axes.entries()) {
    const [start, end, step] = [starts[i], ends[i], steps[i] ?? 1]
    if (typeof start !== 'number' || typeof end !== 'number') return
    const axis = c.axis(raw, lists.length)
    const size = known.shape[axis] ?? 0
    const count = sliced(size, start, end, step)
    const from = Math.max(0, Math.min(step > 0 ? size : size - 1, start < 0 ? start + size : start))
    if (typeof count === 'number') lists[axis] = Array.from({ length: count }, (_, k) => from + k * step)
  }
  setTaken(c, known, lists)
}

/** The known elements at the places that the lists name, an axis each. */
export function setTaken(c: InferContext, known: KnownValue, lists: readonly (readonly number[])[], order: readonly number[] = lists.map((_, i) => i)): void {
  const strides = rowMajorStrides(known.shape)
  let offsets = [0]
  for (const axis of order) offsets = offsets.flatMap((offset) => (lists[axis] ?? []).map((at) => offset + at * (strides[axis] ?? 1)))
  c.setKnown(0, order.map((axis) => lists[axis]?.length ?? 0), offsets.map((offset) => known.elements[offset] ?? null))
}

function unknownAxes(c: InferContext, dims: readonly Dim[], old: boolean): Dim[] {
  const axes = old || !c.has(3) ? undefined : c.numbers(3)
  return axes === undefined ? unknowns(dims.length) : dims.map((dim, i) => (axes.some((axis) => c.axis(axis, dims.length) === i) ? null : dim))
}

const gather: InferFunction = (c) => {
  const data = c.shape(0)
  const indices = c.shape(1)
  if (data === undefined || indices === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  if (data.length === 0) c.fail('Gather needs a tensor of at least one axis', 'rank 1 or more', 'a scalar')
  const axis = c.axis(c.int('axis') ?? 0, data.length)
  c.set(0, c.dtype(0), [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)])
  const known = c.known_(0)
  const at = c.known_(1)
  if (known?.shape.length === 1 && at !== undefined) {
    const n = known.elements.length
    c.setKnown(0, at.shape, at.elements.map((i) => (typeof i === 'number' ? (known.elements[i < 0 ? i + n : i] ?? null) : null)))
  }
}

const gatherND: InferFunction = (c) => {
  const data = c.shape(0)
  const indices = c.shape(1)
  const last = indices?.at(-1)
  const batch = c.int('batch_dims') ?? 0
  if (data === undefined || indices === undefined || typeof last !== 'number') {
    c.set(0, c.dtype(0))
    return
  }
  if (batch + last > data.length) c.fail('GatherND has longer indices than its data has axes', `at most ${data.length - batch}`, String(last))
  c.set(0, c.dtype(0), [...indices.slice(0, -1), ...data.slice(batch + last)])
}

const nonZero: InferFunction = (c) => {
  c.set(0, 'int64', [c.rank(0) ?? null, null])
}

const topK: InferFunction = (c) => {
  const dims = c.shape(0)
  const k = c.since < 10 ? (c.int('k') ?? null) : (c.elements(1)?.[0] ?? null)
  const axis = dims === undefined ? 0 : c.axis(c.int('axis') ?? -1, dims.length)
  const size = dims?.[axis]
  if (typeof k === 'number' && typeof size === 'number' && k > size) c.fail('TopK asks for more elements than there are', `at most ${size}`, String(k))
  const out = dims?.map((dim, i) => (i === axis ? k : dim))
  c.set(0, c.dtype(0), out)
  c.set(1, 'int64', out)
}

const oneHot: InferFunction = (c) => {
  const dims = c.shape(0)
  const depth = c.elements(1)?.[0] ?? null
  if (dims === undefined) {
    c.set(0, c.dtype(2))
    return
  }
  const axis = c.axis(c.int('axis') ?? -1, dims.length + 1)
  c.set(0, c.dtype(2), [...dims.slice(0, axis), depth, ...dims.slice(axis)])
}

const unique: InferFunction = (c) => {
  const dims = c.shape(0)
  const axis = c.int('axis')
  c.set(0, c.dtype(0), axis === undefined ? [null] : dims?.map((dim, i) => (i === c.axis(axis, dims.length) ? null : dim)))
  for (let i = 1; i < 4; i++) if (c.hasOutput(i)) c.set(i, 'int64', [null])
}

const compress: InferFunction = (c) => {
  const dims = c.shape(0)
  const axis = c.int('axis')
  c.set(0, c.dtype(0), axis === undefined ? [null] : dims?.map((dim, i) => (i === c.axis(axis, dims.length) ? null : dim)))
}

const asIndices: InferFunction = (c) => {
  c.set(0, c.dtype(0), c.shape(1))
}

export const SELECTION: Readonly<Record<string, InferFunction>> = {
  Slice: slice, Gather: gather, GatherElements: asIndices, GatherND: gatherND, NonZero: nonZero, TopK: topK, OneHot: oneHot,
  Unique: unique, Compress: compress,
}
