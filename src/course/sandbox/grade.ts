// Grades one exercise of one submission: the learner's cell in a sandbox, the checks here.
import { readFileSync } from 'node:fs'
import { decode, encode } from '../boundary/codec'
import { exportedFunctions, importsOf } from '../exercises'
import { runChecks, type CheckReport, type OpenExercise } from '../run-checks'
import type { Outcome, SubjectHost } from '../subject'
import { HOSTILE, sandboxHost, type Incident, type SandboxHost } from './host'
import { LIMITS, type Limits } from './limits'
import { WorkerPool, type SandboxOptions } from './pool'

/** The checks of one exercise on one submission. */
export interface GradedExercise {
  readonly report: CheckReport
  /** What went wrong with the learner's process, in order; empty for an honest answer. */
  readonly incidents: readonly Incident[]
}

/** Grades cells, one after the other. Close it at the end. */
export interface Grader {
  /**
   * @param cell the text of the submission's exercise cell, TypeScript
   * @param seed of the hidden inputs
   */
  grade(open: OpenExercise, cell: string, seed: number): Promise<GradedExercise>
  close(): void
}

// A hostile source can make the compiler slow or hungry, so it is compiled behind walls too, in a process of its own.
const COMPILER = `const ts = require('typescript')
exports.compile = (source) => ts.transpileModule(source, { compilerOptions: {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true } }).outputText`

/** A grader with its compiler running. */
export function createGrader(options: SandboxOptions): Grader {
  const limits = options.limits ?? LIMITS
  const compilerLimits: Limits = { ...limits, starts: Number.MAX_SAFE_INTEGER, totalMs: Number.MAX_SAFE_INTEGER, cpuSeconds: 3600 }
  const pool = new WorkerPool(options)
  const compiler = sandboxHost(COMPILER, { ...options, limits: compilerLimits })
  return {
    async grade(open, cell, seed) {
      const names = exportedFunctions(open.stub)
      const compiled = await compile(compiler, `${importsOf(readFileSync(open.files.stub, 'utf8'))}\n${cell}`, limits)
      if (!compiled.ok) {
        const refused: Outcome = { ...compiled, reason: 'ended' }
        return { report: await runChecks(open, failing(refused), seed), incidents: ['failed to load'] }
      }
      const handOver = names.map((name) => `exports.${name} = typeof ${name} === 'function' ? ${name} : undefined;`).join('\n')
      const code = `${String(decode(compiled.value))}\n${handOver}`
      const host = sandboxHost(code, options, pool, nativeModules(code))
      try {
        const report = await runChecks(open, host, seed)
        await host.finish()
        return { report: host.incidents.some((each) => HOSTILE.includes(each)) ? voided(report) : report, incidents: host.incidents }
      } finally {
        host.close()
      }
    },
    close() {
      compiler.close()
      pool.close()
    },
  }
}

/** Packages with native parts that the course hands out. Only their names decide whether they are loaded. */
const NATIVE = ['whetstone', 'onnxruntime-node']

/** Those of them that a program names: a process that needs none is a second faster. */
const nativeModules = (code: string): string[] => NATIVE.filter((name) => code.includes(`'${name}'`) || code.includes(`"${name}"`))

async function compile(compiler: SandboxHost, source: string, limits: Limits): Promise<Outcome> {
  const bytes = Buffer.byteLength(source)
  if (bytes > limits.sourceBytes) {
    return failure(`the cell has ${bytes} bytes; ${limits.sourceBytes} are allowed`)
  }
  const compiled = await compiler.call('compile', [encode(source)])
  return compiled.ok && typeof compiled.value !== 'string' ? failure('the compiler gave no text') : compiled
}

/** The report of a submission that spoke to the grader behind the checks' back: no check of it can be believed. */
function voided(report: CheckReport): CheckReport {
  const sentence = 'The code wrote to the grader\'s own channel, so none of its answers counts.'
  const checks = report.checks.map((row) => ({ ...row, passed: false, points: 0, sentence }))
  return { ...report, passed: false, points: 0, checks }
}

const failure = (message: string): Outcome => ({ ok: false, reason: 'ended', error: { name: 'SubmissionError', message } })

/** A host on which every call ends in the same way. */
const failing = (outcome: Outcome): SubjectHost => ({ call: () => Promise.resolve(outcome) })
