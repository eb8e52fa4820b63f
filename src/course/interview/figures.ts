// Numbers that a learner measures and may cite in an interview: which there are, how each is said, and where it comes from: a
// lesson writes it into the journal, or a benchmark left it in .whetstone/bench.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Row } from '../../benchmarks'
import { messageOf } from '../../core'
import { Page } from '../display'
import { CourseError } from '../errors'
import { appendEvent, type JournalEntry } from '../journal'
import { findProject, type Project } from '../project'

/** Where a number is measured. */
type Source =
  /** The lesson whose notebook records it. */
  | { readonly lesson: string }
  /** The suite of `npm run bench` in whose result it stands. */
  | { readonly suite: string; readonly read: (rows: readonly Row[]) => number | undefined }

/** One number, as it is said in an answer. */
type Figure = Source & { readonly says: (value: number) => string }

const round = (value: number): string => String(Number(value.toPrecision(3)))
const times = (value: number): string => (value >= 1 ? `${round(value)} times as fast as` : `${round(1 / value)} times slower than`)

/** The median of a row of the first model that the suite measured. */
const cell = (rows: readonly Row[], what: string, contestant: string): number | undefined =>
  rows.find((row) => row.case.includes(what) && row.contestant === contestant)?.median

const quotient = (rows: readonly Row[], what: string, contestant: string, faster = false): number | undefined => {
  const reference = cell(rows, what, 'float32'), own = cell(rows, what, contestant)
  if (reference === undefined || own === undefined) return undefined
  return faster ? reference / own : own / reference
}
const lost = (rows: readonly Row[], contestant: string): number | undefined => {
  const before = cell(rows, ': accuracy', 'float32'), after = cell(rows, ': accuracy', contestant)
  return before === undefined || after === undefined ? undefined : before - after
}
const technique = (read: (rows: readonly Row[]) => number | undefined): { suite: string; read: (rows: readonly Row[]) => number | undefined } => ({ suite: 'techniques', read })

/** By name. A lesson records its own with `recordMeasurements`. */
export const FIGURES = {
  'ladder-threshold': { lesson: 'lesson_01_model_selection', says: (v) => `a single threshold, my baseline, reached ${round(v)}% on held-out diagnoses` },
  'ladder-best': { lesson: 'lesson_01_model_selection', says: (v) => `the best model of my ladder reached ${round(v)}%` },
  'seed-spread': { lesson: 'lesson_01_model_selection', says: (v) => `five seeds of one training lay ${round(v)} points apart` },
  'bayes-trials': { lesson: 'lesson_02_hyperparameter_tuning', says: (v) => `a Gaussian process reached my grid's best loss after ${round(v)} trials` },
  'median-rule-saved': { lesson: 'lesson_02_hyperparameter_tuning', says: (v) => `the median rule saved ${round(v)}% of the epochs` },
  'scratch-20-labels': { lesson: 'lesson_03_transfer_learning', says: (v) => `with 20 labels a network from scratch reached ${round(v)}%` },
  'transfer-20-labels': { lesson: 'lesson_03_transfer_learning', says: (v) => `with 20 labels and transferred features I reached ${round(v)}%` },
  'thawed-movement': { lesson: 'lesson_03_transfer_learning', says: (v) => `thawed last, the first block's weights moved by ${round(v)}%` },
  'sparse-speed': { lesson: 'lesson_04_model_pruning', says: (v) => `a model of almost only zeros ran ${round(v)} times as fast as the dense one` },
  'channels-speed': { lesson: 'lesson_04_model_pruning', says: (v) => `cutting channels made mine ${round(v)} times as fast` },
  'channels-lost': { lesson: 'lesson_04_model_pruning', says: (v) => `and cost ${round(v)} points after training` },
  'student-labels': { lesson: 'lesson_05_knowledge_distillation', says: (v) => `with 40 labels alone my student was right on ${round(v)}% of the digits` },
  'student-taught': { lesson: 'lesson_05_knowledge_distillation', says: (v) => `taught on unlabelled images by a teacher, the same student was right on ${round(v)}%` },
  'int8-smaller': { lesson: 'lesson_06_quantization', says: (v) => `static int8 made my file ${round(v)} times smaller` },
  'int8-speed': { lesson: 'lesson_06_quantization', says: (v) => `and it ran ${times(v)} float32` },
  'int8-lost': { lesson: 'lesson_06_quantization', says: (v) => `and lost ${round(v)} points` },
  'onnx-speed': { lesson: 'lesson_07_onnx_basics', says: (v) => `one image ran ${round(v)} times as fast in ONNX Runtime as in TensorFlow.js's own kernels` },
  'faulty-conversion': { lesson: 'lesson_07_onnx_basics', says: (v) => `a conversion that broke no rule of the format was right on ${round(v)}% of the digits` },
  'session-cost': { lesson: 'lesson_08_onnx_runtime', says: (v) => `making a session of a text recogniser cost ${round(v)} runs` },
  'graph-optimization': { lesson: 'lesson_08_onnx_runtime', says: (v) => `graph optimization left ${round(100 * v)}% of the time of my digits network` },
  'conv-share': { lesson: 'lesson_08_onnx_runtime', says: (v) => `in my profile of the recogniser convolutions were ${round(v)}% of the time` },
  'fallback-copies': { lesson: 'lesson_08_onnx_runtime', says: (v) => `a GPU without one common operator would have cost the recogniser ${round(v)} copies a run` },
  'dynamic-int8-time': { lesson: 'lesson_08_onnx_runtime', says: (v) => `dynamic int8 of convolutions took ${round(v)} times as long as float32` },
  'batch-gain': { lesson: 'lesson_08_onnx_runtime', says: (v) => `32 at once gave a wide network ${round(v)} times the throughput of one by one` },
  'batch-gain-small': { lesson: 'lesson_08_onnx_runtime', says: (v) => `and a small convolutional one ${round(v)} times` },
  'p99-unbatched': { lesson: 'lesson_08_onnx_runtime', says: (v) => `above its capacity my server without batching had a p99 of ${round(v)} ms` },
  'p99-batched': { lesson: 'lesson_08_onnx_runtime', says: (v) => `with dynamic batching, under the same load, ${round(v)} ms` },
  'framework-ratio': { lesson: 'lesson_08_onnx_runtime', says: (v) => `TensorFlow.js's own CPU kernels took ${round(v)} times as long as ONNX Runtime for 32 images` },
  'cost-factor': { lesson: 'lesson_08_onnx_runtime', says: (v) => `one warm session, batches and int8 made my bill at 500 answers a second ${round(v)} times smaller than a session for each request` },
  'cost-floor': { lesson: 'lesson_08_onnx_runtime', says: (v) => `below ${round(v)} answers a second one machine was enough, and faster was no cheaper` },
  'device-memory': { lesson: 'lesson_08_onnx_runtime', says: (v) => `in WebAssembly an int8 network of dense layers needed ${round(v)} MiB and ran in a cap of 64 MiB` },
  'device-slower': { lesson: 'lesson_08_onnx_runtime', says: (v) => `WebAssembly took ${round(v)} times as long as the native library for a text recogniser, one thread each` },
  'bench-int8-size': { ...technique((rows) => quotient(rows, ': size', 'int8, static')), says: (v) => `in my benchmark static int8 left ${round(100 * v)}% of the bytes` },
  'bench-int8-speed': { ...technique((rows) => quotient(rows, ': 32 at once', 'int8, static', true)), says: (v) => `static int8 ran ${times(v)} float32` },
  'bench-int8-lost': { ...technique((rows) => lost(rows, 'int8, static')), says: (v) => `static int8 lost ${round(v)} points` },
  'bench-float16-size': { ...technique((rows) => quotient(rows, ': size', 'float16')), says: (v) => `float16 left ${round(100 * v)}% of the bytes` },
  'bench-float16-speed': { ...technique((rows) => quotient(rows, ': 32 at once', 'float16', true)), says: (v) => `on this processor float16 ran ${times(v)} float32` },
  'bench-channels-speed': { ...technique((rows) => quotient(rows, ': 32 at once', 'channels pruned to 40% of the arithmetic', true)), says: (v) => `cut to 40% of its arithmetic my network ran ${times(v)} the dense one` },
  'bench-channels-lost': { ...technique((rows) => lost(rows, 'channels pruned to 40% of the arithmetic')), says: (v) => `and lost ${round(v)} points after training` },
  'bench-sparse-speed': { ...technique((rows) => quotient(rows, ': 32 at once', '90% of the weights zero', true)), says: (v) => `with 90% of its weights zero it ran ${times(v)} the dense one` },
  'bench-huffman-size': { ...technique((rows) => quotient(rows, ': size', '90% zero, shared weights, Huffman codes')), says: (v) => `zeros, shared weights and Huffman codes left ${round(100 * v)}% of the file` },
} as const satisfies Readonly<Record<string, Figure>>

/** Name of a number that can be cited. */
export type FigureName = keyof typeof FIGURES

/** A number that was measured, as a sentence. */
export interface Cited {
  readonly name: FigureName
  readonly value: number
  readonly sentence: string
  /** `lesson_08_onnx_runtime` or `npm run bench -- techniques`. */
  readonly from: string
}

/** What can be cited, and what cannot yet: with the place that measures it. */
export interface Citations {
  readonly cited: readonly Cited[]
  readonly missing: readonly { readonly name: FigureName; readonly measuredBy: string }[]
}

const placeOf = (figure: Figure): string => ('lesson' in figure ? figure.lesson : `npm run bench -- ${figure.suite}`)

/** The rows that a suite left; none when it was not run, or its file is damaged. */
function rowsOf(project: Project, suite: string): readonly Row[] {
  const file = path.join(project.state, 'bench', `${suite}.json`)
  if (!existsSync(file)) return []
  try {
    const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows?: unknown }
    const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null && 'case' in row && typeof row.case === 'string' && 'contestant' in row
    return Array.isArray(rows) ? (rows as unknown[]).filter(isRow) : []
  } catch {
    return []
  }
}

/** The learner's numbers among those named: the last one recorded of each, and those of the benchmarks as they lie there. */
export function citationsOf(project: Project, journal: readonly JournalEntry[], names: readonly FigureName[]): Citations {
  const recorded = new Map(journal.flatMap((entry): [string, number][] => (entry.kind === 'measurement' && Number.isFinite(entry.value) ? [[entry.name, entry.value]] : [])))
  const cited: Cited[] = []
  const missing: { name: FigureName; measuredBy: string }[] = []
  for (const name of names) {
    const figure: Figure = FIGURES[name]
    const value = 'lesson' in figure ? recorded.get(name) : figure.read(rowsOf(project, figure.suite))
    if (value === undefined || !Number.isFinite(value)) missing.push({ name, measuredBy: placeOf(figure) })
    else cited.push({ name, value, sentence: figure.says(value), from: placeOf(figure) })
  }
  return { cited, missing }
}

/** A model answer's last part: the learner's own numbers in one sentence, and what they have not measured. */
export function citationText({ cited, missing }: Citations): string {
  const said = cited.length === 0 ? '' : `In my own measurements, ${cited.map((each) => each.sentence).join('; ')}.`
  if (missing.length === 0) return said
  const places = [...new Set(missing.map((each) => each.measuredBy))].map((place) => (place.startsWith('npm') ? `\`${place}\`` : place))
  return `${said}${said === '' ? '' : '\n\n'}*${said === '' ? 'You have measured nothing yet that this answer could cite' : 'Not measured by you yet, so not cited'}: ${places.join(', ')} ${places.length === 1 ? 'measures it' : 'measure it'}.*`
}

/**
 * Writes a lesson's numbers into the learner's journal, for interview answers to cite. The last one of a name counts.
 *
 * @throws CourseError `MEASUREMENT_NAME` for a name that no answer cites, `MEASUREMENT_VALUE` for what is no finite number
 * @example
 * course.recordMeasurements({ 'session-cost': 4.5 })
 */
export function recordMeasurements(numbers: Readonly<Record<string, number>>, project: Project = findProject()): Page {
  const known = (name: string): name is FigureName => Object.hasOwn(FIGURES, name)
  const entries = Object.entries(numbers)
  for (const [name, value] of entries) {
    if (!known(name) || !('lesson' in FIGURES[name])) {
      throw new CourseError('MEASUREMENT_NAME', `No interview answer cites a number called "${name}"`, { expected: Object.entries<Figure>(FIGURES).filter(([, figure]) => 'lesson' in figure).map(([each]) => each).join(', ') })
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new CourseError('MEASUREMENT_VALUE', `The measurement "${name}" is no number`, { expected: 'a finite number', got: messageOf(value), fix: 'run the cells above it first' })
    }
  }
  for (const [name, value] of entries) appendEvent(project.journal, { kind: 'measurement', name, value })
  const sentences = entries.flatMap(([name, value]) => (known(name) ? [(FIGURES[name] as Figure).says(value)] : []))
  return new Page(`**Numbers of yours to cite**, kept for \`npm run interview\`:\n\n${sentences.map((sentence) => `- ${sentence}`).join('\n')}`)
}
