// `npm run bench -- grading`: how long a learner waits for a check, and how many submissions a minute are graded, beside one
// vitest process for each exercise, the naive way.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Contestant, type Row, type Target } from '../../benchmarks'
import { WhetstoneError } from '../../core'
import { course } from '../..'
import { exerciseFiles, listExercises, solutionText } from '../../course/exercises'
import { watchMemory } from '../notebooks/memory'

const EXERCISE = 'module_04/lesson_07_onnx_basics/conv_output_shape'
const NAIVE = 'one vitest process'
const STRICT = 'whetstone grade, strict sandbox'
/** Exercises of one submission, and submissions of one run. */
const EXERCISES = 5, CLASS = 24, CLASS_QUICK = 6
/** Processes side by side, for both. */
const CORES = 2

export const suite: BenchSuite = {
  name: 'grading',
  description: 'a check in the notebook, and the grading of a class in the strict sandbox, beside one vitest process for each exercise',
  run: (context) => measure(context),
  targets,
}

async function measure(context: BenchContext): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-checks-'))
  try {
    await measureIn(context, folder, path.join(folder, 'journal.jsonl'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measureIn(context: BenchContext, folder: string, journal: string): Promise<void> {
  const naive = (): Contestant => ({
    name: NAIVE,
    measure: () => timed(() => run(['node_modules/vitest/vitest.mjs', 'run', '--project', 'exercises', `exercises/${EXERCISE}`], context.root, journal)),
  })
  // The first check pays for loading vitest; a process in which the library is loaded reports its own time.
  context.add(await compare({
    name: 'first check of a notebook', unit: 'ms',
    contestants: [naive(), { name: 'in the kernel process', measure: async () => Number(await run(['-e', FIRST_CHECK], context.root, journal)) }],
  }, context))
  const project = { ...course.projectAt(context.root), journal }
  const learner = new course.Course(project)
  const functions = await course.solutionOf(project, EXERCISE)
  context.add(await compare({
    name: 'later checks', unit: 'ms',
    contestants: [naive(), { name: 'in the kernel process', measure: () => timed(() => learner.check(EXERCISE, functions)) }],
  }, context))
  let grader: course.Grader | undefined
  const text = course.solutionCell(project, EXERCISE)
  context.add(await compare({
    name: 'grading one exercise of a submission', unit: 'ms',
    contestants: [naive(), {
      name: 'strict sandbox', ...missingSandbox(),
      prepare: () => { grader = course.createGrader({ project, backend: course.findSandbox() }) },
      measure: () => timed(async () => {
        const { report } = await grader?.grade(await course.openExercise(project, EXERCISE), text, 1) ?? {}
        if (!report?.passed) throw new WhetstoneError('BENCH_GRADING', 'The solution did not pass in the sandbox')
      }),
      close: () => grader?.close(),
    }],
  }, context))
  const five = listExercises(project).filter((id) => id.startsWith('module_04/lesson_07_onnx_basics/')).slice(0, EXERCISES)
  const size = context.quick ? CLASS_QUICK : CLASS
  writeClass(project, path.join(folder, 'class'), five, size)
  let peak = 0, runs = 0
  context.add(await compare({
    name: `a class, ${EXERCISES} exercises each, ${CORES} processes`, unit: 'submissions/min', higherIsBetter: true, rounds: context.quick ? 1 : 3, warmup: 0,
    contestants: [{
      name: NAIVE,
      measure: async () => {
        const waiting = [...five]
        const began = performance.now()
        await Promise.all(Array.from({ length: CORES }, async () => {
          for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await run(['node_modules/vitest/vitest.mjs', 'run', '--project', 'exercises', `exercises/${id}`], context.root, journal)
        }))
        return 60_000 / (performance.now() - began)
      },
    }, {
      name: STRICT, ...missingSandbox(),
      measure: async () => {
        const memory = watchMemory(process.pid), before = process.memoryUsage().rss
        const began = performance.now()
        const { book } = await course.gradeSubmissions({
          project, submissions: path.join(folder, 'class'), out: path.join(folder, `out-${runs++}`), sandbox: 'bubblewrap', exercises: five, jobs: CORES,
        })
        const minutes = (performance.now() - began) / 60_000
        peak = Math.max(peak, (memory.stop() ?? 0) - before)
        if (book.rows.some((row) => row.final !== book.maxPoints)) throw new WhetstoneError('BENCH_GRADING', 'A solution did not earn all its points in the sandbox')
        return size / minutes
      },
    }],
  }, context))
  if (peak > 0) context.add([{ case: 'memory of a grading run, sandboxes included', contestant: STRICT, unit: 'MB', median: peak / 2 ** 20 }])
}

function targets(rows: readonly Row[]): Target[] {
  const perMinute = rows.find((row) => row.contestant === STRICT && row.unit === 'submissions/min')?.median
  const below = (name: string): Target => {
    const value = rows.find((row) => row.case === name && row.contestant !== NAIVE)?.median
    return { name, wanted: 'below 300 ms', reached: value === undefined ? 'not measured' : `${value.toFixed(0)} ms`, met: value === undefined ? null : value < 300 }
  }
  return [below('first check of a notebook'), below('later checks'), {
    name: 'submissions of five exercises a minute, strict sandbox', wanted: 'at least 60 on 2 cores',
    reached: perMinute === undefined ? 'not measured' : perMinute.toFixed(0), met: perMinute === undefined ? null : perMinute >= 60,
  }]
}

/** Notebooks with every answer right: the checks then run to their ends. */
function writeClass(project: course.Project, folder: string, exercises: readonly string[], size: number): void {
  mkdirSync(folder, { recursive: true })
  const cells = (learner: number): object[] => exercises.map((exercise) => ({
    cell_type: 'code', metadata: { whetstone: { exercise } }, source: `${solutionText(exerciseFiles(project, exercise))}\n// learner ${learner}`,
  }))
  for (let i = 0; i < size; i++) writeFileSync(path.join(folder, `learner-${i}.ipynb`), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: cells(i) }))
}

// A wrong answer, which takes longer than a right one: the mistakes are tried, too.
const FIRST_CHECK = `const lib = require('./dist/index.js'), began = performance.now()
  lib.check('${EXERCISE}', { convOutputShape: (input, weights) => [input[0], weights[0], 1, 1] })
    .then(() => process.stdout.write(String(performance.now() - began)))`

function missingSandbox(): { missing?: string } {
  try {
    course.findSandbox()
    return {}
  } catch (error) {
    return { missing: error instanceof WhetstoneError ? error.what : String(error) }
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function run(args: readonly string[], cwd: string, journal: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env: { ...process.env, WHETSTONE_JOURNAL: journal }, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.on('error', reject)
    child.on('close', (code) => { if (code === 0) resolve(output); else reject(new WhetstoneError('BENCH_PROCESS', `A process ended with ${code}`)) })
  })
}
