// The benchmark of the reference project and the documents that state its numbers: all are measured, none is typed.
import os from 'node:os'
import { benchmarks, onnx, runtime, type data } from 'whetstone'

/** A model to time, and whether ONNX Runtime optimizes it; it does unless it is said. */
export interface Entrant {
  readonly model: onnx.Model
  readonly optimization?: 'disabled'
}

export interface Timing {
  /** Of one sample, median over the rounds. */
  readonly milliseconds: number
  /** Times faster than the first entrant: median over rounds in which both ran, with its 95 % interval. */
  readonly faster: number
  readonly interval: readonly [number, number]
}

export interface ModelRow {
  readonly file: string
  readonly accuracy: number
  readonly bytes: number
  readonly macs: number
  readonly parameters: number
  readonly milliseconds: number
  readonly speedup: number
  readonly interval: readonly number[]
}

/** Everything the pipeline found. */
export interface Outcome {
  readonly dataset: string
  readonly heldOut: number
  readonly rows: readonly ModelRow[]
  readonly times: Readonly<Record<string, Timing>>
  readonly seconds: Readonly<Record<string, number>>
  readonly conversions: string
  /** What the optimization stage chose, among what it tried. */
  readonly chosen: string
  readonly tried: readonly { readonly name: string; readonly milliseconds: number; readonly accuracy: number }[]
}

/** One sample at a time, all threads, in turn: as the evaluation times the project. The first entrant is the reference. */
export async function benchmark(entrants: Readonly<Record<string, Entrant>>, samples: data.Dataset, note: (line: string) => void): Promise<Record<string, Timing>> {
  const [batch] = samples.batches(1)
  if (!batch) throw new Error('there is no sample to time models on')
  const rows = await benchmarks.compare({
    name: 'one sample', unit: 'ms', rounds: 21, warmup: 2, contestants: Object.entries(entrants).map(([name, { model, optimization }]) => {
      const session = runtime.Session.create(onnx.writeModel(model), { ...(optimization && { optimization }) })
      const feeds = { [session.inputs[0]?.name ?? '']: runtime.tensor('float32', batch.shape, batch.features) }
      session.runSync(feeds)
      const began = performance.now()
      session.runSync(feeds)
      const runs = Math.max(1, Math.min(200, Math.ceil(4 / Math.max(performance.now() - began, 1e-3))))
      return {
        name, close: () => { session.dispose() },
        measure: () => {
          const from = performance.now()
          for (let i = 0; i < runs; i++) session.runSync(feeds)
          return (performance.now() - from) / runs
        },
      }
    }),
  }, { quick: false, note })
  return Object.fromEntries(rows.map((row) => [row.contestant, {
    milliseconds: row.median ?? Number.NaN, faster: 1 / (row.ratio ?? Number.NaN), interval: [1 / (row.interval?.[1] ?? Number.NaN), 1 / (row.interval?.[0] ?? Number.NaN)],
  }]))
}

const table = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [header, header.map((_, i) => (i === 0 ? ':--' : '--:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const short = (value: number, digits = 3): string => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : 'not measured')
const points = (share: number): string => (100 * share).toFixed(2)

/** The files of the project that are read by people: their tables `model | metric | value` are measured again by the evaluation. */
export function documents(outcome: Outcome): Record<string, string> {
  const { rows, times } = outcome
  const [base] = rows
  const machine = `${os.cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${os.cpus().length} cores, ONNX Runtime ${runtime.ONNXRUNTIME_VERSION} with ${runtime.defaultThreads()} threads, one sample at a time`
  const claims = (metrics: readonly ('bytes' | 'accuracy' | 'milliseconds' | 'speedup')[], files: readonly ModelRow[]): string =>
    table(['model', 'metric', 'value'], files.flatMap((row) => metrics.map((metric) => [row.file, metric, metric === 'accuracy' ? row.accuracy.toFixed(4) : short(row[metric], metric === 'bytes' ? 12 : 3)])))
  const others = rows.slice(1)
  return {
    'benchmarks.md': `# Benchmarks\n\nMeasured in turn on ${machine}; ONNX Runtime's own optimizer on for all.\n\n${claims(['milliseconds', 'speedup'], others)}\n\n`
      + `With the optimizer off, the baseline takes ${short(times['baseline, runtime optimizer off']?.milliseconds ?? NaN)} ms and the optimized model ${short(times['optimized, runtime optimizer off']?.milliseconds ?? NaN)} ms.\n`,
    'trade-offs.md': `# Trade-offs\n\nAccuracy on ${outcome.heldOut} held-out samples of ${outcome.dataset}, which no choice has seen.\n\n${claims(['bytes', 'accuracy', 'milliseconds'], rows)}\n\n`
      + `${table(['model', 'points lost', 'times faster', 'times smaller'], others.map((row) => [row.file, points((base?.accuracy ?? 0) - row.accuracy), short(row.speedup), short((base?.bytes ?? 0) / row.bytes)]))}\n`,
    'report.md': report(outcome, machine),
  }
}

/** Where each factor came from: a chain of models, each with what it gained over the one before. */
function report({ rows, times, seconds, tried, chosen, conversions, dataset, heldOut }: Outcome, machine: string): string {
  const find = (file: string): ModelRow | undefined => rows.find((row) => row.file === file)
  const ms = (name: string): number => times[name]?.milliseconds ?? NaN
  const chain: [string, number][] = [
    ["baseline, the runtime's optimizer off", ms('baseline, runtime optimizer off')], ["the runtime's optimizer on: the baseline that counts", ms('baseline.onnx')],
    ['structured pruning', ms('pruned.onnx')], ['a distilled student', ms('student.onnx')], [`optimization: ${chosen}`, ms('optimized.onnx')],
  ]
  const [base, last] = [find('baseline.onnx'), find('optimized.onnx')]
  const floor = ms('nothing but a call')
  return `# Report of the reference

${dataset}, ${heldOut} held-out samples; ${machine}.

**${short(last?.speedup ?? NaN)} times faster [${(last?.interval ?? []).map((v) => short(v)).join(', ')}]** at ${points((base?.accuracy ?? 0) - (last?.accuracy ?? 0))} points of accuracy lost, against the same float32 network in ONNX Runtime with all its threads and its optimizer on. Against the baseline with the optimizer off it would be ${short(ms('baseline, runtime optimizer off') / ms('optimized.onnx'))} times: that number is not the project's.

## Where each factor came from

${table(['step', 'milliseconds', 'factor'], chain.map(([step, time], i) => [step, short(time), i === 0 ? '' : `${short((chain[i - 1]?.[1] ?? NaN) / time)} ×`]))}

A call that computes nothing takes ${short(floor)} ms: ${short(100 * floor / ms('optimized.onnx'), 2)} % of the optimized model's time. Of the baseline's ${short((base?.macs ?? NaN) / 1e6)} million multiply-accumulates the pruned model keeps ${points((find('pruned.onnx')?.macs ?? NaN) / (base?.macs ?? NaN))} %, the student ${points((find('student.onnx')?.macs ?? NaN) / (base?.macs ?? NaN))} %: arithmetic falls faster than time, because small layers do not fill the machine.

## What the last stage tried

${table(['candidate', 'milliseconds', 'accuracy on validation'], tried.map((one) => [one.name, short(one.milliseconds), one.accuracy.toFixed(4)]))}

Chosen: ${chosen}. Conversions: ${conversions}.

## Time of the stages

${table(['stage', 'seconds'], Object.entries(seconds).map(([stage, time]) => [stage, short(time)]))}
`
}
