import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/frozen_that_moved'

interface Way {
  layer: (name: string, frozen: string[]) => boolean
  changed: (before: number[], after: number[]) => boolean
  counts: (name: string) => boolean
}
const RIGHT: Way = {
  layer: (name, frozen) => frozen.includes(name.slice(0, name.lastIndexOf('/'))),
  changed: (before, after) => before.some((v, i) => !(Math.abs(after[i]! - v) <= 1e-6 * Math.max(1, Math.abs(v)))),
  counts: () => true,
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const { layer, changed, counts } = { ...RIGHT, ...wrong }
  return {
    diagnoseFineTuning(before, after, frozen) {
      const names = Object.keys(before).filter(counts)
      const moves = (name: string): boolean => changed(before[name]!, after[name]!)
      return { moved: names.filter((name) => layer(name, frozen) && moves(name)), stuck: names.filter((name) => !layer(name, frozen) && !moves(name)) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'statistics-do-not-count',
    sentence: 'You left out the running statistics. They are no trained weights, and that is exactly why they move unnoticed.',
    functions: variant({ counts: (name) => !name.includes('moving_') }),
  },
  {
    name: 'every-bit',
    sentence: 'You compared exactly. A weight that went through a file or another library differs in its last bits: allow 1e-6, relative for numbers above 1.',
    functions: variant({ changed: (before, after) => before.some((v, i) => !(after[i] === v)) }),
  },
  {
    name: 'absolute-tolerance',
    sentence: 'Your tolerance does not grow with the number. For 40,000 the last bit alone is larger than 1e-6.',
    functions: variant({ changed: (before, after) => before.some((v, i) => !(Math.abs(after[i]! - v) <= 1e-6)) }),
  },
  {
    name: 'prefix',
    sentence: 'You compared the beginning of names. block10 begins like block1 and is another layer.',
    functions: variant({ layer: (name, frozen) => frozen.some((layer) => name.startsWith(layer)) }),
  },
  {
    name: 'first-slash',
    sentence: 'You cut the name at the first slash. Layers of nested models have slashes in their names; the weight is what stands behind the last one.',
    functions: variant({ layer: (name, frozen) => frozen.includes(name.slice(0, name.indexOf('/'))) }),
  },
  {
    name: 'nan-is-no-change',
    sentence: 'A NaN fails every comparison, so yours took it for no change. It is the worst change there is.',
    functions: variant({ changed: (before, after) => before.some((v, i) => Math.abs(after[i]! - v) > 1e-6 * Math.max(1, Math.abs(v))) }),
  },
  {
    name: 'sums',
    sentence: 'You compared the sums. Changes that cancel each other are changes: compare number by number.',
    functions: variant({ changed: (before, after) => {
      const [p, q] = [before, after].map((list) => list.reduce((a, b) => a + b, 0))
      return !(Math.abs(q! - p!) <= 1e-6 * Math.max(1, Math.abs(p!)))
    } }),
  },
]
