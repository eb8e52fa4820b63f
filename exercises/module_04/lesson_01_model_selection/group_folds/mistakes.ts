import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_01_model_selection/group_folds'

const RIGHT = {
  order: (a: [string, number], b: [string, number]): number => b[1] - a[1],
  pick: (filled: number[], _turn: number): number => filled.indexOf(Math.min(...filled)),
  refuse: true,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { order, pick, refuse } = { ...RIGHT, ...wrong }
  return {
    groupFolds(groups, k) {
      const sizes = new Map<string, number>()
      for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
      if (refuse && sizes.size < k) throw new Error('too few groups')
      const filled = Array.from({ length: k }, () => 0)
      const foldOf = new Map<string, number>();
      [...sizes].sort(order).forEach(([group, size], turn) => {
        const fold = pick(filled, turn)
        filled[fold]! += size
        foldOf.set(group, fold)
      })
      return groups.map((group) => foldOf.get(group)!)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'samples-one-by-one',
    sentence: 'You dealt out samples and not groups: the same patient is in training and in the test, and the model can recognize them.',
    functions: { groupFolds(groups, k) {
      if (new Set(groups).size < k) throw new Error('too few groups')
      return groups.map((_, i) => i % k)
    } },
  },
  {
    name: 'groups-in-turn',
    sentence: 'You dealt the groups out in turn, or counted groups and not samples. Each goes to the fold that has the fewest samples.',
    functions: variant({ pick: (filled, turn) => turn % filled.length }),
  },
  {
    name: 'in-order-of-appearance',
    sentence: 'You placed the groups in the order in which they came. The largest first: small ones can even out what large ones leave.',
    functions: variant({ order: () => 0 }),
  },
  {
    name: 'smallest-first',
    sentence: 'You placed the smallest groups first. Then the largest one comes last, and nothing can even it out.',
    functions: variant({ order: (a, b) => a[1] - b[1] }),
  },
  {
    name: 'empty-folds',
    sentence: 'With fewer groups than folds, some fold has nothing to be judged on. Refuse it.',
    functions: variant({ refuse: false }),
  },
]
