import type { Convolution } from '../../../exercises/module_04/lesson_04_model_pruning/remove_filters/exercise'

// #region cell
export function removeFilters(
  first: Convolution, second: Convolution, keep: number[],
): { first: Convolution; second: Convolution } {
  const [, channels, height, width] = first.shape
  const [filters, reads, height2, width2] = second.shape
  const perFilter = channels * height * width, perKernel = height2 * width2
  // Kernels of the second that stay: kept channels of its filter 0, then of its filter 1, and so on.
  const kernels = Array.from({ length: filters }, (_, n) => keep.map((m) => n * reads + m)).flat()
  return {
    first: {
      weights: blocks(first.weights, keep, perFilter),
      shape: [keep.length, channels, height, width],
      bias: Float32Array.from(keep, (m) => first.bias[m] ?? 0),
    },
    second: { weights: blocks(second.weights, kernels, perKernel), shape: [filters, keep.length, height2, width2], bias: second.bias.slice() },
  }
}

/** Blocks of `size` numbers in a row, those with the given numbers, one after the other. */
function blocks(data: Float32Array, which: number[], size: number): Float32Array {
  const out = new Float32Array(which.length * size)
  which.forEach((block, i) => {
    out.set(data.subarray(block * size, (block + 1) * size), i * size)
  })
  return out
}
// #endregion
