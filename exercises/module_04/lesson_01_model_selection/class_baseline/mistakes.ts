import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/class_baseline'

const winner = (labels: number[], better: (a: number, b: number) => number = (a, b) => a - b): number => {
  const counts = new Map<number, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || better(a, b))[0]![0]
}

const RIGHT = {
  answer: (train: number[], _test: number[]): number => winner(train),
  accuracy: (right: number, n: number): number => right / n,
  balanced: (answer: number, test: number[], _train: number[]): number => {
    const classes = new Set(test)
    return classes.has(answer) ? 1 / classes.size : 0
  },
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { answer: choose, accuracy, balanced } = { ...RIGHT, ...wrong }
  return {
    classBaseline(train, test) {
      const answer = choose(train, test)
      return { answer, accuracy: accuracy(test.filter((label) => label === answer).length, test.length), balanced: balanced(answer, test, train) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'peeks-at-the-test-part',
    sentence: 'You chose the class that is most frequent in the test part. A baseline is a model too: it may only learn from training.',
    functions: variant({ answer: (_train, test) => winner(test) }),
  },
  {
    name: 'largest-of-equals',
    sentence: 'Of equally frequent classes, the smallest is asked for.',
    functions: variant({ answer: (train) => winner(train, (a, b) => b - a) }),
  },
  {
    name: 'first-of-equals',
    sentence: 'Of equally frequent classes you took the one that came first; the smallest is asked for.',
    functions: variant({ answer: (train) => winner(train, () => 0) }),
  },
  {
    name: 'balanced-is-accuracy',
    sentence: 'Your balanced accuracy is the plain one. Take the share of right answers in each class first, then the mean over the classes.',
    functions: variant({ balanced: (answer, test) => test.filter((label) => label === answer).length / test.length }),
  },
  {
    name: 'classes-of-training',
    sentence: 'You took the mean over the classes of the training part. Classes that the test part does not have cannot be judged on it.',
    functions: variant({ balanced: (answer, test, train) => (test.includes(answer) ? 1 / new Set(train).size : 0) }),
  },
  {
    name: 'in-percent',
    sentence: 'Your accuracy is in percent; a share from 0 to 1 is asked for.',
    functions: variant({ accuracy: (right, n) => (100 * right) / n }),
  },
]
