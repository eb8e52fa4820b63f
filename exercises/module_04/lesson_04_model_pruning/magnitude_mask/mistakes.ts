import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/magnitude_mask'

const refuse = (sparsity: number): void => {
  if (!(sparsity >= 0 && sparsity < 1)) throw new Error('a sparsity lies in [0, 1)')
}

function variant(score: (w: number) => number, count = (s: number, n: number): number => Math.round(s * n)): Partial<typeof reference> {
  return {
    magnitudeMask(weights, sparsity) {
      refuse(sparsity)
      const places = [...weights.keys()].sort((a, b) => score(weights[a]!) - score(weights[b]!))
      const mask = new Uint8Array(weights.length).fill(1)
      for (const place of places.slice(0, count(sparsity, weights.length))) mask[place] = 0
      return mask
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'forgets-the-absolute-value',
    sentence: 'You ordered by w. A weight of −0.9 matters as much as one of 0.9: order by |w|.',
    functions: variant((w) => w),
  },
  {
    name: 'prunes-the-largest',
    sentence: 'You pruned the largest weights. Small ones are those that matter least.',
    functions: variant((w) => -Math.abs(w)),
  },
  {
    name: 'rounds-down',
    sentence: 'You rounded the number of weights down. It is round(s · n): with three weights and half of them, two.',
    functions: variant(Math.abs, (s, n) => Math.floor(s * n)),
  },
  {
    name: 'none-that-are-equal',
    sentence: 'You compared with the threshold, and all weights that are equal to it stayed. Then the count is not exact: go by places.',
    functions: { magnitudeMask(weights, sparsity) {
      refuse(sparsity)
      const threshold = weights.map(Math.abs).sort()[Math.round(sparsity * weights.length)] ?? Infinity
      return Uint8Array.from(weights, (w) => (Math.abs(w) < threshold ? 0 : 1))
    } },
  },
  {
    name: 'a-share-of-the-largest',
    sentence: 'You pruned what is smaller than s times the largest weight. The share s is a share of the number of weights, not of their size.',
    functions: { magnitudeMask(weights, sparsity) {
      refuse(sparsity)
      const largest = Math.max(...weights.map(Math.abs))
      return Uint8Array.from(weights, (w) => (Math.abs(w) < sparsity * largest ? 0 : 1))
    } },
  },
  {
    name: 'all-that-are-equal',
    sentence: 'You compared with the threshold, and all weights that are equal to it went. Then the count is not exact: go by places.',
    functions: { magnitudeMask(weights, sparsity) {
      refuse(sparsity)
      const count = Math.round(sparsity * weights.length)
      const threshold = count === 0 ? -1 : weights.map(Math.abs).sort()[count - 1]!
      return Uint8Array.from(weights, (w) => (Math.abs(w) <= threshold ? 0 : 1))
    } },
  },
  {
    name: 'sorts-words',
    sentence: 'JavaScript sorts the numbers of an Array as words unless you give it a comparison: "10" stands before "9".',
    functions: { magnitudeMask(weights, sparsity) {
      refuse(sparsity)
      const word = (place: number): string => String(Math.abs(weights[place]!))
      const places = [...weights.keys()].sort((a, b) => (word(a) < word(b) ? -1 : word(a) > word(b) ? 1 : 0))
      const mask = new Uint8Array(weights.length).fill(1)
      for (const place of places.slice(0, Math.round(sparsity * weights.length))) mask[place] = 0
      return mask
    } },
  },
  {
    name: 'accepts-any-share',
    sentence: 'A sparsity of 1 leaves nothing, and NaN means nothing: refuse both. Note that every comparison with NaN is false.',
    functions: { magnitudeMask(weights, sparsity) {
      const places = [...weights.keys()].sort((a, b) => Math.abs(weights[a]!) - Math.abs(weights[b]!))
      const mask = new Uint8Array(weights.length).fill(1)
      for (const place of places.slice(0, Math.max(0, Math.round(sparsity * weights.length)))) mask[place] = 0
      return mask
    } },
  },
]
