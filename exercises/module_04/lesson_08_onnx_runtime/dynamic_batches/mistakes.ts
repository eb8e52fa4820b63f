import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/dynamic_batches'
import type { BatchPolicy } from './exercise'

const RIGHT = {
  start: (free: number, full: number, oldest: number, delay: number): number => Math.max(free, Math.min(full, oldest + delay)),
  takes: (arrival: number, start: number): boolean => arrival <= start,
  most: (policy: BatchPolicy): number => policy.maxBatch,
  latency: (end: number, arrival: number, _start: number): number => end - arrival,
  duration: ({ fixed, each }: BatchPolicy, size: number): number => fixed + each * size,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { start, takes, most, latency, duration } = { ...RIGHT, ...wrong }
  return {
    dynamicBatches(arrivals, policy) {
      const latencies: number[] = [], batches: number[] = []
      let free = 0, next = 0
      while (next < arrivals.length) {
        const begin = start(free, arrivals[next + policy.maxBatch - 1] ?? Infinity, arrivals[next]!, policy.maxDelay)
        const taken = arrivals.slice(next, next + most(policy)).filter((arrival) => takes(arrival, begin))
        const batch = taken.length > 0 ? taken : [arrivals[next]!]
        free = begin + duration(policy, batch.length)
        for (const arrival of batch) latencies.push(latency(free, arrival, begin))
        batches.push(batch.length)
        next += batch.length
      }
      return { latencies, batches }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'delay-from-free',
    sentence: 'You counted the delay from when the worker became free. A request that waited for the worker has already waited: count from its arrival.',
    functions: variant({ start: (free, full, oldest, delay) => Math.max(oldest, Math.min(Math.max(free, full), Math.max(free, oldest) + delay)) }),
  },
  {
    name: 'waits-when-full',
    sentence: 'A batch that is full gains nothing by waiting: it starts as soon as maxBatch requests are there.',
    functions: variant({ start: (free, _, oldest, delay) => Math.max(free, oldest + delay) }),
  },
  {
    name: 'no-limit',
    sentence: 'Your batch took all that were waiting. It holds at most maxBatch.',
    functions: variant({ most: () => Infinity }),
  },
  {
    name: 'too-late',
    sentence: 'A request that arrives exactly at the start comes along.',
    functions: variant({ takes: (arrival, start) => arrival < start }),
  },
  {
    name: 'service-time-only',
    sentence: 'You gave how long the model took. What a caller sees is from the arrival to the answer, waiting included.',
    functions: variant({ latency: (end, _, start) => end - start }),
  },
  {
    name: 'fixed-for-each',
    sentence: 'The fixed time is paid once a batch, not once a request: that is why batching pays.',
    functions: variant({ duration: ({ fixed, each }, size) => (fixed + each) * size }),
  },
]
