// The exercises as evidence: the learner's cell, as it is in the notebook now, runs again. What the journal says is
// compared with that; it never counts by itself.
import { WhetstoneError } from '../../core'
import { exerciseFiles, listExercises, stubText } from '../exercises'
import { progressOf, type ExerciseProgress, type JournalEntry } from '../journal'
import type { Lesson, LessonCell } from '../lessons'
import type { Project } from '../project'
import { openExercise, type CheckReport } from '../run-checks'
import { findSandbox, type SandboxBackend } from '../sandbox/backends'
import { createGrader, type Grader } from '../sandbox/grade'

/** One exercise, run again. */
export interface ExerciseRun {
  readonly id: string
  readonly title: string
  /** `untouched`: the cell is still the stub, or there is none. */
  readonly state: 'untouched' | 'passed' | 'failed'
  /** Share of the points, 0 to 1. */
  readonly share: number
  readonly checks: number
  readonly checksPassed: number
  /** The first check that fails, in the words of the checks. */
  readonly problem?: string
  /** What the journal says, if anything. */
  readonly journal?: ExerciseProgress
}

/** Runs exercises of one project, each at most once. Close it at the end. */
export class ExerciseRunner {
  private readonly runs = new Map<string, Promise<ExerciseRun>>()
  private readonly progress: ReadonlyMap<string, ExerciseProgress>
  private last: Promise<void> = Promise.resolve()
  private grader: Grader | undefined
  private backend: SandboxBackend | undefined

  constructor(
    readonly project: Project,
    readonly lessons: readonly Lesson[],
    journal: readonly JournalEntry[],
    readonly note: (text: string) => void,
  ) {
    this.progress = progressOf(journal)
  }

  get ids(): readonly string[] {
    return listExercises(this.project)
  }

  /** The exercise `id`, run now or earlier by this runner. */
  run(id: string): Promise<ExerciseRun> {
    const known = this.runs.get(id)
    if (known) return known
    // One after the other: checks of two exercises at once would share one recorder of calls.
    const run = this.last.then(() => this.runNow(id))
    this.last = run.then(() => undefined, () => undefined)
    this.runs.set(id, run)
    return run
  }

  close(): void {
    this.grader?.close()
  }

  private cellOf(id: string): LessonCell | undefined {
    return this.lessons.flatMap((lesson) => lesson.cells).find((cell) => cell.exercise === id)
  }

  private async runNow(id: string): Promise<ExerciseRun> {
    const files = exerciseFiles(this.project, id)
    const open = await openExercise(this.project, files)
    const journal = this.progress.get(id)
    const base = { id, title: open.exercise.title, ...(journal ? { journal } : {}) }
    const source = this.cellOf(id)?.source.trim()
    if (source === undefined || source === stubText(files)) return { ...base, state: 'untouched', share: 0, checks: 0, checksPassed: 0 }
    this.note(id)
    const { report, incidents } = await this.openGrader().grade(open, source, Math.floor(Math.random() * 2 ** 32))
    const problem = problemOf(report) ?? incidents[0]
    return {
      ...base, state: report.passed ? 'passed' : 'failed', share: report.maxPoints > 0 ? report.points / report.maxPoints : 0,
      checks: report.checks.length, checksPassed: report.checks.filter((row) => row.passed).length,
      ...(report.passed || problem === undefined ? {} : { problem }),
    }
  }

  private openGrader(): Grader {
    this.backend ??= ownSandbox()
    return (this.grader ??= createGrader({ project: this.project, backend: this.backend }))
  }
}

function problemOf(report: CheckReport): string | undefined {
  const row = report.checks.find((each) => !each.passed)
  return row ? `"${row.name}": ${row.sentence ?? 'it fails'}` : undefined
}

/** Walls where this machine has them. A learner's own code ran on this machine before, in their notebook. */
function ownSandbox(): SandboxBackend {
  try {
    return findSandbox()
  } catch (error) {
    if (error instanceof WhetstoneError && error.code === 'SANDBOX_MISSING') return findSandbox('none')
    throw error
  }
}
