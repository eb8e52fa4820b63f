import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/corrected_t'

const RIGHT = {
  less: 1,
  bracket: (k: number, train: number, test: number): number => 1 / k + test / train,
  root: (value: number): number => Math.sqrt(value),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { less, bracket, root } = { ...RIGHT, ...wrong }
  return {
    correctedT(differences, train, test) {
      const k = differences.length
      const difference = differences.reduce((sum, d) => sum + d, 0) / k
      const variance = differences.reduce((sum, d) => sum + (d - difference) ** 2, 0) / (k - less)
      const error = root(bracket(k, train, test) * variance)
      return { difference, error, t: difference / error }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'not-corrected',
    sentence: 'That is the usual t-test. It takes the folds for independent, and finds differences several times too often.',
    functions: variant({ bracket: (k) => 1 / k }),
  },
  {
    name: 'ratio-upside-down',
    sentence: 'You divided the training samples by the test samples. The overlap grows with the test part over the training part.',
    functions: variant({ bracket: (k, train, test) => 1 / k + train / test }),
  },
  {
    name: 'share-of-all',
    sentence: 'You divided the test samples by all samples. The correction divides them by the training samples.',
    functions: variant({ bracket: (k, train, test) => 1 / k + test / (train + test) }),
  },
  {
    name: 'variance-over-k',
    sentence: 'You divided the sum of squares by k. One degree of freedom went into the mean: k − 1.',
    functions: variant({ less: 0 }),
  },
  {
    name: 'no-root',
    sentence: 'Your error is the variance of the mean. Its root has the unit of the difference.',
    functions: variant({ root: (value) => value }),
  },
]
