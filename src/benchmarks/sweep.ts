// The same model with other batches, other threads, and from a cold start.
import { spawnSync } from 'node:child_process'
import { WhetstoneError } from '../core'
import { Session, type SessionOptions, type Tensors } from '../runtime'
import { compare, type BenchContext, type Row } from './compare'

export interface SweepOptions {
  /** Milliseconds of one measurement. Default 30. */
  readonly measurementMs?: number
  readonly rounds?: number
  readonly session?: SessionOptions
  readonly context?: Pick<BenchContext, 'quick' | 'note'>
}

/** One point of a sweep: a row for the throughput and the milliseconds of one run at it. */
export interface SweepPoint {
  readonly at: number
  /** Samples a second. */
  readonly row: Row
  readonly milliseconds: number
}

interface Setting { readonly at: number, readonly options: SessionOptions, readonly inputs: Tensors, readonly samples: number }

async function sweep(name: string, unit: string, model: Uint8Array, settings: readonly Setting[], options: SweepOptions): Promise<SweepPoint[]> {
  const { measurementMs = 30, rounds = 9 } = options
  const held = new Map<Setting, { session: Session; runs: number }>()
  const rows = await compare({
    name, unit: 'samples/s', higherIsBetter: true, rounds,
    contestants: settings.map((setting) => ({
      name: `${unit} ${setting.at}`,
      prepare: () => {
        const session = Session.create(model, { ...options.session, ...setting.options })
        session.runSync(setting.inputs)
        const from = performance.now()
        session.runSync(setting.inputs)
        held.set(setting, { session, runs: Math.max(1, Math.ceil(measurementMs / Math.max(1e-3, performance.now() - from))) })
      },
      measure: () => {
        const { session, runs } = held.get(setting) ?? {}
        const from = performance.now()
        for (let i = 0; i < (runs ?? 0); i++) session?.runSync(setting.inputs)
        return ((runs ?? 0) * setting.samples * 1000) / (performance.now() - from)
      },
      close: () => { held.get(setting)?.session.dispose() },
    })),
  }, options.context ?? { quick: false, note: () => undefined })
  return rows.map((row, i) => ({ at: settings[i]?.at ?? 0, row, milliseconds: (1000 * (settings[i]?.samples ?? 0)) / (row.median ?? Number.NaN) }))
}

/** Throughput against batch. The first batch is the reference of the ratios. */
export function batchSweep(model: Uint8Array, inputs: (batch: number) => Tensors, batches: readonly number[], options: SweepOptions = {}): Promise<SweepPoint[]> {
  return sweep('throughput by batch', 'batch', model, batches.map((at) => ({ at, options: {}, inputs: inputs(at), samples: at })), options)
}

/** Throughput against the threads of one run. The first number is the reference of the ratios. */
export function threadSweep(model: Uint8Array, inputs: Tensors, threads: readonly number[], options: SweepOptions & { readonly batch?: number } = {}): Promise<SweepPoint[]> {
  return sweep('throughput by threads', 'threads', model, threads.map((at) => ({ at, options: { threads: at }, inputs, samples: options.batch ?? 1 })), options)
}

/** What a process pays before its first answer. */
export interface ColdStart {
  /** Milliseconds: loading the runtime, reading and optimizing the model, the first run, a run when warm. */
  readonly load: number
  readonly session: number
  readonly firstRun: number
  readonly warmRun: number
  /** Largest resident memory of the process, bytes. */
  readonly peakMemory: number
}

// Takes the model from a file and makes up the inputs, so that nothing but the runtime is in the process.
const CHILD = `
const [file, threads, batch] = process.argv.slice(1), marks = [performance.now()], mark = () => marks.push(performance.now())
const ort = require('onnxruntime-node'); mark()
ort.InferenceSession.create(file, { intraOpNumThreads: Number(threads) }).then(async (session) => {
  mark()
  const feeds = {}, make = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array }
  for (const { name, type, shape } of session.inputMetadata) {
    const dims = shape.map((size) => (typeof size === 'number' ? size : Number(batch)))
    feeds[name] = new ort.Tensor(type, new make[type](dims.reduce((a, b) => a * b, 1)), dims)
  }
  const from = performance.now()
  await session.run(feeds); marks.push(performance.now() - from)
  const warm = performance.now()
  for (let i = 0; i < 5; i++) await session.run(feeds)
  const [start, loaded, made, first] = marks
  console.log(JSON.stringify({ load: loaded - start, session: made - loaded, firstRun: first, warmRun: (performance.now() - warm) / 5, peakMemory: process.resourceUsage().maxRSS * 1024 }))
})`

/**
 * Starts the model in a new process.
 *
 * @param file the model; inputs are zeros, symbolic axes have the size `batch`
 * @throws WhetstoneError `BENCH_COLD` when the process cannot run it
 */
export function coldStart(file: string, { threads = 0, batch = 1 }: { readonly threads?: number; readonly batch?: number } = {}): ColdStart {
  const asked = spawnSync(process.execPath, ['-e', CHILD, file, String(threads), String(batch)], { encoding: 'utf8', cwd: __dirname, timeout: 300_000 })
  const [line = ''] = asked.stdout.trim().split('\n').slice(-1)
  if (asked.status === 0 && line.startsWith('{')) return JSON.parse(line) as ColdStart
  const told = asked.error?.message ?? (asked.stderr.trim().split('\n').find((each) => each.includes('Error')) ?? `exit code ${asked.status ?? 'none'}`)
  throw new WhetstoneError('BENCH_COLD', 'The model did not start in a new process', { got: told, where: file, fix: 'run it once with runtime.Session.create, which says more' })
}
