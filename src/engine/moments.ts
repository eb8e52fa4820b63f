// Adam's update of a large weight in fewer passes over it: what is one number is computed on numbers.
import { elementCount, sameShape } from '../core'
import type { GraphNode, V } from './graph'
import type { Rule, Uses } from './rewrite'

/** Arrays from this size on are worth it. */
const LARGE = 4096

const isNumber = (v: V): boolean => elementCount(v.shape) === 1
const constantOf = (v: V | undefined): number | undefined => (v?.constant?.length === 1 ? Number(v.constant[0]) : undefined)
const shapeOf = (node: GraphNode): readonly number[] => node.outputs[0]?.shape ?? []

/** The array of an array combined with one number, and that number. */
function withNumber(node: GraphNode | undefined, op: string): readonly [V, V] | undefined {
  if (node?.op !== op) return undefined
  const [x, y] = node.inputs as readonly [V, V]
  if (isNumber(y) && sameShape(x.shape, shapeOf(node))) return [x, y]
  return op !== 'Div' && isNumber(x) && sameShape(y.shape, shapeOf(node)) ? [y, x] : undefined
}

const isSquare = (v: V): boolean => v.node?.op === 'Mul' && v.node.inputs[0] === v.node.inputs[1]

/** β·v + (1 − β)·g²: never negative. */
const isSecondMoment = (v: V): boolean =>
  v.node?.op === 'Add' && v.node.inputs.some((part) => isSquare(withNumber(part?.node, 'Mul')?.[0] ?? v))

/**
 * −η·(m/c₁)/(√(v/c₂) + ε), with numbers c₁, c₂ = 1 − βᵗ, is k·m/(√v + ε') with ε' = ε·√c₂ and k = −η·√c₂/c₁: two passes
 * fewer (Kingma and Ba 2015, section 2, the last paragraph).
 */
export const momentCorrections: Rule = (b, node, uses) => {
  const step = withNumber(node, 'Mul')
  if (!step || elementCount(shapeOf(node)) < LARGE) return undefined
  const [quotient, rate] = step
  if (quotient.node?.op !== 'Div' || uses.only(quotient) !== node) return undefined
  const [first, bottom] = quotient.node.inputs as readonly [V, V]
  const top = withNumber(first.node, 'Div')
  const sum = withNumber(bottom.node, 'Add')
  const root = sum?.[0]
  const second = root?.node?.op === 'Sqrt' ? root.node.inputs[0] : undefined
  const under = withNumber(second?.node, 'Div')
  if (!top || !sum || !root || !second || !under || !sameShape(top[0].shape, under[0].shape) || !isSecondMoment(under[0])) return undefined
  if (uses.only(first) !== quotient.node || uses.only(bottom) !== quotient.node || uses.only(root) !== bottom.node || uses.only(second) !== root.node) return undefined
  const scale = b.unary('Sqrt', under[1])
  const below = b.binary('Add', b.unary('Sqrt', under[0]), b.binary('Mul', sum[1], scale))
  return b.binary('Mul', b.binary('Div', top[0], below), b.binary('Mul', b.binary('Div', rate, top[1]), scale))
}

/** The factor k of a gradient G = A·B that is read as k·G and as c·G² only. */
function factorOf(gradient: V, uses: Uses): number | undefined {
  const { node } = gradient
  if (node?.op !== 'Gemm' || node.inputs.length !== 2 || 'alpha' in node.attributes || uses.isOutput(gradient)) return undefined
  if (elementCount(gradient.shape) < LARGE) return undefined
  const readers = uses.readers(gradient)
  const scaled = readers.flatMap((reader) => constantOf(withNumber(reader, 'Mul')?.[1]) ?? [])
  const squares = readers.filter((reader) => isSquare(reader.outputs[0] as V))
  const [factor] = scaled
  if (factor === undefined || scaled.length !== 1 || squares.length !== 1 || readers.length !== 2 || !(Math.abs(factor) > 1e-3)) return undefined
  const square = squares[0]?.outputs[0] as V
  const only = uses.only(square)
  return only && constantOf(withNumber(only, 'Mul')?.[1]) !== undefined ? factor : undefined
}

/** k·(A·B) and c·(A·B)², as moments need them: the product gives k·A·B at no price, whose square times c/k² is the other. */
export const scaledGradient: Rule = (b, node, uses) => {
  const pair = withNumber(node, 'Mul')
  const number = constantOf(pair?.[1])
  if (!pair || number === undefined) return undefined
  const squared = isSquare(pair[0])
  const gradient = squared ? pair[0].node?.inputs[0] as V : pair[0]
  const factor = factorOf(gradient, uses)
  if (factor === undefined || !gradient.node) return undefined
  const scaled = b.node('Gemm', gradient.node.inputs, { ...gradient.node.attributes, alpha: { float: factor } }, gradient)
  return squared ? b.binary('Mul', b.binary('Mul', scaled, scaled), b.scalar(number / factor ** 2)) : scaled
}
