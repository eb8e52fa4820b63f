// `npm run bench -- compression`: Deep Compression's pipeline (prune, train, share weights, train, Huffman) on its two
// MNIST networks, beside the table of the paper (arXiv 1510.00149, table 1).
import type { BenchContext, BenchSuite, Row } from '../../benchmarks'
import { withShifts } from '../../data'
import { writeModel } from '../../onnx'
import { cubic, pruneGradually, readCompressed, shareWeights, withCentres, writeCompressed } from '../../optimization'
import { recordedTeacher } from '../../nn'
import { accuracyOf, answersOf, zoo, type ZooName } from '../zoo'
import { fineTuner, trainCodebooks, useEngine } from '../zoo/fine-tune'

interface Network {
  readonly name: ZooName
  /** Of the paper: how many times smaller, and its error before and after in percent. */
  readonly paper: { readonly ratio: number; readonly before: number; readonly after: number }
  readonly sparsity: number
  readonly bits: (name: string, rank: number) => number
  readonly batchSize: number
  readonly samples: number
  /** Copies of the training images that are moved by up to a pixel: the student meets more questions than the teacher learned from. */
  readonly shifts: number
  /** Epochs of training at the last sparsity, and of the values of the codebooks. */
  readonly epochs: readonly [settled: number, codebooks: number]
}

const NETWORKS: readonly Network[] = [
  { name: 'lenet-300-100', paper: { ratio: 40, before: 1.64, after: 1.58 }, sparsity: 0.925, bits: () => 5, batchSize: 128, samples: 60_000, shifts: 3, epochs: [6, 2] },
  { name: 'lenet-5', paper: { ratio: 39, before: 0.8, after: 0.74 }, sparsity: 0.93, bits: (_, rank) => (rank > 2 ? 7 : 5), batchSize: 64, samples: 60_000, shifts: 0, epochs: [2, 1] },
]

async function measure(network: Network, { note, quick, add }: BenchContext): Promise<void> {
  const { model, bytes: dense, data, accuracy } = await zoo(network.name, note)
  const images = data.train.take(quick ? 6000 : network.samples)
  const train = network.shifts === 0 ? images : withShifts(images, { copies: network.shifts, pixels: 1, seed: 1 })
  await useEngine()
  // The dense model teaches the sparse one: its answers say more than labels that the training data no longer get wrong.
  const lesson = recordedTeacher(train, await answersOf(dense, train), { temperature: 2, hard: 0.3 })
  const base = { batchSize: network.batchSize, loss: lesson.loss, note }
  const steps = fineTuner(lesson.samples, { ...base, epochs: 1, rate: 0.0015 })
  const pruned = await pruneGradually(model, { sparsities: cubic(network.sparsity, 4), scope: 'global', fineTune: (m, context) => {
    note(`${network.name}: pruning, step ${context.step} of ${context.steps}`)
    return steps(m, context)
  } })
  // The last sparsity gets a longer training.
  const settled = await pruneGradually(pruned.model, { sparsities: [network.sparsity], scope: 'global', fineTune: fineTuner(lesson.samples, { ...base, epochs: network.epochs[0], rate: 0.0015, seed: 9 }) })
  const shared = shareWeights(settled.model, { bits: network.bits })
  const trained = await trainCodebooks(shared.model, shared.codebooks, lesson.samples, { ...base, epochs: network.epochs[1], rate: 0.0003 })
  lesson.dispose()
  const { bytes, weights, skeletonBytes } = writeCompressed(withCentres(trained.model, trained.codebooks))
  // What is judged is what the file gives back.
  const after = await accuracyOf(writeModel(readCompressed(bytes)), data.test)
  const parameters = [...model.graph.initializers.values()].reduce((sum, tensor) => sum + (tensor.dtype === 'float32' ? tensor.size : 0), 0)
  const ratio = (4 * parameters) / bytes.length
  const stored = weights.reduce((sum, w) => ({ nonZeros: sum.nonZeros + w.nonZeros, gaps: sum.gaps + w.gapBytes, indices: sum.indices + w.indexBytes, books: sum.books + w.codebookBytes }), { nonZeros: 0, gaps: 0, indices: 0, books: 0 })
  const row = (contestant: string, unit: string, median: number): Row => ({ case: network.name, contestant, unit, median })
  const prunedAccuracy = await accuracyOf(writeModel(settled.model), data.test)
  add([
    row('dense: weights', 'kB', (4 * parameters) / 1000), row('dense: error', '%', 100 * (1 - accuracy)),
    row('pruned: weights left', '%', 100 * (1 - settled.sparsity)), row('pruned: error', '%', 100 * (1 - prunedAccuracy)),
    row('whole file', 'kB', bytes.length / 1000), row('of it gaps', 'kB', stored.gaps / 1000), row('of it indices', 'kB', stored.indices / 1000),
    row('of it codebooks', 'kB', stored.books / 1000), row('of it graph and biases', 'kB', skeletonBytes / 1000),
    row('whole file: times smaller', '×', ratio), row('paper: times smaller', '×', network.paper.ratio),
    row('file read back: error', '%', 100 * (1 - after)), row('paper: error before', '%', network.paper.before), row('paper: error after', '%', network.paper.after),
  ], [
    { name: `${network.name}: size`, wanted: `at least ${network.paper.ratio} times smaller`, reached: `${ratio.toFixed(1)} times, the whole file`, met: ratio >= network.paper.ratio },
    { name: `${network.name}: accuracy`, wanted: 'none lost', reached: `${(100 * accuracy).toFixed(2)}% before, ${(100 * after).toFixed(2)}% after`, met: after >= accuracy },
  ])
}

export const suite: BenchSuite = {
  name: 'compression',
  description: "Deep Compression's pipeline on LeNet-300-100 and LeNet-5, beside the paper's table",
  run: async (context): Promise<void> => {
    for (const network of NETWORKS.filter(({ name }) => context.args.length === 0 || context.args.includes(name))) await measure(network, context)
  },
}
