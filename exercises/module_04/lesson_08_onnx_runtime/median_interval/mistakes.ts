import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/median_interval'

const RIGHT = {
  sort: (values: number[]): number[] => [...values].sort((a, b) => a - b),
  /** Probability that is left when `below` is Σ_{i<k} C(n, i) / 2ⁿ. */
  covered: (below: number): number => 1 - 2 * below,
  /** Terms i = 0 … of the sum for a k. */
  terms: (k: number): number => k,
  pick: (sorted: number[], k: number): [number, number] | null => (k < 1 ? null : [sorted[k - 1]!, sorted[sorted.length - k]!]),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { sort, covered, terms, pick } = { ...RIGHT, ...wrong }
  const below = (n: number, count: number): number => {
    let term = 0.5 ** n, sum = 0
    for (let i = 0; i < count; i++) {
      sum += term
      term *= (n - i) / (i + 1)
    }
    return sum
  }
  return {
    medianInterval(samples, confidence) {
      const n = samples.length
      let k = 0
      while (k < Math.floor(n / 2) && covered(below(n, terms(k + 1))) >= confidence) k++
      return pick(sort(samples), k)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'one-sided',
    sentence: 'You took the chance of one side only. The median can be missed below and above: the sum counts twice.',
    functions: variant({ covered: (below) => 1 - below }),
  },
  {
    name: 'sum-to-k',
    sentence: 'Your sum has one term too many: it is over i < k, without k itself. The interval becomes wider than it must be.',
    functions: variant({ terms: (k) => k + 1 }),
  },
  {
    name: 'unsorted',
    sentence: 'You counted from the ends of the list as it was measured. Sort it first.',
    functions: variant({ sort: (values) => values }),
  },
  {
    name: 'sorts-as-words',
    sentence: 'sort() without a comparison sorts numbers as words: 10 comes before 2.',
    functions: variant({ sort: (values) => [...values].sort() }),
  },
  {
    name: 'smallest-to-largest',
    sentence: 'You gave the smallest and the largest sample. One disturbed run then decides; take the largest k that is confident enough.',
    functions: variant({ pick: (sorted, k) => (k < 1 ? null : [sorted[0]!, sorted.at(-1)!]) }),
  },
  {
    name: 'never-null',
    sentence: 'With so few samples no interval has that confidence. Say so with null; the range of the samples is not an answer.',
    functions: variant({ pick: (sorted, k) => RIGHT.pick(sorted, Math.max(1, k)) }),
  },
]
