// How this room runs a model without knowing any runtime: through a function that the caller gives.
import type { DType } from '../core'
import { Tensor } from '../onnx'

/** Element types that can go into a run and come out. */
export type RunDType = Exclude<DType,
  'bfloat16' | 'complex64' | 'complex128' | 'int4' | 'int2' | 'uint4' | 'uint2' | `float8e${string}` | `float6e${string}` | `float4e${string}`>

/** A tensor of a run; float16 as bit patterns, booleans as bytes. The runtime room's tensors are of this form. */
export interface RunTensor {
  readonly dtype: RunDType
  readonly shape: readonly number[]
  readonly data:
    | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
    | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | readonly string[]
}

/** The inputs or outputs of a run, by name. */
export type RunTensors = Readonly<Record<string, RunTensor>>

/**
 * Runs a model once: its bytes and inputs → its outputs. Turn the runtime's own optimizer off, or it is judged instead
 * of ours.
 *
 * @example
 * const run: RunFunction = (bytes, inputs) => {
 *   const session = Session.create(bytes, { optimization: 'disabled' })
 *   try { return session.runSync(inputs) } finally { session.dispose() }
 * }
 */
export type RunFunction = (model: Uint8Array, inputs: RunTensors) => RunTensors

const CARRIED: ReadonlySet<string> = new Set<RunDType>([
  'float32', 'float64', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint64', 'uint32', 'uint16', 'uint8', 'bool', 'string',
])

/** Whether runs carry elements of this type. */
export function isRunDType(dtype: DType | undefined): dtype is RunDType {
  return dtype !== undefined && CARRIED.has(dtype)
}

/** A model's tensor as the input of a run; undefined for a type that runs do not carry. */
export function toRunTensor(tensor: Tensor): RunTensor | undefined {
  const { dtype, shape } = tensor
  if (!isRunDType(dtype)) return undefined
  if (dtype !== 'float16') return { dtype, shape, data: tensor.toArray() }
  const bytes = Uint8Array.from(tensor.bytes)
  return { dtype, shape, data: new Uint16Array(bytes.buffer, 0, tensor.size) }
}

/** An output of a run as a model's tensor. */
export function fromRunTensor({ dtype, shape, data }: RunTensor): Tensor {
  if (!ArrayBuffer.isView(data)) return Tensor.from([...data], shape, 'string')
  return Tensor.ofBytes(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}
