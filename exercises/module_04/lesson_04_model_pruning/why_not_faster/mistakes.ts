import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/why_not_faster'
import type { PruningFacts } from './exercise'

const RIGHT = {
  bound: ({ timeShare: p, macsBefore, macsAfter }: PruningFacts): number => 1 - p + p * (macsAfter / macsBefore),
  faster: ([, high]: PruningFacts['timeRatio']): boolean => high < 1,
  computed: ({ macsBefore, macsAfter, zeros }: PruningFacts): boolean => macsAfter >= macsBefore && zeros >= 0.5,
  awkward: (channels: number[]): boolean => channels.some((c) => c % 16 !== 0),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const r = { ...RIGHT, ...wrong }
  return {
    whyNotFaster(facts) {
      const bound = r.bound(facts)
      return {
        bound,
        finding: r.faster(facts.timeRatio) ? 'faster' : r.computed(facts) ? 'zeros are computed' : bound > 0.9 ? 'not where the time goes'
          : r.awkward(facts.channels) ? 'awkward sizes' : 'measure again',
      }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-rest-is-free',
    sentence: 'Your bound counts the pruned layers alone. The rest of the model still takes the share 1 − p of the time.',
    functions: variant({ bound: ({ timeShare: p, macsBefore, macsAfter }) => p * (macsAfter / macsBefore) }),
  },
  {
    name: 'ignores-the-rest',
    sentence: 'Your bound is the share of the arithmetic. Only the pruned layers shrink by that much: weigh it by their share of the time.',
    functions: variant({ bound: ({ macsBefore, macsAfter }) => macsAfter / macsBefore }),
  },
  {
    name: 'half-of-the-interval',
    sentence: 'You called it faster because one end of the interval lies below 1. With 1 inside, no difference was shown.',
    functions: variant({ faster: ([low]) => low < 1 }),
  },
  {
    name: 'any-zeros',
    sentence: 'You blamed the zeros although the shapes shrank. They are the reason only where the arithmetic did not become less.',
    functions: variant({ computed: ({ zeros }) => zeros >= 0.5 }),
  },
  {
    name: 'multiples-of-eight',
    sentence: 'You accepted multiples of 8. The blocks here hold 16 channels.',
    functions: variant({ awkward: (channels) => channels.some((c) => c % 8 !== 0) }),
  },
  {
    name: 'all-must-be-awkward',
    sentence: 'One layer of an awkward size is enough to slow the model: you asked for all of them.',
    functions: variant({ awkward: (channels) => channels.every((c) => c % 16 !== 0) }),
  },
]
