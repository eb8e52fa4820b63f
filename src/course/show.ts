// Values as a learner would write them, cut to a readable length. Reads only plain data that came out of the boundary.
import { model } from './boundary/model'
import { readTensor } from './boundary/tfjs'

/** Items of an array and characters of a text before the rest is counted instead of shown. */
const ITEMS = 12
const CHARACTERS = 160

/** A short readable form: `[1, 8, 28, 28]`, `Float32Array(1000) [0.5, …, 988 more]`. */
export function show(value: unknown, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value.length > CHARACTERS ? value.slice(0, CHARACTERS) + '…' : value)
  if (typeof value === 'number') return number(value)
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? 'a function' : String(value)
  if (depth > 3) return '…'
  const tensor = readTensor(value)
  if (tensor) return `${String(tensor.dtype)} tensor of shape ${show(tensor.shape)} ${show(tensor.values, depth + 1)}`
  const described = model.describe(value)
  if (described !== undefined) return described
  if (ArrayBuffer.isView(value)) {
    const array = value as unknown as ArrayLike<unknown> & object
    return `${array.constructor.name}(${array.length}) ${list(array, depth)}`
  }
  if (Array.isArray(value)) return list(value as unknown[], depth)
  const entries = Object.entries(value)
  if (entries.length === 0) return '{}'
  const shown = entries.slice(0, ITEMS).map(([key, item]) => `${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}: ${show(item, depth + 1)}`)
  return `{ ${shown.join(', ')}${entries.length > ITEMS ? `, … ${entries.length - ITEMS} more` : ''} }`
}

function list(items: ArrayLike<unknown>, depth: number): string {
  const shown = Array.from({ length: Math.min(items.length, ITEMS) }, (_, i) => show(items[i], depth + 1))
  return `[${shown.join(', ')}${items.length > ITEMS ? `, … ${items.length - ITEMS} more` : ''}]`
}

// Seven digits tell float32 values apart; more would be noise of the conversion to float64.
function number(value: number): string {
  return Object.is(value, -0) ? '-0' : Number.isInteger(value) || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(7)))
}
