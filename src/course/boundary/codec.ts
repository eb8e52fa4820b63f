// What may cross between a check and the function it checks, and in which form: a JSON value, so that the same check
// works in one process and across two. Everything is copied; nothing that can run code while it is read gets through.
import { types } from 'node:util'
import { WhetstoneError } from '../../core'
import { model } from './model'
import { readTensor, writeTensor } from './tfjs'

/** A value on its way: JSON. An object is a tagged form, see `encode`. */
export type Wire = null | boolean | number | string | readonly Wire[] | { readonly $: string; readonly v: Wire }

/** Containers inside containers. Real arguments nest a handful deep; more is a cycle or an attack. */
export const MAX_DEPTH = 32
/** Values in all, typed arrays counting as one. */
export const MAX_VALUES = 1_000_000
/** Bytes of strings and typed arrays in all: the largest weights a lesson hands over are a few megabytes. */
export const MAX_BYTES: number = 64 * 1024 * 1024

/** A value that cannot cross, or a message that is not a value. The message says where it is, e.g. `result.shape[1]`. */
export class BoundaryError extends WhetstoneError {
  override readonly name: string = 'BoundaryError'
}

const TYPED_ARRAYS = {
  Float32Array, Float64Array, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  BigInt64Array, BigUint64Array,
} as const

type TypedArrayName = keyof typeof TYPED_ARRAYS

interface Budget {
  values: number
  bytes: number
}

function spend(budget: Budget, bytes: number, where: string): void {
  budget.values += 1
  budget.bytes += bytes
  if (budget.values > MAX_VALUES || budget.bytes > MAX_BYTES) {
    throw new BoundaryError('BOUNDARY_TOO_LARGE', 'The value is too large to be checked', {
      expected: `at most ${MAX_VALUES} values and ${MAX_BYTES / 1024 / 1024} MB`,
      where,
    })
  }
}

function refuse(what: string, where: string): never {
  throw new BoundaryError('BOUNDARY_KIND', `${what} cannot be checked`, {
    expected: 'numbers, strings, booleans, null, undefined, arrays, plain objects, typed arrays, tensors and ONNX models',
    where,
    fix: 'return plain data',
  })
}

/**
 * Copies `value` into its wire form.
 *
 * Numbers that JSON has no word for (NaN, ±Infinity, −0), undefined, bigint, plain objects, typed arrays, tensors and
 * models become `{ $: tag, v }`.
 *
 * @throws BoundaryError for functions, promises, proxies, getters, class instances, sparse arrays, cycles and symbols
 */
export function encode(value: unknown, where = 'value'): Wire {
  return encodeAt(value, where, 0, { values: 0, bytes: 0 })
}

function encodeAt(value: unknown, where: string, depth: number, budget: Budget): Wire {
  switch (typeof value) {
    case 'number':
      spend(budget, 8, where)
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: 'number', v: Object.is(value, -0) ? '-0' : String(value) }
    case 'string':
      spend(budget, value.length * 2, where)
      return value
    case 'boolean':
      spend(budget, 1, where)
      return value
    case 'undefined':
      return { $: 'undefined', v: null }
    case 'bigint':
      spend(budget, 8, where)
      return { $: 'bigint', v: value.toString() }
    case 'function':
      return refuse('A function', where)
    case 'symbol':
      return refuse('A symbol', where)
    case 'object':
      return value === null ? null : encodeObject(value, where, depth, budget)
  }
}

function encodeObject(value: object, where: string, depth: number, budget: Budget): Wire {
  // A proxy answers every question as it likes, so it is turned away before the first one.
  if (types.isProxy(value)) return refuse('A proxy', where)
  if (types.isPromise(value)) return refuse('A promise inside a value', where)
  if (depth >= MAX_DEPTH) {
    throw new BoundaryError('BOUNDARY_TOO_DEEP', 'The value nests too deep, or contains itself', {
      expected: `at most ${MAX_DEPTH} levels`, where,
    })
  }
  if (types.isTypedArray(value)) return encodeTypedArray(value, where, budget)
  if (Array.isArray(value)) return encodeArray(value, where, depth, budget)
  const tensor = readTensor(value)
  if (tensor) return { $: 'tensor', v: encodeAt([tensor.dtype, tensor.shape, tensor.values], where, depth + 1, budget) }
  const bytes = model.bytes(value)
  if (bytes) {
    spend(budget, bytes.byteLength, where)
    return { $: 'model', v: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') }
  }
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return refuse(`An object of a class (${className(prototype)})`, where)
  if (prototype !== null && !Object.hasOwn(prototype, 'hasOwnProperty')) return refuse('An object with a prototype of its own', where)
  spend(budget, 0, where)
  const entries: Wire[] = []
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (!('value' in property)) return refuse('A property with a getter', `${where}.${key}`)
    if (!property.enumerable) continue
    spend(budget, key.length * 2, where)
    entries.push([key, encodeAt(property.value, `${where}.${key}`, depth + 1, budget)])
  }
  return { $: 'object', v: entries }
}

function encodeArray(value: readonly unknown[], where: string, depth: number, budget: Budget): Wire {
  spend(budget, 0, where)
  const length = value.length
  if (budget.values + length > MAX_VALUES) spend(budget, MAX_BYTES + 1, where)
  const items: Wire[] = []
  for (let i = 0; i < length; i++) {
    const property = Object.getOwnPropertyDescriptor(value, i)
    if (!property) return refuse('An array with holes', `${where}[${i}]`)
    if (!('value' in property)) return refuse('A property with a getter', `${where}[${i}]`)
    items.push(encodeAt(property.value, `${where}[${i}]`, depth + 1, budget))
  }
  return items
}

// The accessors of %TypedArray%.prototype read internal slots, so an object cannot lie about its bytes or its class.
const slot = (name: string | symbol): ((array: object) => unknown) => {
  const accessor = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype) as object, name)
  return (array) => accessor?.get?.call(array) as unknown
}
const classOf = slot(Symbol.toStringTag), bufferOf = slot('buffer'), offsetOf = slot('byteOffset'), lengthOf = slot('byteLength')

function encodeTypedArray(value: object, where: string, budget: Budget): Wire {
  const name = classOf(value) as string
  if (!(name in TYPED_ARRAYS)) return refuse(`A ${name}`, where)
  const bytes = Buffer.from(bufferOf(value) as ArrayBuffer, offsetOf(value) as number, lengthOf(value) as number)
  spend(budget, bytes.byteLength, where)
  return { $: name, v: bytes.toString('base64') }
}

function className(prototype: object): string {
  const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown
  return typeof constructor === 'function' ? constructor.name : 'unnamed'
}

/**
 * A fresh value from its wire form, which may come from a process that is not trusted.
 *
 * @throws BoundaryError `BOUNDARY_MESSAGE` for anything that `encode` would not have written
 */
export function decode(wire: unknown, where = 'value'): unknown {
  return decodeAt(wire, where, 0, { values: 0, bytes: 0 })
}

function decodeAt(wire: unknown, where: string, depth: number, budget: Budget): unknown {
  if (depth > MAX_DEPTH + 1) malformed(where)
  if (typeof wire === 'string') spend(budget, wire.length * 2, where)
  else spend(budget, 8, where)
  if (wire === null || typeof wire === 'boolean' || typeof wire === 'string' || typeof wire === 'number') return wire
  if (Array.isArray(wire)) return wire.map((item, i) => decodeAt(item, `${where}[${i}]`, depth + 1, budget))
  if (typeof wire !== 'object') malformed(where)
  const { $: tag, v } = wire as { $?: unknown; v?: unknown }
  if (typeof tag !== 'string') malformed(where)
  if (tag === 'undefined') return undefined
  if (tag === 'number') return v === '-0' || v === 'NaN' || v === 'Infinity' || v === '-Infinity' ? Number(v) : malformed(where)
  if (tag === 'bigint') return typeof v === 'string' && /^-?\d{1,4000}$/.test(v) ? BigInt(v) : malformed(where)
  if (tag === 'object') return decodeEntries(v, where, depth, budget)
  if (tag === 'tensor') {
    const parts = decodeAt(v, where, depth + 1, budget)
    const [dtype, shape, values] = Array.isArray(parts) ? (parts as unknown[]) : []
    return writeTensor({ dtype, shape, values }) ?? malformed(where)
  }
  if (typeof v !== 'string') malformed(where)
  spend(budget, v.length, where)
  const bytes = new Uint8Array(Buffer.from(v, 'base64'))
  if (tag === 'model') return readModelAt(bytes, where)
  if (!Object.hasOwn(TYPED_ARRAYS, tag)) malformed(where)
  const TypedArray = TYPED_ARRAYS[tag as TypedArrayName]
  return bytes.byteLength % TypedArray.BYTES_PER_ELEMENT === 0 ? new TypedArray(bytes.buffer) : malformed(where)
}

function decodeEntries(entries: unknown, where: string, depth: number, budget: Budget): Record<string, unknown> {
  if (!Array.isArray(entries)) malformed(where)
  const object: Record<string, unknown> = {}
  for (const entry of entries as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== 'string') malformed(where)
    const [key, value] = entry as [string, unknown]
    // defineProperty, because an assignment to __proto__ would change the prototype.
    Object.defineProperty(object, key, {
      value: decodeAt(value, `${where}.${key}`, depth + 1, budget), enumerable: true, writable: true, configurable: true,
    })
  }
  return object
}

function readModelAt(bytes: Uint8Array, where: string): unknown {
  try {
    return model.read(bytes)
  } catch (cause) {
    return malformed(where, cause)
  }
}

function malformed(where: string, cause?: unknown): never {
  throw new BoundaryError('BOUNDARY_MESSAGE', 'The message is not a value in wire form', { where, cause })
}
