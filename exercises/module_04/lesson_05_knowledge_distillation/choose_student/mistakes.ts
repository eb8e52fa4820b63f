import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_05_knowledge_distillation/choose_student'

interface Way {
  latency: (values: number[]) => number
  equal: (tolerance: number) => number
  within: boolean
}
const sorted = (values: number[]): number[] => [...values].sort((a, b) => a - b)

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = { latency: (v) => sorted(v)[Math.ceil(0.99 * v.length) - 1]!, equal: (t) => t, within: true, ...wrong }
  return {
    chooseStudent(students, budget, tolerance) {
      const all = students.map((s) => ({ ...s, p99: way.latency(s.latencies) }))
      const fit = all.filter((s) => s.p99 <= budget)
      const best = Math.max(...(way.within ? fit : all).map((s) => s.accuracy))
      const near = fit.filter((s) => s.accuracy >= best - way.equal(tolerance))
      return near.sort((a, b) => a.p99 - b.p99)[0]?.name
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'mean-latency',
    sentence: 'You compared mean latencies. A budget is for the slow answers too: take the 99th percentile.',
    functions: variant({ latency: (v) => v.reduce((a, b) => a + b, 0) / v.length }),
  },
  {
    name: 'median-latency',
    sentence: 'You compared medians. Half of the answers are slower than that: take the 99th percentile.',
    functions: variant({ latency: (v) => sorted(v)[Math.ceil(0.5 * v.length) - 1]! }),
  },
  {
    name: 'worst-latency',
    sentence: 'You compared the single worst answer. The 99th percentile leaves one in a hundred out.',
    functions: variant({ latency: (v) => Math.max(...v) }),
  },
  {
    name: 'sorted-as-words',
    sentence: 'You sorted without a comparison, so 100 came before 9: numbers were sorted as words.',
    functions: variant({ latency: (v) => [...v].sort()[Math.ceil(0.99 * v.length) - 1]! }),
  },
  {
    name: 'no-tolerance',
    sentence: 'You took the most accurate one to the last digit. Within the tolerance accuracies count as equal, and the faster one wins.',
    functions: variant({ equal: () => 0 }),
  },
  {
    name: 'best-of-all',
    sentence: 'You measured accuracies against the best of all students, also of those over the budget. Only those that fit count.',
    functions: variant({ within: false }),
  },
]
