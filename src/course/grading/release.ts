// The students' folder, made from the one source: notebooks with stubs, checks and hints, the library; no solutions, no code
// of mistakes, no state. It is made beside its place, searched for every solution, tried out, and only then put there.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exerciseFiles, exportedFunctions, listExercises, solutionText, stubText, WITHHELD_SOLUTION } from '../exercises'
import { projectAt, type Project } from '../project'
import { signatureOf, type RecognisedMistake } from '../recognise'
import { mistakenFunctions, openExercise, runChecks, type OpenExercise } from '../run-checks'
import { liveHost, type RecordedCall, type SubjectHost } from '../subject'
import { GradingError } from './errors'
import { LeakSearch, readableText, type Leak } from './leaks'

/** What to make. */
export interface ReleaseOptions {
  readonly project: Project
  /** The folder to make. It must not be there, or be an earlier release. */
  readonly out: string
  /** Lessons to give out (`lesson_07_onnx_basics`, `module_04/…`). Without them: all. */
  readonly lessons?: readonly string[]
  readonly note?: (text: string) => void
}

/** What was made. */
export interface ReleaseSummary {
  readonly files: number
  readonly notebooks: number
  readonly exercises: readonly string[]
  /** Files that were searched. */
  readonly searched: number
  /** Wrong answers that the checks recognise without their code. */
  readonly recognised: number
}

/** Never given out: tests quote solutions, and how to grade is not the students' business. */
const LEFT_OUT = /^(solutions|test|\.ci|\.github|\.whetstone|\.venv|node_modules|dist|graded)(\/|$)|^docs\/(grading|exercises|contributing)\.md$|^eslint\.|\.test\.ts$|\.nb\.ts$|^README\.md$/
/** Scripts that need what was left out. */
const SCRIPTS_LEFT_OUT = ['test', 'lint', 'typecheck', 'conformance', 'curriculum']
/** Says that a folder is a release, so that a new one may take its place. */
const MARK = '.release.json'
/** Texts longer than this are data. */
const SEARCHED_BYTES = 4 * 1024 * 1024
const SEEDS = [1, 2, 3]

/**
 * Makes the students' folder.
 *
 * @throws GradingError `RELEASE_OUT` when something else is in the place, `RELEASE_LEAK` when a solution was found in it,
 * `RELEASE_CHECKS` when an exercise does not work without what was left out
 */
export async function release(options: ReleaseOptions): Promise<ReleaseSummary> {
  const { project, out, note = () => undefined } = options
  if (existsSync(out) && !existsSync(path.join(out, MARK)) && readdirSync(out).length > 0) {
    throw new GradingError('RELEASE_OUT', 'There is something in the place of the release', { expected: 'no folder, an empty one, or an earlier release', where: out, fix: 'name another --out' })
  }
  const all = listExercises(project)
  const exercises = all.filter((id) => isChosen(id, options.lessons))
  if (exercises.length === 0) throw new GradingError('RELEASE_LESSONS', 'No exercise is meant', { got: options.lessons?.join(', ') ?? 'no exercises', where: project.exercises })
  const part = `${path.resolve(out)}.part-${process.pid}`
  rmSync(part, { recursive: true, force: true })
  try {
    note('copying')
    let files = 0, notebooks = 0
    for (const file of sourceFiles(project)) {
      if (LEFT_OUT.test(file) && !isChecks(file)) continue
      if (/^(notebooks|exercises)\//.test(file) && !isChosen(file.split('/').slice(1).join('/').replace(/\.ipynb$/, ''), options.lessons) && !/^notebooks\/[^/]+$/.test(file)) continue
      const to = path.join(part, file)
      mkdirSync(path.dirname(to), { recursive: true })
      if (file.endsWith('.ipynb')) {
        writeFileSync(to, studentNotebook(project, file))
        notebooks++
      } else if (file === 'package.json') writeFileSync(to, studentPackage(readFileSync(path.join(project.root, file), 'utf8')))
      else cpSync(path.join(project.root, file), to)
      files++
    }
    const student = projectAt(part)
    const opened: OpenExercise[] = []
    let recognised = 0
    for (const id of exercises) {
      note(id)
      const open = await openExercise(project, exerciseFiles(project, id))
      opened.push(open)
      recognised += await writeWithheld(student, open)
    }
    writeFileSync(path.join(part, 'README.md'), README)
    writeFileSync(path.join(part, MARK), `${JSON.stringify({ exercises }, undefined, 1)}\n`)
    note('searching for solutions')
    const { searched, leaks } = searchRelease(project, part)
    const [leak] = leaks
    if (leak) {
      throw new GradingError('RELEASE_LEAK', 'A solution is in what would be given out, so nothing was', {
        got: leaks.map((each) => `${each.file} holds ${Math.round(each.share * 100)}% of ${each.secret}${each.how === 'renamed' ? ', with other names' : ''}`).join('; '),
        where: path.join(project.root, leak.file), fix: 'take it out of that file',
      })
    }
    note('trying the checks')
    for (const open of opened) await tryOut(student, open)
    // What loading them left behind.
    rmSync(student.state, { recursive: true, force: true })
    rmSync(path.resolve(out), { recursive: true, force: true })
    mkdirSync(path.dirname(path.resolve(out)), { recursive: true })
    renameSync(part, path.resolve(out))
    return { files: files + exercises.length + 2, notebooks, exercises, searched, recognised }
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

const isChecks = (file: string): boolean => /^exercises\/.*\/checks\.test\.ts$/.test(file)

const isChosen = (id: string, lessons: readonly string[] | undefined): boolean =>
  lessons === undefined || lessons.length === 0 || lessons.some((name) => `${id}/`.startsWith(`${name.replace(/\/+$/, '')}/`) || id.split('/')[1] === name)

/** What git keeps, which is no one's journal, notes or results; without git, what is there. */
function sourceFiles(project: Project): string[] {
  const asked = spawnSync('git', ['ls-files', '-z', '--cached'], { cwd: project.root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const inside = asked.status === 0 && existsSync(path.join(project.root, '.git'))
  const listed = inside ? asked.stdout.split('\0').filter(Boolean) : filesBelow(project.root)
  return listed.filter((file) => {
    const at = path.join(project.root, file)
    return existsSync(at) && lstatSync(at).isFile()
  })
}

function filesBelow(folder: string, below = ''): string[] {
  return readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) return LEFT_OUT.test(name) || entry.name.startsWith('.') ? [] : filesBelow(folder, name)
    return entry.isFile() ? [name] : []
  })
}

interface RawCell {
  readonly cell_type?: string
  readonly metadata?: { readonly whetstone?: { readonly exercise?: string } }
  source?: unknown
  outputs?: unknown
  execution_count?: unknown
}

/** The notebook with the stub in every exercise cell, whoever worked in it, and without outputs. */
function studentNotebook(project: Project, file: string): string {
  const notebook = JSON.parse(readFileSync(path.join(project.root, file), 'utf8')) as { cells: RawCell[] }
  for (const cell of notebook.cells) {
    const id = cell.metadata?.whetstone?.exercise
    if (id !== undefined) cell.source = stubText(exerciseFiles(project, id)).split(/(?<=\n)/)
    if (cell.cell_type === 'code') {
      cell.outputs = []
      cell.execution_count = null
    }
  }
  return `${JSON.stringify(notebook, undefined, 1)}\n`
}

function studentPackage(text: string): string {
  const described = JSON.parse(text) as { scripts?: Record<string, string> }
  described.scripts = Object.fromEntries(Object.entries(described.scripts ?? {}).filter(([name]) => !SCRIPTS_LEFT_OUT.includes(name)))
  return `${JSON.stringify(described, undefined, 2)}\n`
}

/** In the place of a solution: the stub under its name. In the place of mistakes: what they answer. Gives how many. */
async function writeWithheld(student: Project, open: OpenExercise): Promise<number> {
  const { id, solution, mistakes } = exerciseFiles(student, open.files.id)
  const up = '../'.repeat(id.split('/').length)
  mkdirSync(path.dirname(solution), { recursive: true })
  writeFileSync(solution, `${WITHHELD_SOLUTION}\nexport { ${exportedFunctions(open.stub).join(', ')} } from '${up}exercises/${id}/exercise'\n`)
  const table = new Map<string, RecognisedMistake>()
  for (const mistake of open.mistakes) {
    const host = recording(mistakenFunctions(open, mistake))
    const report = await runChecks(open, host, 1)
    for (const row of report.checks) {
      // Only of inputs that stand in the checks: others are drawn anew each time.
      const calls = host.calls.get(row.name)
      if (!row.passed && !row.hidden && calls) table.set(signatureOf(row.name, calls), { name: mistake.name, sentence: mistake.sentence })
    }
  }
  const helpers = checksHelpers(open).map((name) => `\n/** Your instructor's grader says more here. */\nexport const ${name} = (..._args: unknown[]): string | undefined => undefined\n`)
  writeFileSync(mistakes, `// Wrong answers that the checks recognise, by what they answer.
import type { course } from 'whetstone'

export const mistakes: course.Mistake[] = []

/** Signature of a check and its calls, and whose it is. */
export const recognised: course.RecognisedTable = ${JSON.stringify(Object.fromEntries([...table].sort(([a], [b]) => (a < b ? -1 : 1))), undefined, 2)}
${helpers.join('')}`)
  return table.size
}

/** A host that keeps what each check called. */
function recording(functions: Readonly<Record<string, unknown>>): SubjectHost & { readonly calls: ReadonlyMap<string, readonly RecordedCall[]> } {
  const host = liveHost(functions)
  const calls = new Map<string, readonly RecordedCall[]>()
  return {
    calls,
    call: (name, args) => host.call(name, args),
    ended: (check, made) => { calls.set(check, made) },
  }
}

/** Names that the checks import from the mistakes: functions that may say more about a failure, or nothing. */
function checksHelpers(open: OpenExercise): string[] {
  const [, names] = /import \{([^}]*)\} from '\.\/mistakes'/.exec(readFileSync(open.files.checks, 'utf8')) ?? []
  return names?.split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== 'mistakes') ?? []
}

/** Solutions found in a folder, whatever file they are in. */
export function searchRelease(project: Project, folder: string): { readonly searched: number; readonly leaks: Leak[] } {
  const secrets = listExercises(project).map((id) => {
    const files = exerciseFiles(project, id)
    return { name: id, text: solutionText(files), given: stubText(files) }
  })
  const search = new LeakSearch(secrets)
  const leaks: Leak[] = []
  let searched = 0
  const walk = (below: string): void => {
    for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const file = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory() && entry.name !== 'node_modules') walk(file)
      if (!entry.isFile()) continue
      const content = readFileSync(path.join(folder, file))
      if (content.length > SEARCHED_BYTES || content.subarray(0, 4096).includes(0)) continue
      searched++
      leaks.push(...search.search(file, readableText(file, content.toString('utf8'))))
    }
  }
  walk('')
  return { searched, leaks }
}

/** With only what students have: the solution still passes, and the stub still fails every check. */
async function tryOut(student: Project, source: OpenExercise): Promise<void> {
  const open = await openExercise(student, exerciseFiles(student, source.files.id))
  const fail = (got: string): never => {
    throw new GradingError('RELEASE_CHECKS', 'An exercise does not work without what is left out', {
      expected: 'checks that need the solution and the mistakes through course.subject() only', got, where: source.files.checks,
      fix: 'compute expected values in the checks themselves; what they import from ./mistakes must be functions that may give undefined',
    })
  }
  for (const seed of SEEDS) {
    const failing = (await runChecks(open, liveHost(source.solution), seed)).checks.find((row) => !row.passed)
    if (failing) fail(`the solution fails "${failing.name}": ${failing.sentence ?? ''}`)
  }
  const passing = (await runChecks(open, liveHost(open.stub), 1)).checks.find((row) => row.passed)
  if (passing) fail(`the stub passes "${passing.name}"`)
}

const README = `# Whetstone

Make machine-learning models small and fast, and prove it.

You need Node.js 20.19 or later and Python 3.10 or later, on Linux or macOS.

\`\`\`sh
npm start     # sets up, then opens the course in your browser
\`\`\`

- Each lesson is a notebook in \`notebooks/\`. An exercise is a cell with a function to write; the cell below it checks your answer.
- \`hint('name')\` says a little more each time; \`progressReport()\` shows your points.
- **Hand in the notebook file itself.** Keep the exercise cells where they are: they are known by a mark in their metadata, so do not copy them into a new notebook.
- The grader runs the same checks on inputs of its own, each answer in a sandbox without network.
`
