// Inference for matrix products, reductions, recurrent layers and attention.
import type { Dim } from '../ir/types'
import { mulDims, productOf } from './dims'
import type { InferContext, InferFunction } from './context'
import { listOf } from './shapes'

/** Shape of a product as numpy's matmul has it. */
function matmulShape(c: InferContext, a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): Dim[] | undefined {
  if (a === undefined || b === undefined) return undefined
  if (a.length === 0 || b.length === 0) c.fail('A matrix product needs tensors of at least one axis', 'rank 1 or more', 'a scalar')
  const left = a.length === 1 ? [1, ...a] : a
  const right = b.length === 1 ? [...b, 1] : b
  c.same(left.at(-1) ?? null, right.at(-2) ?? null, 'The inner sizes of a matrix product differ')
  const batch = c.broadcast([left.slice(0, -2), right.slice(0, -2)]) ?? []
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2) ?? null]), ...(b.length === 1 ? [] : [right.at(-1) ?? null])]
}

const matmul: InferFunction = (c) => {
  c.set(0, c.dtype(0) ?? c.dtype(1), matmulShape(c, c.shape(0), c.shape(1)))
}

const matmulInteger: InferFunction = (c) => {
  c.set(0, 'int32', matmulShape(c, c.shape(0), c.shape(1)))
}

const qLinearMatMul: InferFunction = (c) => {
  c.set(0, c.dtype(7), matmulShape(c, c.shape(0), c.shape(3)))
}

const gemm: InferFunction = (c) => {
  const a = c.shape(0)
  const b = c.shape(1)
  for (const dims of [a, b]) if (dims !== undefined && dims.length !== 2) c.fail('Gemm multiplies matrices', 'rank 2', `rank ${dims.length}`)
  const turn = (dims: readonly Dim[] | undefined, yes: boolean): [Dim, Dim] => {
    const [rows, columns] = [dims?.[0] ?? null, dims?.[1] ?? null]
    return yes ? [columns, rows] : [rows, columns]
  }
  const [m, k] = turn(a, c.int('transA') === 1)
  const [k2, n] = turn(b, c.int('transB') === 1)
  c.same(k, k2, 'The inner sizes of Gemm differ')
  c.set(0, c.dtype(0) ?? c.dtype(1), [m, n])
}

/** A reduction: `axes` became an input in version 13 (ReduceSum) or 18. */
const reduce: InferFunction = (c) => {
  const dims = c.shape(0)
  const axes = listOf(c, 'axes', 1)
  const givesAxes = c.node.attributes.has('axes') || c.has(1)
  const keeps = (c.int('keepdims') ?? 1) !== 0
  if (dims === undefined || (givesAxes && axes === undefined)) {
    c.set(0, c.dtype(0), dims !== undefined && keeps ? new Array<Dim>(dims.length).fill(null) : undefined)
    return
  }
  const none = axes === undefined || axes.length === 0
  if (none && c.int('noop_with_empty_axes') === 1) {
    c.set(0, c.dtype(0), dims)
    return
  }
  const reduced = new Set(none ? dims.map((_, i) => i) : axes.map((axis) => c.axis(axis, dims.length)))
  c.set(0, c.dtype(0), keeps ? dims.map((dim, i) => (reduced.has(i) ? 1 : dim)) : dims.filter((_, i) => !reduced.has(i)))
  const known = c.known_(0)
  if (c.node.opType === 'ReduceProd' && known?.shape.length === 1 && reduced.has(0)) {
    c.setKnown(0, keeps ? [1] : [], [productOf(known.elements)])
  }
}

const argReduce: InferFunction = (c) => {
  const dims = c.shape(0)
  const axis = dims === undefined ? 0 : c.axis(c.int('axis') ?? 0, dims.length)
  const keeps = (c.int('keepdims') ?? 1) !== 0
  c.set(0, 'int64', keeps ? dims?.map((dim, i) => (i === axis ? 1 : dim)) : dims?.filter((_, i) => i !== axis))
}

const einsum: InferFunction = (c) => {
  const equation = (c.string('equation') ?? '').replaceAll(' ', '')
  const [inputs = '', stated] = equation.split('->')
  const terms = inputs.split(',')
  if (terms.length !== c.inputCount) c.fail('Einsum has another number of terms than inputs', String(c.inputCount), equation)
  const sizes = new Map<string, Dim>()
  let ellipsis: Dim[] = []
  for (const [i, term] of terms.entries()) {
    const dims = c.shape(i)
    if (dims === undefined) {
      c.set(0, c.dtype(0))
      return
    }
    const [before = '', after] = term.split('...')
    const named = before.length + (after?.length ?? 0)
    if (after === undefined ? named !== dims.length : named > dims.length) c.fail('A term of Einsum has another rank than its input', String(dims.length), term)
    const note = (letter: string, dim: Dim) => {
      const known = sizes.get(letter)
      sizes.set(letter, known === undefined || known === 1 ? dim : dim === 1 ? known : c.same(known, dim, `Einsum gives the index ${letter} two sizes`))
    }
    Array.from(before).forEach((letter, k) => { note(letter, dims[k] ?? null) })
    Array.from((after ?? '')).forEach((letter, k) => { note(letter, dims[dims.length - (after ?? '').length + k] ?? null) })
    if (after !== undefined) ellipsis = c.broadcast([ellipsis, dims.slice(before.length, dims.length - after.length)]) ?? []
  }
  const letters = Array.from(inputs.replaceAll(/[.,]/g, ''))
  const output = stated ?? (inputs.includes('...') ? '...' : '') + [...new Set(letters)].filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort().join('')
  const [before = '', after] = output.split('...')
  const pick = (part: string) => Array.from(part).map((letter) => sizes.get(letter) ?? null)
  c.set(0, c.dtype(0), [...pick(before), ...(after === undefined ? [] : ellipsis), ...pick(after ?? '')])
}

const det: InferFunction = (c) => {
  c.set(0, c.dtype(0), c.shape(0)?.slice(0, -2))
}

/** RNN, LSTM, GRU: Y [T, D, N, H] and the last states [D, N, H]; `layout` 1 puts the batch first. */
const recurrent: InferFunction = (c) => {
  const x = c.shape(0)
  const hidden: Dim = c.int('hidden_size') ?? c.shape(2)?.[2] ?? null
  const directions = c.string('direction') === 'bidirectional' ? 2 : 1
  const batchFirst = c.int('layout') === 1
  if (x !== undefined && x.length !== 3) c.fail('A recurrent layer needs a tensor of 3 axes', batchFirst ? '[N, T, I]' : '[T, N, I]', `rank ${x.length}`)
  const [time, batch] = batchFirst ? [x?.[1] ?? null, x?.[0] ?? null] : [x?.[0] ?? null, x?.[1] ?? null]
  if (c.hasOutput(0)) c.set(0, c.dtype(0), batchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden])
  for (const i of [1, 2]) if (c.hasOutput(i)) c.set(i, c.dtype(0), batchFirst ? [batch, directions, hidden] : [directions, batch, hidden])
}

const attention: InferFunction = (c) => {
  const q = c.shape(0)
  const v = c.shape(2)
  const key = c.shape(1)
  const heads = c.int('q_num_heads') ?? null
  const kvHeads = c.int('kv_num_heads') ?? null
  const divide = (dim: Dim, by: number | null): Dim => (typeof dim === 'number' && by !== null ? dim / by : null)
  const split = (dims: readonly Dim[] | undefined, count: number | null) =>
    dims === undefined ? undefined : dims.length === 4 ? dims : [dims[0] ?? null, count, dims[1] ?? null, divide(dims[2] ?? null, count)]
  const [q4, k4, v4] = [split(q, heads), split(key, kvHeads), split(v, kvHeads)]
  if (q === undefined || q4 === undefined || v4 === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  c.set(0, c.dtype(0), q.length === 4 ? [...q4.slice(0, 3), v4[3] ?? null] : [q[0] ?? null, q[1] ?? null, mulDims(heads, v4[3] ?? null)])
  const past = c.has(4) ? (c.shape(4)?.[2] ?? null) : 0
  const total = (length: Dim): Dim => (typeof past === 'number' && typeof length === 'number' ? past + length : past === 0 ? length : null)
  if (c.hasOutput(1) && k4 !== undefined) c.set(1, c.dtype(1), [k4[0] ?? null, k4[1] ?? null, total(k4[2] ?? null), k4[3] ?? null])
  if (c.hasOutput(2)) c.set(2, c.dtype(2), [v4[0] ?? null, v4[1] ?? null, total(v4[2] ?? null), v4[3] ?? null])
  if (c.hasOutput(3)) c.set(3, c.dtype(0), [q4[0] ?? null, q4[1] ?? null, q4[2] ?? null, total(k4?.[2] ?? null)])
}

const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare']

export const LINEAR: Readonly<Record<string, InferFunction>> = {
  MatMul: matmul, MatMulInteger: matmulInteger, QLinearMatMul: qLinearMatMul, Gemm: gemm, Einsum: einsum, Det: det,
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argReduce, ArgMin: argReduce, RNN: recurrent, LSTM: recurrent, GRU: recurrent, Attention: attention,
}
