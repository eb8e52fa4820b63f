import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/latency_summary'

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
const RIGHT = {
  kept: (samples: number[], warmup: number): number[] => samples.slice(warmup),
  sort: (values: number[]): number[] => [...values].sort((a, b) => a - b),
  at: (sorted: number[], p: number): number => sorted[Math.ceil((p * sorted.length) / 100) - 1]!,
  enough: (n: number, p: number): boolean => n - Math.ceil((p * n) / 100) >= 5,
  throughput: (sorted: number[]): number => (1000 * sorted.length) / sum(sorted),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { kept, sort, at, enough, throughput } = { ...RIGHT, ...wrong }
  return {
    latencySummary(samples, warmup) {
      const sorted = sort(kept(samples, warmup))
      const percentile = (p: number): number | null => (enough(sorted.length, p) ? at(sorted, p) : null)
      return { p50: percentile(50), p90: percentile(90), p99: percentile(99), throughput: throughput(sorted) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'warm-up-counts',
    sentence: 'You counted the warm-up. The first runs pay for memory, caches and clocks that later runs have for nothing.',
    functions: variant({ kept: (samples) => samples }),
  },
  {
    name: 'sorts-as-words',
    sentence: 'sort() without a comparison sorts numbers as words: 10 comes before 2.',
    functions: variant({ sort: (values) => [...values].sort() }),
  },
  {
    name: 'interpolates',
    sentence: 'You interpolated between two samples. By nearest rank a percentile is a latency that really occurred.',
    functions: variant({ at: (sorted, p) => {
      const place = ((sorted.length - 1) * p) / 100
      const low = sorted[Math.floor(place)]!, high = sorted[Math.ceil(place)]!
      return low + (high - low) * (place - Math.floor(place))
    } }),
  },
  {
    name: 'one-too-far',
    sentence: 'Ranks count from 1, elements of a list from 0: you took the sample behind the one that was meant.',
    functions: variant({ at: (sorted, p) => sorted[Math.ceil((p * sorted.length) / 100)]! }),
  },
  {
    name: 'tails-from-nothing',
    sentence: 'You gave a percentile with fewer than five samples above it. The tail of a few samples is chance: say null.',
    functions: variant({ enough: () => true }),
  },
  {
    name: 'throughput-of-the-median',
    sentence: 'You computed the throughput from the median. The slow requests take their time too: divide the number of requests by the whole time.',
    functions: variant({ throughput: (sorted) => 1000 / RIGHT.at(sorted, 50) }),
  },
]
