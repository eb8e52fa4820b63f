// `npm run bench -- techniques [model…]`: every technique of Module 4 on the same trained models, in one run: accuracy on the
// held-out data, bytes on disk, latency of one sample and of 32. docs/optimization-guide.md and its plots are made from it.
import { compare, type BenchContext, type BenchSuite, type Contestant } from '../../benchmarks'
import { messageOf } from '../../core'
import { writeModel, type Model } from '../../onnx'
import {
  convertPrecision, factorize, pruneGradually, pruneStructuredGradually, quantizeDynamic, quantizeStatic, quantizeWeights, shareWeights, writeCompressed,
} from '../../optimization'
import { runner, Session, type SessionOptions, type Tensors } from '../../runtime'
import { accuracyOf, zoo, type Trained, type ZooName } from '../zoo'
import { overModels } from '../zoo/suite'
import { fineTuner, useEngine } from '../zoo/fine-tune'

/** A technique on a model. */
interface Variant {
  readonly name: string
  readonly bytes: Uint8Array
  /** Of the file that is shipped, where it is not the model that runs. */
  readonly fileBytes?: number
  readonly options?: SessionOptions
}

const CALIBRATION = 64
const BATCHES = [1, 32]

/** What is made of a model. A technique that cannot be used on it is left out; its row says why. */
async function variantsOf(trained: Trained, { note, quick, add }: BenchContext): Promise<Variant[]> {
  const { model, bytes, data, input, name } = trained
  const run = runner({ optimization: 'disabled' })
  const samples: Tensors[] = Array.from({ length: CALIBRATION }, (_, i) => ({ [input]: { dtype: 'float32', shape: [1, ...data.train.shape.slice(1)], data: Float32Array.from(data.train.sample(i)) } }))
  const common = { run, data: samples }
  const train = data.train.take(quick ? 1280 : Math.min(data.train.length, 6400))
  await useEngine()
  // About 200 steps, whatever the size of the data: what is cut away needs that many to heal.
  const epochs = Math.max(1, Math.ceil((quick ? 1280 : 12_800) / train.length))
  const tune = () => fineTuner(train, { epochs, batchSize: 64, rate: 0.0015, note: (line) => { note(`${name}: ${line}`) } })
  const made: Variant[] = []
  const keep = async (variant: Variant): Promise<void> => {
    made.push(variant)
    add([
      { case: `${name}: accuracy`, contestant: variant.name, unit: '%', median: 100 * await accuracyOf(variant.bytes, data.test) },
      { case: `${name}: size`, contestant: variant.name, unit: 'kB', median: (variant.fileBytes ?? variant.bytes.length) / 1000 },
    ])
  }
  await keep({ name: 'float32', bytes })
  made.push({ name: "float32, the runtime's optimizer off", bytes, options: { optimization: 'disabled' } })
  const attempt = async (technique: string, make: () => Promise<{ model: Model; fileBytes?: number }> | { model: Model; fileBytes?: number }): Promise<Model | undefined> => {
    note(`${name}: ${technique}`)
    try {
      const { model: result, fileBytes } = await make()
      await keep({ name: technique, bytes: writeModel(result), ...(fileBytes !== undefined && { fileBytes }) })
      return result
    } catch (error) {
      add([{ case: `${name}: accuracy`, contestant: technique, unit: '%', missing: messageOf(error).split('\n')[0] ?? '' }])
      return undefined
    }
  }
  await attempt('float16', () => convertPrecision(model, common))
  await attempt('int8, static', () => quantizeStatic(model, common))
  await attempt('int8, dynamic', () => quantizeDynamic(model, common))
  await attempt('4-bit weights', () => quantizeWeights(model, { ...common, bits: 4 }))
  const pruned = await attempt('channels pruned to 40% of the arithmetic', () => pruneStructuredGradually(model, { target: { macs: 0.4 }, steps: 2, multiple: 16, fineTune: tune() }))
  if (pruned) await attempt('channels pruned, then int8, static', () => quantizeStatic(pruned, common))
  const sparse = await attempt('90% of the weights zero', () => pruneGradually(model, { sparsities: [0.6, 0.9], scope: 'global', fineTune: tune() }))
  if (sparse) {
    await attempt('90% zero, shared weights, Huffman codes', () => {
      const shared = shareWeights(sparse, { bits: 5 }).model
      return { model: shared, fileBytes: writeCompressed(shared).bytes.length }
    })
  }
  await attempt('low rank, half the weights', async () => {
    const { model: factors } = factorize(model, { parameters: 0.5 })
    // Nothing is pruned: the training that goes with it is what is wanted.
    return pruneGradually(factors, { sparsities: [0], scope: 'global', fineTune: tune() })
  })
  run.dispose()
  return made
}

/** Milliseconds of one run, over as many runs as take about 20 ms. */
function timed({ name, bytes, options }: Variant, inputs: Tensors): Contestant {
  let session: Session | undefined
  let runs = 1
  return {
    name,
    prepare: () => {
      session = Session.create(bytes, { threads: 1, ...options })
      session.runSync(inputs)
      const start = performance.now()
      session.runSync(inputs)
      runs = Math.max(1, Math.round(20 / (performance.now() - start)))
    },
    measure: () => {
      const start = performance.now()
      for (let i = 0; i < runs; i++) session?.runSync(inputs)
      return (performance.now() - start) / runs
    },
    close: () => session?.dispose(),
  }
}

async function measure(name: ZooName, context: BenchContext): Promise<void> {
  const trained = await zoo(name, context.note)
  const made = await variantsOf(trained, context)
  for (const size of BATCHES) {
    const batch = trained.data.test.take(size)
    const inputs: Tensors = { [trained.input]: { dtype: 'float32', shape: batch.shape, data: Float32Array.from(batch.features) } }
    context.add(await compare({ name: `${name}: ${size} at once, 1 thread`, unit: 'ms', rounds: 15, contestants: made.map((variant) => timed(variant, inputs)) }, context))
  }
}

export const suite: BenchSuite = {
  name: 'techniques',
  description: 'every technique of Module 4 on the same models: accuracy, size, latency, in one run',
  run: (context) => overModels(measure, context),
}
