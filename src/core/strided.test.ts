// The strided copy beside its definition, element by element.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { elementCount, rowMajorStrides } from './shape'
import { stridedCopy } from './strided'

const width = fc.constantFrom(1, 2, 4, 8, 16)

/** out[i₀, i₁, …] = from[offset + Σ iₐ strideₐ], as it is written. */
function definition(from: Uint8Array, bytes: number, shape: readonly number[], strides: readonly number[], offset: number): number[] {
  const own = rowMajorStrides(shape)
  return Array.from({ length: elementCount(shape) }, (_, i) => {
    const place = shape.reduce((at, size, axis) => at + (Math.floor(i / (own[axis] ?? 1)) % size) * (strides[axis] ?? 0), offset)
    return [...from.subarray(place * bytes, (place + 1) * bytes)]
  }).flat()
}
const numbered = (count: number, skip: number): Uint8Array => Uint8Array.from({ length: count + skip }, (_, i) => (i * 151 + (i >> 8) * 7) % 256).subarray(skip)

test('transpositions of any rank and width, also of storages that are not aligned', () => {
  const sizes = fc.oneof(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }), fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 20, max: 70 }), fc.integer({ min: 20, max: 70 })))
  fc.assert(fc.property(sizes.chain((shape) => fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }))), width, fc.integer({ min: 0, max: 3 }), ([shape, order], bytes, skip) => {
    const from = numbered(elementCount(shape) * bytes, skip)
    const strides = rowMajorStrides(shape)
    const [out, along] = [order.map((axis) => shape[axis] ?? 1), order.map((axis) => strides[axis] ?? 1)]
    expect([...stridedCopy(from, bytes, out, along)]).toEqual(definition(from, bytes, out, along, 0))
  }))
})

test('slices, repeats and reversals', () => {
  const axis = fc.record({ size: fc.integer({ min: 1, max: 20 }), stride: fc.integer({ min: -3, max: 3 }) })
  fc.assert(fc.property(fc.array(axis, { maxLength: 3 }), width, (axes, bytes) => {
    const [shape, strides] = [axes.map(({ size }) => size), axes.map(({ stride }) => stride)]
    const [low, high] = [Math.min, Math.max].map((pick) => axes.reduce((sum, { size, stride }) => sum + pick(0, (size - 1) * stride), 0)) as [number, number]
    const from = numbered((high - low + 1) * bytes, 0)
    expect([...stridedCopy(from, bytes, shape, strides, -low)]).toEqual(definition(from, bytes, shape, strides, -low))
  }))
})

test('nothing, and one element', () => {
  expect(stridedCopy(numbered(8, 0), 4, [3, 0], [1, 1])).toEqual(new Uint8Array(0))
  expect([...stridedCopy(numbered(8, 0), 2, [], [], 1)]).toEqual([...numbered(8, 0).subarray(2, 4)])
})
