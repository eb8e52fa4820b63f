import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/thread_scaling'
import type { Scaling, ThreadTiming } from './exercise'

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Slope and intercept of the least-squares line. */
function line(points: [number, number][]): [slope: number, intercept: number] {
  const x = mean(points.map(([a]) => a)), y = mean(points.map(([, b]) => b))
  const slope = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
  return [slope, y - slope * x]
}

const RIGHT = {
  points: (timings: ThreadTiming[]): [number, number][] => timings.map(({ threads, milliseconds }) => [1 / threads, milliseconds]),
  serial: (intercept: number): number => Math.max(0, intercept),
  limit: ({ serial, parallel }: Omit<Scaling, 'limit'>, _timings: ThreadTiming[]): number => (serial === 0 ? Infinity : (serial + parallel) / serial),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { points, serial, limit } = { ...RIGHT, ...wrong }
  return {
    threadScaling(timings) {
      if (new Set(timings.map((each) => each.threads)).size < 2) throw new Error('two different numbers of threads')
      const [parallel, intercept] = line(points(timings))
      const fitted = { serial: serial(intercept), parallel }
      return { ...fitted, limit: limit(fitted, timings) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'line-in-threads',
    sentence: 'You fitted a straight line in the number of threads n. Amdahl\'s law is straight in 1 / n.',
    functions: variant({ points: (timings) => timings.map(({ threads, milliseconds }) => [threads, milliseconds]) }),
  },
  {
    name: 'first-and-last-only',
    sentence: 'You used two of the points. Least squares uses all of them: that is what averages the noise.',
    functions: variant({ points: (timings) => {
      const sorted = [...timings].sort((a, b) => a.threads - b.threads)
      return RIGHT.points([sorted[0]!, sorted.at(-1)!])
    } }),
  },
  {
    name: 'negative-serial',
    sentence: 'Your serial part is negative: no work takes less than no time. Noise gave that; count it as 0.',
    functions: variant({ serial: (intercept) => intercept }),
  },
  {
    name: 'best-measured-as-limit',
    sentence: 'You gave the best speed-up that was measured. The limit is what more threads would come close to: t(1) over the serial part.',
    functions: variant({ limit: (_, timings) => Math.max(...timings.map((each) => each.milliseconds)) / Math.min(...timings.map((each) => each.milliseconds)) }),
  },
  {
    name: 'limit-without-serial',
    sentence: 'On one thread the whole takes serial + parallel. Your limit has only the parallel part above the line.',
    functions: variant({ limit: ({ serial, parallel }) => (serial === 0 ? Infinity : parallel / serial) }),
  },
]
