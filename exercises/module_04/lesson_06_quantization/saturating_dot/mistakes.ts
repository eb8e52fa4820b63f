import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/saturating_dot'

const clamp = (value: number): number => Math.min(32767, Math.max(-32768, value))

const RIGHT = {
  hold: clamp,
  lost: (pair: number, held: number): boolean => pair !== held,
  end: (length: number): number => length,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { hold, lost, end } = { ...RIGHT, ...wrong }
  return {
    saturatingDot(x, weights) {
      const result = { exact: 0, saturating: 0, saturated: 0 }
      for (let i = 0; i < end(x.length); i += 2) {
        const pair = (x[i] ?? 0) * (weights[i] ?? 0) + (x[i + 1] ?? 0) * (weights[i + 1] ?? 0)
        const held = hold(pair)
        result.exact += pair
        result.saturating += held
        if (lost(pair, held)) result.saturated++
      }
      return result
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'wraps-round',
    sentence: 'Your 16-bit sum wraps round to the other sign. This instruction saturates: it stops at the end.',
    functions: variant({ hold: (pair) => (pair << 16) >> 16 }),
  },
  {
    name: 'each-product',
    sentence: 'You clamped each product. A product of two 8-bit numbers always fits 16 bits; the sum of two does not.',
    functions: { saturatingDot(x, weights) {
      const result = { exact: 0, saturating: 0, saturated: 0 }
      x.forEach((q, i) => {
        const product = q * (weights[i] ?? 0)
        result.exact += product
        result.saturating += clamp(product)
        if (clamp(product) !== product) result.saturated++
      })
      return result
    } },
  },
  {
    name: 'the-whole-sum',
    sentence: 'You clamped the running sum. Only the sum of a pair is in 16 bits; pairs are added in 32.',
    functions: { saturatingDot(x, weights) {
      const result = { exact: 0, saturating: 0, saturated: 0 }
      for (let i = 0; i < x.length; i += 2) {
        const pair = (x[i] ?? 0) * (weights[i] ?? 0) + (x[i + 1] ?? 0) * (weights[i + 1] ?? 0)
        result.exact += pair
        const sum = result.saturating + pair
        result.saturating = clamp(sum)
        if (result.saturating !== sum) result.saturated++
      }
      return result
    } },
  },
  {
    name: 'odd-element-lost',
    sentence: 'With an odd length your last element is lost. It is a pair with 0.',
    functions: variant({ end: (length) => length - (length % 2) }),
  },
  {
    name: 'counts-all-pairs',
    sentence: 'You counted every pair, not those that did not fit.',
    functions: variant({ lost: () => true }),
  },
]
