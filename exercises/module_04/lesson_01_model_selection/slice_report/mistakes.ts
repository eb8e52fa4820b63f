import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/slice_report'
import type { SliceRow } from './exercise'

const z = 1.96
const RIGHT = {
  lower: (p: number, n: number): number => (p + z ** 2 / (2 * n) - z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n),
  keep: (n: number, least: number): boolean => n >= least,
  order: (a: SliceRow, b: SliceRow): number => a.atLeast - b.atLeast || (a.slice < b.slice ? -1 : 1),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { lower, keep, order } = { ...RIGHT, ...wrong }
  return {
    sliceReport(samples, least) {
      return [...new Set(samples.map(({ slice }) => slice))].map((slice) => {
        const own = samples.filter((sample) => sample.slice === slice)
        const p = own.filter(({ right }) => right).length / own.length
        return { slice, samples: own.length, accuracy: p, atLeast: lower(p, own.length) }
      }).filter((row) => keep(row.samples, least)).sort(order)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'wald',
    sentence: 'You used the plain interval p − z √(p(1 − p)/n). For 3 of 3 right it says that the model is never wrong; Wilson\'s does not.',
    functions: variant({ lower: (p, n) => p - z * Math.sqrt((p * (1 - p)) / n) }),
  },
  {
    name: 'upper-end',
    sentence: 'That is the upper end of the interval: what the accuracy is at most.',
    functions: variant({ lower: (p, n) => (p + z ** 2 / (2 * n) + z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n) }),
  },
  {
    name: 'not-divided',
    sentence: 'The whole numerator is divided by 1 + z²/n; that is missing.',
    functions: variant({ lower: (p, n) => p + z ** 2 / (2 * n) - z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2)) }),
  },
  {
    name: 'sorted-by-accuracy',
    sentence: 'You sorted by the accuracy that was seen. A slice with few samples may look perfect by luck: sort by what is sure.',
    functions: variant({ order: (a, b) => a.accuracy - b.accuracy || (a.slice < b.slice ? -1 : 1) }),
  },
  {
    name: 'best-first',
    sentence: 'The best slice comes first with you. A card is read from the top: the worst belongs there.',
    functions: variant({ order: (a, b) => b.atLeast - a.atLeast || (a.slice < b.slice ? -1 : 1) }),
  },
  {
    name: 'small-slices-kept',
    sentence: 'Slices with fewer samples than asked for are to be left out.',
    functions: variant({ keep: () => true }),
  },
  {
    name: 'just-large-enough',
    sentence: 'A slice with exactly the smallest number of samples is large enough.',
    functions: variant({ keep: (n, least) => n > least }),
  },
]
