import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/clip_threshold'

const RIGHT = {
  levels: (bits: number): number => 2 ** (bits - 1) - 1,
  largest: (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0),
  clamp: (q: number, levels: number): number => Math.min(levels, Math.max(-levels, q)),
  cost: (off: number): number => off * off,
  better: (error: number, best: number): boolean => error < best,
  first: (_steps: number): number => 1,
  mean: (sum: number, count: number): number => sum / count,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { levels, largest, clamp, cost, better, first, mean } = { ...RIGHT, ...wrong }
  return {
    clipThreshold(values, bits, steps) {
      const l = levels(bits), most = largest(values)
      if (most === 0) return { threshold: 0, error: 0 }
      let best = { threshold: most, error: Infinity }
      for (let k = first(steps); k <= steps; k++) {
        const threshold = (most * k) / steps
        const s = threshold / l
        let sum = 0
        for (const x of values) sum += cost(x - s * clamp(Math.round(x / s), l))
        const error = mean(sum, values.length)
        if (better(error, best.error)) best = { threshold, error }
      }
      return best
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'min-max',
    sentence: 'You always take the largest value: that is min-max calibration, and one outlier then makes every step coarse.',
    functions: variant({ first: (steps) => steps }),
  },
  {
    name: 'clips-nothing',
    sentence: 'Values beyond the threshold keep their size with you. They must become the threshold: that is what clipping costs.',
    functions: variant({ clamp: (q) => q }),
  },
  {
    name: 'absolute-error',
    sentence: 'You added up absolute errors. The square punishes a large error more, and the best threshold moves.',
    functions: variant({ cost: Math.abs }),
  },
  {
    name: 'sum-not-mean',
    sentence: 'Your error is a sum. The mean does not grow with the number of samples, so it can be compared.',
    functions: variant({ mean: (sum) => sum }),
  },
  {
    name: 'all-the-bits',
    sentence: 'You gave one sign all 2^bits integers. Signed integers have half of them on each side: 2^(bits − 1) − 1.',
    functions: variant({ levels: (bits) => 2 ** bits - 1 }),
  },
  {
    name: 'largest-without-sign',
    sentence: 'You looked for the largest value, not the largest magnitude: negative values stay outside.',
    functions: variant({ largest: (values) => Math.max(0, ...values) }),
  },
]
