// Grades one exercise of one submission: the learner's cell in a sandbox, the checks here.
import { decode, encode } from '../boundary/codec'
import { exportedFunctions } from '../exercises'
import { runChecks, type CheckReport, type OpenExercise } from '../run-checks'
import type { Outcome, SubjectHost } from '../subject'
import { HOSTILE, sandboxHost, type Incident, type SandboxHost } from './host'
import { importsAround, type NamedImport } from './imports'
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
// Of the imports around the cell, it takes those of names that the cell does not declare itself; unused ones vanish.
const COMPILER = `const ts = require('typescript')
const declaredIn = (cell) => {
  const names = new Set()
  const bind = (name) => ts.isIdentifier(name) ? names.add(name.text) : name.elements.forEach((each) => each.name && bind(each.name))
  for (const each of ts.createSourceFile('cell.ts', cell, ts.ScriptTarget.Latest).statements) {
    if (ts.isVariableStatement(each)) each.declarationList.declarations.forEach((one) => bind(one.name))
    else if (ts.isImportDeclaration(each)) {
      const { name, namedBindings } = each.importClause ?? {}
      if (name) bind(name)
      if (namedBindings) (namedBindings.elements ?? [namedBindings]).forEach((one) => bind(one.name))
    } else if (each.name && ts.isIdentifier(each.name)) bind(each.name)
  }
  return names
}
exports.compile = (imports, cell) => {
  const declared = declaredIn(cell)
  const around = imports.filter(({ name }) => !declared.has(name)).map(({ text }) => text)
  return ts.transpileModule([...around, cell].join('\\n'), { compilerOptions: {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true } }).outputText
}`

/** A grader with its compiler running. */
export function createGrader(options: SandboxOptions): Grader {
  const limits = options.limits ?? LIMITS
  const compilerLimits: Limits = { ...limits, starts: Number.MAX_SAFE_INTEGER, totalMs: Number.MAX_SAFE_INTEGER, cpuSeconds: 3600 }
  const pool = new WorkerPool(options)
  const known = new Map<string, readonly NamedImport[]>()
  const importsOf = (open: OpenExercise): readonly NamedImport[] => {
    const imports = known.get(open.exercise.id) ?? importsAround(options.project, open.exercise.id)
    known.set(open.exercise.id, imports)
    return imports
  }
  const compiler = sandboxHost(COMPILER, { ...options, limits: compilerLimits })
  return {
    async grade(open, cell, seed) {
      const names = exportedFunctions(open.stub)
      const compiled = await compile(compiler, importsOf(open), cell, limits)
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

async function compile(compiler: SandboxHost, imports: readonly NamedImport[], cell: string, limits: Limits): Promise<Outcome> {
  const bytes = Buffer.byteLength(cell)
  if (bytes > limits.sourceBytes) {
    return failure(`the cell has ${bytes} bytes; ${limits.sourceBytes} are allowed`)
  }
  const compiled = await compiler.call('compile', [encode(imports), encode(cell)])
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
