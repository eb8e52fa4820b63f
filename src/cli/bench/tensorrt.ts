// `npm run bench -- tensorrt [model…]`: the trained models as TensorRT engines beside ONNX Runtime on the processor, in
// float32, float16 and int8, with each precision in the graph.
import { compare, engineRows, type BenchContext, type BenchSuite, type Contestant, type Row } from '../../benchmarks'
import { prepareForTensorrt, type RunTensors, type TensorrtPrecision } from '../../optimization'
import { buildEngine, profileOf, runner, Session, tensorrtProvider, tensorrtStatus } from '../../runtime'
import { zoo, type ZooName } from '../zoo'
import { overModels } from '../zoo/suite'

const BATCH = 32
const PRECISIONS: readonly TensorrtPrecision[] = ['float32', 'float16', 'int8']

async function measure(name: ZooName, context: BenchContext): Promise<void> {
  const { model, bytes, data, input } = await zoo(name, context.note)
  const part = data.train.take(50)
  const samples: RunTensors[] = [{ [input]: { dtype: 'float32', shape: part.shape, data: Float32Array.from(part.features) } }]
  const batch = data.test.take(BATCH)
  const feeds = { [input]: { dtype: 'float32' as const, shape: batch.shape, data: Float32Array.from(batch.features) } }
  const { missing } = tensorrtStatus()
  const absent = missing.library !== undefined && missing.trtexec !== undefined ? { missing: `TensorRT: ${missing.trtexec}` } : {}
  const run = runner(), layers: Row[] = []
  let session: Session | undefined
  const contestants: Contestant[] = [{
    name: 'ONNX Runtime, processor', prepare: () => { session = Session.create(bytes) }, close: () => { session?.dispose() },
    measure: () => {
      const start = performance.now()
      session?.runSync(feeds)
      return performance.now() - start
    },
  }]
  for (const precision of PRECISIONS) {
    const ready = prepareForTensorrt(model, { precision, run, data: samples })
    const errors = ready.problems.filter((problem) => problem.severity === 'error')
    context.note(`${name} ${precision}: ${ready.fusion.nodes} nodes, ${ready.fusion.groups.length} layers expected, ${errors.length} refused`)
    const axes = Object.fromEntries(ready.inputs.flatMap((one) => one.shape.filter((size) => typeof size === 'string').map((size) => [size, { min: 1, opt: BATCH, max: BATCH }])))
    contestants.push({
      name: `TensorRT, ${precision}`, ...absent, measure: async () => {
        const engine = await buildEngine(ready.bytes, ready.inputs, { profiles: [profileOf(ready.inputs, axes)] })
        const found = await engine.measure({ iterations: context.quick ? 20 : 200 })
        const rows = engineRows(`${name} ${precision}`, `TensorRT ${engine.version.text}`, found)
        if (!layers.some((row) => row.case === rows[0]?.case)) layers.push(...rows)
        return rows[0]?.median ?? Number.NaN
      },
    })
  }
  let provided: Session | undefined
  const half = prepareForTensorrt(model, { precision: 'float16', run, data: samples })
  contestants.push({
    name: 'ONNX Runtime, TensorRT provider, float16', ...missing.provider === undefined ? {} : { missing: missing.provider },
    prepare: () => { provided = Session.create(half.bytes, { providers: tensorrtProvider() }) }, close: () => { provided?.dispose() },
    measure: () => {
      const start = performance.now()
      provided?.runSync(feeds)
      return performance.now() - start
    },
  })
  const rows = await compare({ name: `${name}, ${BATCH} at once`, unit: 'ms', rounds: 5, contestants }, context)
  run.dispose()
  context.add([...rows, ...layers])
}

export const suite: BenchSuite = {
  name: 'tensorrt', description: 'the trained models as TensorRT engines in three precisions, beside ONNX Runtime on the processor', run: (context) => overModels(measure, context),
}
