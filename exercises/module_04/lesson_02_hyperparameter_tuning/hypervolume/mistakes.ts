import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_02_hyperparameter_tuning/hypervolume'
import type { LossPair } from './exercise'

const RIGHT = {
  inside: ([a, b]: LossPair, r: LossPair): boolean => a < r[0] && b < r[1],
  order: (p: LossPair, q: LossPair): number => p[0] - q[0] || p[1] - q[1],
  skip: (second: number, floor: number): boolean => second >= floor,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { inside, order, skip } = { ...RIGHT, ...wrong }
  return {
    hypervolume(points, reference) {
      let floor = reference[1], area = 0
      for (const [first, second] of points.filter((p) => inside(p, reference)).sort(order)) {
        if (skip(second, floor)) continue
        area += (reference[0] - first) * (floor - second)
        floor = second
      }
      return area
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'adds-the-rectangles',
    sentence: 'You added the rectangles of all points. Where two of them overlap, the area counts once.',
    functions: { hypervolume: (points, r) => points.filter((p) => RIGHT.inside(p, r)).reduce((sum, [a, b]) => sum + (r[0] - a) * (r[1] - b), 0) },
  },
  {
    name: 'not-sorted',
    sentence: 'Your sweep takes the points as they come. From left to right means sorted by the first loss.',
    functions: variant({ order: () => 0 }),
  },
  {
    name: 'beyond-the-reference',
    sentence: 'A point that is worse than the reference in one respect covers nothing; yours gave it an area, even a negative one.',
    functions: variant({ inside: () => true }),
  },
  {
    name: 'dominated-points-count',
    sentence: 'A point above the lowest so far is dominated and must be skipped: it took area away again.',
    functions: variant({ skip: () => false }),
  },
  {
    name: 'only-the-best-rectangle',
    sentence: 'You returned the largest single rectangle. The others cover ground beside it.',
    functions: { hypervolume: (points, r) => Math.max(0, ...points.filter((p) => RIGHT.inside(p, r)).map(([a, b]) => (r[0] - a) * (r[1] - b))) },
  },
]
