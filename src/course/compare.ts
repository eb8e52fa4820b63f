// Comparison of plain data: exact, or within a tolerance. NaN equals only NaN.
import { model } from './boundary/model'
import { readTensor } from './boundary/tfjs'

/** |got − expected| ≤ atol + rtol · |expected|, as numpy.allclose has it. Both 0: exact. */
export interface Tolerance {
  readonly atol?: number
  readonly rtol?: number
}

/** Where two values first differ: `[2].scale`, or '' for the whole, and the two parts there. */
export interface Difference {
  readonly at: string
  readonly got: unknown
  readonly expected: unknown
}

/** The first difference between plain values, or undefined when they agree. */
export function difference(got: unknown, expected: unknown, tolerance: Tolerance = {}, at = ''): Difference | undefined {
  const differ: Difference = { at, got, expected }
  if (typeof got === 'number' && typeof expected === 'number') return closeTo(got, expected, tolerance) ? undefined : differ
  if (typeof got !== 'object' || typeof expected !== 'object' || got === null || expected === null) {
    return Object.is(got, expected) ? undefined : differ
  }
  const left = readTensor(got), right = readTensor(expected)
  if (left || right) return left && right ? difference(left, right, tolerance, at) : differ
  const leftBytes = model.bytes(got), rightBytes = model.bytes(expected)
  if (leftBytes || rightBytes) return leftBytes && rightBytes && Buffer.compare(leftBytes, rightBytes) === 0 ? undefined : differ
  if (kindOf(got) !== kindOf(expected)) return differ
  const [a, b] = [got, expected] as [Record<string, unknown>, Record<string, unknown>]
  if (ArrayBuffer.isView(got) || Array.isArray(got)) {
    if ((a['length'] as number) !== b['length']) return differ
    for (let i = 0; i < (a['length'] as number); i++) {
      const found = difference(a[i], b[i], tolerance, `${at}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  for (const key of new Set([...Object.keys(b), ...Object.keys(a)])) {
    if (Object.hasOwn(a, key) !== Object.hasOwn(b, key)) return { at: `${at}.${key}`, got: a[key], expected: b[key] }
    const found = difference(a[key], b[key], tolerance, `${at}.${key}`)
    if (found) return found
  }
  return undefined
}

function closeTo(got: number, expected: number, { atol = 0, rtol = 0 }: Tolerance): boolean {
  if (got === expected || (Number.isNaN(got) && Number.isNaN(expected))) return true
  return Number.isFinite(got) && Number.isFinite(expected) && Math.abs(got - expected) <= atol + rtol * Math.abs(expected)
}

const kindOf = (value: object): string => Object.prototype.toString.call(value)
