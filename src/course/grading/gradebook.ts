// From records to grades: one line for each learner, with everything that a person must decide marked as such. Pure: the
// same records give the same gradebook, whatever order they came in.
import { lateness, type LatePolicy, type Lateness } from './late'
import { answerOf, incidentWords, type AnswerRecord, type AnswerState } from './records'
import { similarPairs, type SimilarPair } from './similarity'

/** A learner who handed in, as far as the files say. */
export interface RollEntry {
  readonly learner: string
  /** ISO time of the last notebook. */
  readonly submitted?: string
  readonly platformId?: string
  readonly markedLate?: true
  readonly problems: readonly string[]
}

/** An exercise as a column. */
export interface Column {
  readonly id: string
  readonly title: string
  readonly maxPoints: number
  /** Of the files that its results depend on. */
  readonly digest: string
}

/** Everything of a run but the results. A shard's has its part of the class. */
export interface Roll {
  readonly columns: readonly Column[]
  readonly learners: readonly RollEntry[]
  readonly sandbox: string
  readonly shard?: { readonly index: number; readonly count: number }
}

/** A learner of the roster, which knows more than file names do. */
export interface RosterEntry {
  readonly learner: string
  readonly name: string
  readonly email?: string
  /** The line of the roster by its own column names: what an import form must give back. */
  readonly fields: Readonly<Record<string, string>>
}

/** One exercise of one learner. */
export interface Grade {
  readonly exercise: string
  readonly state: AnswerState | 'not graded yet'
  readonly points: number
  readonly maxPoints: number
  readonly record?: AnswerRecord
}

/** One learner. */
export interface GradebookRow {
  readonly learner: string
  readonly name: string
  readonly email?: string
  readonly roster?: RosterEntry
  readonly platformId?: string
  readonly state: 'handed in' | 'missing'
  readonly submitted?: string
  readonly late: Lateness
  readonly grades: readonly Grade[]
  /** Before what lateness costs. */
  readonly points: number
  /** After it: the grade. */
  readonly final: number
  readonly maxPoints: number
  /** What a person should look at. */
  readonly notes: readonly string[]
}

/** The grades of a class. */
export interface Gradebook {
  readonly columns: readonly Column[]
  readonly rows: readonly GradebookRow[]
  readonly maxPoints: number
  readonly similar: readonly SimilarPair[]
  readonly sandbox: string
  readonly policy?: LatePolicy
  /** Answers that have no result yet. */
  readonly open: number
}

/** Hundredths are enough for a grade, and sums of thirds must not end in ...99. */
export const cents = (points: number): number => Math.round(points * 100) / 100

/** The gradebook of a class. */
export function makeGradebook(roll: Roll, records: ReadonlyMap<string, AnswerRecord>, roster: readonly RosterEntry[] = [], policy?: LatePolicy): Gradebook {
  const { columns } = roll
  const handedIn = new Map(roll.learners.map((entry) => [entry.learner, entry]))
  const known = new Map<string, RosterEntry>()
  for (const entry of roster) known.set(matchLearner(entry, roll.learners) ?? entry.learner, entry)
  const learners = [...new Set([...handedIn.keys(), ...known.keys()])].sort((a, b) => (a < b ? -1 : 1))
  const maxPoints = cents(columns.reduce((sum, column) => sum + column.maxPoints, 0))
  const rows = learners.map((learner) => makeRow(learner, columns, maxPoints, handedIn.get(learner), known.get(learner), records, policy, roster.length > 0))
  const graded = rows.flatMap((row) => row.grades.flatMap((grade) => grade.record ?? []))
  return {
    columns, rows, maxPoints, sandbox: roll.sandbox, ...(policy ? { policy } : {}),
    similar: similarPairs(graded.filter((record) => record.prints.length > 0)),
    open: rows.reduce((sum, row) => sum + row.grades.filter((grade) => grade.state === 'not graded yet').length, 0),
  }
}

function makeRow(
  learner: string, columns: readonly Column[], maxPoints: number, entry: RollEntry | undefined, roster: RosterEntry | undefined,
  records: ReadonlyMap<string, AnswerRecord>, policy: LatePolicy | undefined, hasRoster: boolean,
): GradebookRow {
  const grades = columns.map(({ id, maxPoints: most }): Grade => {
    const record = entry && records.get(answerOf({ learner, exercise: id }))
    if (!record) return { exercise: id, state: entry ? 'not graded yet' : 'not handed in', points: 0, maxPoints: most }
    return { exercise: id, state: record.state, points: record.points, maxPoints: most, record }
  })
  const late = lateness(entry?.submitted === undefined ? undefined : new Date(entry.submitted), policy)
  const points = cents(grades.reduce((sum, grade) => sum + grade.points, 0))
  return {
    learner, name: roster?.name ?? oneLine(learner), grades, points, maxPoints, late,
    final: cents(points * late.factor), state: entry ? 'handed in' : 'missing',
    notes: notesOf(entry, roster, grades, hasRoster, policy),
    ...(roster ? { roster } : {}), ...(roster?.email === undefined ? {} : { email: roster.email }),
    ...(entry?.platformId === undefined ? {} : { platformId: entry.platformId }),
    ...(entry?.submitted === undefined ? {} : { submitted: entry.submitted }),
  }
}

function notesOf(entry: RollEntry | undefined, roster: RosterEntry | undefined, grades: readonly Grade[], hasRoster: boolean, policy: LatePolicy | undefined): string[] {
  const short = (id: string): string => id.split('/').at(-1) ?? id
  return [
    ...(entry && hasRoster && !roster ? ['not in the roster'] : []),
    ...(entry?.markedLate && !policy ? ['Canvas marked it late; no --deadline was given'] : []),
    ...(entry?.problems ?? []).map((problem) => oneLine(problem)),
    ...grades.flatMap(({ exercise, state, record }) => {
      const incidents = incidentWords(record?.incidents ?? [])
      return [
        ...(state === 'several cells differ' || state === 'grader failed' ? [`${short(exercise)}: ${state}${state === 'grader failed' && record?.note !== undefined ? ` (${record.note})` : ''}; needs a person`] : []),
        ...(incidents.length > 0 ? [`${short(exercise)}: its process ${incidents.join(', ')}`] : []),
        ...(record?.note !== undefined && state === 'graded' ? [`${short(exercise)}: ${record.note}`] : []),
      ]
    }),
  ]
}

/** The learner of the files that a line of the roster means: by platform number, then by name in any order and case. */
function matchLearner(entry: RosterEntry, learners: readonly RollEntry[]): string | undefined {
  const { fields } = entry
  const ids = ['id', 'identifier', 'sis user id', 'sis login id', 'id number', 'username', 'email', 'email address'].flatMap((key) => {
    const value = fields[key]?.replace(/^Participant /i, '')
    return value ? [value.toLowerCase(), value.toLowerCase().split('@')[0] ?? ''] : []
  })
  const letters = (text: string): string => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean).sort().join('')
  const joined = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '')
  return learners.find((each) => each.platformId !== undefined && ids.includes(each.platformId))?.learner
    ?? learners.find((each) => ids.includes(each.learner.toLowerCase()) || each.learner === entry.learner)?.learner
    ?? learners.find((each) => letters(each.learner) === letters(entry.name) || joined(each.learner) === joined(entry.name))?.learner
}

/** Names of files may hold anything; a line of a report holds no line ends or control characters. */
export function oneLine(text: string, most = 200): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' ').trim()
  return clean.length > most ? `${clean.slice(0, most)}…` : clean
}
