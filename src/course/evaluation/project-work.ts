// A learner's project folder as something to measure: its models are loaded, run, timed and tried on held-out data. Each
// number is measured once per evaluation.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { compare, type Interval } from '../../benchmarks'
import { DTYPES, elementCount, messageOf, random } from '../../core'
import { loadModel, statistics, type Model } from '../../onnx'
import { Session, type Provider, type RuntimeTensor, type Tensors } from '../../runtime'
import { CourseError } from '../errors'
import type { Project } from '../project'
import { fileEvidence, type Evidence } from './measurement'
import type { EvaluationTools, HeldOut } from './workbench'

/** Rounds of a speed comparison, and milliseconds that one measurement of a round takes at least. */
const ROUNDS = 15
const MEASUREMENT_MS = 4

/** How much faster one model is than another. */
export interface SpeedUp {
  readonly ratio: number
  readonly interval: Interval
  readonly milliseconds: readonly [reference: number, candidate: number]
}

/** Right answers on held-out data. */
export interface Accuracy {
  readonly right: number
  readonly of: number
  /** Share of the most frequent class: what a constant answer gets. */
  readonly majority: number
  readonly data: string
}

/** The folder of one project of one learner. */
export class ProjectWork {
  readonly folder: string
  private readonly sessions = new Map<string, Session>()
  private readonly memo = new Map<string, Promise<unknown>>()

  constructor(readonly project: Project, readonly id: string, readonly tools: EvaluationTools) {
    this.folder = path.join(project.notebooks, ...id.split('/'))
  }

  at(file: string): string {
    return path.join(this.folder, ...file.split('/'))
  }

  /** The path of a file as a person at the root of the project writes it. */
  shown(file: string): string {
    return path.relative(this.project.root, this.at(file)).split(path.sep).join('/')
  }

  has(file: string): boolean {
    return existsSync(this.at(file))
  }

  evidence(file: string, value?: string): Evidence {
    const found = statSync(this.at(file)).isFile() ? { file: fileEvidence(this.at(file), this.shown(file)) } : {}
    return { what: file, value: value ?? 'is there', ...found }
  }

  model(file: string): Model {
    return loadModel(this.at(file))
  }

  session(file: string, providers: readonly Provider[] = ['cpu']): Session {
    const key = `${file} ${providers.join()}`
    const known = this.sessions.get(key)
    if (known) return known
    const session = Session.create(this.at(file), { providers })
    this.sessions.set(key, session)
    return session
  }

  /** Normal numbers, or 0 and 1 for integers, for every input; symbolic axes are `batch`. */
  inputs(file: string, batch = 1, seed = 1): Tensors {
    const numbers = random(seed)
    const entries = this.session(file).inputs.map(({ name, dtype, shape }): [string, RuntimeTensor] => {
      if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'int32' && dtype !== 'uint8' && dtype !== 'bool') {
        throw new CourseError('EVALUATE_INPUT', `No input can be made up for ${name} of ${this.shown(file)}`, {
          expected: 'float32, int64, int32, uint8 or bool', got: dtype ?? 'no tensor',
        })
      }
      const dims = shape.map((size) => (typeof size === 'number' ? size : batch))
      const count = elementCount(dims)
      const float = DTYPES[dtype].kind === 'float'
      const values = Array.from({ length: count }, () => (float ? numbers.normal() : numbers.int(2)))
      const data = dtype === 'float32' ? Float32Array.from(values) : dtype === 'int64' ? BigInt64Array.from(values, BigInt)
        : dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values)
      return [name, { dtype, shape: dims, data }]
    })
    return Object.fromEntries(entries)
  }

  /** Largest |a − b| ÷ max(1, largest |a|) over all outputs of two models for the same inputs, by position. */
  distance(a: string, b: string): number {
    const inputs = this.inputs(a)
    const values = Object.values(inputs)
    const renamed: Tensors = Object.fromEntries(this.session(b).inputs.flatMap((input, i) => (values[i] ? [[input.name, values[i]]] : [])))
    const [left, right] = [Object.values(this.session(a).runSync(inputs)), Object.values(this.session(b).runSync(renamed))]
    if (left.length !== right.length) return Infinity
    return Math.max(0, ...left.map((one, i) => apart(numbersOf(one), numbersOf(right[i]))))
  }

  /**
   * How many times faster `candidate` is than `reference`: median over rounds in which both were measured in turn, with a
   * 95% bootstrap interval; one sample at a time, ONNX Runtime's optimizer on for both.
   */
  speedUp(reference: string, candidate: string, providers: readonly [readonly Provider[], readonly Provider[]] = [['cpu'], ['cpu']]): Promise<SpeedUp> {
    return this.once(`speed ${reference} ${candidate} ${providers.join()}`, async () => {
      const [slow, fast] = [this.timer(reference, providers[0]), this.timer(candidate, providers[1])]
      const rows = await compare({
        name: `${candidate} against ${reference}`, unit: 'ms', rounds: ROUNDS, warmup: 2,
        contestants: [{ name: candidate, measure: fast }, { name: reference, measure: slow }],
      }, { quick: this.tools.quick ?? false, note: this.tools.note ?? (() => undefined) })
      const [first, second] = rows
      if (second?.ratio === undefined || !second.interval || first?.median === undefined || second.median === undefined) {
        throw new CourseError('EVALUATE_SPEED', 'The models could not be timed', { got: rows.map((row) => row.missing ?? '').join(' ').trim(), where: this.shown(candidate) })
      }
      return { ratio: second.ratio, interval: second.interval, milliseconds: [second.median, first.median] }
    })
  }

  private timer(file: string, providers: readonly Provider[]): () => number {
    const session = this.session(file, providers)
    const inputs = this.inputs(file)
    session.runSync(inputs)
    const start = performance.now()
    session.runSync(inputs)
    const runs = Math.max(1, Math.min(200, Math.ceil(MEASUREMENT_MS / Math.max(performance.now() - start, 1e-3))))
    return () => {
      const from = performance.now()
      for (let i = 0; i < runs; i++) session.runSync(inputs)
      return (performance.now() - from) / runs
    }
  }

  /** The dataset that project.json names, its held-out part. */
  heldOut(): HeldOut {
    const where = this.shown('project.json')
    let dataset: unknown
    try {
      dataset = (JSON.parse(readFileSync(this.at('project.json'), 'utf8')) as { dataset?: unknown } | null)?.dataset
    } catch (cause) {
      throw new CourseError('EVALUATE_PROJECT', 'The project does not say which data it is about', { got: messageOf(cause), where, fix: 'write { "dataset": "digits" }', cause })
    }
    const data = typeof dataset === 'string' ? this.tools.heldOut?.(dataset) : undefined
    if (data) return data
    throw new CourseError('EVALUATE_DATASET', 'The project names no dataset of the course', {
      expected: '{ "dataset": "…" } with the name of a folder in datasets/ that has classes', got: JSON.stringify(dataset), where, fix: 'use one of the course\'s datasets',
    })
  }

  /** Share of held-out samples whose largest output is their class. */
  accuracy(file: string): Promise<Accuracy> {
    return this.once(`accuracy ${file}`, () => {
      const data = this.heldOut()
      const right = countRight(this.session(file), data, this.shown(file))
      const counts = new Map<number, number>()
      for (const label of data.labels) counts.set(label, (counts.get(label) ?? 0) + 1)
      const of = data.labels.length
      return { right, of, majority: Math.max(...counts.values()) / of, data: data.name }
    })
  }

  parameters(file: string): number {
    return statistics(this.model(file)).parameters
  }

  /**
   * Largest difference between a model and the file of another framework it came from, which that framework runs itself.
   *
   * @param module of Python that can run it
   */
  distanceToSource(model: string, source: string, module: string, python: string): Promise<number> {
    return this.once(`source ${model}`, () => {
      const inputs = this.inputs(model, 2)
      const given = Object.values(inputs).map((one) => ({ dtype: one.dtype, shape: one.shape, data: [...one.data as Float32Array].map(Number) }))
      const script = path.join(this.project.root, 'src', 'course', 'evaluation', 'framework.py')
      const asked = spawnSync(python, [script, module, this.at(source)], { input: JSON.stringify(given), encoding: 'utf8', timeout: 300_000, maxBuffer: 2 ** 28 })
      if (asked.status !== 0) {
        throw new CourseError('EVALUATE_SOURCE', `${module} could not run the source of the model`, {
          got: (asked.error?.message ?? asked.stderr.trim().split('\n').at(-1)) ?? '', where: this.shown(source),
        })
      }
      const theirs = JSON.parse(asked.stdout.trim().split('\n').at(-1) ?? '') as (number | string)[][]
      const ours = Object.values(this.session(model).runSync(inputs))
      return ours.length === theirs.length ? Math.max(...ours.map((one, i) => apart(numbersOf(one), Float64Array.from(theirs[i] ?? [], Number)))) : Infinity
    })
  }

  /** What `measure` gives, measured once in an evaluation. */
  async once<T>(key: string, measure: () => T | Promise<T>): Promise<T> {
    const known = this.memo.get(key) as Promise<T> | undefined
    if (known) return known
    const made = Promise.resolve().then(measure)
    this.memo.set(key, made)
    return made
  }

  close(): void {
    for (const session of this.sessions.values()) session.dispose()
    this.sessions.clear()
  }
}

function numbersOf(value: RuntimeTensor | undefined): Float64Array {
  return value === undefined ? new Float64Array(0) : Float64Array.from(value.data as Float32Array, Number)
}

/** max |aᵢ − bᵢ| ÷ max(1, max |aᵢ|); infinite for other sizes or where one is not a number. */
export function apart(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) return Infinity
  let [largest, scale] = [0, 1]
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs((a[i] ?? 0) - (b[i] ?? 0))
    largest = Math.max(largest, Number.isNaN(gap) ? Infinity : gap)
    scale = Math.max(scale, Math.abs(a[i] ?? 0))
  }
  return largest / scale
}

function countRight(session: Session, data: HeldOut, where: string): number {
  const [input] = session.inputs
  const [output] = session.outputs
  const sample = elementCount(data.shape.slice(1))
  const declared = input?.shape.slice(1).map((size) => (typeof size === 'number' ? size : -1)) ?? []
  const sizes = declared.every((size) => size > 0) ? declared : declared.length === data.shape.length - 1 ? data.shape.slice(1) : [sample]
  if (!input || !output || input.dtype !== 'float32' || session.inputs.length > 1 || elementCount(sizes) !== sample) {
    throw new CourseError('EVALUATE_INPUT', `The model does not take samples of ${data.name}`, {
      expected: `one float32 input of ${sample} numbers a sample, as the loader gives them: preprocessing belongs into the model`,
      got: session.inputs.map((one) => `${one.name}: ${one.dtype ?? '?'} [${one.shape.join(', ')}]`).join(', '), where,
    })
  }
  const total = data.labels.length
  const fixed = input.shape[0]
  const batch = typeof fixed === 'number' ? fixed : Math.min(total, 256)
  let right = 0
  for (let from = 0; from < total; from += batch) {
    const features = new Float32Array(batch * sample)
    features.set(data.features.subarray(from * sample, Math.min(from + batch, total) * sample))
    const result = session.runSync({ [input.name]: { dtype: 'float32', shape: [batch, ...sizes], data: features } }, [output.name])
    const scores = numbersOf(result[output.name])
    const classes = scores.length / batch
    for (let i = 0; i < batch && from + i < total; i++) {
      const row = scores.subarray(i * classes, (i + 1) * classes)
      const answer = classes === 1 ? Math.round(row[0] ?? -1) : row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity))
      if (answer === data.labels[from + i]) right++
    }
  }
  return right
}
