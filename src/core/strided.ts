// Elements of a strided view, one after the other: transpositions, slices, tensors over shared storages. Elements are only
// moved, so every type is a word of its size.
import { elementCount, type Shape } from './shape'

/** Sides of the square that a transposition moves at once: both rows and columns of it fit the first cache. */
const TILE = 32

type Words = Uint8Array | Uint16Array | Uint32Array
const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array } as const
type Axis = { readonly size: number, readonly stride: number }

/**
 * out[i₀, i₁, …] = from[offset + Σ iₐ strideₐ], row-major.
 *
 * @param from the storage as bytes
 * @param width bytes of an element: 1, 2, or a multiple of 4
 * @param strides elements to skip for a step along each axis; may be 0 or negative
 * @param offset of the first element, in elements. Every place must be inside of `from`: reaching beyond it gives zeros
 */
export function stridedCopy(from: Uint8Array, width: number, shape: Shape, strides: readonly number[], offset = 0): Uint8Array {
  const word = width % 4 === 0 ? 4 : width
  const Kind = WORDS[word as keyof typeof WORDS]
  const per = width / word
  const out = new Uint8Array(elementCount(shape) * width)
  if (out.length === 0) return out
  // A wide element is a short axis of words.
  const axes = merged([...shape.map((size, i) => ({ size, stride: (strides[i] ?? 0) * per })), { size: per, stride: 1 }])
  const source = from.byteOffset % word === 0 && from.byteLength % word === 0
    ? new Kind(from.buffer as ArrayBuffer, from.byteOffset, from.byteLength / word) : new Kind(Uint8Array.from(from.subarray(0, from.byteLength - from.byteLength % word)).buffer)
  move(source, new Kind(out.buffer), axes, offset * per)
  return out
}

/** Axes of size 1 left out, and neighbours that are one axis of the source made one. */
function merged(axes: readonly Axis[]): Axis[] {
  const list: Axis[] = []
  for (const axis of axes.filter(({ size }) => size !== 1)) {
    const last = list.at(-1)
    if (last !== undefined && last.stride === axis.stride * axis.size) list[list.length - 1] = { size: last.size * axis.size, stride: axis.stride }
    else list.push(axis)
  }
  return list.length > 0 ? list : [{ size: 1, stride: 1 }]
}

/** An odometer over the outer axes; the innermost one, or a square of two, is a loop of its own. */
function move(from: Words, to: Words, axes: readonly Axis[], offset: number): void {
  const inner = axes[axes.length - 1] ?? { size: 1, stride: 1 }
  // Where the source runs along another axis, rows would skip through memory: both axes are then walked in squares.
  const fast = inner.stride === 1 ? -1 : axes.findIndex(({ stride, size }, i) => i < axes.length - 1 && stride === 1 && size >= 8)
  const outer = axes.flatMap((axis, i) => (i === fast || i === axes.length - 1 ? [] : [{ ...axis, step: axes.slice(i + 1).reduce((n, { size }) => n * size, 1) }]))
  const across = axes[fast]
  const acrossStep = axes.slice(fast + 1).reduce((n, { size }) => n * size, 1)
  const index = outer.map(() => 0)
  let [source, target] = [offset, 0]
  for (;;) {
    if (across !== undefined) square(from, to, source, target, inner, across, acrossStep)
    else if (inner.stride === 1 && inner.size >= 16) to.set(from.subarray(source, source + inner.size), target)
    else for (let i = 0, at = source; i < inner.size; i++, at += inner.stride) to[target + i] = from[at] ?? 0
    let k = outer.length - 1
    for (; k >= 0; k--) {
      const { size, stride, step } = outer[k] as (typeof outer)[number]
      source += stride
      target += step
      index[k] = (index[k] ?? 0) + 1
      if ((index[k] ?? 0) < size) break
      source -= stride * size
      target -= step * size
      index[k] = 0
    }
    if (k < 0) return
  }
}

/** to[target + j · step + i] = from[source + i · inner.stride + j], in squares. */
function square(from: Words, to: Words, source: number, target: number, inner: Axis, across: Axis, step: number): void {
  for (let j0 = 0; j0 < across.size; j0 += TILE) {
    const j1 = Math.min(across.size, j0 + TILE)
    for (let i0 = 0; i0 < inner.size; i0 += TILE) {
      const i1 = Math.min(inner.size, i0 + TILE)
      for (let j = j0; j < j1; j++) {
        for (let i = i0, at = source + i0 * inner.stride + j; i < i1; i++, at += inner.stride) to[target + j * step + i] = from[at] ?? 0
      }
    }
  }
}
