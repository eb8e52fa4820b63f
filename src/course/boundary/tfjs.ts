// TensorFlow.js tensors at the boundary. The only untyped escape hatch of the course: this room does not depend on
// TensorFlow.js, so a tensor is known by its shape and made by the engine that TensorFlow.js keeps on `globalThis`.

/** A tensor as data. */
export interface TensorData {
  readonly dtype: unknown
  readonly shape: unknown
  readonly values: unknown
}

interface TensorLike {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly dataId: object
  dataSync(): unknown
  dispose(): void
}

interface Engine {
  makeTensor(values: unknown, shape: readonly number[], dtype: string): unknown
}

const engine = (): Engine | undefined => (globalThis as { _tfengine?: Engine })._tfengine

function isTensor(value: object): value is TensorLike {
  const made = value as Partial<TensorLike>
  return engine() !== undefined && !Object.hasOwn(value, 'dataSync') && typeof made.dataSync === 'function'
    && typeof made.dtype === 'string' && Array.isArray(made.shape) && typeof made.dataId === 'object'
}

/** The contents of a tensor, or undefined for any other object. */
export function readTensor(value: object): TensorData | undefined {
  if (!isTensor(value)) return undefined
  return { dtype: value.dtype, shape: value.shape.slice(), values: value.dataSync() }
}

const DTYPES = ['float32', 'int32', 'bool']

/** A tensor with these contents on the current backend, or undefined when the data is no tensor. */
export function writeTensor(data: TensorData): unknown {
  const { dtype, shape, values } = data
  const tf = engine()
  if (!tf || typeof dtype !== 'string' || !DTYPES.includes(dtype) || !Array.isArray(shape)) return undefined
  const sizes = shape as unknown[]
  if (!sizes.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)) return undefined
  const count = (sizes as number[]).reduce((product, size) => product * size, 1)
  if (!ArrayBuffer.isView(values) || (values as Uint8Array).length !== count) return undefined
  return tf.makeTensor(values, sizes as number[], dtype)
}

/** Frees the tensors in `value`, at most one container deep: those that the boundary made for one call. */
export function disposeTensors(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const item of [value, ...(Object.values(value) as unknown[])]) {
    if (typeof item === 'object' && item !== null && isTensor(item)) item.dispose()
  }
}
