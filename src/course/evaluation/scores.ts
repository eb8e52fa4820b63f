// The four scores of an evaluation and their formulas, which every report prints.
import { progressOf, type JournalEntry } from '../journal'
import type { ExerciseRun } from './exercises'
import type { EvaluationLine } from './evaluate'

/** One score, 0 to 100; null where there is nothing yet that it could be computed from. */
export interface Score {
  readonly name: 'completion' | 'quality' | 'understanding' | 'consistency'
  readonly value: number | null
  readonly formula: string
  /** The formula with this learner's numbers. */
  readonly worked: string
}

/** Days of work in four weeks that count as steady: three a week. */
const STEADY_DAYS = 12
const WINDOW_DAYS = 28
const DAY_MS = 86_400_000

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const round = (value: number): number => Math.round(value * 10) / 10

/** The scores of an evaluation. */
export function scoresOf(
  lines: readonly EvaluationLine[], runs: readonly ExerciseRun[], journal: readonly JournalEntry[], now: Date,
): Score[] {
  return [completion(lines), quality(lines, runs), understanding(runs, journal), consistency(runs, journal, now)]
}

function completion(lines: readonly EvaluationLine[]): Score {
  const done = lines.filter((line) => line.verdict === 'passed').length
  const measured = lines.filter((line) => line.verdict !== 'not measured').length
  return {
    name: 'completion', formula: '100 × lines passed ÷ lines measured here (passed + failed)',
    value: measured === 0 ? null : round((100 * done) / measured),
    worked: `100 × ${done} ÷ ${measured}; ${lines.length - measured} of ${lines.length} lines are not measured here and count for nothing`,
  }
}

function quality(lines: readonly EvaluationLine[], runs: readonly ExerciseRun[]): Score {
  const exercises = runs.filter((run) => run.state !== 'untouched').map((run) => run.share)
  const projects = lines.filter((line) => line.rule.startsWith('project') && line.evidence.length > 0).flatMap((line) => line.attained ?? [])
  const count = exercises.length + projects.length
  return {
    name: 'quality',
    formula: '100 × (Σ share of points of begun exercises, run again + Σ attained ÷ wanted of begun project lines) ÷ number of both',
    value: count === 0 ? null : round((100 * (sum(exercises) + sum(projects))) / count),
    worked: `100 × (${round(sum(exercises))} + ${round(sum(projects))}) ÷ (${exercises.length} + ${projects.length})`,
  }
}

function understanding(runs: readonly ExerciseRun[], journal: readonly JournalEntry[]): Score {
  const begun = runs.filter((run) => run.state !== 'untouched')
  const own = begun.map((run) => (run.state !== 'passed' || run.journal?.shown === true ? 0 : Math.max(0, 1 - 0.2 * (run.journal?.hints ?? 0))))
  const last = new Map(journal.flatMap((entry): [string, boolean][] => (entry.kind === 'interview' && entry.probe !== undefined ? [[entry.question, entry.probe]] : [])))
  const right = [...last.values()].filter(Boolean).length
  const count = begun.length + last.size
  return {
    name: 'understanding',
    formula: '100 × (Σ over begun exercises: 1 − 0.2 × hints seen; 0 when it fails now or the solution was opened before + interview calculations right) ÷ (begun exercises + calculations asked)',
    value: count === 0 ? null : round((100 * (sum(own) + right)) / count),
    worked: `100 × (${round(sum(own))} + ${right}) ÷ (${begun.length} + ${last.size})`,
  }
}

function consistency(runs: readonly ExerciseRun[], journal: readonly JournalEntry[], now: Date): Score {
  const progress = progressOf(journal)
  // Passes outside this part of the course were not run again, so they count neither way.
  const again = new Map(runs.map((run) => [run.id, run.state === 'passed']))
  const claimed = [...progress].filter(([id, each]) => each.state === 'passed' && again.has(id)).map(([id]) => id)
  const stand = claimed.filter((id) => again.get(id)).length
  // A clock that was wrong gives days outside the window, or in the future: they are not counted.
  const days = new Set(journal.filter((entry) => entry.kind !== 'evaluation').map((entry) => Date.parse(entry.time))
    .filter((time) => time <= now.getTime() + DAY_MS && time > now.getTime() - WINDOW_DAYS * DAY_MS)
    .map((time) => new Date(time).toISOString().slice(0, 10))).size
  const steady = Math.min(1, days / STEADY_DAYS)
  const known = journal.some((entry) => entry.kind !== 'evaluation')
  return {
    name: 'consistency',
    formula: `100 × ½ × (passes in the journal that pass again now ÷ passes in the journal + min(1, days of work in the last ${WINDOW_DAYS} ÷ ${STEADY_DAYS}))`,
    value: known ? round(50 * ((claimed.length === 0 ? 0 : stand / claimed.length) + steady)) : null,
    worked: `100 × ½ × (${stand} ÷ ${claimed.length} + min(1, ${days} ÷ ${STEADY_DAYS}))`,
  }
}
