import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/pareto_front'
import type { Candidate } from './exercise'

type Dominates = (p: Candidate, q: Candidate) => boolean
const measured = (c: Candidate): boolean => !Number.isNaN(c.accuracy) && !Number.isNaN(c.latency)
const right: Dominates = (p, q) =>
  p.accuracy >= q.accuracy && p.latency <= q.latency && (p.accuracy > q.accuracy || p.latency < q.latency)

function variant(dominates: Dominates, keep = measured): Partial<typeof reference> {
  return {
    paretoFront(candidates) {
      const kept = candidates.filter(keep)
      return kept.filter((q) => !kept.some((p) => p !== q && dominates(p, q))).map((c) => c.name)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'strictly-better-in-both',
    sentence: 'You ask for better in both respects. Equal in one and better in the other is enough to dominate.',
    functions: variant((p, q) => p.accuracy > q.accuracy && p.latency < q.latency),
  },
  {
    name: 'twins-kill-each-other',
    sentence: 'Two equal candidates threw each other out: to dominate, one of the two respects must be strictly better.',
    functions: variant((p, q) => p.accuracy >= q.accuracy && p.latency <= q.latency),
  },
  {
    name: 'latency-upside-down',
    sentence: 'Less latency is better: your comparison of the two is the wrong way round.',
    functions: variant((p, q) => p.accuracy >= q.accuracy && p.latency >= q.latency && (p.accuracy > q.accuracy || p.latency > q.latency)),
  },
  {
    name: 'nan-survives',
    sentence: 'No comparison with NaN is true, so nothing dominates a candidate that was never measured. Leave those out first.',
    functions: variant(right, () => true),
  },
  {
    name: 'sorted',
    sentence: 'The right candidates, in another order: keep the order in which they came.',
    functions: { paretoFront: (candidates) => {
      const kept = candidates.filter(measured)
      return kept.filter((q) => !kept.some((p) => right(p, q))).sort((a, b) => a.latency - b.latency).map((c) => c.name)
    } },
  },
]
