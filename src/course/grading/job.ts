// A process of the grader: takes answers one after the other, has each run in a sandbox of its own, and gives records.
// It holds solutions, checks and seeds, and never loads a learner's code.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf } from '../../core'
import { exerciseFiles, exportedFunctions, stubText } from '../exercises'
import { projectAt } from '../project'
import { openExercise, runChecks, type OpenExercise } from '../run-checks'
import { findSandbox, type SandboxName } from '../sandbox/backends'
import { createGrader, type Grader } from '../sandbox/grade'
import { importsAround } from '../sandbox/imports'
import type { Limits } from '../sandbox/limits'
import { NOT_WRITTEN, type SubjectHost } from '../subject'
import { checksForBoth, type GradedAnswer } from './records'
import { fingerprints } from './similarity'

/** What a job is told at its start, as the last word of its command line. */
export interface JobSettings {
  readonly root: string
  readonly sandbox: SandboxName
  readonly limits: Limits
  /** Sandboxes started ahead. */
  readonly ahead: number
}

/** One answer to grade. */
export interface JobTask {
  readonly id: number
  readonly exercise: string
  readonly cell: string
  readonly seed: number
}

/** A job's reply: the result, or why the grader itself failed. */
export type JobReply =
  | { readonly id: number; readonly answer: GradedAnswer }
  | { readonly id: number; readonly fault: string }

/** Grades one cell. */
export async function gradeCell(grader: Grader, open: OpenExercise, cell: string, seed: number, limits: Limits): Promise<GradedAnswer> {
  const began = performance.now()
  const stub = stubText(open.files)
  const untouched = cell.trim() === stub
  const { report, incidents } = untouched
    ? { report: await runChecks(open, unwritten(open), seed), incidents: [] }
    : await grader.grade(open, cell, seed)
  return {
    points: report.points, maxPoints: report.maxPoints, incidents, checks: checksForBoth(report, sentencesOf(open)),
    milliseconds: Math.round(performance.now() - began),
    prints: untouched || Buffer.byteLength(cell) > limits.sourceBytes ? [] : fingerprints(cell, stub), ...(untouched ? { untouched } : {}),
  }
}

/** Every function as the stub has it: nothing has to run for that. */
function unwritten(open: OpenExercise): SubjectHost {
  const known = exportedFunctions(open.stub)
  return {
    call: (name) => Promise.resolve({ ok: false, reason: 'threw', error: { name: 'Error', message: `${known.includes(name) ? name : 'the function'} is ${NOT_WRITTEN}` } }),
  }
}

/** Whether the author wrote a sentence as it stands: in the checks, or in the assertions that they call. */
function sentencesOf(open: OpenExercise): (sentence: string) => boolean {
  const written = [open.files.checks, open.files.mistakes].map((file) => readFileSync(file, 'utf8')).join('\n').replaceAll(/\\(['"`])/g, '$1')
  const fixed = ['The result is not the expected one.', 'The code wrote to the grader\'s own channel, so none of its answers counts.']
  return (sentence) => fixed.includes(sentence) || /^`[\w$]+` (threw an error|did not finish|returned something|gave no answer)/.test(sentence)
    || /^There is no function `[\w$]+`: its cell does not define it\.$/.test(sentence)
    || (sentence.length > 8 && written.includes(sentence))
}

/** Stands for everything in an exercise that its results depend on. */
export function exerciseDigest(root: string, id: string): string {
  const project = projectAt(root), files = exerciseFiles(project, id)
  const hash = createHash('sha256').update(JSON.stringify(importsAround(project, id)))
  for (const file of [files.stub, files.checks, files.mistakes, files.solution]) hash.update(readFileSync(file)).update('\0')
  return hash.digest('hex').slice(0, 16)
}

function serve(settings: JobSettings): void {
  const project = projectAt(settings.root)
  const grader = createGrader({ project, backend: findSandbox(settings.sandbox), limits: settings.limits, ahead: settings.ahead })
  const opened = new Map<string, Promise<OpenExercise>>()
  const open = (id: string): Promise<OpenExercise> => {
    const known = opened.get(id) ?? openExercise(project, exerciseFiles(project, id))
    opened.set(id, known)
    return known
  }
  const leave = (): void => {
    grader.close()
    process.exit(0)
  }
  // The terminal sends an interrupt to all; when to stop is for the run to say, which closes the channel.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', leave)
  process.on('message', (task: JobTask) => {
    const answer = open(task.exercise).then((exercise) => gradeCell(grader, exercise, task.cell, task.seed, settings.limits))
    answer.then(
      (graded): JobReply => ({ id: task.id, answer: graded }),
      (error: unknown): JobReply => ({ id: task.id, fault: messageOf(error) }),
    ).then((reply) => process.send?.(reply), () => undefined)
  })
}

const [, script, settings] = process.argv
if (script === __filename && settings !== undefined && process.send) serve(JSON.parse(settings) as JobSettings)
