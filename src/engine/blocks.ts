// Products of matrices that lie side by side, as the gates of a recurrent step do: cutting their result apart and joining
// their gradients moves every number once more, while the weights can be cut once for all steps.
import { sameShape } from '../core'
import type { Builder } from './builder'
import { cut } from './gates'
import type { GraphNode, V } from './graph'
import type { Rule, Uses } from './rewrite'

/** Narrower blocks are slower to multiply than to cut. */
const NARROW = 32
/** Products that share a factor before it pays to cut that factor. */
const SHARED = 3

const made = (node: GraphNode): V => node.outputs[0] as V
const rowsOf = (v: V): number => v.shape[0] ?? 1
const columnsOf = (v: V): number => v.shape[1] ?? 1
const isGemm = (node: GraphNode | undefined): node is GraphNode => node?.op === 'Gemm'

/** Whether a matrix is the right factor of several products. */
const isShared = (v: V, uses: Uses): boolean => uses.readers(v).filter((node) => isGemm(node) && node.inputs[1] === v).length >= SHARED

/** The matrices that a Concat puts side by side, when there are several of one width. */
function sideBySide(v: V | undefined): readonly V[] | undefined {
  if (v?.node?.op !== 'Concat' || v.shape.length !== 2 || v.node.attributes.axis !== 1) return undefined
  const parts = v.node.inputs as readonly V[]
  const width = columnsOf(parts[0] as V)
  return parts.length > 1 && width >= NARROW && parts.every((part) => columnsOf(part) === width) ? parts : undefined
}

/** A·B (+ C) or, as `FusedMatMul`, Aᵀ·B. */
const isProduct = (node: GraphNode): boolean => node.op === 'Gemm' || (node.op === 'FusedMatMul' && made(node).shape.length === 2)

/** Whether everything that reads a matrix of joined blocks can read the blocks instead. */
function readByProducts(v: V, uses: Uses): boolean {
  return !uses.isOutput(v) && uses.readers(v).every((node) => isProduct(node) && node.inputs[2] !== v
    && (node.inputs[0] === v) !== (node.inputs[1] === v) && (isRight(node, v) || isLeft(node, v)))
}

/** v is B in A·B, or the turned A in Aᵀ·B: its columns are columns or rows of the product. */
const isRight = (node: GraphNode, v: V): boolean =>
  node.inputs.length === 2 && (node.inputs[1] === v ? node.attributes.transB !== 1 : node.attributes.transA === 1)

/** v is A in A·B: its columns are summed over. */
const isLeft = (node: GraphNode, v: V): boolean => isGemm(node) && node.inputs[0] === v && node.attributes.transA !== 1

/** Columns `begin` to `begin + size` of a value, computed alone where it is a product that is only read in such parts. */
function columnsFrom(b: Builder, v: V, begin: number, size: number, uses: Uses): V {
  const rank = v.shape.length
  if (rank === 0 || v.shape[rank - 1] === 1) return v
  const rows = cut(v.node)
  if (rank === 2 && rows?.axis === 0 && isOnlyCut(rows.from, uses)) {
    const part = columnsFrom(b, rows.from, begin, size, uses)
    return b.slice(part, [rows.begin, 0], [rows.size, size])
  }
  if (isGemm(v.node) && (isOnlyCut(v, uses) || uses.readers(v).every((node) => cut(node)?.axis === 1))) return productColumns(b, v.node, begin, size, uses)
  return rank === 1 ? b.slice(v, [begin], [size]) : b.slice(v, [0, begin], [rowsOf(v), size])
}

/** Whether a product is read in rows only, and those as what another product starts from. */
const isOnlyCut = (v: V, uses: Uses): boolean => isGemm(v.node) && !uses.isOutput(v) && uses.readers(v).every((node) =>
  cut(node)?.axis === 0 && uses.readers(made(node)).every((reader) => isGemm(reader) && reader.inputs[2] === made(node)))

function productColumns(b: Builder, node: GraphNode, begin: number, size: number, uses: Uses): V {
  const [left, right, start] = node.inputs as readonly [V, V, V | undefined]
  const block = node.attributes.transB === 1 ? b.slice(right, [begin, 0], [size, columnsOf(right)]) : columnsFrom(b, right, begin, size, uses)
  const inputs = start ? [left, block, columnsFrom(b, start, begin, size, uses)] : [left, block]
  return b.node('Gemm', inputs, node.attributes, { shape: [rowsOf(made(node)), size], dtype: 'float32' })
}

/** Parts of A·B, B shared by several products: B is cut, once for all of them. */
export const productOfPart: Rule = (b, node, uses) => {
  const at = cut(node)
  if (at?.axis !== 1 || at.from.shape.length !== 2 || !isGemm(at.from.node) || uses.isOutput(at.from)) return undefined
  if (at.size < NARROW || at.total % at.size !== 0 || !isShared(at.from.node.inputs[1] as V, uses)) return undefined
  const parts = uses.readers(at.from).map((reader) => cut(reader))
  if (!parts.every((part) => part?.axis === 1 && part.size === at.size && part.begin % at.size === 0)) return undefined
  return productColumns(b, at.from.node, at.begin, at.size, uses)
}

/** Rows of matrices side by side, one below the other: matrices one below the other, side by side. */
export const joinInside: Rule = (b, node, uses) => {
  if (node.op !== 'Concat' || node.attributes.axis !== 0 || made(node).shape.length !== 2 || !readByProducts(made(node), uses)) return undefined
  const all = (node.inputs as readonly V[]).map(sideBySide)
  const [lead] = all
  if (!lead || !all.every((parts) => parts?.length === lead.length)) return undefined
  return b.concat(lead.map((_, k) => b.concat(all.map((parts) => parts?.[k] as V), 0)), 1)
}

/** [A₁ A₂ …]·B = A₁·B₁ + A₂·B₂ + …, and A·[B₁ B₂ …] = [A·B₁ A·B₂ …]. */
export const productOfJoined: Rule = (b, node, uses) => {
  if (!isProduct(node)) return undefined
  const [left, right, start] = node.inputs as readonly [V, V, V | undefined]
  const [lefts, rights] = [sideBySide(left), sideBySide(right)]
  if (rights && isRight(node, right) && readByProducts(right, uses)) {
    return b.concat(rights.map((part) => block(b, node, [left, part], [rowsOf(made(node)), columnsOf(part)])), 1)
  }
  if (!lefts || !readByProducts(left, uses)) return undefined
  if (isRight(node, left)) {
    return b.concat(lefts.map((part) => block(b, node, [part, right], [columnsOf(part), columnsOf(made(node))])), 0)
  }
  if (!isLeft(node, left) || (!isShared(right, uses) && rowsOf(left) < 256)) return undefined
  const width = columnsOf(lefts[0] as V)
  const transB = node.attributes.transB === 1
  return lefts.reduce<V | undefined>((sum, part, k) => {
    const factor = b.slice(right, transB ? [0, k * width] : [k * width, 0], transB ? [rowsOf(right), width] : [width, columnsOf(right)])
    return block(b, node, sum ? [part, factor, sum] : [part, factor], made(node).shape)
  }, start)
}

const block = (b: Builder, node: GraphNode, inputs: readonly V[], shape: readonly number[]): V =>
  b.node(node.op, inputs, node.attributes, { shape, dtype: 'float32' }, node.domain)

/**
 * x·W + h·U (+ b) of a recurrent step becomes [x h 1]·[W; U; b]: the joined factor is small, and no product has to be stored
 * and read again as what another one starts from.
 */
export const joinedFactors: Rule = (b, node, uses) => {
  if (node.op !== 'Add' || made(node).shape.length !== 2) return undefined
  const [x, y] = node.inputs as readonly [V, V]
  const [bias, sum] = x.shape.length === 1 ? [x, y] : y.shape.length === 1 ? [y, x] : [undefined, made(node)]
  const [p, q] = sum.node?.op === 'Add' ? sum.node.inputs as readonly [V, V] : []
  if (!p || !q || !sameShape(p.shape, q.shape) || !sameShape(p.shape, made(node).shape)) return undefined
  const outer = uses.only(sum)
  if (bias ? outer !== node || bias.shape[0] !== columnsOf(p) : outer?.op === 'Add' && outer.inputs.some((v) => v?.shape.length === 1)) return undefined
  const products = [p, q].map((v) => (isPlain(v.node) && uses.only(v) === sum.node ? v.node : undefined))
  const [first, second] = products
  if (!first || !second) return undefined
  const rights = [first.inputs[1] as V, second.inputs[1] as V]
  const lefts = [first.inputs[0] as V, second.inputs[0] as V]
  const [rows, width] = [rowsOf(p), columnsOf(p)]
  if (columnsOf(lefts[0] as V) + columnsOf(lefts[1] as V) > 2 * width) return undefined
  if (!rights.every((right) => isShared(right, uses)) || !rights.some((right) => uses.isRecurrent(right))) return undefined
  const one = bias ? [b.full([rows, 1], 1)] : []
  const left = b.concat([...lefts, ...one], 1)
  const right = b.concat([...rights, ...(bias ? [b.reshape(bias, [1, width])] : [])], 0)
  return b.node('Gemm', [left, right], first.attributes, { shape: [rows, width], dtype: 'float32' })
}

const isPlain = (node: GraphNode | undefined): node is GraphNode =>
  isGemm(node) && node.inputs.length === 2 && node.attributes.transA !== 1 && node.attributes.transB !== 1

/** Aᵀ·B, or with `ones` a row of ones times B. */
export interface Term {
  readonly left: V
  readonly right: V
  readonly ones: boolean
}

/** Fewer rows are summed faster by one product over all of them. */
const ROWS = 64

const isOnes = (v: V): boolean => v.node?.op === 'Expand' && columnsOf(v) === 1 && Number(v.node.inputs[0]?.constant?.[0]) === 1

/** The joined left factor [x h 1] that a term's left factor is part of, when the gradients of all parts have this right factor. */
function joinedLeft({ left, right, ones }: Term, uses: Uses): { readonly joined: V; readonly at: number } | undefined {
  const lefts = new Set(uses.readers(right).flatMap((node) =>
    (isGemm(node) && node.attributes.transA === 1 && node.inputs[1] === right ? node.inputs[0] ?? [] : [])))
  for (const part of ones ? lefts : [left]) {
    for (const node of uses.readers(part)) {
      const parts = node.inputs as readonly V[]
      if (node.op !== 'Concat' || node.attributes.axis !== 1 || made(node).shape.length !== 2) continue
      const at = ones ? parts.findIndex(isOnes) : parts.indexOf(left)
      if (at >= 0 && parts.every((v) => lefts.has(v) || isOnes(v))) return { joined: made(node), at }
    }
  }
  return undefined
}

/** Σ Aₜᵀ·Bₜ. Of blocks side by side, each for itself. */
export function sumOf(b: Builder, terms: readonly Term[], uses: Uses): V {
  const sorted = [...terms].sort((p, q) => p.right.id - q.right.id)
  const rights = sorted.map((term) => sideBySide(term.right) ?? [term.right])
  const [parts = []] = rights
  const blocks = rights.every((list) => list.length === parts.length) ? parts.map((_, k) => rights.map((list) => list[k] as V)) : [sorted.map((t) => t.right)]
  const [lead] = sorted as [Term]
  const joined = sorted.map((term) => joinedLeft(term, uses))
  const [first] = joined
  if (first && joined.every((other) => other?.at === first.at && sameShape(other.joined.shape, first.joined.shape))) {
    const sum = b.concat(blocks.map((list) => sumStepwise(b, joined.map((j) => j?.joined as V), list)), 1)
    const before = (first.joined.node?.inputs as readonly V[]).slice(0, first.at).reduce((n, v) => n + columnsOf(v), 0)
    return b.slice(sum, [before, 0], [lead.ones ? 1 : columnsOf(lead.left), columnsOf(sum)])
  }
  const below = (list: readonly V[]): V => b.concat(list, 0)
  return b.concat(blocks.map((list) => {
    const right = below(list)
    const left = lead.ones ? b.expand(lead.left.node?.inputs[0] as V, [rowsOf(lead.left), rowsOf(right)]) : below(sorted.map((t) => t.left))
    return b.matmul(left, right, !lead.ones, false)
  }), 1)
}

/** Σ Aₜᵀ·Bₜ with few rows each: joined; else each product starts from the sum before, while Bₜ is in the cache. */
function sumStepwise(b: Builder, lefts: readonly V[], rights: readonly V[]): V {
  const [left, right] = [lefts[0] as V, rights[0] as V]
  if (rowsOf(left) < ROWS) return b.matmul(b.concat(lefts, 0), b.concat(rights, 0), true, false)
  const spec = { shape: [columnsOf(left), columnsOf(right)], dtype: 'float32' as const }
  return lefts.reduce<V | undefined>((sum, v, t) =>
    b.node('Gemm', [v, rights[t], ...(sum ? [sum] : [])], { transA: 1, transB: 0 }, spec), undefined) as V
}
