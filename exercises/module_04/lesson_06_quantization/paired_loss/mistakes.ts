import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/paired_loss'

const RIGHT = {
  refuse: true,
  loss: (b: number, c: number, n: number): number => (100 * (b - c)) / n,
  error: (b: number, c: number, n: number, _before: number, _after: number): number => (100 * Math.sqrt(b + c - (b - c) ** 2 / n)) / n,
  atMost: (loss: number, error: number): number => loss + 1.645 * error,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { refuse, loss, error, atMost } = { ...RIGHT, ...wrong }
  return {
    pairedLoss(before, after) {
      const n = before.length
      if (refuse && (n === 0 || after.length !== n)) throw new Error('not paired')
      const b = before.filter((right, i) => right && after[i] === false).length
      const c = after.filter((right, i) => right && before[i] === false).length
      const points = loss(b, c, n)
      const spread = error(b, c, n, before.filter(Boolean).length / n, after.filter(Boolean).length / n)
      return { loss: points, error: spread, atMost: atMost(points, spread) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'as-if-independent',
    sentence: 'You took the errors of two accuracies of their own. The samples are the same, so only disagreements count, and the error is much smaller.',
    functions: variant({ error: (_b, _c, n, p, q) => 100 * Math.sqrt((p * (1 - p)) / n + (q * (1 - q)) / n) }),
  },
  {
    name: 'share-not-points',
    sentence: 'Your numbers are shares of 1. Accuracy is reported in percentage points here: a hundred times as much.',
    functions: variant({ loss: (b, c, n) => (b - c) / n, error: (b, c, n) => Math.sqrt(b + c - (b - c) ** 2 / n) / n }),
  },
  {
    name: 'sign-reversed',
    sentence: 'The sign is the other way round: what was right before and is wrong after is a loss, above 0.',
    functions: variant({ loss: (b, c, n) => (100 * (c - b)) / n }),
  },
  {
    name: 'divides-under-the-root',
    sentence: 'You divided by n under the root, so the error is √n times too large. Divide after taking the root.',
    functions: variant({ error: (b, c, n) => 100 * Math.sqrt((b + c - (b - c) ** 2 / n) / n) }),
  },
  {
    name: 'two-sided',
    sentence: 'You used 1.96, which belongs to an interval with two ends. Here only one end is asked for: 1.645.',
    functions: variant({ atMost: (loss, error) => loss + 1.96 * error }),
  },
  {
    name: 'only-the-losses',
    sentence: 'You counted only what was lost. Quantization also turns some wrong answers right by chance, and they count against it.',
    functions: variant({ loss: (b, _c, n) => (100 * b) / n }),
  },
  {
    name: 'pairs-anything',
    sentence: 'You compared lists that are not of the same samples, or empty ones. Refuse them: a number that means nothing is worse than none.',
    functions: variant({ refuse: false }),
  },
]
