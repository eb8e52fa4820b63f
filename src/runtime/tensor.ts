// The tensors that go into a session and come out: a typed array with its type and shape. Element types are the ones
// that onnxruntime-node carries.
import { elementCount } from '../core'
import type { DType, Shape } from '../core'
import { RuntimeError } from './errors'

/** Element types of session inputs and outputs with the typed array that holds them. float16 as bit patterns. */
export interface TensorData {
  float32: Float32Array
  float64: Float64Array
  float16: Uint16Array
  int64: BigInt64Array
  int32: Int32Array
  int16: Int16Array
  int8: Int8Array
  uint64: BigUint64Array
  uint32: Uint32Array
  uint16: Uint16Array
  uint8: Uint8Array
  bool: Uint8Array
  string: readonly string[]
}

/** An element type that a session accepts. */
export type RuntimeDType = keyof TensorData & DType

/** A dense row-major tensor. */
export interface RuntimeTensor<T extends RuntimeDType = RuntimeDType> {
  readonly dtype: T
  readonly shape: Shape
  readonly data: TensorData[T]
}

/** `TensorProto.DataType` codes of the types a session accepts. */
const NAMES: ReadonlyMap<number, RuntimeDType> = new Map([
  [1, 'float32'], [2, 'uint8'], [3, 'int8'], [4, 'uint16'], [5, 'int16'], [6, 'int32'], [7, 'int64'], [8, 'string'],
  [9, 'bool'], [10, 'float16'], [11, 'float64'], [12, 'uint32'], [13, 'uint64'],
])

/** The element type with this `TensorProto.DataType` code, or undefined when sessions do not carry it. */
export function dtypeOfCode(code: number): RuntimeDType | undefined {
  return NAMES.get(code)
}

/**
 * A tensor from its parts.
 *
 * @throws RuntimeError `RUNTIME_INPUT` when `data` has another length than the shape says
 * @example
 * tensor('float32', [2, 2], Float32Array.of(1, 2, 3, 4))
 */
export function tensor<T extends RuntimeDType>(dtype: T, shape: Shape, data: TensorData[T]): RuntimeTensor<T> {
  const count = elementCount(shape)
  if (data.length !== count) {
    throw new RuntimeError('RUNTIME_INPUT', 'The data does not fill the shape', {
      expected: `${count} elements for [${shape.join(', ')}]`, got: `${data.length} elements`,
    })
  }
  return { dtype, shape, data }
}
