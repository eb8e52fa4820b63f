import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/adapted_statistics'

interface Way {
  variance: (column: number[], mean: number, source: number) => number
  share: (n: number, trust: number) => number
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = {
    variance: (column, mean) => column.reduce((s, v) => s + (v - mean) ** 2, 0) / column.length,
    share: (n, trust) => trust / (trust + n), ...wrong,
  }
  return {
    adaptStatistics(source, values, trust) {
      const kept = way.share(values.length, trust)
      const columns = source.mean.map((_, c) => values.map((row) => row[c]!))
      const means = columns.map((column) => column.reduce((a, b) => a + b, 0) / column.length)
      return {
        mean: source.mean.map((m, c) => kept * m + (1 - kept) * means[c]!),
        variance: source.variance.map((v, c) => kept * v + (1 - kept) * way.variance(columns[c]!, means[c]!, source.mean[c]!)),
      }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'shares-swapped',
    sentence: 'Your shares are the wrong way round: more trust N must keep more of the source.',
    functions: variant({ share: (n, trust) => n / (trust + n) }),
  },
  {
    name: 'no-trust',
    sentence: 'You used the target alone. With few values its statistics are noise: mix in the source with weight N.',
    functions: variant({ share: () => 0 }),
  },
  {
    name: 'divided-by-n-minus-1',
    sentence: 'You divided the variance by n − 1. Batch normalization divides by n.',
    functions: variant({ variance: (column, mean) => column.reduce((s, v) => s + (v - mean) ** 2, 0) / (column.length - 1) }),
  },
  {
    name: 'spread-around-the-source',
    sentence: 'You measured the spread around the mean of the source. The variance of the target is around its own mean.',
    functions: variant({ variance: (column, _, source) => column.reduce((s, v) => s + (v - source) ** 2, 0) / column.length }),
  },
]
