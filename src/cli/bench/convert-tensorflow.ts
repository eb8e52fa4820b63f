// `npm run bench -- convert-tensorflow [NAME …]`: Keras applications and small models of every kind of layer with random weights,
// as SavedModel and .keras, converted here, beside tf2onnx, beside TensorFlow's own converter to TFLite, and run beside
// TensorFlow; and published TensorFlow.js graph models, beside TensorFlow.js.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Case, type Row } from '../../benchmarks'
import { toRun } from '../../convert/verify'
import { readModel } from '../../onnx'
import { defaultThreads, Session } from '../../runtime'
import {
  differenceFrom, graphModelFolder, graphModelNames, graphModelOutputs, loadGraphModel, pictureFor, referenceBackend,
} from '../convert/graph-models'
import {
  beside, converted, equalTarget, failed, isEqual, latencyTarget, measureAll, nodeCount, samplesOf, speedTarget, timed, worst, type Outcome,
} from '../convert/measured'
import { contestant, pythonWith } from '../peers'

/** What tensorflow_peer.py notes of a model. */
interface Facts {
  readonly name: string
  readonly parameters: number
  readonly tflite_seconds?: number
  readonly tflite_failure?: string
  readonly tf2onnx_seconds?: number
  readonly tf2onnx_failure?: string
}

const TF2ONNX = 'tf2onnx', TFLITE = 'TensorFlow to TFLite'
const OURS = 'whetstone', KERAS = 'whetstone, from .keras'
const GRAPH_MODELS = 'graph-models'

interface Place {
  readonly python: string | undefined
  readonly script: string
  readonly cache: string
}

/** Ratios to the two converters beside ours, as a speed each. */
interface TensorFlowOutcome extends Outcome {
  readonly faster?: Readonly<Record<string, number | undefined>>
}

async function measure(folder: string, { python, script, cache }: Place, context: BenchContext): Promise<TensorFlowOutcome> {
  const facts = JSON.parse(readFileSync(path.join(folder, 'facts.json'), 'utf8')) as Facts
  const { name } = facts
  try {
    const rounds = context.quick ? 1 : 3
    const saved = converted(path.join(folder, 'saved_model'), rounds)
    const keras = converted(path.join(folder, 'model.keras'), rounds)
    const samples = samplesOf(path.join(folder, 'samples.safetensors'))
    const errors = [worst(saved.model, samples), worst(keras.model, samples)]
    const milliseconds = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000)
    const others = [
      { name: TF2ONNX, value: milliseconds(facts.tf2onnx_seconds), missing: facts.tf2onnx_failure },
      { name: TFLITE, value: milliseconds(facts.tflite_seconds), missing: facts.tflite_failure },
    ]
    const onnx = facts.tf2onnx_failure === undefined ? new Uint8Array(readFileSync(path.join(folder, 'model.onnx'))) : undefined
    const error = `${name}: relative error, two batch sizes`, time = `${name}: convert, processor time`
    const rows: Row[] = [
      { case: error, contestant: OURS, unit: '', median: errors[0] ?? NaN }, { case: error, contestant: KERAS, unit: '', median: errors[1] ?? NaN },
      ...beside(time, 'ms', others, saved.processor), ...beside(time, 'ms', [], keras.processor, KERAS),
      ...beside(`${name}: nodes`, 'nodes', [{ name: TF2ONNX, value: onnx === undefined ? undefined : nodeCount(readModel(onnx)), missing: facts.tf2onnx_failure }], nodeCount(saved.model)),
      ...beside(`${name}: nodes`, 'nodes', [], nodeCount(keras.model), KERAS),
    ]
    const inputs = samples[0]?.inputs ?? []
    const steps = facts.parameters < 1e5 ? 50 : 1
    const theirs = (label: string, kind: string, missing = python === undefined ? 'TensorFlow is not installed' : undefined) =>
      contestant(label, steps, python ?? 'python3', [script, 'time', cache, name, kind, String(defaultThreads())], missing)
    const latency: Case = {
      name: `${name}: latency, batch 2`, unit: 'ms', rounds: 15, warmup: 2, contestants: [
        theirs('TensorFlow', 'saved_model'), theirs('TFLite', 'tflite', facts.tflite_failure),
        { name: TF2ONNX, ...timed(onnx ?? new Uint8Array(), inputs), ...(facts.tf2onnx_failure === undefined ? {} : { missing: facts.tf2onnx_failure }) },
        { name: OURS, ...timed(saved.bytes, inputs) },
      ],
    }
    const measured = await compare(latency, context)
    rows.push(...measured)
    const faster = Object.fromEntries(others.map((other) => [other.name, other.value === undefined ? undefined : other.value / saved.processor]))
    return { name, rows, equal: errors.every((one) => isEqual(one, samples)), faster, latency: measured.at(-1) }
  } catch (error) {
    return failed(name, error)
  }
}

async function measureGraphModel(name: string, context: BenchContext): Promise<Outcome> {
  try {
    context.note(name)
    const theirs = await loadGraphModel(name)
    const ours = converted(path.join(graphModelFolder, `${name}.json`), context.quick ? 1 : 3)
    const picture = pictureFor(ours.model, theirs)
    const session = Session.create(ours.bytes)
    const feeds = { [session.inputs[0]?.name ?? '']: toRun('picture', picture) }
    const expected = await graphModelOutputs(theirs)
    const error = differenceFrom(expected, theirs, session.runSync(feeds))
    session.dispose()
    const rows: Row[] = [
      { case: `${name}: relative error`, contestant: OURS, unit: '', median: error },
      { case: `${name}: convert, processor time`, contestant: OURS, unit: 'ms', median: ours.processor },
      { case: `${name}: nodes`, contestant: OURS, unit: 'nodes', median: nodeCount(ours.model) },
    ]
    const measured = await compare({
      name: `${name}: latency, batch 1`, unit: 'ms', rounds: 9, warmup: 1, contestants: [
        { name: `TensorFlow.js ${referenceBackend(name)}`, measure: async () => {
          const start = performance.now()
          const results = await graphModelOutputs(theirs)
          for (const result of results) await result.data()
          const spent = performance.now() - start
          for (const result of results) result.dispose()
          return spent
        } },
        { name: OURS, ...timed(ours.bytes, [picture]) },
      ],
    }, context)
    theirs.model.dispose()
    return { name, rows: [...rows, ...measured], equal: error <= 1e-4, latency: measured.at(-1) }
  } catch (error) {
    return failed(name, error)
  }
}

export const suite: BenchSuite = {
  name: 'convert-tensorflow',
  description: 'Keras models, SavedModels and TensorFlow.js graph models to ONNX, beside TensorFlow',
  run: async (context): Promise<void> => {
    const list = path.join(context.root, 'src', 'cli', 'convert')
    const published = graphModelNames()
    const wanted = context.args.length > 0 ? context.args : [...readFileSync(path.join(list, 'keras-models.txt'), 'utf8').split('\n').filter((line) => line !== ''), GRAPH_MODELS]
    const graphs = wanted.includes(GRAPH_MODELS) ? published : wanted.filter((name) => published.includes(name))
    const names = wanted.filter((name) => name !== GRAPH_MODELS && !published.includes(name))
    const place: Place = {
      // WHETSTONE_CONVERT_CACHE: a folder of models that were made before.
      cache: process.env['WHETSTONE_CONVERT_CACHE'] ?? path.join(context.root, '.whetstone', 'cache', 'convert-tensorflow'),
      script: path.join(list, 'tensorflow_peer.py'), python: names.length === 0 ? undefined : pythonWith('tensorflow', 'keras'),
    }
    const { python, script, cache } = place
    const than = (outcomes: readonly TensorFlowOutcome[], peer: string): Outcome[] => outcomes.map((one) => ({ ...one, speed: one.faster?.[peer] }))
    await measureAll(names, {
      cache, make: python === undefined ? undefined : (name) => spawnSync(python, [script, 'export', cache, name], { stdio: 'ignore', timeout: 900_000 }),
      absent: 'TensorFlow is not installed: set WHETSTONE_PYTHON to a Python that has tensorflow and keras (and tf2onnx, to compare with it)',
      refused: 'TensorFlow could not make it',
      measure: (folder) => measure(folder, place, context),
    }, context, (outcomes) => [
      equalTarget(outcomes, 'converted from SavedModel and .keras, and equal to TensorFlow at two batch sizes'),
      speedTarget(than(outcomes, TF2ONNX), `times faster to convert than ${TF2ONNX}`, `${TF2ONNX} is not installed`),
      speedTarget(than(outcomes, TFLITE), `times faster to convert than TensorFlow's own converter to TFLite`),
      latencyTarget(outcomes, 'results in ONNX Runtime no slower than TensorFlow'),
    ])
    const equals: Outcome[] = []
    for (const name of graphs) {
      const outcome = await measureGraphModel(name, context)
      equals.push(outcome)
      context.add(outcome.rows, [
        equalTarget(equals, 'published graph models equal to TensorFlow.js'),
        latencyTarget(equals, 'graph models in ONNX Runtime no slower than TensorFlow.js'),
      ])
    }
    if (wanted.includes(GRAPH_MODELS) && published.length === 0) context.add([{ case: GRAPH_MODELS, contestant: 'all', unit: 'ms', missing: 'the package @vladmandic/human is not installed: npm ci with development dependencies' }])
  },
}
