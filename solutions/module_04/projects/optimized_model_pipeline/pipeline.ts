// The reference of the project: train, prune, distill, quantize, convert, optimize, benchmark, document. Every stage leaves a
// file in the folder; what the definition of done says of them is measured by `npm run evaluate -- --module 4`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { convert, data, engine, nn, onnx, optimization, runtime } from 'whetstone'
import { baselineNetwork, exported, fineTuner, logitsOf, onRawPixels, studentNetwork, train, type Note, type TrainingPlan } from './models'
import { benchmark, documents, type Outcome } from './report'

export interface PipelineOptions {
  /** Where the files go. */
  readonly folder: string
  /** `mnist` (default) is the project; `digits` is a small rehearsal of it, in seconds. */
  readonly dataset?: 'mnist' | 'digits'
  /** A Python with PyTorch, for the three conversions; without it they are left out. */
  readonly python?: string
  readonly note?: Note
}

interface Material {
  /** With labels, for the baseline. */
  readonly labelled: data.Dataset
  /** For distillation: the baseline answers. */
  readonly unlabelled: data.Dataset
  /** For choosing between models; never the held-out samples. */
  readonly validation: data.Dataset
  /** What one step of a raw pixel is in training. */
  readonly scale: number
  readonly baseline: TrainingPlan
  readonly tuning: TrainingPlan
  readonly student: TrainingPlan
}

const slice = (samples: data.Dataset, from: number, to: number): data.Dataset =>
  samples.select(Array.from({ length: Math.min(to, samples.length) - from }, (_, i) => from + i))

function material(dataset: 'mnist' | 'digits'): Material {
  if (dataset === 'digits') {
    // The same held-out fifth as the evaluation takes.
    const all = data.loadDigits().split({ test: 0.2, seed: 0 }).normalise('unit').train
    const most = Math.floor(0.85 * all.length)
    return {
      labelled: slice(all, 0, most), unlabelled: slice(all, 0, most), validation: slice(all, most, all.length), scale: 1 / 16,
      baseline: { epochs: 3, batchSize: 32, rate: 0.002 }, tuning: { epochs: 2, batchSize: 32, rate: 0.002 }, student: { epochs: 15, batchSize: 32, rate: 0.005 },
    }
  }
  const all = data.loadMnist({ train: 20_000, test: 1, seed: 1 }).normalise('unit').train
  return {
    labelled: slice(all, 0, 16_000), unlabelled: slice(all, 0, 18_000), validation: slice(all, 18_000, 20_000), scale: 1 / 255,
    baseline: { epochs: 1, batchSize: 64, rate: 0.0015 }, tuning: { epochs: 1, batchSize: 64, rate: 0.0015 }, student: { epochs: 8, batchSize: 128, rate: 0.006 },
  }
}

/** Share of samples whose largest logit is their class. */
async function accuracy(model: onnx.Model, samples: data.Dataset): Promise<number> {
  const logits = await logitsOf(model, samples)
  const classes = logits.length / samples.length
  let right = 0
  samples.labels.forEach((label, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes)
    if (row.indexOf(Math.max(...row)) === label) right++
  })
  return right / samples.length
}

/** Points of accuracy that choosing may spend on validation samples; the target is 2 on the held-out ones. */
const BUDGET = 0.012

/**
 * Runs the whole pipeline.
 *
 * @returns what was made, with the numbers of the documents
 */
export async function runPipeline(options: PipelineOptions): Promise<Outcome> {
  const { folder, dataset = 'mnist', note = () => undefined } = options
  mkdirSync(folder, { recursive: true })
  const write = (file: string, content: string | Uint8Array): void => { writeFileSync(path.join(folder, file), content) }
  const seconds: Record<string, number> = {}
  const timed = async <T>(stage: string, work: () => T | Promise<T>): Promise<T> => {
    const began = performance.now()
    note(stage)
    const result = await work()
    seconds[stage] = (performance.now() - began) / 1000
    return result
  }
  write('project.json', `${JSON.stringify({ dataset })}\n`)
  await engine.start()
  const { labelled, unlabelled, validation, scale, ...plans } = material(dataset)
  const classes = labelled.classNames.length
  const raw = (model: onnx.Model): onnx.Model => onRawPixels(model, scale)
  const save = (file: string, model: onnx.Model): onnx.Model => {
    write(file, onnx.writeModel(model))
    return model
  }

  const baseline = await timed('train the baseline', async () => {
    const network = baselineNetwork(labelled.sampleShape, classes)
    await train(network, labelled, plans.baseline, 'baseline', note)
    const model = exported(network, 'baseline')
    network.dispose()
    return model
  })
  save('baseline.onnx', raw(baseline))

  const answers = await timed('ask the baseline', () => logitsOf(baseline, unlabelled))
  const lesson = nn.recordedTeacher(unlabelled, answers)

  const pruned = await timed('prune, and learn from the baseline', async () => {
    const few = slice(unlabelled, 0, Math.min(unlabelled.length, 2400))
    const short = nn.recordedTeacher(few, answers.subarray(0, few.length * classes))
    const result = await optimization.pruneStructuredGradually(baseline, {
      target: { macs: 0.3 }, multiple: 16, steps: 1, fineTune: fineTuner(short, plans.tuning, note),
    })
    short.dispose()
    return result.model
  })
  save('pruned.onnx', raw(pruned))

  const student = await timed('distil a student', async () => {
    const network = studentNetwork(labelled.sampleShape, classes)
    await train(network, lesson.samples, { ...plans.student, loss: lesson.loss }, 'student', note)
    const model = exported(network, 'student')
    network.dispose()
    return model
  })
  lesson.dispose()
  const studentRaw = save('student.onnx', raw(student))

  // From here on, pixels come as the loader gives them.
  const rawValidation = new data.Dataset({
    name: validation.name, sampleShape: validation.sampleShape, labels: validation.labels, classNames: validation.classNames,
    featureNames: validation.featureNames, labelName: validation.labelName, features: Float32Array.from(validation.features, (v) => Math.round(v / scale)),
  })
  const calibration = [...slice(rawValidation, 0, 100).batches(25)].map((batch): optimization.RunTensors =>
    ({ [studentRaw.graph.inputs[0]?.name ?? 'x']: { dtype: 'float32', shape: batch.shape, data: batch.features } }))
  const run = runtime.runner()
  const quantized = await timed('quantize', () => optimization.quantizeStatic(studentRaw, { data: calibration, run }).model)
  save('quantized.onnx', quantized)

  const chosen = await timed('optimize', async () => {
    const candidates: Record<string, onnx.Model> = {
      'the student as exported': studentRaw, 'the student, graph simplified': optimization.simplify(studentRaw, { run: (bytes, inputs) => run(bytes, inputs) }).model,
      'int8, static': quantized, 'int8, dynamic': optimization.quantizeDynamic(studentRaw, { run, data: calibration }).model,
    }
    const wanted = await accuracy(baseline, validation) - BUDGET
    const times = await benchmark(Object.fromEntries(Object.entries(candidates).map(([name, model]) => [name, { model }])), rawValidation, note)
    const tried = await Promise.all(Object.entries(candidates).map(async ([name, model]) =>
      ({ name, model, milliseconds: times[name]?.milliseconds ?? Infinity, accuracy: await accuracy(model, rawValidation) })))
    const [best] = tried.filter((one) => one.accuracy >= wanted).sort((a, b) => a.milliseconds - b.milliseconds)
    return { best: best ?? tried[0], tried }
  })
  run.dispose()
  const optimized = save('optimized.onnx', chosen.best?.model ?? studentRaw)

  const conversions = await timed('convert three models of PyTorch', () => convertThree(folder, options.python))

  const held = heldOut(dataset)
  const models = { 'baseline.onnx': raw(baseline), 'pruned.onnx': raw(pruned), 'student.onnx': studentRaw, 'quantized.onnx': quantized, 'optimized.onnx': optimized }
  const times = await timed('benchmark', () => benchmark({
    'baseline.onnx': { model: models['baseline.onnx'] },
    ...Object.fromEntries(Object.entries(models).slice(1).map(([file, model]) => [file, { model }])),
    'baseline, runtime optimizer off': { model: models['baseline.onnx'], optimization: 'disabled' as const },
    'optimized, runtime optimizer off': { model: optimized, optimization: 'disabled' as const },
    'nothing but a call': { model: nothing(held.sampleShape) },
  }, held, note))
  const rows = await Promise.all(Object.entries(models).map(async ([file, model]) => ({
    file, accuracy: await accuracy(model, held), bytes: onnx.writeModel(model).length, macs: onnx.statistics(model).macs, parameters: onnx.statistics(model).parameters,
    milliseconds: times[file]?.milliseconds ?? Number.NaN, speedup: times[file]?.faster ?? Number.NaN, interval: times[file]?.interval ?? [Number.NaN, Number.NaN] as const,
  })))
  const outcome: Outcome = {
    dataset, heldOut: held.length, rows, times, seconds, conversions, chosen: chosen.best?.name ?? '',
    tried: chosen.tried.map(({ name, milliseconds, accuracy: share }) => ({ name, milliseconds, accuracy: share })),
  }
  for (const [file, text] of Object.entries(documents(outcome))) write(file, text)
  return outcome
}

/** The part that the evaluation holds out, as the loader gives it. */
function heldOut(dataset: 'mnist' | 'digits'): data.Dataset {
  return dataset === 'digits' ? data.loadDigits().split({ test: 0.2, seed: 0 }).test : data.loadMnist({ train: 1 }).test
}

/** A graph that only hands its input on: what a call costs when nothing is computed. */
function nothing(sampleShape: readonly number[]): onnx.Model {
  const g = new onnx.GraphBuilder('nothing')
  g.output(g.op('Identity', [g.input('x', 'float32', ['batch', ...sampleShape])]), 'logits')
  return g.model()
}

const TORCH = `
import sys, torch
torch.manual_seed(0)
nn = torch.nn
models = {
  "first": (nn.Sequential(nn.Linear(20, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 5)), torch.randn(3, 20)),
  "second": (nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)), torch.randn(3, 3, 8, 8)),
  "third": (nn.Sequential(nn.Conv1d(4, 16, 3, stride=2), nn.SiLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 2)), torch.randn(3, 4, 32)),
}
for name, (model, x) in models.items():
  program = torch.export.export(model.eval(), (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
  torch.export.save(program, f"{sys.argv[1]}/{name}.pt2")
`

/** Three models that PyTorch exports, converted; or why not. */
function convertThree(folder: string, python: string | undefined): string {
  if (python === undefined) return 'not measured here: PyTorch is not installed'
  const place = path.join(folder, 'converted')
  mkdirSync(place, { recursive: true })
  const made = spawnSync(python, ['-c', TORCH, place], { encoding: 'utf8', timeout: 300_000 })
  if (made.status !== 0) return `not measured here: PyTorch did not export: ${made.stderr.trim().split('\n').at(-1) ?? ''}`
  for (const name of ['first', 'second', 'third']) onnx.saveModel(convert.convert(path.join(place, `${name}.pt2`)).model, path.join(place, `${name}.onnx`))
  return 'three models of PyTorch converted; the evaluation compares them with PyTorch'
}
