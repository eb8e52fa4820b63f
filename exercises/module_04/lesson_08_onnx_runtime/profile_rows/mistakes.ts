import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/profile_rows'
import type { OperatorTime, TraceEvent } from './exercise'

const RIGHT = {
  first: 1,
  counts: (event: TraceEvent): boolean => event.cat === 'Node' && event.name.endsWith('_kernel_time'),
  unit: 1000,
  divisor: (runs: number): number => runs,
  compare: (a: OperatorTime, b: OperatorTime): number => b.milliseconds - a.milliseconds,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { first, counts, unit, divisor, compare } = { ...RIGHT, ...wrong }
  return {
    operatorTimes(events) {
      const starts = events.filter((event) => event.name === 'model_run').map((event) => event.ts).sort((a, b) => a - b)
      const some = events.filter((event) => counts(event) && event.ts >= (starts[first] ?? Infinity))
      const per = divisor(starts.length - first)
      const total = some.reduce((sum, event) => sum + event.dur, 0)
      return [...new Set(some.map((event) => event.args.op_name ?? ''))].map((operator) => {
        const own = some.filter((event) => (event.args.op_name ?? '') === operator)
        const time = own.reduce((sum, event) => sum + event.dur, 0)
        return { operator, calls: own.length / per, milliseconds: time / unit / per, share: time / total }
      }).sort(compare)
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'counts-the-first-run',
    sentence: 'You counted the first run. It allocates memory and fills caches: leave it out.',
    functions: variant({ first: 0 }),
  },
  {
    name: 'sums-of-all-runs',
    sentence: 'You added up all runs. The table is for a mean run: divide calls and milliseconds by the number of runs that you counted.',
    functions: variant({ divisor: () => 1 }),
  },
  {
    name: 'microseconds',
    sentence: 'The trace is in microseconds; the table wants milliseconds.',
    functions: variant({ unit: 1 }),
  },
  {
    name: 'every-node-event',
    sentence: 'You added every event of a node. Only those that end with _kernel_time are work; the others are waiting around it.',
    functions: variant({ counts: (event) => event.cat === 'Node' }),
  },
  {
    name: 'smallest-first',
    sentence: 'Your table begins with the fastest operator. A profile is read for what is slow: the largest time first.',
    functions: variant({ compare: (a, b) => a.milliseconds - b.milliseconds }),
  },
]
