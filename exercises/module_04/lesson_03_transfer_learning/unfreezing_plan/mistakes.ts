import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_03_transfer_learning/unfreezing_plan'

interface Way {
  thawed: (epoch: number, every: number) => number
  distance: (i: number, n: number) => number
  rate: (peak: number, divisor: number, distance: number, n: number) => number
}

function variant(wrong: Partial<Way>): Partial<typeof reference> {
  const way: Way = {
    thawed: (epoch, every) => 1 + Math.floor(epoch / every), distance: (i, n) => n - 1 - i,
    rate: (peak, divisor, distance) => peak / divisor ** distance, ...wrong,
  }
  return {
    unfreezingPlan: (groups, epochs, every, peak, divisor) => Array.from({ length: epochs }, (_, epoch) => Object.fromEntries(groups.map((name, i) => {
      const distance = way.distance(i, groups.length)
      return [name, distance < way.thawed(epoch, every) ? way.rate(peak, divisor, distance, groups.length) : 0]
    }))),
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'from-the-input',
    sentence: 'You thaw from the input upwards. The general features there are what you want to keep: begin with the head.',
    functions: variant({ distance: (i) => i }),
  },
  {
    name: 'one-rate-for-all',
    sentence: 'All trained groups have the same rate. Lower groups know more already and get smaller ones: peak / divisor^d.',
    functions: variant({ rate: (peak) => peak }),
  },
  {
    name: 'the-head-has-the-smallest-rate',
    sentence: 'Your rates fall towards the output. The head is new and has the most to learn: it gets the peak.',
    functions: variant({ rate: (peak, divisor, distance, n) => peak / divisor ** (n - 1 - distance) }),
  },
  {
    name: 'everything-frozen-at-first',
    sentence: 'In your first epochs nothing is trained at all. The head learns from the first epoch on.',
    functions: variant({ thawed: (epoch, every) => Math.floor(epoch / every) }),
  },
  {
    name: 'one-group-an-epoch',
    sentence: 'You thaw a group in every epoch. `every` says how many epochs lie between them.',
    functions: variant({ thawed: (epoch) => 1 + epoch }),
  },
]
