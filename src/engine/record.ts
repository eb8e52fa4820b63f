// What has been asked for and not yet computed: one record a kernel call, pointing at the values it reads. Records hold
// no ONNX; lowerings write that when the graph they form is compiled for the first time.
import type { Shape } from '../core'
import type { NativeTensor } from '../runtime'
import type { KernelName } from './kernels'

/** Element types that the engine computes with; strings and complex numbers stay in TensorFlow.js's own form. */
export type EngineDType = 'float32' | 'int32' | 'bool'

/** The elements of a materialized value. */
export type EngineData = Float32Array | Int32Array | Uint8Array

/** A tensor's values: there (`data`), or to come from `call`. */
export class Lazy {
  data: EngineData | undefined
  /** The same data as ONNX Runtime's tensor, made once. */
  native: NativeTensor | undefined
  call: Call | undefined
  /** The one number that a large written array holds throughout, such as the ones of a gradient: written as such, not fed. */
  uniform: 0 | 1 | undefined
  /** A caller, a trace or an exported model may look at the array. Otherwise a later run may write into it, when no tensor is left. */
  seen = false
  /** Tensors that it is the value of. */
  holders = 0
  /** Depends on an input of a running trace, so it can never be materialized. */
  traced = false
  /** Why it could not be computed; thrown when it is read. */
  failure: Error | undefined
  constructor(readonly shape: Shape, readonly dtype: EngineDType) {}
}

/** A value as a kernel sees it: TensorFlow.js reshapes by looking at the same data with another shape. */
export interface View {
  readonly value: Lazy
  readonly shape: Shape
}

/** One kernel call. */
export interface Call {
  readonly kernel: KernelName
  /** Names of the inputs, in the order of `inputs`. */
  readonly names: readonly string[]
  readonly inputs: readonly View[]
  readonly attributes: unknown
  /** A number for kernel, names of the inputs and attributes: two calls with equal keys and inputs compute the same. */
  readonly key: number
  readonly outputs: readonly Lazy[]
}

/** Records a call; its outputs wait for a flush. */
export function record(
  kernel: KernelName, names: readonly string[], inputs: readonly View[], attributes: unknown,
  outputs: readonly { readonly shape: Shape; readonly dtype: EngineDType }[],
): Call {
  const call: Call = {
    kernel, names, inputs, attributes,
    key: numberOf(`${kernel}|${names.join()}|${attributes === undefined || attributes === null ? '' : attributesKey(attributes)}`),
    outputs: outputs.map((spec) => new Lazy(spec.shape, spec.dtype)),
  }
  const traced = inputs.some((view) => view.value.traced)
  if (traced) for (const { value } of inputs) value.seen = true
  for (const output of call.outputs) {
    output.call = call
    output.traced = traced
  }
  return call
}

const numbers = new Map<string, number>()
let nextNumber = 0

/** A number for a text, so that keys of whole graphs stay short. A forgotten text gets another number: a graph compiled twice. */
function numberOf(text: string): number {
  const known = numbers.get(text)
  if (known !== undefined) return known
  if (numbers.size >= 20_000) numbers.clear()
  numbers.set(text, nextNumber)
  return nextNumber++
}

/** Attributes as text that is equal exactly when they are; JSON alone writes NaN and the infinities as null. */
function attributesKey(attributes: object): string {
  const odd = Object.values(attributes).some((x) => typeof x === 'number' && (!Number.isFinite(x) || Object.is(x, -0)))
  return odd ? JSON.stringify(attributes, (_, x: unknown) => (typeof x === 'number' ? (Object.is(x, -0) ? '-0' : String(x)) : x))
    : JSON.stringify(attributes)
}

/** A materialized value. */
export function materialized(shape: Shape, dtype: EngineDType, data: EngineData): Lazy {
  const value = new Lazy(shape, dtype)
  value.data = data
  value.seen = true
  value.uniform = data.length >= UNIFORM_FROM ? uniformOf(data) : undefined
  return value
}

/** Arrays from this size on are looked at. Smaller ones (a layer's first bias) would only make one more graph. */
const UNIFORM_FROM = 4096

function uniformOf(data: EngineData): 0 | 1 | undefined {
  const [lead] = data
  if (lead !== 0 && lead !== 1) return undefined
  // By bits, so that -0 differs from 0; a plain loop, as this sees every large array.
  const bits = data instanceof Float32Array ? new Int32Array(data.buffer, data.byteOffset, data.length) : data
  const first = bits[0]
  for (let i = bits.length - 1; i > 0; i--) if (bits[i] !== first) return undefined
  return Object.is(lead, -0) ? undefined : lead
}
