import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/median_rule'

const RIGHT = {
  own: (curve: number[]): number => Math.min(...curve.map((v) => (Number.isNaN(v) ? Infinity : v))),
  other: (f: number[], epochs: number): number => Math.min(...f.slice(0, epochs)),
  middle: (values: number[]): number => {
    const sorted = [...values].sort((a, b) => a - b)
    return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2
  },
  patient: (epochs: number, warmup: number): boolean => epochs < warmup,
  least: 3,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { own, other, middle, patient, least } = { ...RIGHT, ...wrong }
  return {
    shouldStop: (curve, finished, warmup) => finished.length >= least && !patient(curve.length, warmup) &&
      own(curve) > middle(finished.map((f) => other(f, curve.length))),
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'judges-the-last-epoch',
    sentence: 'You judged the last loss. Training is noisy: one bad epoch must not end it. Compare the best loss so far.',
    functions: variant({ own: (curve) => (Number.isNaN(curve.at(-1)!) ? Infinity : curve.at(-1)!) }),
  },
  {
    name: 'looks-into-the-future',
    sentence: 'You compared with what the others reached in the end. At the same epoch they were no better either: look only so far.',
    functions: variant({ other: (f) => Math.min(...f) }),
  },
  {
    name: 'sorts-as-words',
    sentence: 'sort() without a comparison sorts numbers as words: 11 comes before 2.',
    functions: variant({ middle: (values) => {
      const sorted = [...values].sort()
      return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2
    } }),
  },
  {
    name: 'mean',
    sentence: 'You compared with the mean. One training that diverged would then save all the others: take the median.',
    functions: variant({ middle: (values) => values.reduce((a, b) => a + b, 0) / values.length }),
  },
  {
    name: 'nan-passes',
    sentence: 'Math.min gives NaN as soon as one loss is NaN, and no comparison with NaN is true: a training that diverged would never be stopped.',
    functions: variant({ own: (curve) => Math.min(...curve) }),
  },
  {
    name: 'no-warmup',
    sentence: 'In its first epochs nothing may be stopped: slow starters may win.',
    functions: variant({ patient: () => false }),
  },
]
