import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_06_quantization/integer_neuron'
import type { NeuronGrid } from './exercise'

const RIGHT = {
  start: (bias: number): number => bias,
  input: (q: number, zero: number): number => q - zero,
  factor: ({ xScale, wScale, yScale }: NeuronGrid): number => (xScale * wScale) / yScale,
  round: (x: number): number => Math.round(x),
  shift: (zero: number): number => zero,
  limit: (q: number): number => Math.min(255, Math.max(0, q)),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { start, input, factor, round, shift, limit } = { ...RIGHT, ...wrong }
  return {
    integerNeuron(x, weights, bias, grid) {
      const sum = x.reduce((total, q, i) => total + input(q, grid.xZero) * (weights[i] ?? 0), start(bias))
      return { sum, output: limit(round(sum * factor(grid)) + shift(grid.yZero)) }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'zero-point-of-the-input',
    sentence: 'You multiplied the stored integers themselves. An input that means 0 is stored as its zero point, and must add nothing.',
    functions: variant({ input: (q) => q }),
  },
  {
    name: 'no-bias',
    sentence: 'The bias is missing from the sum. It is an integer in steps of s_x · s_w, so it can simply be added there.',
    functions: variant({ start: () => 0 }),
  },
  {
    name: 'wraps-round',
    sentence: 'An output beyond 0 … 255 wrapped round to the other end: the brightest becomes the darkest. It must stop at the end.',
    functions: variant({ limit: (q) => ((q % 256) + 256) % 256 }),
  },
  {
    name: 'no-limit',
    sentence: 'Your output leaves 0 … 255, where no unsigned 8-bit integer is. Stop at the ends.',
    functions: variant({ limit: (q) => q }),
  },
  {
    name: 'cuts-off',
    sentence: 'You cut off what is after the point. That pulls every output towards the zero point, by half a step on average.',
    functions: variant({ round: Math.trunc }),
  },
  {
    name: 'no-output-zero-point',
    sentence: 'The zero point of the output is missing: real 0 must come out as z_y.',
    functions: variant({ shift: () => 0 }),
  },
  {
    name: 'scale-upside-down',
    sentence: 'The scale of the output belongs below the line: a larger step means fewer steps.',
    functions: variant({ factor: ({ xScale, wScale, yScale }) => xScale * wScale * yScale }),
  },
]
