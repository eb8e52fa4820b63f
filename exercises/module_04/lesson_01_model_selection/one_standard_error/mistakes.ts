import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/one_standard_error'

const mean = (scores: number[]): number => scores.reduce((sum, score) => sum + score, 0) / scores.length
const deviation = (scores: number[], less = 1): number => Math.sqrt(scores.reduce((sum, score) => sum + (score - mean(scores)) ** 2, 0) / (scores.length - less))

const RIGHT = {
  slack: (best: number[], _own: number[]): number => deviation(best) / Math.sqrt(best.length),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { slack } = { ...RIGHT, ...wrong }
  return {
    simplestGoodEnough(candidates) {
      const best = candidates.reduce((a, b) => (mean(b.scores) > mean(a.scores) ? b : a))
      const good = candidates.filter(({ scores }) => mean(scores) >= mean(best.scores) - slack(best.scores, scores))
      return good.reduce((a, b) => (b.complexity < a.complexity ? b : a)).name
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-best',
    sentence: 'You return the candidate with the best mean. A part of its lead is luck; the rule asks what is simpler and not shown to be worse.',
    functions: variant({ slack: () => 0 }),
  },
  {
    name: 'deviation-not-error',
    sentence: 'You used the deviation of single folds. The mean of k folds is surer than one fold, by the root of k.',
    functions: variant({ slack: (best) => deviation(best) }),
  },
  {
    name: 'error-of-the-candidate',
    sentence: 'You used the standard error of each candidate itself. Then a candidate that varies a lot excuses itself; take that of the best.',
    functions: variant({ slack: (_best, own) => deviation(own) / Math.sqrt(own.length) }),
  },
  {
    name: 'the-simplest-of-all',
    sentence: 'You return the simplest candidate whatever it scores. It must be above the line.',
    functions: variant({ slack: () => Infinity }),
  },
]
