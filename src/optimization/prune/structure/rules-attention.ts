// Attention as one operator, and what fusing puts beside it: a head goes as a whole, from queries, keys, values and answers.
import { sameDomain, type Node, type Value } from '../../../onnx'
import type { Atoms } from './atoms'
import { along, keepsAll, parts, rank, type Rule } from './rule'

/** Whether all inputs from this one on are left out, and nobody reads the further outputs. */
const noneFrom = (node: Node, first: number): boolean =>
  node.inputs.slice(first).every((input) => input === undefined) && node.outputs.slice(1).every((output) => output.name === '')

/** Coordinates of an axis that holds heads one after the other: each is tied to its head of another value. */
function tieHeads(atoms: Atoms, value: Value, axis: number, heads: number, to: (head: number) => readonly [Value, number, number]): void {
  const width = atoms.size(value, axis) ?? 0
  for (let i = 0; i < width; i++) atoms.join(value, axis, i, ...to(Math.floor(i / (width / heads))))
}

/** A mask or bias that is added to scores [batch, heads, queries, keys]. */
function scores(atoms: Atoms, mask: Value, batch: Value, reason: string, head: (head: number) => readonly [Value, number, number]): void {
  const shift = 4 - rank(mask)
  mask.shape?.forEach((size, axis) => {
    const to = axis + shift
    if (to === 1 && size !== 1) for (let h = 0; h < Number(size); h++) atoms.join(mask, axis, h, ...head(h))
    else if (to === 0 && size !== 1) atoms.joinAxes(mask, axis, batch, 0)
    else atoms.pin(mask, axis, reason)
  })
}

/** com.microsoft.MultiHeadAttention(q, k, v, bias?, key padding?, attention bias?) of [batch, length, heads × size]. */
export const multiHead: Rule = (node, { atoms }) => {
  const p = parts(node)
  const heads = node.int('num_heads', 0)
  const [q, k, v, bias, padding, scoreBias] = node.inputs
  const simple = p !== undefined && q && k && v && heads > 0 && noneFrom(node, 6) && [q, k, v].every((value) => rank(value) === 3 && typeof value.shape?.[2] === 'number')
  if (!simple) {
    keepsAll(node, atoms, `${node.label} is more than attention of q, k and v`)
    return
  }
  // Coordinates of a head are tied to the first of the query's head.
  const head = (h: number): readonly [Value, number, number] => [q, 2, h * ((atoms.size(q, 2) ?? 0) / heads)]
  for (const value of [q, k, v, p.y]) {
    if (value !== q) atoms.joinAxes(value, 0, q, 0)
    atoms.pin(value, 1, `the positions of ${node.label}`)
    tieHeads(atoms, value, 2, heads, head)
  }
  let offset = 0
  for (const value of bias === undefined ? [] : [q, k, v]) {
    const width = atoms.size(value, 2) ?? 0
    for (let i = 0; i < width; i++) if (bias) atoms.join(bias, 0, offset + i, value, 2, i)
    offset += width
  }
  if (padding) atoms.pinValue(padding, `the mask of ${node.label}`)
  if (scoreBias) scores(atoms, scoreBias, q, `the mask of ${node.label}`, head)
}

/**
 * Attention(Q, K, V, mask?) of ONNX, of [batch, heads, length, size] or [batch, length, heads × size]. Where queries share a
 * head of keys and values, they go with it.
 */
export const attention: Rule = (node, { atoms }) => {
  const p = parts(node)
  const [q, k, v, mask] = node.inputs
  const axes = rank(q)
  const known = p !== undefined && q && k && v && noneFrom(node, 4) && (axes === 3 || axes === 4) && [k, v].every((value) => rank(value) === axes)
  const of = (value: Value | undefined, name: string): number => (axes === 4 && value ? atoms.size(value, 1) : node.int(name, 0)) ?? 0
  const [queries, keys] = [of(q, 'q_num_heads'), of(k, 'kv_num_heads')]
  if (!known || queries === 0 || keys === 0 || queries % keys !== 0) {
    keepsAll(node, atoms, `${node.label} is more than attention of q, k and v`)
    return
  }
  const { y } = p
  const shared = queries / keys
  const axis = axes === 4 ? 1 : 2
  const first = (h: number): readonly [Value, number, number] => [k, axis, h * ((atoms.size(k, axis) ?? 0) / keys)]
  const ofQuery = (h: number): readonly [Value, number, number] => first(Math.floor(h / shared))
  for (const value of [q, k, v, y]) {
    if (value !== q) atoms.joinAxes(value, 0, q, 0)
    atoms.pin(value, axes - 2, `the positions of ${node.label}`)
    tieHeads(atoms, value, axis, value === q || value === y ? queries : keys, value === q || value === y ? ofQuery : first)
  }
  if (axes === 4) {
    for (const value of [q, k]) atoms.pin(value, 3, `${node.label} sums over the product of two activations`)
    atoms.joinAxes(v, 3, y, 3)
  }
  if (mask) scores(atoms, mask, q, `the mask of ${node.label}`, ofQuery)
}

/** Turns pairs of coordinates inside each head by the same angles: heads go as wholes. */
export const rotary: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p) return
  for (const other of node.inputs.slice(1)) if (other) atoms.pinValue(other, `a parameter of ${node.label}`)
  if (rank(p.x) === 4) {
    along(atoms, p.x, p.y, [2, 3], `${node.label} turns positions and pairs of coordinates`)
    return
  }
  const heads = node.int('num_heads', 0)
  if (rank(p.x) !== 3 || heads === 0 || atoms.size(p.x, 2) === undefined) {
    keepsAll(node, atoms, `the heads of ${node.label} are not known`)
    return
  }
  const { x } = p
  atoms.joinAxes(x, 0, p.y, 0)
  for (const value of [x, p.y]) {
    atoms.pin(value, 1, `the positions of ${node.label}`)
    tieHeads(atoms, value, 2, heads, (h) => [x, 2, h * ((atoms.size(x, 2) ?? 0) / heads)])
  }
}

/** com.microsoft.SkipLayerNormalization(x, r, …), which gives the sum as its fourth output. */
export const skipNorm: Rule = (node, { atoms }) => {
  const p = parts(node)
  if (!p?.w) return
  const last = rank(p.x) - 1
  for (const other of [p.w, p.y, ...node.outputs.slice(3).filter(({ name }) => name !== '')]) along(atoms, p.x, other, [last], `${node.label} computes statistics over this axis`)
  for (const parameter of node.inputs.slice(2)) if (parameter) atoms.pinValue(parameter, `a parameter of ${node.label}`)
  for (const output of node.outputs.slice(1, 3)) atoms.pinValue(output, `${node.label} has further outputs`)
}

/** The attributes that count heads, with the input whose axis holds them. */
export function headCounts(node: Node): readonly (readonly [attribute: string, input: number])[] {
  if (node.opType === 'MultiHeadAttention' || node.opType === 'RotaryEmbedding') return [['num_heads', 0]]
  return node.opType === 'Attention' && sameDomain(node.domain, '') ? [['q_num_heads', 0], ['kv_num_heads', 1]] : []
}
