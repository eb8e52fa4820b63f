// Hard sigmoids on the gates of an unrolled recurrence: all gates of a step at once, forward and backward. The code computes
// each gate for itself, y = clip(s·z + o, 0, 1), and masks its gradient where s·z + o was clipped.
import { sameShape } from '../core'
import type { Builder } from './builder'
import type { GraphNode, V } from './graph'
import type { Rule, Uses } from './rewrite'

/** A slice of neighbouring elements along one axis. */
export interface Cut {
  readonly from: V
  readonly axis: number
  readonly begin: number
  readonly size: number
  readonly total: number
}

/** What a slice takes; undefined for any other node, and for slices along several axes or with steps. */
export function cut(node: GraphNode | undefined): Cut | undefined {
  if (node?.op !== 'Slice' || node.inputs.length !== 4) return undefined
  const [from, begin, , axes] = node.inputs as readonly [V, V, V, V]
  if (axes.constant?.length !== 1 || !begin.constant) return undefined
  const axis = Number(axes.constant[0])
  return { from, axis, begin: Number(begin.constant[0]), size: (node.outputs[0] as V).shape[axis] ?? 1, total: from.shape[axis] ?? 1 }
}

const numberOf = (v: V | undefined): number | undefined => (v?.constant?.length === 1 ? Number(v.constant[0]) : undefined)

/** A number and the other operand. */
function withNumber(node: GraphNode | undefined, op: string): readonly [number, V] | undefined {
  if (node?.op !== op) return undefined
  const [x, y] = node.inputs as readonly [V, V]
  const [first, second] = [numberOf(x), numberOf(y)]
  return first === undefined ? (second === undefined ? undefined : [second, x]) : [first, y]
}

/** clip(s·z + o, 0, 1) of a slice of z along its last axis. */
export interface Gate {
  readonly slope: number
  readonly offset: number
  readonly part: Cut
  /** s·z + o. */
  readonly line: V
}

/** The gate that a Clip computes. */
export function gateOf(node: GraphNode | undefined): Gate | undefined {
  if (node?.op !== 'Clip' || numberOf(node.inputs[1]) !== 0 || numberOf(node.inputs[2]) !== 1) return undefined
  const line = node.inputs[0] as V
  const sum = withNumber(line.node, 'Add')
  const product = sum && withNumber(sum[1].node, 'Mul')
  const part = cut(product?.[1].node)
  if (!sum || !product || !part || product[0] <= 0 || part.axis !== part.from.shape.length - 1) return undefined
  return { slope: product[0], offset: sum[0], part, line }
}

/** The hard sigmoid of all of z, cut where the gate was. */
export function hardSigmoid(b: Builder, { slope, offset, part }: Gate): V {
  const all = b.unary('HardSigmoid', part.from, { alpha: { float: slope }, beta: { float: offset } })
  const [begin, size] = [all.shape.map(() => 0), [...all.shape]]
  begin[part.axis] = part.begin
  size[part.axis] = part.size
  return b.slice(all, begin, size)
}

/** d·s·[0 ≤ s·z + o ≤ 1], as the gradient of a gate is written: the gate, d, and the factor. */
function maskedBy(v: V): { readonly gate: Gate; readonly d: V; readonly factor: number } | undefined {
  const product = withNumber(v.node, 'Mul')
  const where = product?.[1].node
  if (!product || where?.op !== 'Where' || numberOf(where.inputs[2]) !== 0) return undefined
  const [mask, d] = where.inputs as readonly [V, V]
  if (mask.node?.op !== 'Equal') return undefined
  const [x, y] = mask.node.inputs as readonly [V, V]
  const gate = gateOf(x.node) ?? gateOf(y.node)
  if (!gate || (gate.line !== x && gate.line !== y)) return undefined
  return { gate, d, factor: product[0] }
}

/**
 * The gradients of the gates side by side, each masked for itself, become the gradients side by side times one mask:
 * |z| ≤ T, a vector of bounds, which is s where z was inside the line's range and 0 where it was clipped. Gates without a
 * hard sigmoid have T = ∞ and the factor 1. At the very bound the mask can differ by the rounding of s·z + o.
 */
export function maskTogether(b: Builder, node: GraphNode): V | undefined {
  const out = node.outputs[0] as V
  if (node.op !== 'Concat' || node.attributes.axis !== out.shape.length - 1) return undefined
  const columns = out.shape.at(-1) ?? 1
  const bounds = new Float32Array(columns).fill(Infinity)
  const factors = new Float32Array(columns).fill(1)
  const plain: V[] = []
  let from: V | undefined
  let at = 0
  let masks = 0
  for (const v of node.inputs as readonly V[]) {
    const size = v.shape.at(-1) ?? 1
    const found = maskedBy(v)
    if (found) {
      const { part, slope, offset } = found.gate
      const bound = offset / slope
      const even = Math.abs(1 - 2 * offset) < 1e-6
      if (!even || part.begin !== at || part.size !== size || part.total !== columns || (from && from !== part.from)) return undefined
      from = part.from
      masks++
      bounds.fill(bound, at, at + size)
      factors.fill(found.factor, at, at + size)
    }
    plain.push(found?.d ?? v)
    at += size
  }
  if (!from || masks < 2) return undefined
  const inside = b.compare('LessOrEqual', b.unary('Abs', from), b.constant('float32', [columns], bounds))
  const mask = b.where(inside, b.constant('float32', [columns], factors), b.scalar(0))
  return b.binary('Mul', b.concat(plain, out.shape.length - 1), mask)
}

const factors = (v: V | undefined): readonly [V, V] | undefined => (v?.node?.op === 'Mul' ? v.node.inputs as readonly [V, V] : undefined)

/** The product of two values, where the graph has it. */
const productIn = (uses: Uses, x: V, y: V): V | undefined =>
  uses.readers(x).find((node) => node.op === 'Mul' && node.inputs.includes(y) && (x !== y || node.inputs[0] === node.inputs[1]))?.outputs[0]

/** y of 1 − y, for a y of the same shape. */
const complemented = (v: V): V | undefined => {
  const [one, y] = v.node?.op === 'Sub' ? v.node.inputs : []
  return numberOf(one) === 1 && y && sameShape(y.shape, v.shape) ? y : undefined
}

/** Both orders of a pair. */
const eitherWay = <T>([x, y]: readonly [T, T]): readonly (readonly [T, T])[] => [[x, y], [y, x]]

/**
 * The gradient of a sigmoid y that is multiplied with x, (a·x)·(y·(1 − y)), where the graph also has a·y, the gradient of x:
 * with t = (a·y)·x it is t − t·y.
 */
export const sigmoidGradient: Rule = (b, node, uses) => {
  const pair = factors(node.outputs[0])
  if (!pair) return undefined
  for (const [d, slope] of eitherWay(pair)) {
    const [ax, ys] = [factors(d), factors(slope)]
    if (!ax || !ys || uses.only(d) !== node || !sameShape(d.shape, slope.shape)) continue
    const y = eitherWay(ys).find(([v, rest]) => complemented(rest) === v)?.[0]
    if (!y) continue
    const products = eitherWay(ax).flatMap(([a, x]) => (x === y ? [] : { x, shared: productIn(uses, a, y) }))
    // The later one, made by the backward pass, is still in the cache.
    const { x, shared } = products.sort((p, q) => (q.shared?.id ?? -1) - (p.shared?.id ?? -1))[0] ?? {}
    if (!x || !shared || !sameShape(shared.shape, d.shape)) continue
    const t = b.binary('Mul', shared, x)
    return b.binary('Sub', t, b.binary('Mul', t, y))
  }
  return undefined
}

/** The gradient of a tanh, d·(1 − y²), where the graph also has d·y: d − (d·y)·y. */
export const tanhGradient: Rule = (b, node, uses) => {
  const pair = factors(node.outputs[0])
  if (!pair) return undefined
  for (const [d, slope] of eitherWay(pair)) {
    const [y, again] = factors(complemented(slope)) ?? []
    if (!y || y !== again) continue
    const t = productIn(uses, d, y)
    if (t && sameShape(t.shape, node.outputs[0]?.shape ?? []) && sameShape(d.shape, t.shape)) return b.binary('Sub', d, b.binary('Mul', t, y))
  }
  return undefined
}
