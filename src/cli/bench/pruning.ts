// `npm run bench -- pruning [model…]`: accuracy against measured latency of pruned models, structured and unstructured, with
// random choice as the control; all get the same training afterwards.
import { compare, type BenchContext, type BenchSuite, type Contestant } from '../../benchmarks'
import { GraphLearner, gradients as gradientsOf } from '../../nn'
import { writeModel, type Model } from '../../onnx'
import {
  batchNormScales, batchNormScore, pruneGradually, pruneStructuredGradually, randomScore, randomUnits, taylor, unitScore, type Gradients, type UnitScore,
} from '../../optimization'
import { Session, type Tensors } from '../../runtime'
import { accuracyOf, zoo, type Trained, type ZooName } from '../zoo'
import { overModels } from '../zoo/suite'
import { fineTuner, useEngine } from '../zoo/fine-tune'

interface Variant {
  readonly name: string
  readonly model: Model
  /** Multiply-accumulates ÷ those of the dense model. */
  readonly macs: number
  /** Percent of the held-out samples that are right. */
  readonly accuracy: number
}

const BATCH = 32

/** ONNX Runtime's blocked convolutions take channels in sixteens with AVX-512, in eights with AVX2; others run several times slower. */
const MULTIPLE = 16

/** Milliseconds of a run of 32 images on one thread, over as many runs as take about a twentieth of a second. */
function timed(name: string, model: Model, inputs: Tensors): Contestant {
  let session: Session | undefined
  let runs = 1
  return {
    name,
    prepare: () => {
      session = Session.create(writeModel(model), { threads: 1 })
      session.runSync(inputs)
      const start = performance.now()
      session.runSync(inputs)
      runs = Math.max(1, Math.round(50 / (performance.now() - start)))
    },
    measure: () => {
      const start = performance.now()
      for (let i = 0; i < runs; i++) session?.runSync(inputs)
      return (performance.now() - start) / runs
    },
    close: () => session?.dispose(),
  }
}

async function variants(trained: Trained, { note, quick, add }: BenchContext): Promise<Variant[]> {
  const { model, data, name } = trained
  const train = data.train.take(quick ? 1280 : 5120)
  const one = (m: string) => fineTuner(train, { epochs: 1, batchSize: 64, rate: 0.0015, note: (line) => { note(`${name}, ${m}: ${line}`) } })
  await useEngine()
  const scored = async (m: Model): Promise<Gradients> => {
    const graph = new GraphLearner(m, { batchNorm: 'frozen' })
    try {
      return await gradientsOf(graph, train, { batches: 4, batchSize: 64 })
    } finally {
      graph.dispose()
    }
  }
  const scales = batchNormScales(model)
  const scores: [string, UnitScore, boolean][] = [
    ['magnitude', unitScore(), false], ['Taylor', unitScore(taylor), true], ['random', randomUnits(1), false],
    ...(scales.size > 0 ? [['batch norm scale', batchNormScore(scales), false] as [string, UnitScore, boolean]] : []),
  ]
  const made: Variant[] = []
  const keep = async (variant: Omit<Variant, 'accuracy'>): Promise<void> => {
    const accuracy = 100 * await accuracyOf(writeModel(variant.model), data.test)
    made.push({ ...variant, accuracy })
    add([
      { case: `${name}: arithmetic`, contestant: variant.name, unit: '× dense', median: variant.macs },
      { case: `${name}: accuracy`, contestant: variant.name, unit: '%', median: accuracy },
    ])
  }
  await keep({ name: 'dense', model, macs: 1 })
  for (const share of [0.5, 0.3]) {
    for (const [label, score, asks] of scores) {
      if (share < 0.5 && asks) continue
      const title = `structured ${share === 0.5 ? 2 : 3}×, ${label}`
      const result = await pruneStructuredGradually(model, { target: { macs: share }, steps: 2, score, multiple: MULTIPLE, fineTune: one(title), ...(asks && { gradients: scored }) })
      await keep({ name: title, model: result.model, macs: result.macs.after / result.macs.before })
    }
  }
  for (const sparsity of [0.5, 0.9]) {
    for (const [label, score] of [['magnitude', undefined], ['random', randomScore(1)]] as const) {
      if (sparsity < 0.9 && score) continue
      const title = `${100 * sparsity}% of weights, ${label}`
      const result = await pruneGradually(model, { sparsities: [1 - Math.sqrt(1 - sparsity), sparsity], scope: 'layer', ...(score && { score }), fineTune: one(title) })
      await keep({ name: title, model: result.model, macs: 1 })
    }
  }
  return made
}

async function measure(name: ZooName, context: BenchContext): Promise<void> {
  const trained = await zoo(name, context.note)
  const made = await variants(trained, context)
  const batch = trained.data.test.take(BATCH)
  const inputs: Tensors = { [trained.input]: { dtype: 'float32', shape: batch.shape, data: Float32Array.from(batch.features) } }
  const latency = await compare({ name: `${name}: ${BATCH} images, 1 thread`, unit: 'ms', rounds: 21, contestants: made.map((v) => timed(v.name, v.model, inputs)) }, context)
  const dense = made[0]?.accuracy ?? 0
  // The fastest of the variants with half the arithmetic that lose less than half a point.
  const halves = made.filter((v) => v.name.startsWith('structured 2×') && !v.name.endsWith('random')).map((v) => {
    const row = latency.find((r) => r.contestant === v.name)
    return { ...v, lost: dense - v.accuracy, faster: 1 / (row?.ratio ?? Infinity) }
  }).sort((a, b) => (a.lost < 0.5 ? 0 : 1) - (b.lost < 0.5 ? 0 : 1) || b.faster - a.faster)
  const [best] = halves
  context.add(latency, [{
    name: `${name}: structured, half the arithmetic`, wanted: 'at least 1.7 times faster, under 0.5 points lost',
    reached: best ? `${best.faster.toFixed(2)} times faster at ${best.macs.toFixed(2)} of the arithmetic, ${best.lost.toFixed(2)} points lost (${best.name})` : 'nothing measured',
    met: best ? best.faster >= 1.7 && best.lost < 0.5 : null,
  }])
}

export const suite: BenchSuite = {
  name: 'pruning',
  description: 'accuracy against measured latency: structured and unstructured pruning, random as the control',
  run: (context) => overModels(measure, context),
}
