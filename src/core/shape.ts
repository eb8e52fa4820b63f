// Arithmetic of static shapes. Symbolic dimensions belong to onnx/.
import { WhetstoneError } from './errors'

/** Sizes of a tensor's axes, outermost first; [] is a scalar. */
export type Shape = readonly number[]

/** Number of elements: ∏ shape. A scalar has 1. */
export function elementCount(shape: Shape): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** Whether both shapes have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

/**
 * The shape of an elementwise operation on `a` and `b`: aligned at the last axis, sizes equal or one of them 1
 * (ONNX, "Multidirectional broadcasting").
 *
 * @throws WhetstoneError `SHAPE_BROADCAST` when an axis differs and neither size is 1
 */
export function broadcastShape(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1
    const right = b[b.length - rank + i] ?? 1
    if (left !== right && left !== 1 && right !== 1) {
      throw new WhetstoneError('SHAPE_BROADCAST', 'The shapes cannot be broadcast together', {
        expected: 'sizes that are equal or 1, aligned at the last axis',
        got: `[${a.join(', ')}] and [${b.join(', ')}], which differ at axis ${i - rank}`,
      })
    }
    return left === 1 ? right : left
  })
}

/** Elements to skip for a step along each axis of a dense row-major tensor. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step
    step *= shape[axis] ?? 1
  }
  return strides
}
