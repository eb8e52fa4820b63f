// Values as JSON can carry them to the page: typed arrays and tensors as lists, no NaN, numbers no longer than needed.
import { NotebookError } from './errors'

/** A tensor of TensorFlow.js, as far as it is needed here; this room does not import the library. */
export interface TensorLike {
  readonly shape: readonly number[]
  readonly dtype: string
  arraySync(): unknown
  dataSync(): ArrayLike<number | string>
}

/** Whether a value is a TensorFlow.js tensor. */
export function isTensor(value: unknown): value is TensorLike {
  return typeof value === 'object' && value !== null && 'dataSync' in value && typeof value.dataSync === 'function'
    && 'arraySync' in value && typeof value.arraySync === 'function' && 'shape' in value && Array.isArray(value.shape)
    && 'dtype' in value && typeof value.dtype === 'string'
}

/** Depth of nesting that no figure reaches; more is a cycle. */
const MAX_DEPTH = 32

/** A list of numbers from an array, a typed array or a tensor. */
export function numbers(values: ArrayLike<number> | TensorLike): number[] {
  return Array.from(isTensor(values) ? (values.dataSync() as ArrayLike<number>) : values)
}

/**
 * The value with nothing in it that JSON cannot say: typed arrays and tensors become lists, NaN and infinities null,
 * float32 numbers lose the digits that they never had, bigints become numbers; functions and symbols are left out.
 *
 * @throws NotebookError `SHOW_CYCLE` when the value contains itself
 */
export function toPlain(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) {
    throw new NotebookError('SHOW_CYCLE', 'The value to show is nested too deeply, or contains itself', {
      expected: `at most ${MAX_DEPTH} levels`,
    })
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Float32Array) return Array.from(value, (x) => (Number.isFinite(x) ? Number(x.toPrecision(7)) : null))
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>, (x) => toPlain(x, depth + 1))
  }
  if (isTensor(value)) return toPlain(value.arraySync(), depth + 1)
  if (Array.isArray(value)) return value.map((item) => toPlain(item, depth + 1) ?? null)
  if (value instanceof Date) return value.toISOString()
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item, depth + 1)]))
}
