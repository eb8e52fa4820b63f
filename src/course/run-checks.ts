// Runs the checks of one exercise, an ordinary vitest file, in this process against a host of functions, and reports
// each check with its call, what was expected, what came, and the mistake that it recognises.
import type { RunnerTask, RunnerTestCase as RunnerTest } from 'vitest'
import { messageOf } from '../core'
import { difference } from './compare'
import { decode } from './boundary/codec'
import { disposeTensors } from './boundary/tfjs'
import { readExercise, type Exercise, type ExerciseFiles, type Mistake } from './exercises'
import { CourseLoader } from './load'
import type { Project } from './project'
import { signatureOf, type RecognisedTable } from './recognise'
import { show } from './show'
import {
  CallFailure, CheckFailure, liveHost, showCall, useSession, type Outcome, type RecordedCall, type Session, type SubjectHost,
} from './subject'

/** How one check ended. */
export interface CheckRow {
  readonly name: string
  readonly passed: boolean
  readonly points: number
  readonly maxPoints: number
  /** The call that failed, as the learner would write it. */
  readonly called?: string
  readonly expected?: string
  readonly got?: string
  /** What to tell the learner. */
  readonly sentence?: string
  /** The name of the recognised mistake. */
  readonly mistake?: string
  /** The function is still the stub. */
  readonly stub?: true
  /** It drew inputs of its own from the seed, which a grader keeps to itself. */
  readonly hidden?: true
}

/** How the checks of an exercise ended. */
export interface CheckReport {
  readonly id: string
  readonly title: string
  readonly passed: boolean
  readonly points: number
  readonly maxPoints: number
  readonly seed: number
  readonly milliseconds: number
  readonly checks: readonly CheckRow[]
}

/** A check, hooks included, ends after this long, whatever its calls do. */
export const CHECK_TIMEOUT_MS = 15_000

/** An opened exercise: everything that its author wrote, loaded once and run as often as wanted. */
export interface OpenExercise {
  readonly files: ExerciseFiles
  readonly exercise: Exercise
  readonly stub: Readonly<Record<string, unknown>>
  readonly solution: Readonly<Record<string, unknown>>
  readonly mistakes: readonly Mistake[]
  /** Mistakes known by what they answer, where their code was left out. */
  readonly recognised: RecognisedTable
  readonly loader: CourseLoader
}

/** vitest and its runner are ES modules, which CommonJS loads with a true `import()`. */
async function importVitest() {
  const [runner, vitest] = await Promise.all([import('@vitest/runner'), import('vitest')])
  return { runner, vitest }
}

let imported: ReturnType<typeof importVitest> | undefined
const loadVitest = (): ReturnType<typeof importVitest> => (imported ??= importVitest())

/** Loads an exercise as it is on disk now. */
export async function openExercise(project: Project, files: ExerciseFiles): Promise<OpenExercise> {
  const { vitest } = await loadVitest()
  const loader = new CourseLoader(project.cache, { vitest })
  const { mistakes, recognised } = loader.load(files.mistakes) as { mistakes?: readonly Mistake[]; recognised?: RecognisedTable }
  return {
    files,
    loader,
    exercise: readExercise(files, loader),
    stub: loader.load(files.stub),
    solution: loader.load(files.solution),
    mistakes: mistakes ?? [],
    recognised: recognised ?? {},
  }
}

let queue: Promise<unknown> = Promise.resolve()

/**
 * Runs all checks of an exercise. Runs in one process follow one another, because the runner has one state.
 *
 * @param host where the functions are
 * @param seed of the fresh inputs
 */
export function runChecks(open: OpenExercise, host: SubjectHost, seed: number): Promise<CheckReport> {
  const run = queue.then(() => runNow(open, host, seed))
  queue = run.catch(() => undefined)
  return run
}

interface Finished {
  readonly name: string
  readonly passed: boolean
  readonly error: unknown
  readonly calls: readonly RecordedCall[]
  readonly hidden: boolean
}

async function runNow(open: OpenExercise, host: SubjectHost, seed: number): Promise<CheckReport> {
  const start = performance.now()
  const session: Session = { host, seed, calls: [], check: '', drew: false, made: [] }
  const finished = await runFile(open, session)
  for (const each of finished) host.ended?.(each.name, each.calls)
  const { exercise } = open
  const share = exercise.points / Math.max(1, finished.length)
  const checks: CheckRow[] = []
  const agreement = finished.some((each) => !each.passed && !isStub(each.error)) ? await agreements(open, finished) : NO_AGREEMENT
  for (const each of finished) {
    const points = each.passed ? share : 0
    checks.push({ name: each.name, passed: each.passed, points, maxPoints: share, ...(each.hidden ? { hidden: true } : {}), ...(each.passed ? {} : explain(each, agreement, open.recognised)) })
  }
  const count = checks.filter((check) => check.passed).length
  return {
    id: exercise.id,
    title: exercise.title,
    passed: count === checks.length && count > 0,
    points: count === checks.length && count > 0 ? exercise.points : share * count,
    maxPoints: exercise.points,
    seed,
    milliseconds: performance.now() - start,
    checks,
  }
}

async function runFile(open: OpenExercise, session: Session): Promise<Finished[]> {
  const { runner, vitest } = await loadVitest()
  const errors = new Map<string, unknown>()
  const calls = new Map<string, readonly RecordedCall[]>()
  const drew = new Set<string>()
  useSession(session)
  try {
    const [file] = await runner.startTests([{ filepath: open.files.checks }], {
      config: {
        root: open.files.folder, setupFiles: [], name: 'check', passWithNoTests: false, testNamePattern: undefined, allowOnly: false,
        sequence: { seed: session.seed, hooks: 'stack', setupFiles: 'list' }, chaiConfig: undefined, maxConcurrency: 1,
        testTimeout: CHECK_TIMEOUT_MS, hookTimeout: CHECK_TIMEOUT_MS, retry: 0, includeTaskLocation: false, tags: [],
        tagsFilter: undefined, strictTags: false,
      },
      pool: 'whetstone',
      // The file registers its checks while it loads, so every run loads it again.
      importFile: (path) => new CourseLoader(open.loader.cache, open.loader.preloaded).load(path),
      onBeforeTryTask(test) {
        session.calls = []
        session.check = test.name
        session.drew = false
        calls.set(test.id, session.calls)
        vitest.expect.setState({ ...FRESH_STATE, testPath: open.files.checks, currentTestName: test.name })
      },
      // The runner keeps errors as data; the error itself says more.
      async runTask(test) {
        try {
          await runner.getFn(test)()
        } catch (error) {
          errors.set(test.id, error)
          throw error
        } finally {
          if (session.drew) drew.add(test.id)
        }
      },
    })
    if (!file) throw new Error('the runner returned no result')
    const finished = testsOf(file).map((test) => ({
      name: test.name,
      passed: test.result?.state === 'pass',
      error: errors.get(test.id) ?? test.result?.errors?.[0] ?? new Error('the check did not run'),
      calls: calls.get(test.id) ?? [],
      hidden: drew.has(test.id),
    }))
    // What is wrong with the file itself is a failed check, never a silent pass.
    const fault = file.result?.errors?.[0] ?? (finished.length === 0 ? new Error('the file has no checks') : undefined)
    return fault ? [...finished, { name: 'the checks load', passed: false, error: fault, calls: [], hidden: false }] : finished
  } finally {
    useSession(undefined)
    for (const value of session.made) disposeTensors(value)
  }
}

const FRESH_STATE = {
  assertionCalls: 0, isExpectingAssertions: false, isExpectingAssertionsError: null, expectedAssertionsNumber: null,
  expectedAssertionsNumberErrorGen: null,
}

function testsOf(task: RunnerTask): RunnerTest[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsOf)
}

function explain(check: Finished, agreement: Agreement, recognised: RecognisedTable): Partial<CheckRow> {
  const { error } = check
  const last = check.calls.at(-1)
  const called = last ? { called: showCall(last) } : {}
  if (isStub(error)) return { ...called, sentence: error.sentence, stub: true }
  const mistake = recogniseMistake(agreement, check) ?? (Object.keys(recognised).length > 0 ? recognised[signatureOf(check.name, check.calls)] : undefined)
  const why = mistake ? { sentence: mistake.sentence, mistake: mistake.name } : undefined
  if (error instanceof CheckFailure) return { ...called, ...error.facts, sentence: error.sentence, ...why }
  // An assertion of vitest itself carries both sides as values.
  const { expected, actual } = error as { expected?: unknown; actual?: unknown }
  const sides = expected === undefined && actual === undefined ? {} : { expected: show(expected), got: show(actual) }
  return { ...called, ...sides, sentence: messageOfAny(error), ...why }
}

const isStub = (error: unknown): error is CallFailure => error instanceof CallFailure && error.notWritten

function messageOfAny(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message
  return typeof message === 'string' ? message : messageOf(error)
}

/** Numbers of a learner and of a mistake may differ by rounding, when the order of the sums differs. */
const SAME = { rtol: 1e-5, atol: 1e-8 }

/** The calls of a run that the solution, and each mistake, answers as the learner's functions did. */
interface Agreement {
  readonly solution: ReadonlySet<RecordedCall>
  readonly mistakes: ReadonlyMap<Mistake, ReadonlySet<RecordedCall>>
}

const NO_AGREEMENT: Agreement = { solution: new Set(), mistakes: new Map() }

async function agreements(open: OpenExercise, checks: readonly Finished[]): Promise<Agreement> {
  const calls = checks.flatMap((check) => check.calls)
  const mistakes = new Map<Mistake, ReadonlySet<RecordedCall>>()
  for (const mistake of open.mistakes) mistakes.set(mistake, await answeredSame(mistakenFunctions(open, mistake), calls))
  return { solution: await answeredSame(open.solution, calls), mistakes }
}

async function answeredSame(functions: Readonly<Record<string, unknown>>, calls: readonly RecordedCall[]): Promise<Set<RecordedCall>> {
  const host = liveHost(functions)
  const same = new Set<RecordedCall>()
  for (const call of calls) {
    if (call.outcome && sameOutcome(await host.call(call.name, call.args), call.outcome)) same.add(call)
  }
  return same
}

/**
 * The mistake that answers every call of a failed check as the learner did; of several, the one closest overall. None
 * when the solution answers so too: then only the words of an error are wrong, and the check itself says which.
 */
function recogniseMistake({ solution, mistakes }: Agreement, { calls }: Finished): Mistake | undefined {
  if (calls.every((call) => solution.has(call))) return undefined
  return [...mistakes]
    .filter(([, same]) => calls.every((call) => same.has(call)))
    .sort(([, a], [, b]) => b.size - a.size)[0]?.[0]
}

/** The solution with the functions of the mistake in their places. */
export function mistakenFunctions(open: OpenExercise, mistake: Mistake): Readonly<Record<string, unknown>> {
  return { ...open.solution, ...mistake.functions }
}

function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.ok && b.ok) {
    const values = [decode(a.value), decode(b.value)]
    const same = difference(values[0], values[1], SAME) === undefined
    for (const value of values) disposeTensors(value)
    return same
  }
  return !a.ok && !b.ok && a.reason === b.reason && a.error.name === b.error.name
}
