import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/global_shares'

type Layers = Record<string, Float32Array>

const shares = (layers: Layers, goes: (w: number, layer: Float32Array) => boolean): Record<string, number> =>
  Object.fromEntries(Object.entries(layers).map(([name, weights]) => [name, weights.filter((w) => goes(w, weights)).length / weights.length]))
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b)
const all = (layers: Layers): number[] => Object.values(layers).flatMap((w) => [...w])
const threshold = (sizes: number[], sparsity: number): number => sizes[Math.round(sparsity * sizes.length)] ?? Infinity

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'layer-by-layer',
    sentence: 'You pruned the same share of every layer. Here all layers are one heap: a layer of large weights loses few.',
    functions: { globalShares: (layers, sparsity) =>
      shares(layers, (w, layer) => Math.abs(w) < threshold(sorted(layer.map(Math.abs)), sparsity)) },
  },
  {
    name: 'mean-of-thresholds',
    sentence: 'You took the mean of the layers\' own thresholds. One threshold comes from the sorted sizes of all weights together.',
    functions: { globalShares(layers, sparsity) {
      const each = Object.values(layers).map((layer) => Math.min(1e9, threshold(sorted(layer.map(Math.abs)), sparsity)))
      const mean = each.reduce((a, b) => a + b, 0) / each.length
      return shares(layers, (w) => Math.abs(w) < mean)
    } },
  },
  {
    name: 'forgets-the-absolute-value',
    sentence: 'You compared w instead of |w|: all negative weights went first.',
    functions: { globalShares(layers, sparsity) {
      const stays = threshold(sorted(all(layers)), sparsity)
      return shares(layers, (w) => w < stays)
    } },
  },
  {
    name: 'sorts-words',
    sentence: 'JavaScript sorts the numbers of an Array as words unless you give it a comparison: "10" stands before "9".',
    functions: { globalShares(layers, sparsity) {
      const words = all(layers).map((w) => String(Math.abs(w))).sort()
      const stays = threshold(words.map(Number), sparsity)
      return shares(layers, (w) => Math.abs(w) < stays)
    } },
  },
  {
    name: 'share-of-all-zeros',
    sentence: 'You divided by the number of all weights. The share of a layer is of its own weights.',
    functions: { globalShares(layers, sparsity) {
      const stays = threshold(sorted(all(layers).map(Math.abs)), sparsity)
      const n = all(layers).length
      return Object.fromEntries(Object.entries(layers).map(([name, weights]) => [name, weights.filter((w) => Math.abs(w) < stays).length / n]))
    } },
  },
  {
    name: 'the-share-that-stays',
    sentence: 'You gave the share that stays. What is asked for is the share of zeros.',
    functions: { globalShares(layers, sparsity) {
      const stays = threshold(sorted(all(layers).map(Math.abs)), sparsity)
      return shares(layers, (w) => Math.abs(w) >= stays)
    } },
  },
]
