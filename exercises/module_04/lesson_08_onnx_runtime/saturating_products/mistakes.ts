import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/saturating_products'

const clamp = (value: number): number => Math.min(32767, Math.max(-32768, value))
const RIGHT = {
  keep: clamp,
  whole: (sum: number): number => sum,
  length: (n: number): number => n,
  size: 2,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { keep, whole, length, size } = { ...RIGHT, ...wrong }
  return {
    integerDot(activations, weights) {
      let exact = 0, saturating = 0
      for (let i = 0; i < length(activations.length); i += size) {
        let pair = 0
        for (let k = i; k < i + size; k++) pair += (activations[k] ?? 0) * (weights[k] ?? 0)
        exact += pair
        saturating += keep(pair)
      }
      return { exact, saturating: whole(saturating) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'wraps-around',
    sentence: 'Your pair wraps around, as integers of most languages do. This instruction saturates: what is too large becomes 32767, not a negative number.',
    functions: variant({ keep: (pair) => (pair << 16) >> 16 }),
  },
  {
    name: 'clamps-products',
    sentence: 'You kept each product within 16 bits. One product of 8-bit numbers always fits; the sum of two does not.',
    functions: variant({ size: 1 }),
  },
  {
    name: 'clamps-the-sum',
    sentence: 'You kept the whole sum within 16 bits. Only the pairs are; their sum has 32.',
    functions: variant({ keep: (pair) => pair, whole: clamp }),
  },
  {
    name: 'symmetric-bounds',
    sentence: 'The smallest 16-bit integer is −32768, one further from 0 than the largest.',
    functions: variant({ keep: (pair) => Math.min(32767, Math.max(-32767, pair)) }),
  },
  {
    name: 'forgets-the-odd-one',
    sentence: 'With an odd number of elements the last one has no partner. It counts all the same, as a pair with 0.',
    functions: variant({ length: (n) => n - (n % 2) }),
  },
]
