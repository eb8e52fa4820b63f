import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/two_of_four'

const RIGHT = {
  score: (w: number): number => Math.abs(w),
  /** Places of all groups. */
  groups: (length: number, columns: number): number[][] => {
    const groups: number[][] = []
    for (let row = 0; row < length; row += columns) {
      for (let c = 0; c + 4 <= columns; c += 4) groups.push([0, 1, 2, 3].map((i) => row + c + i))
    }
    return groups
  },
  prune: (group: number[]): number[] => group.slice(0, 2),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { score, groups, prune } = { ...RIGHT, ...wrong }
  return {
    twoOfFourMask(weights, columns) {
      const mask = new Uint8Array(weights.length).fill(1)
      for (const group of groups(weights.length, columns)) {
        const ordered = group.map((place, at) => ({ place, at })).sort((a, b) => score(weights[a.place]!) - score(weights[b.place]!) || a.at - b.at)
        for (const place of prune(ordered.map((one) => one.place))) mask[place] = 0
      }
      return mask
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'forgets-the-absolute-value',
    sentence: 'You ordered by w: a large negative weight went first. Order by |w|.',
    functions: variant({ score: (w) => w }),
  },
  {
    name: 'fours-over-the-edge',
    sentence: 'You went through all weights four by four. A group belongs to one row: begin anew with each.',
    functions: variant({ groups: (length) => {
      const groups: number[][] = []
      for (let at = 0; at + 4 <= length; at += 4) groups.push([0, 1, 2, 3].map((i) => at + i))
      return groups
    } }),
  },
  {
    name: 'down-the-columns',
    sentence: 'Your groups go down the columns. The four neighbours stand in one row, along the inputs that are summed over.',
    functions: variant({ groups: (length, columns) => {
      const rows = length / columns
      const groups: number[][] = []
      for (let c = 0; c < columns; c++) for (let r = 0; r + 4 <= rows; r += 4) groups.push([0, 1, 2, 3].map((i) => (r + i) * columns + c))
      return groups
    } }),
  },
  {
    name: 'prunes-the-rest-too',
    sentence: 'You pruned the columns that are left over at the end of a row, too. They make no whole four: they stay dense.',
    functions: variant({
      groups: (length, columns) => {
        const groups: number[][] = []
        for (let row = 0; row < length; row += columns) {
          for (let c = 0; c < columns; c += 4) groups.push([0, 1, 2, 3].filter((i) => c + i < columns).map((i) => row + c + i))
        }
        return groups
      },
      prune: (group) => group.slice(0, Math.ceil(group.length / 2)),
    }),
  },
  {
    name: 'prunes-the-larger-two',
    sentence: 'You kept the two smallest of each four. The two largest stay.',
    functions: variant({ score: (w) => -Math.abs(w) }),
  },
]
