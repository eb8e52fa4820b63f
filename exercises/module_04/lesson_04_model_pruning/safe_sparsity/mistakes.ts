import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/safe_sparsity'
import type { PrunedScore, Score } from './exercise'

const accuracy = ({ right, of }: Score): number => right / of
const variance = (s: Score): number => (accuracy(s) * (1 - accuracy(s))) / s.of
const RIGHT = {
  bound: (dense: Score, one: Score): number => accuracy(dense) - accuracy(one) + 1.645 * Math.sqrt(variance(dense) + variance(one)),
  order: (pruned: PrunedScore[]): PrunedScore[] => [...pruned].sort((a, b) => a.sparsity - b.sparsity),
  stops: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { bound, order, stops } = { ...RIGHT, ...wrong }
  return {
    safeSparsity(dense, pruned, budget) {
      let safe: number | null = null
      for (const one of order(pruned)) {
        if (bound(dense, one) <= budget) safe = one.sparsity
        else if (stops) break
      }
      return safe
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'no-margin',
    sentence: 'You compared the measured loss alone. On a test set of this size it may be chance: the bound adds 1.645 standard errors.',
    functions: variant({ bound: (dense, one) => accuracy(dense) - accuracy(one) }),
  },
  {
    name: 'the-lucky-one',
    sentence: 'You took the largest sparsity that passes, although a smaller one failed. That one was lucky: stop at the first that is not safe.',
    functions: variant({ stops: false }),
  },
  {
    name: 'in-the-given-order',
    sentence: 'You went through the candidates as they came. Begin with the smallest sparsity.',
    functions: variant({ order: (pruned) => pruned }),
  },
  {
    name: 'dense-is-certain',
    sentence: 'You took the accuracy of the dense model as certain. It was measured on a test set, too, and its variance counts.',
    functions: variant({ bound: (dense, one) => accuracy(dense) - accuracy(one) + 1.645 * Math.sqrt(variance(one)) }),
  },
  {
    name: 'the-margin-helps',
    sentence: 'You took the margin off the loss. Doubt does not help: to be safe the loss must be small even if chance was on your side.',
    functions: variant({ bound: (dense, one) => accuracy(dense) - accuracy(one) - 1.645 * Math.sqrt(variance(dense) + variance(one)) }),
  },
  {
    name: 'forgets-to-divide',
    sentence: 'You left out the number of images: the variance of an accuracy is a (1 − a) / n, and shrinks with n.',
    functions: variant({ bound: (dense, one) => accuracy(dense) - accuracy(one) + 1.645 * Math.sqrt(variance(dense) * dense.of + variance(one) * one.of) }),
  },
]
