import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/affine_parameters'

interface Parts {
  widen: (low: number, high: number) => [number, number]
  steps: (bits: number) => number
  zero: (low: number, scale: number) => number
  empty: boolean
}

const RIGHT: Parts = {
  widen: (low, high) => [Math.min(low, 0), Math.max(high, 0)],
  steps: (bits) => 2 ** bits - 1,
  zero: (low, scale) => Math.round(-low / scale),
  empty: true,
}

function variant(wrong: Partial<Parts>): Partial<typeof reference> {
  const { widen, steps, zero, empty } = { ...RIGHT, ...wrong }
  return {
    affineParameters(low, high, bits) {
      const [least, most] = widen(low, high)
      if (empty && least === most) return { scale: 1, zeroPoint: 0 }
      const scale = (most - least) / steps(bits)
      return { scale, zeroPoint: zero(least, scale) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'zero-outside',
    sentence: 'Your range leaves real 0 out, so no integer stands for it: every zero that ReLU or padding makes would be wrong.',
    functions: variant({ widen: (low, high) => [low, high] }),
  },
  {
    name: 'counts-integers-not-steps',
    sentence: 'You divided by the number of integers. Between 256 integers lie 255 steps, and the last one must reach the end of the range.',
    functions: variant({ steps: (bits) => 2 ** bits }),
  },
  {
    name: 'zero-point-not-whole',
    sentence: 'Your zero point is not a whole number, but it is stored as an integer: round it.',
    functions: variant({ zero: (low, scale) => -low / scale }),
  },
  {
    name: 'zero-point-rounded-down',
    sentence: 'You rounded the zero point down. The nearest integer moves the range by at most half a step.',
    functions: variant({ zero: (low, scale) => Math.floor(-low / scale) }),
  },
  {
    name: 'signed-integers',
    sentence: 'Your zero point is made for signed integers, with half of them below zero. Here the integers begin at 0.',
    functions: { affineParameters(low, high, bits) {
      const [least, most] = RIGHT.widen(low, high)
      if (least === most) return { scale: 1, zeroPoint: 0 }
      const scale = (most - least) / (2 ** bits - 1)
      return { scale, zeroPoint: Math.round(-least / scale) - 2 ** (bits - 1) }
    } },
  },
  {
    name: 'no-width',
    sentence: 'A range without a width gives a scale of 0, and dividing by it gives NaN. Say what that range gets before you divide.',
    functions: variant({ empty: false }),
  },
]
