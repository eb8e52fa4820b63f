// What the rules of an evaluation measure with: the exercises run again, the learner's project folders, the journal, and
// what only a caller can give (data that no learner chose, a Python with frameworks).
import { existsSync } from 'node:fs'
import path from 'node:path'
import { mapCurriculum, type Claim, type CurriculumPoint } from '../curriculum'
import { readJournal, type InterviewEvent, type JournalEntry } from '../journal'
import { listLessons, type Lesson } from '../lessons'
import type { Project } from '../project'
import { ExerciseRunner } from './exercises'
import { ProjectWork } from './project-work'

/** Samples that no model was trained on, and their classes. */
export interface HeldOut {
  readonly name: string
  /** `[n, ...sampleShape]`, row-major, as the loader of the course gives them. */
  readonly features: Float32Array
  readonly shape: readonly number[]
  readonly labels: Float32Array
}

/** What the caller of an evaluation provides. */
export interface EvaluationTools {
  /** The held-out part of a dataset of the course, or undefined where there is none of that name. */
  readonly heldOut?: (dataset: string) => HeldOut | undefined
  /** A Python that has the module, e.g. `torch`, or undefined. */
  readonly python?: (module: string) => string | undefined
  /** Fewer rounds: a look, not a measurement. */
  readonly quick?: boolean
  readonly note?: (text: string) => void
}

/** One evaluation's view of one learner's project. */
export class Workbench {
  readonly lessons: readonly Lesson[]
  readonly journal: readonly JournalEntry[]
  readonly claims: readonly Claim[]
  readonly exercises: ExerciseRunner
  /** What could not be read and was left out. */
  readonly problems: string[] = []
  readonly note: (text: string) => void
  private readonly works = new Map<string, ProjectWork>()

  constructor(readonly project: Project, readonly tools: EvaluationTools = {}) {
    this.note = tools.note ?? (() => undefined)
    this.lessons = listLessons(project, (error) => this.problems.push(error.message))
    this.journal = readJournal(project.journal)
    this.claims = mapCurriculum(project, () => undefined).claims
    this.exercises = new ExerciseRunner(project, this.lessons, this.journal, this.note)
  }

  /** The learner's folder of the project `id`, e.g. `module_04/projects/optimized_model_pipeline`. */
  work(id: string): ProjectWork {
    const known = this.works.get(id)
    if (known) return known
    const work = new ProjectWork(this.project, id, this.tools)
    this.works.set(id, work)
    return work
  }

  /** Whether the course has the notebook of the project. */
  hasProject(id: string): boolean {
    const place = path.join(this.project.notebooks, ...id.split('/'))
    return existsSync(`${place}.ipynb`) || existsSync(place)
  }

  /** The exercises that measure a point: those that train it, and those of the lesson or section that covers it. */
  exercisesOf(point: CurriculumPoint): string[] {
    const claims = this.claims.filter((claim) => claim.point === point.id)
    return [...new Set(claims.flatMap((claim) => {
      if (claim.kind === 'exercise') return [claim.place]
      const [file, section] = claim.place.split(' § ')
      const lesson = this.lessons.find((each) => each.file === file)
      if (!lesson) return []
      return section === undefined ? lesson.exercises : lesson.cells.filter((cell) => belowSection(cell.section, section, lesson)).flatMap((cell) => cell.exercise ?? [])
    }))].sort()
  }

  /** Where the course teaches a point, as a person would say it. */
  placesOf(point: CurriculumPoint): string[] {
    return this.claims.filter((claim) => claim.point === point.id).map((claim) => claim.place)
  }

  /** The last answer to every question that was asked with its calculation. */
  get probes(): ReadonlyMap<string, InterviewEvent> {
    return new Map(this.journal.flatMap((entry): [string, InterviewEvent][] =>
      entry.kind === 'interview' && entry.probe !== undefined ? [[entry.question, entry]] : []))
  }

  close(): void {
    this.exercises.close()
    for (const work of this.works.values()) work.close()
  }
}

/** Sections in order of the notebook; `### Exercise` sections belong to the `##` section above them. */
function belowSection(section: string, wanted: string, lesson: Lesson): boolean {
  if (section === wanted) return true
  const order = [...new Set(lesson.cells.map((cell) => cell.section))]
  const main = order.filter((each) => /^\d/.test(each))
  const own = order.indexOf(section)
  const above = main.filter((each) => order.indexOf(each) <= own).at(-1)
  return above === wanted
}
