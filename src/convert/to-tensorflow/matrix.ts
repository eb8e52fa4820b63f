// Matrix products, Einsum and attention.
import * as tf from '@tensorflow/tfjs'
import { broadcastShape, elementCount } from '../../core'
import { Datum } from './datum'
import { detached, expandTo, need, refuse, type Call, type Operator } from './operator'

/** a · b with batches broadcast, and gradients that know of it. */
export function product(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.rank === 1) {
    const y = product(tf.reshape(a, [1, a.size]), b)
    return tf.reshape(y, y.shape.filter((_, axis) => axis !== y.rank - (b.rank === 1 ? 1 : 2)))
  }
  if (b.rank === 1) {
    const y = product(a, tf.reshape(b, [b.size, 1]))
    return tf.reshape(y, y.shape.slice(0, -1))
  }
  const [rows, inner, columns] = [a.shape[a.rank - 2] ?? 1, a.shape[a.rank - 1] ?? 1, b.shape[b.rank - 1] ?? 1]
  if (b.rank === 2) {
    if (a.rank === 2) return tf.matMul(a, b)
    return tf.reshape(tf.matMul(tf.reshape(a, [elementCount(a.shape.slice(0, -1)), inner]), b), [...a.shape.slice(0, -1), columns])
  }
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const flat = (t: tf.Tensor): tf.Tensor => tf.reshape(expandTo(t, [...batch, ...t.shape.slice(-2)]), [elementCount(batch), ...t.shape.slice(-2)])
  return tf.reshape(tf.matMul(flat(a), flat(b)), [...batch, rows, columns])
}

/** y = α·A'·B' + β·C (ONNX, "Gemm"). */
const gemm: Operator = (call) => {
  const [a, b, c] = [need(call, 0), need(call, 1), call.inputs[2]]
  const [alpha, beta] = [call.node.float('alpha', 1), call.node.float('beta', 1)]
  let y = tf.matMul(a.tensor, b.tensor, call.node.int('transA', 0) === 1, call.node.int('transB', 0) === 1)
  if (alpha !== 1) y = tf.mul(y, tf.scalar(alpha))
  if (c !== undefined && beta !== 0) y = tf.add(y, beta === 1 ? c.tensor : tf.mul(c.tensor, tf.scalar(beta)))
  return Datum.of(y, a.dtype)
}

const letters = (term: string): string[] => Array.from(term)

/** Terms with `...` spelled out in capital letters that the equation does not use. */
function spelled(call: Call, equation: string, ranks: readonly number[]): { terms: string[][]; result: string[] } {
  const [left, right] = equation.replaceAll(' ', '').split('->') as [string, string | undefined]
  const free = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ').filter((letter) => !equation.includes(letter))
  const terms = left.split(',')
  if (terms.length !== ranks.length) refuse(call, 'The equation has another number of terms than there are inputs', equation)
  const widths = terms.map((term, i) => (term.includes('...') ? (ranks[i] ?? 0) - term.replace('...', '').length : 0))
  const widest = Math.max(0, ...widths)
  const dots = free.slice(0, widest)
  const spell = (term: string, width: number): string[] => term.includes('...')
    ? [...letters(term.split('...')[0] ?? ''), ...dots.slice(widest - width), ...letters(term.split('...')[1] ?? '')] : letters(term)
  const all = terms.map((term, i) => spell(term, widths[i] ?? 0))
  if (right !== undefined) return { terms: all, result: spell(right, widest) }
  const once = [...new Set(all.flat())].filter((letter) => !dots.includes(letter) && all.flat().filter((other) => other === letter).length === 1).sort()
  return { terms: all, result: [...dots, ...once] }
}

/** Takes the diagonal where a letter comes twice in one term. */
function diagonal(x: tf.Tensor, term: string[]): { x: tf.Tensor; term: string[] } {
  for (;;) {
    const second = term.findIndex((letter, i) => term.indexOf(letter) < i)
    if (second < 0) return { x, term }
    const first = term.indexOf(term[second] ?? '')
    const size = x.shape[first] ?? 1
    const order = [first, second, ...x.shape.map((_, i) => i).filter((i) => i !== first && i !== second)]
    const moved = tf.transpose(x, order)
    const rest = moved.shape.slice(2)
    const rows = tf.reshape(moved, [size * size, elementCount(rest)])
    x = tf.reshape(tf.gather(rows, tf.tensor1d(Array.from({ length: size }, (_, i) => i * (size + 1)), 'int32')), [size, ...rest])
    term = [term[first] ?? '', ...term.filter((_, i) => i !== first && i !== second)]
  }
}

/** One product of two terms, summed over letters that nothing later needs: [batch, m, k] · [batch, k, n]. */
function contract(a: tf.Tensor, aTerm: string[], b: tf.Tensor, bTerm: string[], kept: ReadonlySet<string>): { x: tf.Tensor; term: string[] } {
  const sumOut = (x: tf.Tensor, term: string[], other: string[]): { x: tf.Tensor; term: string[] } => {
    const gone = term.map((letter, i) => (!kept.has(letter) && !other.includes(letter) ? i : -1)).filter((i) => i >= 0)
    return gone.length === 0 ? { x, term } : { x: tf.sum(x, gone), term: term.filter((_, i) => !gone.includes(i)) }
  }
  const left = sumOut(a, aTerm, bTerm)
  const right = sumOut(b, bTerm, left.term)
  const shared = left.term.filter((letter) => right.term.includes(letter))
  const batch = shared.filter((letter) => kept.has(letter))
  const inner = shared.filter((letter) => !kept.has(letter))
  const rows = left.term.filter((letter) => !shared.includes(letter))
  const columns = right.term.filter((letter) => !shared.includes(letter))
  const size = (letter: string): number => {
    const sizes = [left.term.includes(letter) ? left.x.shape[left.term.indexOf(letter)] ?? 1 : 1, right.term.includes(letter) ? right.x.shape[right.term.indexOf(letter)] ?? 1 : 1]
    return Math.max(...sizes)
  }
  const lay = (x: tf.Tensor, term: string[], groups: string[][]): tf.Tensor => {
    const order = groups.flat()
    const moved = tf.transpose(x, order.map((letter) => term.indexOf(letter)))
    return tf.reshape(expandTo(moved, order.map(size)), groups.map((group) => elementCount(group.map(size))))
  }
  const y = tf.matMul(lay(left.x, left.term, [batch, rows, inner]), lay(right.x, right.term, [batch, inner, columns]))
  const term = [...batch, ...rows, ...columns]
  return { x: tf.reshape(y, term.map(size)), term }
}

const einsum: Operator = (call) => {
  const data = call.inputs.map((_, i) => need(call, i))
  const { terms, result } = spelled(call, call.node.string('equation', ''), data.map((d) => d.rank))
  let parts = data.map((d, i) => diagonal(d.tensor, terms[i] ?? []))
  while (parts.length > 1) {
    const [a, b, ...rest] = parts as [{ x: tf.Tensor; term: string[] }, { x: tf.Tensor; term: string[] }]
    const kept = new Set([...result, ...(rest as { term: string[] }[]).flatMap((part) => part.term)])
    parts = [contract(a.x, a.term, b.x, b.term, kept), ...rest]
  }
  const [only] = parts
  if (only === undefined) refuse(call, 'There are no inputs')
  const gone = only.term.map((letter, i) => (result.includes(letter) ? -1 : i)).filter((i) => i >= 0)
  const x = gone.length === 0 ? only.x : tf.sum(only.x, gone)
  const term = only.term.filter((_, i) => !gone.includes(i))
  return Datum.of(tf.transpose(x, result.map((letter) => term.indexOf(letter))), data[0]?.dtype ?? 'float32')
}

/** So far down that softmax gives nothing, and still a number: infinities would make NaN of their differences. */
const FORBIDDEN = 1e30
const LOWEST = -3.4e38

/** Attributes of Attention that are computed here; newer ones are refused. */
const KNOWN = new Set(['q_num_heads', 'kv_num_heads', 'scale', 'softcap', 'is_causal', 'qk_matmul_output_mode', 'softmax_precision'])

/** softmax(Q·Kᵀ·scale + mask)·V with heads grouped (ONNX, "Attention", operator set 23). */
const attention: Operator = (call) => {
  const { node } = call
  const flat = need(call, 0).rank === 3
  const heads = (d: Datum, count: number): tf.Tensor => {
    const t = d.tensor
    if (!flat) return t
    const [batch, length, width] = t.shape as [number, number, number]
    return tf.transpose(tf.reshape(t, [batch, length, count, width / count]), [0, 2, 1, 3])
  }
  const queryHeads = flat ? node.int('q_num_heads', 1) : need(call, 0).shape[1] ?? 1
  const keyHeads = flat ? node.int('kv_num_heads', 1) : need(call, 1).shape[1] ?? 1
  const q = heads(need(call, 0), queryHeads)
  let [k, v] = [heads(need(call, 1), keyHeads), heads(need(call, 2), keyHeads)]
  const [pastKey, pastValue] = [call.inputs[4], call.inputs[5]]
  if (pastKey !== undefined) k = tf.concat([pastKey.tensor, k], 2)
  if (pastValue !== undefined) v = tf.concat([pastValue.tensor, v], 2)
  for (const name of node.attributes.keys()) if (!KNOWN.has(name)) refuse(call, `Attention with the attribute ${name} has no TensorFlow.js form`)
  if (call.inputs[6] !== undefined) refuse(call, 'Lengths of keys without padding are not supported')
  const present = [Datum.of(k), Datum.of(v)]
  if (queryHeads !== keyHeads) {
    const places = tf.tensor1d(Array.from({ length: queryHeads }, (_, i) => Math.floor(i / (queryHeads / keyHeads))), 'int32')
    k = tf.gather(k, places, 1)
    v = tf.gather(v, places, 1)
  }
  const scale = node.float('scale') ?? 1 / Math.sqrt(q.shape[3] ?? 1)
  const raw = tf.mul(product(q, tf.transpose(k, [0, 1, 3, 2])), tf.scalar(scale))
  const cap = node.float('softcap', 0)
  const mode = node.int('qk_matmul_output_mode', 0)
  const capped = cap > 0 ? tf.mul(tf.tanh(tf.div(raw, tf.scalar(cap))), tf.scalar(cap)) : raw
  let scores = capped
  // 1 where a query may see a key.
  const allowed: tf.Tensor[] = []
  const mask = call.inputs[3]
  if (mask?.dtype === 'bool') allowed.push(tf.cast(mask.tensor, 'float32'))
  else if (mask !== undefined) {
    allowed.push(tf.cast(tf.logicalNot(tf.isInf(detached(mask.tensor))), 'float32'))
    scores = tf.add(scores, tf.maximum(mask.tensor, tf.scalar(LOWEST)))
  }
  if (node.int('is_causal', 0) === 1) {
    const [rows, columns] = scores.shape.slice(-2) as [number, number]
    const past = pastKey?.shape[2] ?? 0
    allowed.push(tf.tensor2d(Float32Array.from({ length: rows * columns }, (_, i) => (i % columns <= Math.floor(i / columns) + past ? 1 : 0)), [rows, columns]))
  }
  for (const one of allowed) scores = tf.add(tf.mul(scores, one), tf.mul(tf.sub(one, tf.scalar(1)), tf.scalar(FORBIDDEN)))
  // A query that may see nothing gets nothing, and no gradient.
  const weights = allowed.reduce((w, one) => tf.mul(w, one), tf.softmax(scores))
  const y = product(weights, v)
  const [batch, count, length, width] = y.shape as [number, number, number, number]
  const out = flat ? tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [batch, length, count * width]) : y
  return [Datum.of(out), ...present, Datum.of([raw, capped, scores, weights][mode] ?? raw)].slice(0, Math.max(1, node.outputs.length))
}

/** Products of quantized integers: (a − zero of a) · (b − zero of b), exact up to 2^24. */
const matMulInteger: Operator = (call) => {
  const shifted = (index: number, zero: number, column: boolean): tf.Tensor => {
    const x = tf.cast(need(call, index).tensor, 'float32')
    const point = call.inputs[zero]
    if (point === undefined) return x
    const z = tf.cast(point.tensor, 'float32')
    return tf.sub(x, column && point.rank === 1 && point.size > 1 ? tf.reshape(z, [point.size, 1]) : z)
  }
  return Datum.of(tf.cast(tf.round(product(shifted(0, 2, true), shifted(1, 3, false))), 'int32'), 'int32')
}

export const matrix: Readonly<Record<string, Operator>> = {
  MatMul: (call) => Datum.of(product(need(call, 0).tensor, need(call, 1).tensor), need(call, 0).dtype),
  Gemm: gemm,
  Einsum: einsum,
  Attention: attention,
  MatMulInteger: matMulInteger,
  Det: (call) => refuse(call, 'Determinants have no TensorFlow.js form'),
  /** Each pixel's rotation of a vector's halves by an angle (Su et al., arXiv 2104.09864). */
  RotaryEmbedding: (call) => {
    const x = need(call, 0)
    const [cosTable, sinTable, positions] = [need(call, 1).tensor, need(call, 2).tensor, call.inputs[3]]
    const flat = x.rank === 3
    const heads = flat ? call.node.int('num_heads', 1) : x.shape[1] ?? 1
    const [batch, length] = [x.shape[0] ?? 1, flat ? x.shape[1] ?? 1 : x.shape[2] ?? 1]
    const width = x.size / (batch * length * heads)
    const t = flat ? tf.reshape(x.tensor, [batch, length, heads, width]) : tf.transpose(x.tensor, [0, 2, 1, 3])
    const turned = call.node.int('rotary_embedding_dim', 0) || width
    const table = (source: tf.Tensor): tf.Tensor => {
      const rows = positions === undefined ? source
        : tf.reshape(tf.gather(source, tf.reshape(tf.cast(positions.tensor, 'int32'), [positions.size])), [...positions.shape, source.shape[1] ?? 1])
      return tf.expandDims(tf.slice(rows, [0, 0, 0], [rows.shape[0], length, turned / 2]), 2)
    }
    const [cos, sin] = [table(cosTable), table(sinTable)]
    const part = tf.slice(t, [0, 0, 0, 0], [batch, length, heads, turned])
    const interleaved = call.node.int('interleaved', 0) === 1
    const pairs = interleaved ? tf.reshape(part, [batch, length, heads, turned / 2, 2]) : undefined
    const [a, b] = (pairs === undefined ? tf.split(part, 2, 3) : tf.unstack(pairs, 4)) as [tf.Tensor, tf.Tensor]
    const [real, imaginary] = [tf.sub(tf.mul(cos, a), tf.mul(sin, b)), tf.add(tf.mul(sin, a), tf.mul(cos, b))]
    const rotated = interleaved ? tf.reshape(tf.stack([real, imaginary], 4), [batch, length, heads, turned]) : tf.concat([real, imaginary], 3)
    const whole = turned === width ? rotated : tf.concat([rotated, tf.slice(t, [0, 0, 0, turned], [batch, length, heads, width - turned])], 3)
    return Datum.of(flat ? tf.reshape(whole, x.shape) : tf.transpose(whole, [0, 2, 1, 3]), x.dtype)
  },
}

