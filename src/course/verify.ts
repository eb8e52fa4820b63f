// Proves that every exercise holds what docs/exercises.md promises. For authors and for `npm test`, never for learners.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../core'
import { committedInstead } from './committed'
import { readCurriculum } from './curriculum'
import { CELL_START, EXERCISE_FILES, exerciseFiles, exportedFunctions, listExercises, readHints, solutionText, stubText, type ExerciseFiles } from './exercises'
import { listLessons, type Lesson } from './lessons'
import type { Project } from './project'
import { mistakenFunctions, openExercise, runChecks, type OpenExercise } from './run-checks'
import { importsAround, namedImports } from './sandbox/imports'
import { liveHost } from './subject'

/** One statement about an exercise, proved or not. */
export interface Proof {
  /** The exercise, or the file or folder that is meant. */
  readonly subject: string
  readonly statement: string
  readonly holds: boolean
  /** Why it does not hold. */
  readonly reason?: string
  /** It cannot be proved yet, because something that it is about does not exist. */
  readonly open?: true
}

/** Inputs of the random checks: a mistake must be seen, and a solution must hold, on each. */
const SEEDS = [1, 2, 3]

/** Gives the problems of files by path, for those that are not clean under the project's lint. */
export type Lint = (files: readonly string[]) => Promise<ReadonlyMap<string, string>>

/**
 * Every proof for every exercise.
 *
 * A notebook is judged as it was committed, where git is there: a learner's answers break no lesson.
 *
 * @param note told the name of each exercise as its turn comes
 * @param working judge the notebooks as they lie on the disk
 */
export async function verifyExercises(project: Project, lint: Lint, note: (text: string) => void = () => undefined, working = false): Promise<Proof[]> {
  const ids = listExercises(project)
  const proofs: Proof[] = []
  const lessons = listLessons(project, undefined, working ? undefined : (file) => {
    const committed = committedInstead(file)
    if (committed !== undefined) proofs.push({ ...WORKING_COPY, subject: path.relative(project.root, file) })
    return committed
  })
  const known = new Set(readCurriculum(project).map((point) => point.id))
  proofs.push(...strayFiles(project, ids), ...unknownCells(lessons, ids))
  note('lint')
  const written = ids.map((id) => exerciseFiles(project, id).solution).filter((file) => existsSync(file))
  const faults = written.length > 0 ? await lint(written) : new Map<string, string>()
  for (const id of ids) {
    note(id)
    proofs.push(...await verifyOne(project, id, known, lessons, faults))
  }
  return proofs
}

const WORKING_COPY = {
  statement: 'the working copy is what was committed', holds: true, open: true, reason: 'it differs, and the committed notebook was judged (--working judges yours)',
} as const

async function verifyOne(
  project: Project, id: string, known: ReadonlySet<string>, lessons: readonly Lesson[], faults: ReadonlyMap<string, string>,
): Promise<Proof[]> {
  const files = exerciseFiles(project, id)
  const proofs: Proof[] = []
  const prove = async (statement: string, test: () => string | undefined | Promise<string | undefined>): Promise<void> => {
    let reason: string | undefined
    try {
      reason = await test()
    } catch (error) {
      reason = messageOf(error)
    }
    proofs.push({ subject: id, statement, holds: reason === undefined, ...(reason === undefined ? {} : { reason }) })
  }
  for (const file of [...EXERCISE_FILES.map((name) => path.join(files.folder, name)), files.solution]) {
    await prove(`${path.relative(project.root, file)} exists`, () => (existsSync(file) ? undefined : 'it is missing'))
  }
  if (proofs.some((proof) => !proof.holds)) return proofs
  let open: OpenExercise | undefined
  await prove('it loads', async () => { open = await openExercise(project, files); return undefined })
  if (!open) return proofs
  const opened: OpenExercise = open
  await prove('its id is its folder', () => (opened.exercise.id === id ? undefined : `it says ${opened.exercise.id}`))
  await prove('it trains points of the curriculum', () => trains(opened.exercise.trains, known))
  await prove('there are three hints, each different', () => hintsProblem(files))
  await prove('the solution defines what the stub defines', () => sameNames(exportedFunctions(opened.stub), exportedFunctions(opened.solution)))
  await prove('stub and solution are marked', () => (stubText(files) === solutionText(files) ? 'they are the same text' : undefined))
  await prove('the stub fails every check', () => stubProblem(opened))
  await prove('a function that does nothing but throw fails every check', () => throwingProblem(opened))
  await prove('the solution passes every check', () => solutionProblem(opened))
  await prove('the solution is clean under the strict lint', () => faults.get(files.solution))
  await prove('there are two mistakes or more, each with its own sentence', () => mistakesProblem(opened))
  for (const mistake of opened.mistakes) {
    await prove(`the mistake "${mistake.name}" is rejected with its own sentence`, () => recognitionProblem(opened, mistake.name))
  }
  const lesson = lessons.find((each) => each.file === id.split('/').slice(0, 2).join('/') + '.ipynb')
  if (lesson) await prove('its cell in the notebook is the stub, and a check follows', () => cellProblem(lesson, lessons, files))
  if (lesson) await prove('what the solution imports is imported around the cell', () => importProblem(project, files))
  else proofs.push({ subject: id, statement: 'its cell in the notebook is the stub', holds: true, open: true, reason: 'its lesson has no notebook yet' })
  return proofs
}

function trains(claims: readonly string[], known: ReadonlySet<string>): string | undefined {
  if (claims.length === 0) return 'it names none'
  const wrong = claims.filter((claim) => !known.has(claim))
  return wrong.length > 0 ? `these do not exist: ${wrong.join(', ')}` : undefined
}

function importProblem(project: Project, files: ExerciseFiles): string | undefined {
  const around = new Set(importsAround(project, files.id).map(({ name }) => name))
  const missing = namedImports(readFileSync(files.solution, 'utf8').split(CELL_START)[0] ?? '').filter(({ name }) => !around.has(name))
  return missing.length > 0 ? `neither the stub nor another cell of the lesson has ${missing.map(({ text }) => text).join('; ')}` : undefined
}

function hintsProblem(files: ExerciseFiles): string | undefined {
  const hints = readHints(files)
  if (hints.length !== 3) return `there are ${hints.length} sections "## Hint N"`
  if (hints.some((hint) => hint === '')) return 'one is empty'
  return new Set(hints).size < 3 ? 'two are the same' : undefined
}

function sameNames(stub: readonly string[], solution: readonly string[]): string | undefined {
  if (stub.length === 0) return 'the stub exports no function'
  const missing = stub.filter((name) => !solution.includes(name))
  return missing.length > 0 ? `the solution lacks ${missing.join(', ')}` : undefined
}

async function stubProblem(open: OpenExercise): Promise<string | undefined> {
  const report = await runChecks(open, liveHost(open.stub), 1)
  const passing = report.checks.filter((row) => row.passed)
  return passing.length > 0 ? `it passes ${passing.map((row) => `"${row.name}"`).join(', ')}` : undefined
}

/** An error must be expected beside an answer, or a function that is broken for every input earns points. */
async function throwingProblem(open: OpenExercise): Promise<string | undefined> {
  const throwing = Object.fromEntries(exportedFunctions(open.stub).map((name) => [name, () => { throw new Error('no') }]))
  const report = await runChecks(open, liveHost(throwing), 1)
  const passing = report.checks.filter((row) => row.passed)
  return passing.length > 0 ? `it passes ${passing.map((row) => `"${row.name}"`).join(', ')}: let the check make a call that must succeed, too` : undefined
}

async function solutionProblem(open: OpenExercise): Promise<string | undefined> {
  for (const seed of SEEDS) {
    const report = await runChecks(open, liveHost(open.solution), seed)
    const failing = report.checks.find((row) => !row.passed)
    if (failing) return `"${failing.name}" fails with seed ${seed}: ${failing.sentence ?? ''} ${failing.called ?? ''} gave ${failing.got ?? 'nothing'}, expected ${failing.expected ?? 'something else'}`
  }
  return undefined
}

function mistakesProblem({ mistakes }: OpenExercise): string | undefined {
  if (mistakes.length < 2) return `there are ${mistakes.length}`
  if (new Set(mistakes.map((each) => each.name)).size < mistakes.length) return 'two have the same name'
  return new Set(mistakes.map((each) => each.sentence)).size < mistakes.length ? 'two have the same sentence' : undefined
}

/** The learner who makes exactly this mistake must read its sentence at every check that fails, whatever the seed. */
async function recognitionProblem(open: OpenExercise, name: string): Promise<string | undefined> {
  const mistake = open.mistakes.find((each) => each.name === name)
  if (!mistake) return 'it is not there'
  for (const seed of SEEDS) {
    const report = await runChecks(open, liveHost(mistakenFunctions(open, mistake)), seed)
    const failing = report.checks.filter((row) => !row.passed)
    if (failing.length === 0) return `it passes every check with seed ${seed}`
    const other = failing.find((row) => row.mistake !== name)
    if (other) return `"${other.name}" says ${other.mistake === undefined ? 'no sentence of a mistake' : `the sentence of "${other.mistake}"`} with seed ${seed}`
  }
  return undefined
}

function cellProblem(lesson: Lesson, lessons: readonly Lesson[], files: ExerciseFiles): string | undefined {
  const places = lessons.flatMap((each) => each.cells.filter((cell) => cell.exercise === files.id).map((cell) => ({ file: each.file, cell })))
  const [place] = places
  if (!place) return `no cell of ${lesson.file} has the metadata { "whetstone": { "exercise": "${files.id}" } }`
  if (places.length > 1) return `${places.length} cells claim to be it`
  if (place.file !== lesson.file) return `it is in ${place.file}`
  if (place.cell.source.trim() !== stubText(files)) return `cell ${place.cell.index + 1} of ${lesson.file} differs from the stub in exercise.ts`
  const name = files.id.split('/').at(-1) ?? ''
  const call = new RegExp(`\\bcheck\\(\\s*['"\`](?:[\\w/]*/)?${name}['"\`]`)
  const checked = lesson.cells.some((cell) => cell.index > place.cell.index && cell.kind === 'code' && call.test(cell.source))
  return checked ? undefined : `no cell after it calls check('${name}', …)`
}

/** Files in exercises/ and solutions/ that belong to no exercise. */
function strayFiles(project: Project, ids: readonly string[]): Proof[] {
  const belongs = new Set(ids.flatMap((id) => {
    const files = exerciseFiles(project, id)
    return [files.solution, ...EXERCISE_FILES.map((name) => path.join(files.folder, name))]
  }))
  // solutions/<track>/projects/ holds the references of projects, which are no exercises.
  const ofProject = (file: string): boolean => path.relative(project.solutions, file).split(path.sep)[1] === 'projects'
  const stray = [project.exercises, project.solutions].flatMap(filesBelow).filter((file) => !belongs.has(file) && !ofProject(file))
  if (stray.length === 0) return [{ subject: 'exercises/ and solutions/', statement: 'nothing is stray', holds: true }]
  return stray.map((file) => ({ subject: path.relative(project.root, file), statement: 'it belongs to an exercise', holds: false, reason: 'it is stray' }))
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name)
    return statSync(file).isDirectory() ? filesBelow(file) : [file]
  })
}

/** Cells that claim to be an exercise that does not exist. */
function unknownCells(lessons: readonly Lesson[], ids: readonly string[]): Proof[] {
  return lessons.flatMap((lesson) => lesson.exercises.filter((id) => !ids.includes(id)).map((id) => ({
    subject: lesson.file, statement: `the exercise ${id} of a cell exists`, holds: false, reason: 'there is no such folder in exercises/',
  })))
}
