// A grading run: finds what was handed in, grades what has no result yet, and writes the gradebook, now and then and at the
// end. Killed at any moment, the next run goes on; over unchanged submissions it changes nothing.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sha256 } from '../../core'
import { exerciseFiles, findExercise, listExercises, readExercise } from '../exercises'
import { CourseLoader } from '../load'
import type { Project } from '../project'
import { findSandbox, type SandboxName } from '../sandbox/backends'
import { LIMITS, type Limits } from '../sandbox/limits'
import { takeAnswers, taggedCells, type Answers, type OnDuplicates } from './cells'
import { GradingError } from './errors'
import { canvasCsv, gradebookCsv, gradebookJson, gradescopeJson, moodleCsv } from './exports'
import { feedbackPage } from './feedback'
import { makeGradebook, type Column, type Gradebook, type GradebookRow, type Roll, type RosterEntry } from './gradebook'
import { exerciseDigest, type JobTask } from './job'
import { runJobs } from './jobs'
import type { LatePolicy } from './late'
import { overviewPage } from './overview'
import { fileName } from './page'
import { answerOf, Ledger, stateOf, type AnswerRecord } from './records'
import { replaceFile, replaceState } from './state'
import { findSubmissions, SUBMISSION_LIMITS, type Submission, type SubmissionLimits } from './submissions'

/** What a run is to do. */
export interface GradeOptions {
  readonly project: Project
  /** Folder of notebooks or of learners' folders, or a zip archive. */
  readonly submissions: string
  /** Folder of the results. */
  readonly out: string
  readonly sandbox: SandboxName
  /** Ids of exercises or of lessons (`module_04/lesson_07_onnx_basics`). Without them: the lessons that half of the class handed in. */
  readonly exercises?: readonly string[]
  readonly roster?: readonly RosterEntry[]
  /** Times of handing in, which count more than those of the files. */
  readonly times?: ReadonlyMap<string, Date>
  readonly late?: LatePolicy
  /** Part `index` of `count`, from 1: learners are dealt by a hash of their names. */
  readonly shard?: { readonly index: number; readonly count: number }
  readonly onDuplicates?: OnDuplicates
  /** Grading processes side by side. Default: one for each core. */
  readonly jobs?: number
  readonly limits?: Limits
  readonly submissionLimits?: SubmissionLimits
  readonly assignment?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** How a run ended. */
export interface GradeSummary {
  readonly book: Gradebook
  /** Results made by this run. */
  readonly graded: number
  /** Results that were there before. */
  readonly kept: number
  /** It was interrupted; the next run goes on. */
  readonly stopped: boolean
}

/** Seconds between two gradebooks while results arrive. */
const WRITE_EVERY_MS = 5_000

/**
 * Grades the submissions.
 *
 * @throws GradingError `GRADE_SUBMISSIONS`, `GRADE_EXERCISES`, `GRADE_BUSY`, `GRADE_ZIP`
 * @throws WhetstoneError `SANDBOX_MISSING`
 */
export async function gradeSubmissions(options: GradeOptions): Promise<GradeSummary> {
  const { project, out, signal, shard } = options
  const limits = options.limits ?? LIMITS
  findSandbox(options.sandbox)
  const all = findSubmissions(options.submissions, options.submissionLimits ?? SUBMISSION_LIMITS)
  const known = listExercises(project)
  const exercises = chooseExercises(project, known, options.exercises, all)
  const mine = shard ? all.filter((each) => shardOf(each.learner, shard.count) === shard.index) : all
  const columns = exercises.map((id) => columnOf(project, id))
  const ledger = new Ledger(out)
  try {
    const secret = runSecret(out)
    const tasks: (JobTask & { readonly answer: Pick<AnswerRecord, 'learner' | 'exercise' | 'key' | 'maxPoints'> })[] = []
    const learners: Roll['learners'][number][] = []
    let kept = 0
    for (const submission of mine) {
      const answers = takeAnswers(submission, exercises, new Set(known), options.onDuplicates ?? 'refuse')
      learners.push(rollEntry(submission, answers, options.times))
      for (const column of columns) {
        const one = { learner: submission.learner, exercise: column.id, maxPoints: column.maxPoints }
        const cell = answers.cells.get(column.id), several = answers.duplicates.get(column.id)
        const key = sha256([column.digest, JSON.stringify(limits), options.sandbox, cell ?? `\0${several ?? ''}`].join('\n')).slice(0, 24)
        const before = ledger.records.get(answerOf(one))
        if (before?.key === key && before.state !== 'grader failed') kept++
        else if (cell === undefined) ledger.add(without({ ...one, key }, several === undefined ? 'not handed in' : 'several cells differ', several))
        else tasks.push({ id: tasks.length, exercise: column.id, cell, seed: seedOf(secret, submission.learner, key), answer: { ...one, key } })
      }
    }
    const roll: Roll = { columns, learners, sandbox: options.sandbox, ...(shard ? { shard } : {}) }
    replaceState(stateOf(out).roll, roll)
    let done = 0, written = Date.now()
    options.onProgress?.(0, tasks.length)
    await runJobs(tasks, { root: project.root, sandbox: options.sandbox, limits, ahead: 1 }, options.jobs ?? os.availableParallelism(), (task, outcome) => {
      const { answer } = tasks[task.id] ?? {}
      if (answer) ledger.add('answer' in outcome ? { ...answer, state: 'graded', ...outcome.answer } : without(answer, 'grader failed', outcome.fault))
      done++
      options.onProgress?.(done, tasks.length)
      if (Date.now() - written < WRITE_EVERY_MS) return
      writeTables(out, makeGradebook(roll, ledger.records, options.roster, options.late), options.assignment)
      written = Date.now()
    }, signal)
    const book = makeGradebook(roll, ledger.records, options.roster, options.late)
    writeResults(out, book, options.assignment)
    return { book, graded: done, kept, stopped: signal?.aborted ?? false }
  } finally {
    ledger.close()
  }
}

/** Dealt by a hash of the name, so that every machine agrees without talking. From 1. */
export function shardOf(learner: string, count: number): number {
  return (parseInt(sha256(learner).slice(0, 12), 16) % count) + 1
}

/** The exercises that are graded, in the order of the course. */
function chooseExercises(project: Project, known: readonly string[], wanted: readonly string[] | undefined, submissions: readonly Submission[]): string[] {
  if (wanted && wanted.length > 0) {
    const chosen = new Set(wanted.flatMap((name) => {
      const below = known.filter((id) => id.startsWith(`${name.replace(/\/+$/, '')}/`) || id.split('/')[1] === name)
      return below.length > 0 ? below : [findExercise(project, name)]
    }))
    return known.filter((id) => chosen.has(id))
  }
  const lessonOf = (id: string): string => id.split('/').slice(0, 2).join('/')
  const votes = new Map<string, number>()
  for (const submission of submissions) {
    const lessons = new Set(submission.files.flatMap((file) => {
      try {
        return taggedCells(file.read()).map((cell) => lessonOf(cell.exercise))
      } catch {
        // What is no notebook is reported when its answers are taken.
        return []
      }
    }))
    for (const lesson of lessons) votes.set(lesson, (votes.get(lesson) ?? 0) + 1)
  }
  const chosen = known.filter((id) => (votes.get(lessonOf(id)) ?? 0) * 2 >= submissions.length)
  if (chosen.length > 0) return chosen
  throw new GradingError('GRADE_EXERCISES', 'It is not clear which exercises to grade', {
    expected: 'a lesson that at least half of the submissions hold',
    got: [...votes].filter(([lesson]) => known.some((id) => lessonOf(id) === lesson)).map(([lesson, count]) => `${lesson}: ${count} of ${submissions.length}`).join(', ') || 'no cell with the mark of an exercise',
    fix: 'name a lesson with --lesson',
  })
}

function columnOf(project: Project, id: string): Column {
  const { title, points } = readExercise(exerciseFiles(project, id), new CourseLoader(project.cache))
  return { id, title, maxPoints: points, digest: exerciseDigest(project.root, id) }
}

function rollEntry(submission: Submission, answers: Answers, times: ReadonlyMap<string, Date> | undefined): Roll['learners'][number] {
  const submitted = times?.get(submission.learner) ?? submission.submitted
  return {
    learner: submission.learner, problems: answers.problems, ...(submitted ? { submitted: submitted.toISOString() } : {}),
    ...(submission.platformId === undefined ? {} : { platformId: submission.platformId }), ...(submission.markedLate ? { markedLate: true as const } : {}),
  }
}

/** A record of an answer that was not run. */
function without(answer: Pick<AnswerRecord, 'learner' | 'exercise' | 'key' | 'maxPoints'>, state: AnswerRecord['state'], note?: string): AnswerRecord {
  return { ...answer, state, points: 0, checks: [], incidents: [], milliseconds: 0, prints: [], ...(note === undefined ? {} : { note }) }
}

/** What the seeds of this folder's runs are drawn from. It stays with the grader. */
function runSecret(out: string): string {
  const file = stateOf(out).run
  if (!existsSync(file)) replaceState(file, { secret: randomBytes(32).toString('hex') })
  return (JSON.parse(readFileSync(file, 'utf8')) as { secret: string }).secret
}

/** Fresh for every answer, the same when a killed run goes on. */
const seedOf = (secret: string, learner: string, key: string): number => parseInt(sha256(`${secret}\n${key}\n${learner}`).slice(0, 12), 16)

/** The tables, which are cheap enough to write while results arrive. */
function writeTables(out: string, book: Gradebook, assignment = 'Whetstone'): void {
  replaceFile(path.join(out, 'gradebook.csv'), gradebookCsv(book))
  replaceFile(path.join(out, 'gradebook.json'), gradebookJson(book))
  replaceFile(path.join(out, 'canvas.csv'), canvasCsv(book, assignment))
  replaceFile(path.join(out, 'moodle.csv'), moodleCsv(book))
}

/** Everything: tables, a page and a Gradescope file for each learner, the overview. */
export function writeResults(out: string, book: Gradebook, assignment?: string): void {
  writeTables(out, book, assignment)
  const nameOf = (row: GradebookRow): string => fileName(row.learner, sha256)
  const keep = new Set(book.rows.map(nameOf))
  for (const [folder, ending] of [['feedback', '.html'], ['gradescope', '.json']] as const) {
    const at = path.join(out, folder)
    mkdirSync(at, { recursive: true })
    for (const old of readdirSync(at)) if (old.endsWith(ending) && !keep.has(old.slice(0, -ending.length))) rmSync(path.join(at, old))
  }
  for (const row of book.rows) {
    replaceFile(path.join(out, 'feedback', `${nameOf(row)}.html`), feedbackPage(row, book))
    replaceFile(path.join(out, 'gradescope', `${nameOf(row)}.json`), gradescopeJson(row, book))
  }
  replaceFile(path.join(out, 'overview.html'), overviewPage(book, (row) => `feedback/${encodeURIComponent(nameOf(row))}.html`))
}
