// `npm run bench -- quantization [model …] [part …] [seeds=N] [seconds=N]`: accuracy, size, latency and peak calibration memory
// of quantized models, beside onnxruntime's Python quantizer with the same settings. Parts are the calibration methods, `defaults`
// (ours; with size and latency) and `memory`. A round of an accuracy is a model: each kind is trained from several seeds, so that
// a row is about the quantizer and not about one model's luck. `seconds` is how long one quantization may take.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compare, differs, mcnemar, median, type BenchContext, type BenchSuite, type Contestant, type Row, type Target } from '../../benchmarks'
import { messageOf, throwIfInterrupted, WhetstoneError } from '../../core'
import { sqnr } from '../../optimization'
import { Session } from '../../runtime'
import { projectPython, root } from '../root'
import { recogniser, trained, type Score, type Subject } from '../quantization/subjects'
import type { Answer, Job } from '../quantization/worker'

/** Settings that both quantizers get. */
interface Setting {
  readonly name: string
  readonly method: Job['method']
  readonly perChannel: boolean
  /** What onnxruntime has as its own default and we have not. */
  readonly settings?: Job['settings']
  /** Only where there is something for it: dynamic quantization works on matrix products. */
  readonly only?: (subject: Subject) => boolean
}

const SETTINGS: readonly Setting[] = [
  { name: 'min-max, a scale for each tensor', method: 'min-max', perChannel: false },
  { name: 'min-max, a scale for each channel', method: 'min-max', perChannel: true },
  { name: 'percentile 99.999, a scale for each channel', method: 'percentile', perChannel: true, settings: { percentile: 99.999 } },
  { name: 'entropy, a scale for each channel', method: 'entropy', perChannel: true },
  { name: 'dynamic', method: 'dynamic', perChannel: true, settings: { operators: ['MatMul', 'Gemm', 'Conv', 'LSTM'] }, only: ({ name }) => name.includes('transformer') || name.includes('CNN') },
]

const MODELS = ['mnist-cnn', 'mobilenet', 'resnet', 'transformer', 'ocr'] as const
const PARTS = [...new Set(SETTINGS.map(({ method }) => method)), 'defaults', 'memory'] as const
/** Seconds of one quantization, after which its row is missing. */
const LIMIT = 300
/** Models of each kind. */
const SEEDS = 3
/** Points that count as equal: less than one of the 10,000 held-out images. */
const EQUAL = 0.01

/** What the words after the suite's name ask for. */
interface Asked {
  readonly models: readonly (typeof MODELS)[number][]
  readonly parts: readonly (typeof PARTS)[number][]
  readonly seconds: number
  readonly seeds: number
}

/** @throws WhetstoneError `BENCH_ARGUMENT` for a word that is neither a model nor a part nor a number of seconds or seeds */
function asked(words: readonly string[], quick: boolean): Asked {
  const known = <Name extends string>(names: readonly Name[]): readonly Name[] => {
    const found = names.filter((name) => words.includes(name))
    return found.length > 0 ? found : names
  }
  const number = (name: string): number | undefined => words.flatMap((word) => (word.startsWith(`${name}=`) ? Number(word.slice(name.length + 1)) : [])).at(-1)
  const unknown = words.find((word) => !([...MODELS, ...PARTS] as string[]).includes(word) && !/^(seconds|seeds)=[1-9]\d*$/.test(word))
  if (unknown !== undefined) throw new WhetstoneError('BENCH_ARGUMENT', `"${unknown}" means nothing to this suite`, { expected: `models: ${MODELS.join(', ')}; parts: ${PARTS.join(', ')}; seeds=N; or seconds=N` })
  return { models: known(MODELS), parts: known(PARTS), seconds: number('seconds') ?? LIMIT, seeds: number('seeds') ?? (quick ? 1 : SEEDS) }
}

/** A Python with onnxruntime's quantizer. */
const python = (): string | undefined => [process.env['WHETSTONE_PYTHON'], projectPython].find((name): name is string => name !== undefined && (existsSync(name) || !name.includes('/')))

function ask(command: string, args: readonly string[], job: Job): Answer {
  const { stdout, stderr, error } = spawnSync(command, args, { input: JSON.stringify(job), encoding: 'utf8', maxBuffer: 2 ** 26, timeout: 1000 * job.seconds, killSignal: 'SIGKILL' })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return { missing: `longer than ${job.seconds} s` }
  const line = (stdout as string | null)?.trim().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(line) as Answer
  } catch {
    return { missing: `failed: ${stderr.trim().split('\n').at(-1) ?? 'it printed nothing'}` }
  }
}

function byPeer(job: Job): Answer {
  const command = python()
  return command === undefined ? { missing: 'Python is not installed' } : ask(command, [path.join(root, 'src', 'cli', 'quantization', 'peer.py')], job)
}

const byUs = (job: Job): Answer => ask(process.execPath, [path.join(__dirname, '..', 'quantization', 'worker.js')], job)

function writeSamples(subject: Subject, count: number, file: string): void {
  const handle = openSync(file, 'w')
  for (const sample of subject.samples(count)) {
    const data = sample[subject.input]?.data as Float32Array
    writeSync(handle, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  closeSync(handle)
}

/** A number that is known already, as a contestant. */
const known = (name: string, value: number | undefined, missing?: string): Contestant =>
  ({ name, measure: () => value ?? Number.NaN, ...(missing === undefined ? {} : { missing }) })

/** Milliseconds of one run, measured over as many as take about a thirtieth of a second. */
function timed(name: string, bytes: Uint8Array | undefined, subject: Subject, missing: string | undefined): Contestant {
  if (bytes === undefined) return known(name, undefined, missing ?? 'there is no model')
  let session: Session | undefined
  let runs = 1
  const once = (): void => { session?.runSync(subject.timed) }
  return {
    name,
    prepare: () => {
      session = Session.create(bytes, { spinning: 'run' })
      once()
      const start = performance.now()
      once()
      runs = Math.max(1, Math.round(30 / (performance.now() - start)))
    },
    measure: () => {
      const start = performance.now()
      for (let i = 0; i < runs; i++) once()
      return (performance.now() - start) / runs
    },
    close: () => session?.dispose(),
  }
}

/** A model that a quantizer made, or why it made none. */
interface Entry {
  readonly name: string
  readonly bytes: Uint8Array | undefined
  readonly megabytes: number | undefined
  readonly missing: string | undefined
}

function make(name: string, job: Job, by: (job: Job) => Answer): Entry {
  const { megabytes, missing } = by(job)
  return { name, megabytes, missing, bytes: missing === undefined && existsSync(job.output) ? readFileSync(job.output) : undefined }
}

/** What a quantizer made of each model of a kind, and how good that is. */
interface Series {
  readonly name: string
  readonly entries: readonly Entry[]
  readonly scores: readonly (Score | undefined)[]
}

/** A model of each seed, with a folder for its files. */
interface Place {
  readonly subject: Subject
  readonly job: (setting: Pick<Setting, 'method' | 'perChannel' | 'settings'>, count: number, output: string) => Job
}

function placed(subject: Subject, folder: string, seconds: number): Place {
  const file = (name: string): string => path.join(folder, name)
  mkdirSync(folder)
  writeFileSync(file('float.onnx'), subject.bytes)
  for (const count of subject.counts) writeSamples(subject, count, file(`samples-${count}.bin`))
  return { subject, job: ({ method, perChannel, settings }, count, output) => ({
    model: file('float.onnx'), output: file(output), data: file(`samples-${count}.bin`), shape: subject.shape, input: subject.input, method,
    per_channel: perChannel, seconds, ...(settings === undefined ? {} : { settings }),
  }) }
}

/** The scores of a kind of model as a contestant whose rounds are the models. */
function scored({ name, entries, scores }: Series): Contestant {
  const failed = scores.indexOf(undefined)
  let round = 0
  return { name, measure: () => scores[round++]?.percent ?? Number.NaN, ...(failed >= 0 && { missing: entries[failed]?.missing ?? 'there is no model' }) }
}

async function measure(subjects: readonly [Subject, ...Subject[]], { parts, seconds }: Asked, context: BenchContext, folder: string): Promise<void> {
  const [subject] = subjects
  const places = subjects.map((one, i) => placed(one, path.join(folder, `${i}`), seconds))
  const accuracy = { unit: subject.unit, higherIsBetter: true, rounds: subjects.length, warmup: 0 }
  const series = async (name: string, make: (place: Place) => Entry): Promise<Series> => {
    const entries: Entry[] = []
    const scores: (Score | undefined)[] = []
    for (const place of places) {
      throwIfInterrupted()
      context.note(`${place.subject.name}: ${name}${places.length > 1 ? `, model ${entries.length + 1} of ${places.length}` : ''}`)
      const entry = make(place)
      entries.push(entry)
      scores.push(entry.bytes === undefined ? undefined : await place.subject.score(entry.bytes))
    }
    return { name, entries, scores }
  }
  const compared = async (name: string, contestants: readonly Series[]): Promise<Row[]> =>
    compare({ name: `${subject.name}: accuracy, ${name}`, ...accuracy, contestants: contestants.map(scored) }, { ...context, quick: false })
  const float = await series('float32', ({ subject: { bytes } }) => ({ name: 'float32', bytes, megabytes: undefined, missing: undefined }))
  const [few] = subject.counts
  let ours: Series | undefined
  let theirs: Series | undefined
  const settings = context.quick && parts.length === PARTS.length ? SETTINGS.slice(0, 2) : SETTINGS
  for (const setting of settings.filter(({ only, method }) => parts.includes(method) && (only?.(subject) ?? true))) {
    context.note(`${subject.name}: ${setting.name}`)
    const peer = await series('onnxruntime Python', ({ job }) => make('onnxruntime Python', job(setting, few, 'peer.onnx'), byPeer))
    const mine = await series('whetstone', ({ job }) => make('whetstone', job(setting, few, 'ours.onnx'), byUs))
    if (setting.method === 'min-max' && setting.perChannel) [ours, theirs] = [mine, peer]
    context.add(await compared(setting.name, [peer, mine, float]))
    context.add(beside(subject, setting, float.scores, peer.scores, mine.scores))
  }
  if (parts.includes('memory') && places[0]) await memory(subject, context, places[0].job)
  if (!parts.includes('defaults')) return
  const best = await series('whetstone, defaults', ({ job }) => make('whetstone, defaults', job({ method: 'mse', perChannel: true }, few, 'best.onnx'), byUs))
  context.add(await compared('defaults', [float, best]))
  const entries = [float, theirs, ours, best].flatMap((one) => one?.entries[0] ?? [])
  context.add(await compare({
    name: `${subject.name}: size`, unit: 'kB', rounds: 1, warmup: 0,
    contestants: entries.map(({ name, bytes, missing }) => known(name, bytes === undefined ? undefined : bytes.length / 1000, bytes === undefined ? missing ?? 'there is no model' : undefined)),
  }, context))
  context.add(await compare({
    name: `${subject.name}: latency, ${subject.timed[subject.input]?.shape[0] ?? 1} at once`, unit: 'ms', rounds: 15,
    contestants: entries.map(({ name, bytes, missing }) => timed(name, bytes, subject, missing)),
  }, context))
}

/** What a difference of a few images means: McNemar's p of it, and how far both quantizers' logits are from the float models'. */
function beside({ name }: Subject, setting: Setting, float: Series['scores'], theirs: Series['scores'], ours: Series['scores']): Row[] {
  const rows: Row[] = []
  for (const [contestant, scores] of [['onnxruntime Python', theirs], ['whetstone', ours]] as const) {
    const decibels = scores.flatMap((score, i) => { const source = float[i]?.logits; return score?.logits && source ? sqnr(source, score.logits) : [] })
    if (decibels.length > 0) rows.push({ case: `${name}: logits' SQNR, ${setting.name}`, contestant, unit: 'dB', median: median(decibels) })
  }
  const pairs = theirs.flatMap((score, i) => { const [peer, own] = [score?.right, ours[i]?.right]; return peer && own ? [[peer, own] as const] : [] })
  if (pairs.length > 0) rows.push({ case: `${name}: accuracy, ${setting.name}`, contestant: P_VALUE, unit: 'p', median: mcnemar(pairs.flatMap(([peer]) => peer), pairs.flatMap(([, own]) => own)).p })
  return rows
}

const P_VALUE = "McNemar's test, both quantizers, images as they are"

/** Peaks at both numbers of samples, each in a process of its own. */
async function memory(subject: Subject, context: BenchContext, job: (setting: Pick<Setting, 'method' | 'perChannel'>, count: number, output: string) => Job): Promise<void> {
  for (const [who, by, output] of [['onnxruntime Python', byPeer, 'peer.onnx'], ['whetstone', byUs, 'ours.onnx']] as const) {
    const peaks = subject.counts.map((count) => {
      context.note(`${subject.name}: memory of ${who}, ${count} samples`)
      return { count, ...by(job({ method: 'percentile', perChannel: true }, count, output)) }
    })
    context.add(await compare({
      name: `${subject.name}: peak calibration memory of ${who}`, unit: 'MB', rounds: 1, warmup: 0,
      contestants: peaks.map(({ count, megabytes, missing }) => known(`${count} samples`, megabytes, missing)),
    }, context))
  }
}

function targets(rows: readonly Row[]): Target[] {
  const value = (one: string, contestant: string): number | undefined => rows.find((row) => row.case === one && row.contestant === contestant)?.median
  const accuracies = [...new Set(rows.map((row) => row.case))].filter((name) => name.includes(': accuracy, '))
  const pairs = accuracies.flatMap((name) => rows.filter((row) => row.case === name && row.contestant === 'whetstone' && row.ratio !== undefined))
  const lower = pairs.map((row) => ({ row, points: (1 - (row.ratio ?? 0)) * (row.median ?? 0), peer: value(row.case, 'onnxruntime Python') ?? NaN, p: value(row.case, P_VALUE) ?? 0 })).filter(({ points }) => points > 0)
  const below = lower.filter(({ points }) => points >= EQUAL)
  const worse = lower.filter(({ row, p }) => p < 0.05 || ((row.interval?.[0] ?? 0) < (row.interval?.[1] ?? 0) && differs(row)))
  const decibels = [...new Set(rows.map((row) => row.case))].filter((name) => name.includes(": logits' SQNR, "))
    .map((name) => (value(name, 'whetstone') ?? NaN) - (value(name, 'onnxruntime Python') ?? NaN)).filter((more) => !Number.isNaN(more))
  const growth = rows.filter((row) => row.case.endsWith('memory of whetstone') && row.contestant !== rows.find((first) => first.case === row.case)?.contestant && row.ratio !== undefined)
  const most = growth.reduce((largest, row) => Math.max(largest, row.ratio ?? 0), 0)
  const depthwise = accuracies.find((name) => name.startsWith('MobileNet') && name.endsWith('defaults'))
  const loss = depthwise === undefined ? undefined : (value(depthwise, 'float32') ?? NaN) - (value(depthwise, 'whetstone, defaults') ?? NaN)
  return [
    {
      name: "accuracy beside onnxruntime's quantizer", wanted: `better or equal in every row; equal is less than ${EQUAL} points below, one held-out image`, met: pairs.length === 0 ? null : below.length === 0,
      reached: pairs.length === 0 ? 'onnxruntime\'s quantizer is not installed' : `${pairs.length - below.length} of ${pairs.length}, ${lower.length - below.length} of them below by less${below.map(({ row, peer, p }) => `; ${row.case}: ${row.median?.toFixed(2)} against ${peer.toFixed(2)}, × ${row.ratio?.toFixed(5)} [${row.interval?.map((bound) => bound.toFixed(5)).join(', ')}], p = ${p.toFixed(2)}`).join('')}`,
    },
    {
      // Both answer the same images, so McNemar's test says whether a row below is a difference; without it every row below counts.
      // An interval over several models that lies below 1 says it too; over one model it is a point and says nothing.
      name: "accuracy shown to be worse than onnxruntime's quantizer's", wanted: 'no row with p below 0.05 or an interval below 1', met: pairs.length === 0 ? null : worse.length === 0,
      reached: pairs.length === 0 ? 'nothing measured' : `${worse.length} of ${pairs.length}${worse.map(({ row, p }) => `; ${row.case}, p = ${p.toFixed(3)}`).join('')}`,
    },
    {
      name: "logits nearer to the float model's than onnxruntime's quantizer's", wanted: 'at least as near in every row', met: decibels.length === 0 ? null : decibels.every((more) => more >= 0),
      reached: decibels.length === 0 ? 'nothing measured' : `${decibels.filter((more) => more >= 0).length} of ${decibels.length}; ${Math.min(...decibels).toFixed(1)} to ${Math.max(...decibels).toFixed(1)} dB more`,
    },
    {
      name: 'calibration memory, four times the samples', wanted: 'flat: at most × 1.25', met: growth.length === 0 ? null : most <= 1.25,
      reached: growth.length === 0 ? 'nothing measured' : `× ${most.toFixed(2)} at most`,
    },
    {
      name: 'accuracy lost by the depthwise model', wanted: 'less than 0.5 points', met: loss === undefined || Number.isNaN(loss) ? null : loss < 0.5,
      reached: loss === undefined || Number.isNaN(loss) ? 'not measured' : `${loss.toFixed(2)} points`,
    },
  ]
}

export const suite: BenchSuite = {
  name: 'quantization',
  description: "accuracy, size, latency and calibration memory of quantized models, beside onnxruntime's Python quantizer",
  run: async (context): Promise<void> => {
    const wanted = asked(context.args, context.quick)
    for (const name of wanted.models) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'whetstone-quantization-'))
      const none = (missing: string): void => { context.add([{ case: name, contestant: 'all', unit: '% right', missing }]) }
      try {
        const subject = name === 'ocr' ? recogniser(context.quick ? 20 : 60) : await trained(name, context.quick ? 2000 : 10_000, context.note)
        const more: Subject[] = []
        if (name !== 'ocr') for (let seed = 2; seed <= wanted.seeds; seed++) more.push(await trained(name, context.quick ? 2000 : 10_000, context.note, seed))
        if (typeof subject === 'string') none(subject)
        else await measure([subject, ...more], wanted, context, folder)
      } catch (error) {
        none(`failed: ${messageOf(error)}`)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
  },
  targets,
}
