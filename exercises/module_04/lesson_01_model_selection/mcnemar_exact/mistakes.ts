import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/mcnemar_exact'

const RIGHT = {
  last: (b: number, c: number): number => Math.min(b, c),
  sides: 2,
  of: (m: number, _n: number): number => m,
  cut: (p: number): number => Math.min(1, p),
  inclusive: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { last, sides, of, cut, inclusive } = { ...RIGHT, ...wrong }
  return {
    mcnemarP(first, second) {
      const b = first.filter((right, i) => right && !second[i]).length
      const c = second.filter((right, i) => right && !first[i]).length
      const m = of(b + c, first.length)
      let ways = 1, tail = 0
      for (let i = 0; inclusive ? i <= last(b, c) : i < last(b, c); i++) {
        tail += ways
        ways *= (m - i) / (i + 1)
      }
      return cut((sides * tail) / 2 ** m)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'one-sided',
    sentence: 'You counted one tail. The new model could as well have been worse: both directions are surprises.',
    functions: variant({ sides: 1 }),
  },
  {
    name: 'above-one',
    sentence: 'Your p value is above 1. Where both tails meet in the middle they are counted twice: cut at 1.',
    functions: variant({ cut: (p) => p }),
  },
  {
    name: 'all-samples',
    sentence: 'You tossed a coin for every sample. Where both models are right, or both wrong, no coin was tossed.',
    functions: variant({ of: (_m, n) => n }),
  },
  {
    name: 'only-the-first',
    sentence: 'You summed up to b. The tail ends at the smaller of b and c, or a clear win of the first model looks like nothing.',
    functions: variant({ last: (b) => b }),
  },
  {
    name: 'stops-too-early',
    sentence: 'Your sum ends before min(b, c). What happened belongs to "at least as surprising" too.',
    functions: variant({ inclusive: false }),
  },
]
