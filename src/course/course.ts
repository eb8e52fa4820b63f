// What a learner calls in a notebook: check, hint, solution, reset and the report of progress. Each reads the files of
// the exercise as they are now, and records in the journal what happened.
import { readFileSync } from 'node:fs'
import { throwIfInterrupted, WhetstoneError } from '../core'
import { CheckResult, Page } from './display'
import {
  exerciseFiles, exportedFunctions, findExercise, readHints, solutionText, stubText, WITHHELD_SOLUTION, type ExerciseFiles,
} from './exercises'
import { writeFrontPage } from './front-page'
import { appendEvent, progressOf, readJournal, type ExerciseProgress, type JournalEvent } from './journal'
import { findProject, isLearners, type Project } from './project'
import { progressPage } from './progress-page'
import { openExercise, runChecks } from './run-checks'
import { liveHost } from './subject'

/** The functions of a learner, by name: `{ convOutputShape }`. */
export type LiveFunctions = Readonly<Record<string, (...args: never[]) => unknown>>

/** The course of one project. The functions below it are this for the project of the library. */
export class Course {
  constructor(readonly project: Project) {}

  private find(name: string): ExerciseFiles {
    return exerciseFiles(this.project, findExercise(this.project, name))
  }

  private progress(id: string): ExerciseProgress | undefined {
    return progressOf(readJournal(this.project.journal)).get(id)
  }

  private record(event: JournalEvent): void {
    appendEvent(this.project.journal, event)
  }

  /** See {@link check}. */
  async check(name: string, functions: LiveFunctions): Promise<CheckResult> {
    const files = this.find(name)
    const open = await openExercise(this.project, files)
    const missing = exportedFunctions(open.stub).filter((wanted) => typeof (functions as Partial<LiveFunctions> | undefined)?.[wanted] !== 'function')
    if (missing.length > 0) {
      throw new WhetstoneError('CHECK_FUNCTIONS', `check('${name}') was not handed the functions to check`, {
        expected: missing.map((each) => `a function ${each}`).join(', '),
        fix: `run the cell that defines it, then: await check('${name}', { ${exportedFunctions(open.stub).join(', ')} })`,
      })
    }
    const before = this.progress(files.id)
    const report = await runChecks(open, liveHost(functions), freshSeed())
    // What an interrupt cut short says nothing about the learner.
    throwIfInterrupted()
    const passed = report.checks.filter((row) => row.passed).length
    this.record({ kind: 'check', exercise: files.id, passed, total: report.checks.length, points: report.points })
    if (report.passed && before?.state !== 'passed' && isLearners(this.project)) writeFrontPage(this.project)
    return new CheckResult(report, report.passed ? '' : nextStep(name, before))
  }

  /** See {@link hint}. */
  hint(name: string): Page {
    const files = this.find(name)
    const hints = readHints(files)
    const seen = this.progress(files.id)?.hints ?? 0
    const level = Math.min(seen + 1, hints.length)
    if (level > seen) this.record({ kind: 'hint', exercise: files.id, level })
    const shown = hints.slice(0, level).map((hint, i) => `**Hint ${i + 1} of ${hints.length}.** ${hint}`)
    const after = level < hints.length ? `hint('${name}') again says more.` : `That was the last one. solution('${name}', { show: true }) shows the solution.`
    return new Page([...shown, `*${after}*`].join('\n\n'))
  }

  /** See {@link solution}. */
  solution(name: string, options: { readonly show?: boolean } = {}): Page {
    const files = this.find(name)
    if (readFileSync(files.solution, 'utf8').startsWith(WITHHELD_SOLUTION)) {
      return new Page(`The solutions of this course are with your instructor. A step further: \`hint('${name}')\`.`)
    }
    const afterPass = this.progress(files.id)?.state === 'passed'
    if (!afterPass && options.show !== true) {
      return new Page(`The solution opens when your checks pass. To see it now all the same, which your progress will say: \`solution('${name}', { show: true })\`. A smaller step: \`hint('${name}')\`.`)
    }
    this.record({ kind: 'solution', exercise: files.id, afterPass })
    return new Page('One solution:\n\n```ts\n' + solutionText(files) + '\n```')
  }

  /** See {@link reset}. */
  reset(name: string): Page {
    const files = this.find(name)
    this.record({ kind: 'reset', exercise: files.id })
    return new Page('Forgotten: passes, points and hints of this exercise. Its cell at the start was:\n\n```ts\n' + stubText(files) + '\n```')
  }

  /** See {@link progressReport}. */
  progressReport(): Page {
    return progressPage(this.project)
  }
}

function nextStep(name: string, before: ExerciseProgress | undefined): string {
  return (before?.hints ?? 0) < 3 ? `Stuck? hint('${name}')` : `Stuck? Your hints again: hint('${name}')`
}

// Fresh with every run. A check that must hide its inputs draws its seed elsewhere, in the grader.
const freshSeed = (): number => Math.floor(Math.random() * 2 ** 32)

let ours: Course | undefined
const course = (): Course => (ours ??= new Course(findProject()))

/**
 * Checks your functions, here and now, and shows each check with what was called, what came back and what was expected.
 *
 * @param name the exercise: its id, or the end of it
 * @param functions your functions: `{ convOutputShape }`
 * @throws WhetstoneError `EXERCISE_UNKNOWN`, `EXERCISE_AMBIGUOUS` or `CHECK_FUNCTIONS`
 * @example
 * await check('conv_output_shape', { convOutputShape })
 */
export function check(name: string, functions: LiveFunctions): Promise<CheckResult> {
  return course().check(name, functions)
}

/**
 * The next hint of an exercise, after those that you have seen. There are three, each saying more.
 *
 * @throws WhetstoneError `EXERCISE_UNKNOWN` or `EXERCISE_AMBIGUOUS`
 */
export function hint(name: string): Page {
  return course().hint(name)
}

/**
 * The solution of an exercise: after your checks passed, or at once with `{ show: true }`.
 *
 * @throws WhetstoneError `EXERCISE_UNKNOWN` or `EXERCISE_AMBIGUOUS`
 */
export function solution(name: string, options: { readonly show?: boolean } = {}): Page {
  return course().solution(name, options)
}

/**
 * Starts an exercise over: forgets its passes and hints, and shows its cell as it was at the start.
 *
 * @throws WhetstoneError `EXERCISE_UNKNOWN` or `EXERCISE_AMBIGUOUS`
 */
export function reset(name: string): Page {
  return course().reset(name)
}

/** Your progress: every lesson with its exercises, what is done, and the points. */
export function progressReport(): Page {
  return course().progressReport()
}
