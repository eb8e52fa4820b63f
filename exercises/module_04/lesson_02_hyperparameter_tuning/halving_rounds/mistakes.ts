import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/halving_rounds'

const RIGHT = {
  fewer: (n: number, eta: number): number => Math.max(1, Math.floor(n / eta)),
  longer: (e: number, eta: number, most: number): number => Math.min(most, e * eta),
  last: (n: number, e: number, most: number): boolean => n === 1 || e >= most,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { fewer, longer, last } = { ...RIGHT, ...wrong }
  return {
    halvingRounds(candidates, epochs, most, eta) {
      const rounds = []
      for (let i = 0; i < 50; i++) {
        rounds.push({ candidates, epochs })
        if (last(candidates, epochs, most)) break
        candidates = fewer(candidates, eta)
        epochs = longer(epochs, eta, most)
      }
      return rounds
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'rounds-up',
    sentence: 'You rounded up. The best 1/η is rounded down, or the rounds cost more than was planned.',
    functions: variant({ fewer: (n, eta) => Math.max(1, Math.ceil(n / eta)) }),
  },
  {
    name: 'none-left',
    sentence: 'Rounding down can leave nobody. At least one candidate goes on.',
    functions: variant({ fewer: (n, eta) => Math.floor(n / eta), last: (n, e, most) => n <= 1 || e >= most }),
  },
  {
    name: 'same-epochs',
    sentence: 'The candidates become fewer, but each gets no more than before. What the others gave up is given to those that stay.',
    functions: variant({ longer: (e) => e, last: (n) => n === 1 }),
  },
  {
    name: 'beyond-the-most',
    sentence: 'A round trains longer than the most that was allowed: cut it there.',
    functions: variant({ longer: (e, eta) => e * eta }),
  },
  {
    name: 'never-ends-at-the-most',
    sentence: 'Once the most is reached there is nothing more to learn about a candidate: that round is the last, even with several left.',
    functions: variant({ last: (n) => n === 1 }),
  },
  {
    name: 'always-halves',
    sentence: 'You halve whatever η is: keep the best 1/η.',
    functions: variant({ fewer: (n) => Math.max(1, Math.floor(n / 2)) }),
  },
]
