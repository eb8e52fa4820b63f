// Which axes of a reshaped tensor come from which: the factorisation that both shapes share.
import type { Dim } from '../../../onnx'

/** Axes before and after that hold the same elements in the same order. */
export interface AxisGroup {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

interface Cursor {
  readonly shape: readonly Dim[]
  readonly axes: number[]
}

/**
 * Splits a reshape into the smallest groups of axes of equal products, from the front and from the back; what is left
 * between (sizes that are not numbers and do not match) is not in any group.
 */
export function reshapeGroups(before: readonly Dim[], after: readonly Dim[]): AxisGroup[] {
  // Axes of size 1 carry nothing.
  const a: Cursor = { shape: before, axes: before.flatMap((size, axis) => (size === 1 ? [] : [axis])) }
  const b: Cursor = { shape: after, axes: after.flatMap((size, axis) => (size === 1 ? [] : [axis])) }
  const front = take(a, b, 'shift')
  const back = take(a, b, 'pop')
  return [...front, ...back.reverse()]
}

function take(a: Cursor, b: Cursor, from: 'shift' | 'pop'): AxisGroup[] {
  const found: AxisGroup[] = []
  for (;;) {
    const group = next(a, b, from)
    if (group === undefined) return found
    found.push(group)
  }
}

function next(a: Cursor, b: Cursor, from: 'shift' | 'pop'): AxisGroup | undefined {
  const left = [...a.axes]
  const right = [...b.axes]
  const [i, j] = [left[from](), right[from]()]
  if (i === undefined || j === undefined) return undefined
  const [first, second] = [a.shape[i] ?? null, b.shape[j] ?? null]
  const [before, after] = [[i], [j]]
  if (typeof first === 'number' && typeof second === 'number') {
    let [p, q]: [number, number] = [first, second]
    while (p !== q) {
      const smaller = p < q
      const axis = (smaller ? left : right)[from]()
      const size = axis === undefined ? undefined : (smaller ? a : b).shape[axis]
      if (axis === undefined || typeof size !== 'number') return undefined
      if (smaller) {
        p *= size
        before.push(axis)
      } else {
        q *= size
        after.push(axis)
      }
    }
  } else if (first === null || first !== second) return undefined
  a.axes.splice(0, a.axes.length, ...left)
  b.axes.splice(0, b.axes.length, ...right)
  return { before: before.sort((x, y) => x - y), after: after.sort((x, y) => x - y) }
}
