import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/serving_cost'
import type { ServingWay, Traffic } from './exercise'

const RIGHT = {
  refuse: true,
  capacity: ({ workers, batch, milliseconds }: ServingWay): number => (workers * batch * 1000) / milliseconds,
  usable: (capacity: number, { utilization }: Traffic): number => utilization * capacity,
  load: ({ peak }: Traffic): number => peak,
  whole: Math.ceil,
  answers: ({ mean }: Traffic): number => mean,
  hours: 730,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { refuse, capacity, usable, load, whole, answers, hours } = { ...RIGHT, ...wrong }
  return {
    servingCost(way, traffic) {
      const { mean, peak, utilization } = traffic
      if (refuse && (!(utilization > 0 && utilization <= 1) || peak < mean)) throw new Error('traffic that cannot be')
      const machines = whole(load(traffic) / usable(capacity(way), traffic))
      const perMonth = machines * way.pricePerHour * hours
      return { machines, perMonth, perMillion: (1e6 * perMonth) / (answers(traffic) * 3600 * hours) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'full-capacity',
    sentence: 'You let machines run at their full capacity. There a queue grows without bound: only the share `utilization` of it counts.',
    functions: variant({ usable: (capacity) => capacity }),
  },
  {
    name: 'utilization-upside-down',
    sentence: 'You divided the capacity by the utilization. Using less of each machine means more machines, not fewer.',
    functions: variant({ usable: (capacity, { utilization }) => capacity / utilization }),
  },
  {
    name: 'bought-for-the-mean',
    sentence: 'You bought machines for the average second. In the busiest minute that service drowns: divide the peak.',
    functions: variant({ load: ({ mean }) => mean }),
  },
  {
    name: 'paid-by-the-peak',
    sentence: 'You shared the bill among as many answers as if every second were the busiest. Most are not: the mean says how many were given.',
    functions: variant({ answers: ({ peak }) => peak }),
  },
  {
    name: 'parts-of-machines',
    sentence: 'Your number of machines is not whole. Half a machine is not for sale: round up.',
    functions: variant({ whole: (machines) => machines }),
  },
  {
    name: 'rounded',
    sentence: 'You rounded the number of machines down, or to the nearest. Then the last of the load has no machine: round up.',
    functions: variant({ whole: Math.round }),
  },
  {
    name: 'batches-not-answers',
    sentence: 'Your capacity counts batches. Each of them holds `batch` answers.',
    functions: variant({ capacity: ({ workers, milliseconds }) => (workers * 1000) / milliseconds }),
  },
  {
    name: 'one-worker',
    sentence: 'Your capacity is that of one worker. A machine has `workers` of them, side by side.',
    functions: variant({ capacity: ({ batch, milliseconds }) => (batch * 1000) / milliseconds }),
  },
  {
    name: 'thirty-days',
    sentence: 'You took 720 hours, a month of thirty days. A mean month has 8760 / 12 = 730.',
    functions: variant({ hours: 720 }),
  },
  {
    name: 'any-traffic',
    sentence: 'You answered for traffic that cannot be: a utilization outside of 0 to 1, or a peak below the mean. Refuse it.',
    functions: variant({ refuse: false }),
  },
]
