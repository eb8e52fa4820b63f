// Identities of real arithmetic that save passes over large arrays: Σ s·x = s·Σ x, (x·s)·t = x·(s·t). They round
// differently in the last bit, so exported models do not use them.
import { broadcastShape, elementCount, sameShape } from '../core'
import type { Shape } from '../core'
import type { V } from './graph'

/** Arrays from this size on are worth it. */
const LARGE = 4096

const isProduct = (v: V): boolean => v.node?.op === 'Mul' && v.dtype === 'float32'

/** Whether `small` broadcasts into `shape` with at least four equal elements each. */
const isSmall = (small: V, shape: Shape): boolean => elementCount(small.shape) * 4 <= elementCount(shape)

/**
 * x·s of a large x and a small s, which already was a product x = y·r with a small r: y and the two small ones. undefined
 * for any other product.
 */
export function regrouped(a: V, b: V, shape: Shape): { readonly large: V; readonly small: readonly [V, V] } | undefined {
  if (elementCount(shape) < LARGE) return undefined
  const [x, s] = isSmall(b, shape) ? [a, b] : [b, a]
  if (!isSmall(s, shape) || !isProduct(x) || !sameShape(x.shape, shape)) return undefined
  const [y, r] = x.node?.inputs ?? []
  if (!y || !r) return undefined
  const [large, other] = sameShape(y.shape, shape) ? [y, r] : [r, y]
  const product = broadcastShape(other.shape, s.shape)
  return elementCount(product) * 4 <= elementCount(shape) && sameShape(large.shape, shape) ? { large, small: [other, s] } : undefined
}

/** The factors of a product, those that are the same all along `axes` apart. undefined when there is none of them. */
export function constantAlong(v: V, axes: readonly number[]): { readonly varying: readonly V[]; readonly constant: readonly V[] } | undefined {
  if (!isProduct(v) || elementCount(v.shape) < LARGE) return undefined
  const varying: V[] = []
  const constant: V[] = []
  const open: V[] = [v]
  for (let f = open.pop(); f; f = open.pop()) {
    const parts = f.node?.inputs ?? []
    if (isProduct(f) && sameShape(f.shape, v.shape) && varying.length + open.length < 8) for (const part of parts) open.push(part as V)
    else if (isConstantAlong(f, v.shape, axes)) constant.push(f)
    else varying.push(f)
  }
  if (constant.length === 0 || !varying.some((f) => sameShape(f.shape, v.shape))) return undefined
  return { varying: varying.sort((a, b) => a.id - b.id), constant }
}

function isConstantAlong(v: V, shape: Shape, axes: readonly number[]): boolean {
  const missing = shape.length - v.shape.length
  return axes.every((axis) => axis < missing || v.shape[axis - missing] === 1)
}
