import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/range_too_narrow'
import type { FinishedTrial, Range } from './exercise'

const RIGHT = {
  place: (v: number, { low, high, log }: Range): number =>
    log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low),
  best: (trials: FinishedTrial[]): FinishedTrial[] => {
    const known = trials.filter((t) => !Number.isNaN(t.loss)).sort((a, b) => a.loss - b.loss)
    return known.slice(0, Math.max(3, Math.ceil(known.length / 10)))
  },
  many: (count: number, of: number): boolean => count > of / 2,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { place, best, many } = { ...RIGHT, ...wrong }
  return {
    rangesTooNarrow(trials, ranges) {
      const chosen = best(trials)
      const found: Record<string, 'low' | 'high'> = {}
      for (const [name, range] of Object.entries(ranges)) {
        const places = chosen.map((t) => place(t.params[name]!, range))
        if (many(places.filter((u) => u < 0.1).length, chosen.length)) found[name] = 'low'
        else if (many(places.filter((u) => u > 0.9).length, chosen.length)) found[name] = 'high'
      }
      return found
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'ignores-the-logarithm',
    sentence: 'You measured the place on a plain axis. Where the search went by powers of ten, the middle is the middle of the powers.',
    functions: variant({ place: (v, { low, high }) => (v - low) / (high - low) }),
  },
  {
    name: 'all-trials',
    sentence: 'You looked at all trials. Early trials are everywhere; only where the best ones are says something about the optimum.',
    functions: variant({ best: (trials) => trials.filter((t) => !Number.isNaN(t.loss)) }),
  },
  {
    name: 'worst-first',
    sentence: 'You took the trials with the largest losses. Smaller is better.',
    functions: variant({ best: (trials) => {
      const known = trials.filter((t) => !Number.isNaN(t.loss)).sort((a, b) => b.loss - a.loss)
      return known.slice(0, Math.max(3, Math.ceil(known.length / 10)))
    } }),
  },
  {
    name: 'half-is-enough',
    sentence: 'Half of the best trials near an end is not yet more than half.',
    functions: variant({ many: (count, of) => count >= of / 2 }),
  },
  {
    name: 'only-the-winner',
    sentence: 'You looked at the single best trial. One trial near an end is chance; most of the best being there is not.',
    functions: variant({ best: (trials) => RIGHT.best(trials).slice(0, 1) }),
  },
  {
    name: 'nan-among-the-best',
    sentence: 'A trial whose loss is NaN has not finished well: leave it out before you sort, because NaN sorts anywhere.',
    functions: variant({ best: (trials) => [...trials].sort((a, b) => (Number.isNaN(a.loss) ? -1 : Number.isNaN(b.loss) ? 1 : a.loss - b.loss))
      .slice(0, Math.max(3, Math.ceil(trials.length / 10))) }),
  },
]
