import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/quantize_channels'

const even = (x: number): number => {
  const near = Math.round(x)
  return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

const RIGHT = {
  largest: (own: Float32Array): number => Math.max(0, ...Array.from(own, Math.abs)),
  scale: (largest: number): number => (largest === 0 ? 1 : largest / 127),
  round: even,
  oneForAll: false,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { largest, scale, round, oneForAll } = { ...RIGHT, ...wrong }
  return {
    quantizeChannels(weights, channels) {
      const size = weights.length / channels
      const scales = Float32Array.from({ length: channels }, (_, c) => scale(largest(oneForAll ? weights : weights.subarray(c * size, (c + 1) * size))))
      // In double precision, as the division of plain numbers is.
      const exact = Array.from({ length: channels }, (_, c) => scale(largest(oneForAll ? weights : weights.subarray(c * size, (c + 1) * size))))
      return { scales, integers: Int8Array.from(weights, (w, i) => round(w / (exact[Math.floor(i / size)] ?? 1))) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'one-scale-for-all',
    sentence: 'All channels have the scale of the largest one. Small channels then use a few integers only, or none.',
    functions: variant({ oneForAll: true }),
  },
  {
    name: 'cuts-instead-of-rounding',
    sentence: 'You cut off what is after the point (an Int8Array does that by itself). Rounding to the nearest halves the error.',
    functions: variant({ round: Math.trunc }),
  },
  {
    name: 'half-upwards',
    sentence: 'Math.round sends every half upwards, which shifts the mean of the weights. ONNX rounds a half to the even neighbour.',
    functions: variant({ round: Math.round }),
  },
  {
    name: 'divides-by-128',
    sentence: 'You divided by 128: the largest weight becomes 128, which does not exist in signed 8 bits, and wraps round to −128.',
    functions: variant({ scale: (largest) => (largest === 0 ? 1 : largest / 128) }),
  },
  {
    name: 'largest-without-sign',
    sentence: 'You took the largest weight, not the largest magnitude: a channel whose extreme is negative then runs out of integers.',
    functions: variant({ largest: (own) => Math.max(0, ...own) }),
  },
  {
    name: 'zeros-divide-by-zero',
    sentence: 'A channel of zeros has the scale 0 with you, and w / 0 is no number. Give it the scale 1.',
    functions: variant({ scale: (largest) => largest / 127 }),
  },
]
