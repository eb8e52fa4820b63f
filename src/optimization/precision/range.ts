// What 16-bit floats can hold, and what of a model they cannot: the analysis behind the choice of nodes that stay in float32.
import type { Tensor } from '../../onnx'
import { floats } from '../constants'

/** The 16-bit floating point types. */
export type HalfType = 'float16' | 'bfloat16'

/** What a type represents (IEEE 754-2019, table 3.5; bfloat16: the upper half of a float32). */
export interface HalfFacts {
  /** Largest finite number. */
  readonly largest: number
  /** Smallest positive number, subnormal. */
  readonly smallest: number
  /** Relative error of rounding: 2^−(bits of the fraction + 1). */
  readonly epsilon: number
}

export const HALF: Readonly<Record<HalfType, HalfFacts>> = {
  float16: { largest: 65504, smallest: 2 ** -24, epsilon: 2 ** -11 },
  bfloat16: { largest: 3.3895313892515355e38, smallest: 2 ** -133, epsilon: 2 ** -8 },
}

/** What a constant loses in a type. */
export interface WeightRange {
  readonly largest: number
  /** Share of the numbers that are not zero and become zero. */
  readonly flushed: number
  /** Share of the numbers that become infinite. */
  readonly overflowed: number
}

/** What becomes of the numbers of a float tensor. Half of the smallest number and less becomes zero. */
export function weightRange(tensor: Tensor, type: HalfType): WeightRange {
  const data = floats(tensor)
  const { largest: limit, smallest, epsilon } = HALF[type]
  let [largest, flushed, overflowed] = [0, 0, 0]
  for (let i = 0; i < data.length; i++) {
    const x = Math.abs(data[i] ?? 0)
    if (x > largest) largest = x
    if (x !== 0 && x <= smallest / 2) flushed++
    // Beyond the largest number by half a step rounding goes to infinity.
    if (x >= limit * (1 + epsilon / 2)) overflowed++
  }
  const count = Math.max(1, data.length)
  return { largest, flushed: flushed / count, overflowed: overflowed / count }
}

/** The reason why a constant must stay in float32, or undefined. */
export function unsafeConstant(tensor: Tensor, type: HalfType): string | undefined {
  const { largest, flushed, overflowed } = weightRange(tensor, type)
  if (overflowed > 0) return `a constant of ${largest.toPrecision(4)} overflows ${type}`
  // A single small number, such as the ε of a normalization, is there to keep a divisor from being 0.
  if (flushed > 0 && (tensor.size <= 4 || flushed > 0.01)) {
    return tensor.size <= 4 ? `a constant of ${largest.toPrecision(4)} becomes 0 in ${type}` : `${(flushed * 100).toFixed(1)}% of a constant becomes 0 in ${type}`
  }
  return undefined
}
