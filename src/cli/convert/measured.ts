// What the benches of the converters share: a conversion with its time, samples with the framework's outputs, the latency of
// a model, and what may be said of all of them together.
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { median, type BenchContext, type Contestant, type Row, type Target } from '../../benchmarks'
import { convert, readSafetensors, verifyConversion, type RunTensor } from '../../convert'
import { sampleIn, type ListedSample } from '../../convert/samples'
import { toRun } from '../../convert/verify'
import { readModel, writeModel, type Model, type Tensor } from '../../onnx'
import { simplify } from '../../optimization'
import { Session } from '../../runtime'

/** The framework's numbers must be met by this, relative to the largest. */
const TOLERANCE = 1e-4

const BATCHES = [2, 3]

/** What became of one model. */
export interface Outcome {
  readonly name: string
  readonly rows: readonly Row[]
  /** Converted, and equal at all batch sizes. */
  readonly equal: boolean
  /** Theirs ÷ ours, from one file to the other. */
  readonly speed?: number | undefined
  /** Our row of the latency. */
  readonly latency?: Row | undefined
}

/** Where models come from that a framework must make first. */
export interface Source<T extends Outcome> {
  /** A folder for each model, kept; one that holds facts.json is complete. */
  readonly cache: string
  /** Has the framework make the folder; undefined where it is not installed. */
  readonly make: ((name: string) => void) | undefined
  /** Why there is no model: the framework is not installed; it failed. */
  readonly absent: string
  readonly refused: string
  readonly measure: (folder: string) => Promise<T>
}

/** Every model made where it is not yet, and measured; `targets` says what all so far have reached. */
export async function measureAll<T extends Outcome>(
  names: readonly string[], source: Source<T>, context: BenchContext, targets: (outcomes: readonly T[]) => readonly Target[],
): Promise<T[]> {
  const outcomes: T[] = []
  mkdirSync(source.cache, { recursive: true })
  for (const name of names) {
    const folder = path.join(source.cache, name.replace('/', '-').replaceAll(' ', '-'))
    const complete = (): boolean => existsSync(path.join(folder, 'facts.json'))
    context.note(name)
    if (!complete()) source.make?.(name)
    if (complete()) {
      const outcome = await source.measure(folder)
      outcomes.push(outcome)
      context.add(outcome.rows, targets(outcomes))
    } else {
      context.add([{ case: name, contestant: 'all', unit: 'ms', missing: source.make === undefined ? source.absent : source.refused }], targets(outcomes))
    }
  }
  return outcomes
}

/** A model that was not converted. */
export function failed(name: string, error: unknown): Outcome {
  const missing = error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : String(error)
  return { name, equal: false, rows: [{ case: name, contestant: 'whetstone', unit: 'ms', missing }] }
}

export interface Converted {
  readonly model: Model
  readonly bytes: Uint8Array
  /** Medians of reading, converting, simplifying and writing: by the clock, and of the processor. */
  readonly milliseconds: number
  readonly processor: number
}

/** Converts a file several times. */
export function converted(file: string, rounds: number): Converted {
  const clock: number[] = [], processor: number[] = []
  const once = (): Pick<Converted, 'model' | 'bytes'> => {
    const [start, before] = [performance.now(), process.cpuUsage()]
    const { model } = convert(file, { simplify })
    const bytes = writeModel(model)
    const used = process.cpuUsage(before)
    clock.push(performance.now() - start)
    processor.push((used.user + used.system) / 1000)
    return { model, bytes }
  }
  let last = once()
  for (let round = 1; round < rounds; round++) last = once()
  return { ...last, milliseconds: median(clock), processor: median(processor) }
}

/** Inputs and the framework's outputs in a safetensors file: `2/input/0`, `2/output/0`, … of two batch sizes. */
export function samplesOf(file: string): ListedSample[] {
  const tensors = readSafetensors(file)
  try {
    return BATCHES.map((batch) => sampleIn(tensors, `${batch}/`)).filter(({ outputs }) => outputs.length > 0)
  } finally {
    tensors.close()
  }
}

function run(bytes: Uint8Array, inputs: Readonly<Record<string, RunTensor>>): Readonly<Record<string, RunTensor>> {
  const session = Session.create(bytes)
  try {
    return session.runSync(inputs)
  } finally {
    session.dispose()
  }
}

/** The largest difference relative to the largest number, over all samples and outputs. */
export function worst(model: Model, samples: readonly ListedSample[]): number {
  return verifyConversion(model, samples, run, Infinity).reduce((most, { relative }) => Math.max(most, relative), 0)
}

/** Whether a difference is none, measured at all batch sizes. */
export const isEqual = (error: number, samples: readonly ListedSample[]): boolean => error <= TOLERANCE && samples.length === BATCHES.length

/** Milliseconds of one run in ONNX Runtime. */
export function timed(bytes: Uint8Array, inputs: readonly Tensor[]): Pick<Contestant, 'prepare' | 'measure' | 'close'> {
  let session: Session | undefined
  let feeds: Record<string, RunTensor> = {}
  return {
    prepare: () => {
      session = Session.create(bytes)
      const names = readModel(bytes).graph.inputs.map(({ name }) => name)
      feeds = Object.fromEntries(inputs.map((tensor, i) => [names[i] ?? '', toRun(names[i] ?? '', tensor)]))
      session.runSync(feeds)
    },
    measure: () => {
      const start = performance.now()
      session?.runSync(feeds)
      return performance.now() - start
    },
    close: () => session?.dispose(),
  }
}

export const nodeCount = (model: Model): number => [...model.graph.allNodes()].length

/** A converter beside ours, with what it reached or why it is not known. */
export interface Other {
  readonly name: string
  readonly value?: number | undefined
  readonly missing?: string | undefined
}

/** A row for each of the others, and ours with its ratio to the first of them that is known. */
export function beside(what: string, unit: string, others: readonly Other[], own: number, name = 'whetstone'): Row[] {
  const known = others.find(({ value, missing }) => value !== undefined && missing === undefined)?.value
  return [
    ...others.map((other): Row => ({ case: what, contestant: other.name, unit, ...(other.value === undefined || other.missing !== undefined ? { missing: other.missing ?? 'not measured' } : { median: other.value }) })),
    { case: what, contestant: name, unit, median: own, ...(known === undefined ? {} : { ratio: own / known }) },
  ]
}

export function equalTarget(outcomes: readonly Outcome[], name: string): Target {
  const wrong = outcomes.filter(({ equal }) => !equal)
  return {
    name, wanted: 'all', met: outcomes.length === 0 ? null : wrong.length === 0,
    reached: outcomes.length === 0 ? 'nothing measured' : `${outcomes.length - wrong.length} of ${outcomes.length}${wrong.length === 0 ? '' : `; not ${wrong.map((one) => one.name).join(', ')}`}`,
  }
}

/** @param why nothing was measured */
export function speedTarget(outcomes: readonly Outcome[], name: string, why = 'nothing measured'): Target {
  const speeds = outcomes.flatMap((one) => (one.speed === undefined ? [] : [{ speed: one.speed, name: one.name }])).sort((a, b) => a.speed - b.speed)
  const [slowest] = speeds
  return {
    name, wanted: '≥ 5 for each', met: slowest === undefined ? null : slowest.speed >= 5,
    reached: slowest === undefined ? why : `median ${median(speeds.map(({ speed }) => speed)).toFixed(0)}, least ${slowest.speed.toFixed(1)} (${slowest.name}), ${speeds.length} models`,
  }
}

export function latencyTarget(outcomes: readonly Outcome[], name: string): Target {
  const slower = outcomes.filter(({ latency }) => (latency?.interval?.[0] ?? 0) > 1)
  const measured = outcomes.filter(({ latency }) => latency?.interval !== undefined)
  return {
    name, wanted: 'no model slower', met: measured.length === 0 ? null : slower.length === 0,
    reached: measured.length === 0 ? 'nothing measured' : `${slower.length} of ${measured.length} slower${slower.length === 0 ? '' : `: ${slower.map((one) => `${one.name} × ${(one.latency?.ratio ?? 0).toFixed(2)}`).join(', ')}`}`,
  }
}
