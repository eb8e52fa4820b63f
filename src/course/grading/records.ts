// What a grading run knows about each answer, and the file that keeps it: one sealed line as each result arrives, only
// ever appended to, so that a run killed at any byte goes on with what was whole.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { openLine, sealLine } from '../journal'
import type { CheckReport } from '../run-checks'
import { HOSTILE, type Incident } from '../sandbox/host'
import { GradingError } from './errors'

/** What a failed check says. */
export interface Facts {
  readonly called?: string
  readonly expected?: string
  readonly got?: string
  readonly sentence?: string
}

/** One check of one answer. */
export interface GradedCheck {
  readonly name: string
  readonly passed: boolean
  readonly points: number
  readonly maxPoints: number
  readonly mistake?: string
  /** Its inputs were drawn from the grader's seed. */
  readonly hidden?: true
  /** For the learner: nothing in it comes from hidden inputs. */
  readonly shown: Facts
  /** For the instructor only, where it says more. */
  readonly kept?: Facts
}

/** How an answer came to its points. */
export type AnswerState = 'graded' | 'not handed in' | 'several cells differ' | 'grader failed'

/** The result of one exercise of one learner. */
export interface AnswerRecord {
  readonly learner: string
  readonly exercise: string
  /** Stands for everything that the result depends on: the cell, the exercise, the bounds. */
  readonly key: string
  readonly state: AnswerState
  readonly points: number
  readonly maxPoints: number
  readonly checks: readonly GradedCheck[]
  readonly incidents: readonly Incident[]
  /** The cell is the stub as it was handed out. */
  readonly untouched?: true
  /** A sentence for the report, where the checks do not say it. */
  readonly note?: string
  readonly milliseconds: number
  /** Fingerprints of the answer without what the stub gave. */
  readonly prints: readonly number[]
}

/** What `sandbox/grade` says, as the record of a learner's answer. */
export type GradedAnswer = Pick<AnswerRecord, 'points' | 'maxPoints' | 'checks' | 'incidents' | 'milliseconds' | 'prints'> & { readonly untouched?: true }

/** The sentence in the place of what a check with hidden inputs saw. */
export const WITHHELD = 'This check draws its own inputs, so what it called and expected is not shown.'
/** In the place of an answer that came after hidden inputs were seen, and could repeat them. */
export const NOT_REPEATED = 'not shown, because hidden inputs had been seen before'

/**
 * The rows of a report for both readers. An answer may carry inputs that the code saw earlier, in what it returns, in the
 * message of its error, or inside a sentence that quotes it. So from the first hidden check on, nothing that the code said
 * reaches the learner, and a sentence only when its author wrote it as it stands.
 *
 * @param written whether a sentence stands in the files of the exercise
 */
export function checksForBoth(report: CheckReport, written: (sentence: string) => boolean): GradedCheck[] {
  let seen = false
  return report.checks.map((row): GradedCheck => {
    seen ||= row.hidden === true
    const { called, expected, got, sentence } = row
    const all: Facts = {
      ...(called === undefined ? {} : { called }), ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }), ...(sentence === undefined ? {} : { sentence }),
    }
    const safe = sentence === undefined || row.mistake !== undefined || row.stub === true || written(sentence)
    const common = {
      name: row.name, passed: row.passed, points: row.points, maxPoints: row.maxPoints,
      ...(row.mistake === undefined ? {} : { mistake: row.mistake }), ...(row.hidden ? { hidden: true as const } : {}),
    }
    if (row.passed || !seen) return { ...common, shown: all }
    if (row.hidden) return { ...common, shown: { sentence: safe && sentence !== undefined ? sentence : WITHHELD }, kept: all }
    return {
      ...common, kept: all,
      shown: { ...(called === undefined ? {} : { called }), ...(expected === undefined ? {} : { expected }), got: NOT_REPEATED, ...(safe && sentence !== undefined ? { sentence } : {}) },
    }
  })
}

/**
 * Incidents in words, each once and in one order. Which of two ways of speaking on the grader's channel was noticed first is
 * a matter of milliseconds, so both are one.
 */
export function incidentWords(incidents: readonly Incident[]): string[] {
  return [...new Set(incidents.map((each) => (HOSTILE.includes(each) ? 'wrote to the grader\'s own channel' : each)))].sort()
}

/** Where a run keeps its state, inside the folder of its results. */
export function stateOf(out: string): { folder: string; ledger: string; run: string; roll: string; lock: string } {
  const folder = path.join(out, '.grading')
  const at = (name: string): string => path.join(folder, name)
  return { folder, ledger: at('results.jsonl'), run: at('run.json'), roll: at('class.json'), lock: at('lock') }
}

/** Every whole record, later ones in the place of earlier ones of the same answer. */
export function readLedger(file: string): Map<string, AnswerRecord> {
  const records = new Map<string, AnswerRecord>()
  if (!existsSync(file)) return records
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const record = openLine(line) as AnswerRecord | undefined
    if (record) records.set(answerOf(record), record)
  }
  return records
}

/** The name of an answer in a ledger. */
export const answerOf = ({ learner, exercise }: { readonly learner: string; readonly exercise: string }): string => `${exercise}\n${learner}`

/** Appends records. One run at a time has it open. */
export class Ledger {
  readonly records: Map<string, AnswerRecord>
  private readonly descriptor: number

  /** @throws GradingError `GRADE_BUSY` when another run that is alive has it open */
  constructor(private readonly out: string) {
    const { folder, ledger, lock } = stateOf(out)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    takeLock(lock, out)
    this.records = readLedger(ledger)
    this.descriptor = openSync(ledger, 'a', 0o600)
  }

  add(record: AnswerRecord): void {
    // The line end comes first, so that a torn line before it costs itself only.
    writeSync(this.descriptor, '\n' + sealLine(record))
    this.records.set(answerOf(record), record)
  }

  close(): void {
    closeSync(this.descriptor)
    rmSync(stateOf(this.out).lock, { force: true })
  }
}

function takeLock(lock: string, out: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number(readFileSync(lock, 'utf8'))
    if (isAlive(holder)) {
      throw new GradingError('GRADE_BUSY', 'Another run is grading into the same folder', {
        got: `process ${holder}`, where: out, fix: 'wait for it, or name another --out',
      })
    }
    // Its run was killed.
    rmSync(lock, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
