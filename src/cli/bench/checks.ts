// `npm run bench -- checks`: how long a learner waits for a check, and how many submissions an hour of grading takes,
// beside one vitest process per check, the naive way.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compare, type BenchContext, type BenchSuite, type Contestant, type SuiteResult } from '../../benchmarks'
import { WhetstoneError } from '../../core'
import { course } from '../..'

const EXERCISE = 'module_04/lesson_07_onnx_basics/conv_output_shape'
const NAIVE = 'one vitest process'

export const suite: BenchSuite = {
  name: 'checks',
  description: 'a check in the notebook, and the grading of a submission, beside one vitest process for each',
  run: (context) => measure(context),
}

async function measure(context: BenchContext): Promise<SuiteResult> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-checks-'))
  try {
    return await measureIn(context, path.join(folder, 'journal.jsonl'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measureIn(context: BenchContext, journal: string): Promise<SuiteResult> {
  const naive = (): Contestant => ({
    name: NAIVE,
    measure: () => timed(() => run(['node_modules/vitest/vitest.mjs', 'run', '--project', 'exercises', `exercises/${EXERCISE}`], context.root, journal)),
  })
  // The first check pays for loading vitest; a process in which the library is loaded reports its own time.
  const first = await compare({
    name: 'first check of a notebook', unit: 'ms',
    contestants: [naive(), { name: 'in the kernel process', measure: async () => Number(await run(['-e', FIRST_CHECK], context.root, journal)) }],
  }, context)
  const project = { ...course.projectAt(context.root), journal }
  const learner = new course.Course(project)
  const functions = await course.solutionOf(project, EXERCISE)
  const later = await compare({
    name: 'later checks', unit: 'ms',
    contestants: [naive(), { name: 'in the kernel process', measure: () => timed(() => learner.check(EXERCISE, functions)) }],
  }, context)
  let grader: course.Grader | undefined
  const text = course.solutionCell(project, EXERCISE)
  const graded = await compare({
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
  }, context)
  const rows = [...first, ...later, ...graded]
  const median = (name: string): number | undefined => rows.find((row) => row.case === name && row.contestant !== NAIVE)?.median
  const once = median('grading one exercise of a submission')
  const perMinute = once === undefined ? undefined : 60_000 / (5 * once)
  const below = (name: string): SuiteResult['targets'][number] => {
    const value = median(name)
    return { name, wanted: 'below 300 ms', reached: value === undefined ? 'not measured' : `${value.toFixed(0)} ms`, met: value === undefined ? null : value < 300 }
  }
  return {
    rows,
    targets: [below('first check of a notebook'), below('later checks'), {
      name: 'submissions of five exercises a minute, one process grading', wanted: 'at least 60 on 2 cores',
      reached: perMinute === undefined ? 'not measured' : perMinute.toFixed(0), met: perMinute === undefined ? null : perMinute >= 60,
    }],
  }
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
