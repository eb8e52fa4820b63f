// The learner's journal: what was checked, hinted and shown, one JSON line each, only ever appended to. It never leaves
// the machine. A damaged line is skipped; the order of the lines, not the clock, is the order of events.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { sha256, WhetstoneError } from '../core'

/** What happened with one exercise. */
export type ExerciseEvent =
  | { readonly kind: 'check'; readonly exercise: string; readonly passed: number; readonly total: number; readonly points: number }
  | { readonly kind: 'hint'; readonly exercise: string; readonly level: number }
  | { readonly kind: 'solution'; readonly exercise: string; readonly afterPass: boolean }
  | { readonly kind: 'reset'; readonly exercise: string }

/** One answer to an interview question: how well it went in the learner's own words, and what a program found. */
export interface InterviewEvent {
  readonly kind: 'interview'
  readonly question: string
  /** 1 again, 2 hard, 3 good, 4 easy. It decides when the question comes back, and earns nothing. */
  readonly rating: 1 | 2 | 3 | 4
  /** Whether the question's calculation, with numbers drawn anew, was right; absent where it was not asked. */
  readonly probe?: boolean
}

/** A number that a lesson measured on this machine, for interview answers to cite (`interview/figures.ts`). */
export interface MeasurementEvent {
  readonly kind: 'measurement'
  readonly name: string
  readonly value: number
}

/** An evaluation was made; its report is the named file in `.whetstone/evaluations/`. */
export interface EvaluationEvent {
  readonly kind: 'evaluation'
  readonly scope: string
  readonly file: string
}

/** What happened. `time` orders nothing: the order of the lines does. */
export type JournalEvent = ExerciseEvent | InterviewEvent | MeasurementEvent | EvaluationEvent

/** An event as it was written, with the wall clock of then. */
export type JournalEntry = JournalEvent & { readonly time: string }

/** One write of less than this many bytes is not interleaved with another process's on the file systems we know. */
export const MAX_LINE_BYTES = 4_000

const SUM = /^(\{.*),"sum":"([0-9a-f]{16})"\}$/

const checksum = (body: string): string => sha256(body).slice(0, 16)

/** A line that shows whether it is whole: JSON whose last property is the checksum of the rest. */
export function sealLine(value: object): string {
  const body = JSON.stringify(value).slice(0, -1)
  return `${body},"sum":"${checksum(body)}"}`
}

/** The value of a sealed line, or undefined when the line is torn, damaged or not ours. */
export function openLine(line: string): unknown {
  const [, body, sum] = SUM.exec(line) ?? []
  return body === undefined || sum !== checksum(body) ? undefined : JSON.parse(body + '}')
}

/** The line of an entry. */
export function journalLine(entry: JournalEntry): string {
  return sealLine(entry)
}

/** The entry of a line, or undefined when the line is torn, damaged or not ours. */
export function parseLine(line: string): JournalEntry | undefined {
  return openLine(line) as JournalEntry | undefined
}

/**
 * Appends an event in one write.
 *
 * The newline comes before the line, so that a line that another process was killed in the middle of is ended first,
 * whenever that happened: what is torn costs itself only.
 *
 * @throws WhetstoneError `JOURNAL_WRITE` when the file cannot be written
 */
export function appendEvent(file: string, event: JournalEvent, now: Date = new Date()): void {
  const bytes = Buffer.from('\n' + journalLine({ ...event, time: now.toISOString() }))
  if (bytes.length > MAX_LINE_BYTES) {
    throw new WhetstoneError('JOURNAL_LINE', 'The event is too long for the journal', {
      expected: `at most ${MAX_LINE_BYTES} bytes`, got: `${bytes.length} bytes`,
    })
  }
  let descriptor: number | undefined
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    descriptor = openSync(file, 'a', 0o600)
    const written = writeSync(descriptor, bytes)
    if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`)
  } catch (cause) {
    throw new WhetstoneError('JOURNAL_WRITE', 'Your progress could not be saved', {
      got: cause instanceof Error ? cause.message : String(cause), where: file,
      fix: 'make room on the disk, or make the folder writable; then run the cell again', cause,
    })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Every whole entry, in the order in which they were written. No file: none. */
export function readJournal(file: string): JournalEntry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').flatMap((line) => parseLine(line) ?? [])
}

/** How many lines are torn or damaged: they are left out, and nothing else is. */
export function damagedLines(file: string): number {
  if (!existsSync(file)) return 0
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '' && parseLine(line) === undefined).length
}

/** Where a learner stands with one exercise. */
export interface ExerciseProgress {
  readonly state: 'tried' | 'passed'
  /** Best points since the last reset. */
  readonly points: number
  /** The highest hint seen. */
  readonly hints: number
  /** The solution was asked for before the checks passed. */
  readonly shown: boolean
}

const NOTHING_YET: ExerciseProgress = { state: 'tried', points: 0, hints: 0, shown: false }

/** The standing of every exercise that was touched since its last reset, from the entries in order. */
export function progressOf(entries: readonly JournalEntry[]): Map<string, ExerciseProgress> {
  const progress = new Map<string, ExerciseProgress>()
  for (const entry of entries) {
    // Events of other kinds, of this version or a later one, say nothing about an exercise.
    if (!('exercise' in entry)) continue
    const before = progress.get(entry.exercise) ?? NOTHING_YET
    switch (entry.kind) {
      case 'check': {
        const passed = entry.total > 0 && entry.passed === entry.total
        progress.set(entry.exercise, {
          ...before, state: passed ? 'passed' : before.state, points: Math.max(before.points, entry.points),
        })
        break
      }
      case 'hint':
        progress.set(entry.exercise, { ...before, hints: Math.max(before.hints, entry.level) })
        break
      case 'solution':
        progress.set(entry.exercise, { ...before, shown: before.shown || !entry.afterPass })
        break
      case 'reset':
        progress.delete(entry.exercise)
        break
    }
  }
  return progress
}
