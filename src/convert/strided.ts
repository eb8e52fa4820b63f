// Tensors over shared storages: PyTorch describes a tensor by storage, offset, sizes and strides; ONNX wants the elements
// one after the other.
import { DTYPES, elementCount, rowMajorStrides, stridedCopy, type DType, type Shape } from '../core'
import { formatShape } from '../onnx'
import { ConvertError } from './errors'

/** Elements of one tensor that are accepted: 2^33 bytes as float32. */
const MAX_ELEMENTS = 2 ** 31
const MAX_RANK = 64

/** Where the elements of a tensor are in its storage, all counted in elements. */
export interface Layout {
  readonly dtype: DType
  readonly shape: Shape
  readonly strides: readonly number[]
  readonly offset: number
}

/**
 * The first element after the last one that the tensor touches, counted in elements of the storage.
 *
 * @throws ConvertError `CONVERT_TENSOR`, `CONVERT_LIMIT` when the description is impossible
 */
export function reach({ shape, strides, offset }: Layout, where: string): number {
  const wrong = (got: string): ConvertError =>
    new ConvertError('CONVERT_TENSOR', 'A tensor is described impossibly', { got, where, fix: 'save the file again with its framework' })
  if (shape.length !== strides.length) throw wrong(`${shape.length} sizes and ${strides.length} strides`)
  if (shape.length > MAX_RANK) throw wrong(`${shape.length} axes`)
  for (const number of [...shape, ...strides, offset]) {
    if (!Number.isSafeInteger(number) || number < 0) throw wrong(`sizes ${formatShape(shape)}, strides ${formatShape(strides)}, offset ${offset}`)
  }
  const count = elementCount(shape)
  if (count > MAX_ELEMENTS) {
    throw new ConvertError('CONVERT_LIMIT', 'A tensor is larger than accepted', { expected: `at most ${MAX_ELEMENTS} elements`, got: `shape ${formatShape(shape)}`, where })
  }
  if (count === 0) return offset
  return shape.reduce((last, size, axis) => last + (size - 1) * (strides[axis] ?? 0), offset) + 1
}

/** Whether the elements lie one after the other in row-major order. */
export function isContiguous({ shape, strides }: Pick<Layout, 'shape' | 'strides'>): boolean {
  const dense = rowMajorStrides(shape)
  return shape.includes(0) || shape.every((size, axis) => size === 1 || strides[axis] === dense[axis])
}

/**
 * The elements in row-major order.
 *
 * @param storage bytes from the tensor's first element on (offset 0 of `layout` is their start)
 * @param budget bytes that are acceptable: a tensor whose strides repeat elements can be larger than its storage
 */
export function gather(storage: Uint8Array, layout: Layout, where: string, budget: number): Uint8Array {
  const size = DTYPES[layout.dtype].bits / 8
  const count = elementCount(layout.shape)
  const end = reach(layout, where)
  if (end * size > storage.byteLength) {
    throw new ConvertError('CONVERT_TENSOR', 'A tensor reaches beyond its storage', {
      expected: `${end * size} bytes`, got: `${storage.byteLength} bytes`, where, fix: 'save the file again with its framework',
    })
  }
  const start = layout.offset * size
  if (isContiguous(layout)) return storage.subarray(start, start + count * size)
  if (count * size > budget) {
    throw new ConvertError('CONVERT_LIMIT', 'An expanded tensor is much larger than its storage', {
      expected: `at most ${budget} bytes`, got: String(count * size), where, fix: 'save tensor.clone() instead',
    })
  }
  return stridedCopy(storage, size, layout.shape, layout.strides, layout.offset)
}
