// An evaluation: every line of a part of the curriculum with its verdict, evidence and the command that reproduces it.
import { mkdirSync, readdirSync, readFileSync, renameSync, existsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { CourseError } from '../errors'
import { trackOf, type CurriculumPoint } from '../curriculum'
import { appendEvent } from '../journal'
import type { Project } from '../project'
import type { Measurement } from './measurement'
import { evaluatedPoints, ruleOf } from './rules'
import { scoresOf, type Score } from './scores'
import { Workbench, type EvaluationTools } from './workbench'

/** One line of the curriculum, measured. */
export interface EvaluationLine extends Measurement {
  readonly id: string
  readonly track: string
  readonly kind: string
  readonly section: string
  readonly text: string
  /** Name of the rule that measured it. */
  readonly rule: string
  /** Measures this line again. */
  readonly command: string
}

/** A whole evaluation. */
export interface Evaluation {
  readonly scope: string
  readonly at: string
  readonly machine: string
  readonly lines: readonly EvaluationLine[]
  readonly scores: readonly Score[]
  /** Notebooks that could not be read and were left out. */
  readonly problems: readonly string[]
  /** Exercises that still wait, with the points they train: what a plan is made from. */
  readonly open: readonly string[]
}

/** What is evaluated: tracks by name, or one line by its id. */
export interface Scope {
  readonly name: string
  readonly tracks: readonly string[]
  readonly point?: string
}

/** Month and module numbers of the curriculum, as tracks. */
const MONTHS: Readonly<Record<string, readonly string[]>> = { 11: ['advanced', 'performance'] }
const MODULES: Readonly<Record<string, readonly string[]>> = { 4: ['module04'] }
export const TRACKS: readonly string[] = ['module04', 'advanced', 'performance', 'frameworks', 'deployment']

/**
 * The scope that the options of the command line mean; without any, everything.
 *
 * @throws WhetstoneError `EVALUATE_SCOPE` for a month, module or track that the curriculum does not have
 */
export function scopeOf(options: { readonly month?: string; readonly module?: string; readonly track?: string; readonly point?: string }): Scope {
  const given = Object.keys(options)
  if (given.length > 1) throw new CourseError('EVALUATE_SCOPE', 'Only one part of the curriculum is evaluated at a time', { expected: '--month, --module, --track or --point', got: given.map((name) => `--${name}`).join(' and ') })
  const { month, module, track, point } = options
  const unknown = (what: string, got: string, known: readonly string[]): never => {
    throw new CourseError('EVALUATE_SCOPE', `The curriculum has no ${what} ${got}`, { expected: known.join(', '), got, fix: `npm run evaluate -- --${what} ${known[0] ?? ''}` })
  }
  if (month !== undefined) return { name: `month ${month}`, tracks: MONTHS[month] ?? unknown('month', month, Object.keys(MONTHS)) }
  if (module !== undefined) return { name: `module ${module}`, tracks: MODULES[module] ?? unknown('module', module, Object.keys(MODULES)) }
  if (track !== undefined) return TRACKS.includes(track) ? { name: track, tracks: [track] } : unknown('track', track, TRACKS)
  if (point !== undefined) return { name: point, tracks: TRACKS, point }
  return { name: 'everything', tracks: TRACKS }
}

/**
 * Measures every line of a scope. Nothing of the learner's files can make it fail: what cannot be read or run is a failed
 * line with the reason.
 *
 * @throws WhetstoneError `EVALUATE_SCOPE` for a point that is not evaluated
 */
export async function evaluate(project: Project, scope: Scope, tools: EvaluationTools = {}, now: Date = new Date()): Promise<Evaluation> {
  const bench = new Workbench(project, tools)
  try {
    const points = pointsOf(project, scope)
    const lines: EvaluationLine[] = []
    for (const point of points) lines.push(await measureLine(point, bench))
    // The scores are about the same part of the course as the lines.
    const exercises = new Set([...points.flatMap((point) => bench.exercisesOf(point)), ...scope.point === undefined ? exercisesIn(scope, bench) : []])
    const runs = await Promise.all(bench.exercises.ids.filter((id) => exercises.has(id)).map((id) => bench.exercises.run(id)))
    return {
      scope: scope.name, at: now.toISOString(), machine: `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.cpus().length} cores, Node ${process.versions.node}, ${process.platform}-${process.arch}`,
      lines, scores: scoresOf(lines, runs, bench.journal, now), problems: bench.problems,
      open: runs.filter((run) => run.state !== 'passed').map((run) => run.id),
    }
  } finally {
    bench.close()
  }
}

/** Exercises of the lessons of whole tracks: some train topics only, which are no lines of an evaluation. */
function exercisesIn(scope: Scope, bench: Workbench): string[] {
  return bench.lessons.filter((lesson) => scope.tracks.includes(lesson.track.replaceAll('_', ''))).flatMap((lesson) => lesson.exercises)
}

/** Single lines, measured with one look at the learner's files: what several lines ask of a model is measured once. */
export async function measureLines(project: Project, ids: readonly string[], tools: EvaluationTools = {}): Promise<EvaluationLine[]> {
  const bench = new Workbench(project, tools)
  try {
    const points = new Map(evaluatedPoints(project).map((point) => [point.id, point]))
    const lines: EvaluationLine[] = []
    for (const id of ids) {
      const point = points.get(id)
      if (point) lines.push(await measureLine(point, bench))
    }
    return lines
  } finally {
    bench.close()
  }
}

function pointsOf(project: Project, scope: Scope): CurriculumPoint[] {
  const points = evaluatedPoints(project).filter((point) => scope.tracks.includes(trackOf(point)) && (scope.point === undefined || point.id === scope.point))
  if (points.length > 0) return points
  throw new CourseError('EVALUATE_SCOPE', 'There is no such line of the curriculum to evaluate', {
    got: scope.point ?? scope.name, fix: 'npm run evaluate -- --json lists the ids of all lines',
  })
}

async function measureLine(point: CurriculumPoint, bench: Workbench): Promise<EvaluationLine> {
  const rule = ruleOf(point)
  const measurement = await rule.measure(point, bench)
  return {
    id: point.id, track: trackOf(point), kind: point.kind, section: point.section, text: point.text, rule: rule.name,
    command: `npm run evaluate -- --point ${point.id}`, ...measurement,
  }
}

const folderOf = (project: Project): string => path.join(project.state, 'evaluations')

/** Keeps an evaluation for later comparison, and says so in the journal. Gives the file. */
export function keepEvaluation(project: Project, evaluation: Evaluation): string {
  const name = `${evaluation.at.replaceAll(':', '-')}.json`
  const file = path.join(folderOf(project), name)
  mkdirSync(folderOf(project), { recursive: true })
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, JSON.stringify(evaluation))
  renameSync(temporary, file)
  appendEvent(project.journal, { kind: 'evaluation', scope: evaluation.scope.slice(0, 200), file: name })
  return file
}

/** Kept evaluations in the order of the journal; files that are gone or damaged are left out. */
export function keptEvaluations(project: Project, files: readonly string[]): Evaluation[] {
  const there = new Set(existsSync(folderOf(project)) ? readdirSync(folderOf(project)) : [])
  return files.filter((file) => there.has(file)).flatMap((file) => {
    try {
      const parsed = JSON.parse(readFileSync(path.join(folderOf(project), file), 'utf8')) as Partial<Evaluation> | null
      return Array.isArray(parsed?.lines) && Array.isArray(parsed.scores) ? [parsed as Evaluation] : []
    } catch {
      return []
    }
  })
}
