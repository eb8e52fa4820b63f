import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/stability_index'

interface Way {
  edges: (reference: number[], current: number[], bins: number) => number[]
  share: (count: number, n: number, bins: number) => number
  term: (p: number, q: number) => number
  below: (edge: number, value: number) => boolean
}
const RIGHT: Way = {
  edges: (reference, _, bins) => {
    const sorted = [...reference].sort((a, b) => a - b)
    return Array.from({ length: bins - 1 }, (_e, k) => sorted[Math.floor(((k + 1) * sorted.length) / bins)]!)
  },
  share: (count, n, bins) => (count + 0.5) / (n + 0.5 * bins),
  term: (p, q) => (q - p) * Math.log(q / p),
  below: (edge, value) => edge <= value,
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way = { ...RIGHT, ...wrong }
  return {
    stabilityIndex(reference, current, bins) {
      const edges = way.edges(reference, current, bins)
      const shares = (values: number[]): number[] => Array.from({ length: bins }, (_, b) =>
        way.share(values.filter((v) => edges.filter((e) => way.below(e, v)).length === b).length, values.length, bins))
      const [p, q] = [shares(reference), shares(current)]
      return p.reduce((sum, share, b) => sum + way.term(share, q[b]!), 0)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'sorted-as-words',
    sentence: 'You sorted without a comparison, so 10 and 100 came before 9: numbers were sorted as words.',
    functions: variant({ edges: (reference, _, bins) => {
      const sorted = [...reference].sort()
      return Array.from({ length: bins - 1 }, (_e, k) => sorted[Math.floor(((k + 1) * sorted.length) / bins)]!)
    } }),
  },
  {
    name: 'edges-of-the-current',
    sentence: 'You cut the bins from the current values. They must come from the reference, or the ruler moves with what it measures.',
    functions: variant({ edges: (_, current, bins) => RIGHT.edges(current, current, bins) }),
  },
  {
    name: 'equal-width',
    sentence: 'Your bins are equally wide. Cut them so that the reference has the same count in each, or most values fall into one or two of them.',
    functions: variant({ edges: (reference, _, bins) => {
      const [low, high] = [Math.min(...reference), Math.max(...reference)]
      return Array.from({ length: bins - 1 }, (_e, k) => low + ((k + 1) * (high - low)) / bins)
    } }),
  },
  {
    name: 'no-half-values',
    sentence: 'You compared raw shares. An empty bin then gives an infinite index: add half a value to each bin.',
    functions: variant({ share: (count, n) => count / n }),
  },
  {
    name: 'one-sided',
    sentence: 'You summed q · ln(q / p), the divergence from one side. The index is symmetric: (q − p) · ln(q / p).',
    functions: variant({ term: (p, q) => q * Math.log(q / p) }),
  },
  {
    name: 'edge-belongs-below',
    sentence: 'A value that is equal to an edge belongs above it: count the edges that are less than *or equal to* it.',
    functions: variant({ below: (edge, value) => edge < value }),
  },
]
