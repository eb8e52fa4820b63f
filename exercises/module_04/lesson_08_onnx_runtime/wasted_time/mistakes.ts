import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/wasted_time'
import type { ProfiledTimes, Waste } from './exercise'

const LISTS: Record<Exclude<Waste, 'overhead'>, string[]> = {
  copies: ['MemcpyToHost', 'MemcpyFromHost'], layout: ['Transpose', 'ReorderInput', 'ReorderOutput'],
  conversion: ['Cast', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'],
}
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)

const RIGHT = {
  lists: LISTS,
  whole: (times: ProfiledTimes): number => times.run,
  overhead: (times: ProfiledTimes): number => Math.max(0, times.run - sum(Object.values(times.operators))),
  enough: (share: number): boolean => share >= 0.2,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { lists, whole, overhead, enough } = { ...RIGHT, ...wrong }
  return {
    wastedTime(times) {
      const of = (kind: keyof typeof LISTS): number => sum(Object.entries(times.operators).filter(([op]) => lists[kind].includes(op)).map(([, ms]) => ms / whole(times)))
      const shares = { copies: of('copies'), layout: of('layout'), conversion: of('conversion'), overhead: overhead(times) / whole(times) }
      const [worst] = (Object.keys(shares) as Waste[]).sort((a, b) => shares[b] - shares[a])
      return { shares, verdict: worst && enough(shares[worst]) ? worst : 'compute' }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'shares-of-the-nodes',
    sentence: 'Your shares are of the time of the nodes. They are of the run, with the overhead in it: otherwise a session of tiny nodes looks busy.',
    functions: variant({ whole: (times) => sum(Object.values(times.operators)) }),
  },
  {
    name: 'cast-only',
    sentence: 'Quantizing and dequantizing change the type too: they belong to the conversions.',
    functions: variant({ lists: { ...LISTS, conversion: ['Cast'] } }),
  },
  {
    name: 'transpose-only',
    sentence: 'ReorderInput and ReorderOutput put the same numbers in another order, as Transpose does: they belong to layout.',
    functions: variant({ lists: { ...LISTS, layout: ['Transpose'] } }),
  },
  {
    name: 'always-guilty',
    sentence: 'You named a waste although none is a fifth of the run. A session that computes is healthy: the verdict is "compute".',
    functions: variant({ enough: (share) => share > 0 }),
  },
  {
    name: 'negative-overhead',
    sentence: 'Your overhead is below 0: times are rounded, so nodes may seem to take longer than their run. Count it as 0.',
    functions: variant({ overhead: (times) => times.run - sum(Object.values(times.operators)) }),
  },
  {
    name: 'more-than-a-fifth',
    sentence: 'Exactly a fifth is enough for a verdict.',
    functions: variant({ enough: (share) => share > 0.2 }),
  },
]
