import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/remove_filters'
import type { Convolution } from './exercise'

const blocks = (data: Float32Array, which: number[], size: number): Float32Array =>
  Float32Array.from(which.flatMap((block) => [...data.subarray(block * size, (block + 1) * size)]))

const asGiven: (keep: number[], m: number) => number[] = (keep) => keep

const RIGHT = {
  kept: asGiven,
  filters: (first: Convolution, keep: number[]): Float32Array => blocks(first.weights, keep, first.shape[1] * first.shape[2] * first.shape[3]),
  bias: (first: Convolution, keep: number[]): Float32Array => Float32Array.from(keep, (m) => first.bias[m]!),
  /** Numbers of the kernels of the second that stay. */
  kernels: ([n, m]: number[], keep: number[]): number[] => Array.from({ length: n! }, (_, f) => keep.map((k) => f * m! + k)).flat(),
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { kept, filters, bias, kernels } = { ...RIGHT, ...wrong }
  return {
    removeFilters(first, second, given) {
      const keep = kept(given, first.shape[0])
      const [, c, h, w] = first.shape, [n, , h2, w2] = second.shape
      return {
        first: { weights: filters(first, keep), shape: [keep.length, c, h, w], bias: bias(first, keep) },
        second: { weights: blocks(second.weights, kernels(second.shape, keep), h2 * w2), shape: [n, keep.length, h2, w2], bias: second.bias.slice() },
      }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-reader-keeps-the-first-channels',
    sentence: 'The second convolution reads the wrong channels: you kept its first few. It must lose exactly the channels whose filters are gone.',
    functions: variant({ kernels: ([n, m], keep) => Array.from({ length: n! }, (_, f) => keep.map((_k, i) => f * m! + i)).flat() }),
  },
  {
    name: 'channels-of-the-first-filter-only',
    sentence: 'You took the channels of one filter of the second convolution again and again. Every one of its N filters reads the channels with kernels of its own.',
    functions: variant({ kernels: ([n], keep) => Array.from({ length: n! }, () => keep).flat() }),
  },
  {
    name: 'biases-stay-in-place',
    sentence: 'The biases of the first convolution were cut at the end. The bias belongs to its filter: take those of the filters that are kept.',
    functions: variant({ bias: (first, keep) => first.bias.slice(0, keep.length) }),
  },
  {
    name: 'keep-is-remove',
    sentence: 'You removed the filters that were to be kept.',
    functions: variant({ kept: (keep, m) => [...Array(m).keys()].filter((k) => !keep.includes(k)) }),
  },
  {
    name: 'one-number-a-filter',
    sentence: 'A filter is not one number: it has C · kH · kW of them in a row, and all go or stay together.',
    functions: variant({ filters: (first, keep) => {
      const size = first.shape[1] * first.shape[2] * first.shape[3]
      return Float32Array.from(keep.flatMap((k) => Array.from({ length: size }, (_, i) => first.weights[k + i] ?? 0)))
    } }),
  },
]
