// Recognises a mistake by what it answers, without holding its code: what a student's folder has in the place of the
// mistakes' functions, which are nearly the solution.
import { sha256 } from '../core'
import { decode } from './boundary/codec'
import { model } from './boundary/model'
import { disposeTensors, readTensor } from './boundary/tfjs'
import type { RecordedCall } from './subject'

/** A mistake without its functions. */
export interface RecognisedMistake {
  readonly name: string
  readonly sentence: string
}

/** Mistakes by the signature of a check that they fail. */
export type RecognisedTable = Readonly<Record<string, RecognisedMistake>>

/** Digits that answers share which differ by the order of their sums. */
const DIGITS = 4

/** Stands for a check and every call that it made, with what came back, numbers rounded. */
export function signatureOf(check: string, calls: readonly RecordedCall[]): string {
  const said = calls.map(({ name, args, outcome }) => [name, args, outcome === undefined ? null : outcome.ok ? answer(outcome.value) : [outcome.reason, outcome.error.name]])
  return sha256(JSON.stringify([check, said])).slice(0, 16)
}

function answer(wire: unknown): unknown {
  let value: unknown
  try {
    value = decode(wire)
  } catch {
    return 'unreadable'
  }
  const text = rounded(value)
  disposeTensors(value)
  return text
}

function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) || !Number.isFinite(value) ? String(value) : value.toPrecision(DIGITS)
  if (typeof value === 'bigint') return `${value}n`
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return value
  const tensor = readTensor(value)
  if (tensor) return ['tensor', tensor.dtype, tensor.shape, rounded(tensor.values)]
  const bytes = model.bytes(value)
  if (bytes) return ['model', sha256(bytes)]
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return [value.constructor.name, Array.from(value as ArrayLike<unknown>, rounded)]
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, rounded(item)])
}
