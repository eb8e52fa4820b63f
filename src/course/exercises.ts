// The exercises on disk: found by scanning, one folder each. What an exercise is made of: docs/exercises.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { messageOf, WhetstoneError } from '../core'
import { CourseLoader, typescript } from './load'
import type { Project } from './project'

/** What `exercise.ts` says about its exercise, beside the stub. */
export interface Exercise {
  /** `<track>/<lesson>/<name>`: the folder below exercises/. */
  readonly id: string
  readonly title: string
  /** Shared equally by the checks. */
  readonly points: number
  /** How long it takes a learner who has read the section before it. */
  readonly minutes: number
  /** Ids of the curriculum points that it trains. */
  readonly trains: readonly string[]
}

/** A wrong answer that learners really give, and what to tell them. */
export interface Mistake<Functions = Readonly<Record<string, unknown>>> {
  readonly name: string
  /** What the learner reads: what went wrong and what to think about, without the answer. */
  readonly sentence: string
  /** The functions that the mistake is in. The others are taken from the solution. */
  readonly functions: Partial<Functions>
}

/** Where the parts of one exercise are. */
export interface ExerciseFiles {
  readonly id: string
  readonly folder: string
  readonly stub: string
  readonly checks: string
  readonly hints: string
  readonly mistakes: string
  readonly solution: string
}

/** What every folder of an exercise holds, and nothing else. */
export const EXERCISE_FILES: readonly string[] = ['exercise.ts', 'checks.test.ts', 'hints.md', 'mistakes.ts']

/** The first line of a file that stands in the place of a solution, in a folder for students. */
export const WITHHELD_SOLUTION = '// The solution is with your instructor.'

export const CELL_START = '// #region cell'
const CELL_END = '// #endregion'

/** The parts of the exercise `id`, whether they exist or not. */
export function exerciseFiles(project: Project, id: string): ExerciseFiles {
  const folder = path.join(project.exercises, ...id.split('/'))
  return {
    id,
    folder,
    stub: path.join(folder, 'exercise.ts'),
    checks: path.join(folder, 'checks.test.ts'),
    hints: path.join(folder, 'hints.md'),
    mistakes: path.join(folder, 'mistakes.ts'),
    solution: path.join(project.solutions, ...id.split('/')) + '.ts',
  }
}

/** The ids of all exercises, sorted: every folder three levels below exercises/ that holds an exercise.ts. */
export function listExercises(project: Project): string[] {
  const folders = (at: string): string[] =>
    existsSync(at) ? readdirSync(at, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name) : []
  const ids: string[] = []
  for (const track of folders(project.exercises)) {
    for (const lesson of folders(path.join(project.exercises, track))) {
      for (const name of folders(path.join(project.exercises, track, lesson))) {
        if (existsSync(path.join(project.exercises, track, lesson, name, 'exercise.ts'))) ids.push(`${track}/${lesson}/${name}`)
      }
    }
  }
  return ids.sort()
}

/**
 * The id that a learner means: the whole id, or its end (`conv_output_shape`, `lesson_07_onnx_basics/conv_output_shape`).
 *
 * @throws WhetstoneError `EXERCISE_UNKNOWN` with near matches, `EXERCISE_AMBIGUOUS` with the ids it could be
 */
export function findExercise(project: Project, name: string): string {
  const ids = listExercises(project)
  const matches = ids.includes(name) ? [name] : ids.filter((id) => id.endsWith('/' + name))
  if (matches.length === 1) return matches[0] ?? ''
  if (matches.length > 1) {
    throw new WhetstoneError('EXERCISE_AMBIGUOUS', `Several exercises are called "${name}"`, {
      expected: `one of ${matches.join(', ')}`, fix: 'write the whole id',
    })
  }
  const near = nearMatches(name, ids)
  throw new WhetstoneError('EXERCISE_UNKNOWN', `There is no exercise "${name}"`, {
    expected: near.length > 0 ? `perhaps ${near.join(' or ')}` : `one of the ${ids.length} exercises in exercises/`,
    fix: 'copy the id from the check cell of the lesson; progressReport() lists every exercise',
  })
}

/** Up to three ids whose last part is close to what was typed. */
export function nearMatches(name: string, ids: readonly string[]): string[] {
  const typed = name.split('/').at(-1) ?? name
  return ids
    .map((id) => ({ id, distance: editDistance(typed.toLowerCase(), (id.split('/').at(-1) ?? id).toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, typed.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ id }) => id)
}

/** Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein, 1966). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** What exercise.ts says about the exercise, checked. */
export function readExercise(files: ExerciseFiles, loader: CourseLoader): Exercise {
  const { exercise } = loader.load(files.stub) as { exercise?: Partial<Exercise> }
  const good = exercise !== undefined && typeof exercise.id === 'string' && typeof exercise.title === 'string' && exercise.title !== ''
    && positive(exercise.points) && positive(exercise.minutes) && Array.isArray(exercise.trains)
  if (!good) {
    throw new WhetstoneError('EXERCISE_METADATA', 'The exercise does not say what it is', {
      expected: 'export const exercise: course.Exercise = { id, title, points, minutes, trains }', where: files.stub,
    })
  }
  return exercise as Exercise
}

const positive = (value: unknown): boolean => typeof value === 'number' && value > 0 && Number.isFinite(value)

/** The stub as the cell of a notebook: the marked region of exercise.ts, with `export` taken off its declarations. */
export function stubText(files: ExerciseFiles): string {
  return regionText(readFileSync(files.stub, 'utf8'), files.stub)
}

/**
 * The solution as the cell of a notebook: its marked region, behind the types that the stub declares, because the cell
 * replaces the stub's.
 */
export function solutionText(files: ExerciseFiles): string {
  const solution = regionText(readFileSync(files.solution, 'utf8'), files.solution)
  return [...typesOf(stubText(files)), solution].join('\n\n')
}

/** The interfaces and type aliases of a cell, each with the comment above it. */
function typesOf(cell: string): string[] {
  const ts = typescript()
  const source = ts.createSourceFile('cell.ts', cell, ts.ScriptTarget.Latest)
  return source.statements.filter((each) => ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each)).map((each) => each.getFullText(source).trim())
}

function regionText(source: string, where: string): string {
  const lines = source.split(/\r?\n/)
  const start = lines.indexOf(CELL_START)
  const end = lines.indexOf(CELL_END)
  if (start < 0 || end < start || lines.indexOf(CELL_START, start + 1) >= 0) {
    throw new WhetstoneError('EXERCISE_REGION', 'The part that becomes the cell is not marked', {
      expected: `one line "${CELL_START}" and after it one line "${CELL_END}"`, where,
    })
  }
  return lines.slice(start + 1, end).join('\n').replace(/^export (?=(async )?function|const |class |type |interface )/gm, '').trim()
}

/** Names of the functions that the learner writes: those that the stub exports. */
export function exportedFunctions(module: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(module).filter((name) => typeof module[name] === 'function')
}

/** The hints, in order: the sections of hints.md under `## Hint 1`, `## Hint 2`, … */
export function readHints(files: ExerciseFiles): string[] {
  let text: string
  try {
    text = readFileSync(files.hints, 'utf8')
  } catch (cause) {
    throw new WhetstoneError('EXERCISE_HINTS', 'The hints cannot be read', { got: messageOf(cause), where: files.hints, cause })
  }
  return text.split(/^## Hint \d+[^\S\n]*$/m).slice(1).map((section) => section.trim())
}
