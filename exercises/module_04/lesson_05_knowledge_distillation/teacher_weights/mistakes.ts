import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/teacher_weights'

const odds = (z: number[], y: number): number => z.reduce((sum, v) => sum + Math.exp(v - z[y]!), 0)
function variant(of: (logits: number[][], y: number) => number[]): Partial<typeof reference> {
  return {
    teacherWeights(logits, label) {
      if (logits.length < 2) throw new Error('two teachers at least')
      return of(logits, label)
    },
  }
}
const share = (list: number[]): number[] => {
  const total = list.reduce((a, b) => a + b, 0)
  return list.map((v) => v / total)
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-worst-is-heard-most',
    sentence: 'You used the share of exp(L) itself: the teacher that is most wrong is then heard most. It is one minus the share.',
    functions: variant((logits, y) => share(logits.map((z) => odds(z, y)))),
  },
  {
    name: 'not-divided',
    sentence: 'Your weights add up to K − 1. Divide by that.',
    functions: variant((logits, y) => share(logits.map((z) => odds(z, y))).map((v) => 1 - v)),
  },
  {
    name: 'share-of-the-loss',
    sentence: 'You took the share of the cross entropy itself. The formula has exp(L), which is 1 divided by the probability of the label.',
    functions: variant((logits, y) => share(logits.map((z) => Math.log(odds(z, y)))).map((v) => (1 - v) / (logits.length - 1))),
  },
  {
    name: 'all-alike',
    sentence: 'You gave every teacher the same weight. Those who know the label should be heard more.',
    functions: variant((logits) => logits.map(() => 1 / logits.length)),
  },
  {
    name: 'most-confident-class',
    sentence: 'You asked how sure each teacher is of its own answer. A teacher can be sure and wrong: ask what it gives to the label.',
    functions: variant((logits) => share(logits.map((z) => odds(z, z.indexOf(Math.max(...z))))).map((v) => (1 - v) / (logits.length - 1))),
  },
]
