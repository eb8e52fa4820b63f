// What is left to do, in an order that can be worked through: lessons after those they need, exercises inside them, then
// questions that are due. Everything that plans or reports reads this.
import type { WhetstoneError } from '../../core'
import { cardsOf, dueCards } from '../interview/practice'
import { readJournal } from '../journal'
import type { Lesson } from '../lessons'
import { standings, type LessonStanding } from '../progress-page'
import type { Project } from '../project'

/** A piece of work. */
export interface Task {
  readonly kind: 'lesson' | 'exercise' | 'project' | 'review'
  readonly title: string
  readonly minutes: number
  /** Whether it may be cut into sittings. */
  readonly divisible: boolean
  /** What to open or run. */
  readonly open: string
  /** Why now. */
  readonly why: string
  readonly track: string
}

/** Minutes that one interview question takes: two to answer, three to compare. */
export const REVIEW_MINUTES = 5
/** New questions that a plan of a week brings, beside those that are due. */
const NEW_QUESTIONS = 4

/** A lesson with its standing. */
export type OpenLesson = LessonStanding & { readonly lesson: Lesson }

/** Lessons so that each comes after those it needs; ties by track and order. A circle is left in the order it stands. */
export function inOrder(lessons: readonly OpenLesson[]): OpenLesson[] {
  const byName = new Map(lessons.map((each) => [each.lesson.lesson, each]))
  const sorted: OpenLesson[] = []
  const state = new Map<OpenLesson, 'open' | 'done'>()
  const visit = (each: OpenLesson): void => {
    if (state.has(each)) return
    state.set(each, 'open')
    for (const name of each.lesson.needs) {
      const needed = byName.get(name)
      if (needed) visit(needed)
    }
    state.set(each, 'done')
    sorted.push(each)
  }
  for (const each of lessons) visit(each)
  return sorted
}

/** The lessons of a project, in order, with where the learner stands. */
export function openLessons(project: Project, onProblem: (error: WhetstoneError) => void, track?: string): OpenLesson[] {
  const all = standings(project, onProblem).filter((each): each is OpenLesson => each.lesson !== undefined)
  return inOrder(all).filter((each) => track === undefined || each.lesson.track === track)
}

/** Everything that is left of some lessons, and the questions that are due. */
export function tasksOf(project: Project, lessons: readonly OpenLesson[], now: Date): Task[] {
  const reviews = dueCards(cardsOf(readJournal(project.journal), now))
  const due = reviews.filter((card) => card.answers > 0)
  const some = [...due, ...reviews.filter((card) => card.answers === 0).slice(0, NEW_QUESTIONS)]
  const practice: Task[] = some.length === 0 ? [] : [{
    kind: 'review', title: `${some.length} interview questions`, minutes: some.length * REVIEW_MINUTES, divisible: true, track: '',
    open: `npm run interview -- --count ${some.length}`, why: due.length > 0 ? `${due.length} are due, the likeliest forgotten first` : 'new ones, a few each week',
  }]
  return [...practice, ...lessons.flatMap(tasksOfLesson)]
}

function tasksOfLesson({ lesson, exercises, done }: OpenLesson): Task[] {
  const open = `notebooks/${lesson.file}`
  const track = lesson.track
  const practice = exercises.reduce((sum, each) => sum + each.exercise.minutes, 0)
  const reading = Math.max(0, lesson.minutes - practice)
  const begun = exercises.some((each) => each.progress)
  if (exercises.length > 0 && done === exercises.length) return []
  const left = exercises.length === 0 ? reading : reading * (1 - done / exercises.length)
  const read: Task[] = left < 1 ? [] : [{
    kind: lesson.kind, title: begun ? `${lesson.title}: read on` : lesson.title, minutes: Math.round(left), divisible: true, open, track,
    why: lesson.needs.length > 0 ? `after ${lesson.needs.join(', ')}` : begun ? 'begun' : 'next in order',
  }]
  return [...read, ...exercises.filter((each) => each.progress?.state !== 'passed').map(({ exercise, progress }): Task => ({
    kind: 'exercise', title: exercise.title, minutes: exercise.minutes, divisible: false, open: `${open}, exercise ${exercise.id.split('/').at(-1) ?? ''}`,
    why: progress ? 'tried, not passed yet' : `trains ${exercise.trains.length} ${exercise.trains.length === 1 ? 'point' : 'points'} of the curriculum`, track,
  }))]
}
