// The report of progress: every lesson with its exercises, what is done and the points.
import { WhetstoneError } from '../core'
import { bar, Page, points } from './display'
import { exerciseFiles, listExercises, readExercise, type Exercise } from './exercises'
import { progressOf, readJournal, type ExerciseProgress } from './journal'
import { listLessons, type Lesson } from './lessons'
import { CourseLoader } from './load'
import type { Project } from './project'

/** One exercise with where the learner stands. */
export interface ExerciseStanding {
  readonly exercise: Exercise
  readonly progress?: ExerciseProgress
}

/** A lesson, or exercises that share a folder but have no notebook yet, with its standings. */
export interface LessonStanding {
  readonly title: string
  readonly lesson?: Lesson
  readonly exercises: readonly ExerciseStanding[]
  readonly done: number
  readonly points: number
  readonly maxPoints: number
}

/**
 * Where the learner stands, lesson by lesson.
 *
 * @param onProblem told what cannot be read, which is then left out: a learner's half-saved notebook stops nothing
 */
export function standings(project: Project, onProblem: (error: WhetstoneError) => void): LessonStanding[] {
  const loader = new CourseLoader(project.cache)
  const progress = progressOf(readJournal(project.journal))
  const standing = (id: string): ExerciseStanding[] => {
    const known = progress.get(id)
    try {
      return [{ exercise: readExercise(exerciseFiles(project, id), loader), ...(known ? { progress: known } : {}) }]
    } catch (error) {
      if (!(error instanceof WhetstoneError)) throw error
      onProblem(error)
      return []
    }
  }
  const ids = new Set(listExercises(project))
  const lessons = listLessons(project, onProblem).map((lesson) =>
    lessonStanding(lesson.title, lesson.exercises.filter((id) => ids.delete(id)).flatMap(standing), lesson))
  const rest = groupByLesson([...ids])
  return [...lessons, ...[...rest].map(([title, members]) => lessonStanding(title, members.flatMap(standing)))]
}

function groupByLesson(ids: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const id of ids) {
    const lesson = id.split('/').slice(0, 2).join('/')
    groups.set(lesson, [...(groups.get(lesson) ?? []), id])
  }
  return groups
}

function lessonStanding(title: string, exercises: readonly ExerciseStanding[], lesson?: Lesson): LessonStanding {
  const sum = (of: (each: ExerciseStanding) => number): number => exercises.reduce((total, each) => total + of(each), 0)
  return {
    title,
    exercises,
    done: exercises.filter((each) => each.progress?.state === 'passed').length,
    points: sum((each) => each.progress?.points ?? 0),
    maxPoints: sum((each) => each.exercise.points),
    ...(lesson ? { lesson } : {}),
  }
}

/** The progress as a page. */
export function progressPage(project: Project): Page {
  const problems: string[] = []
  const lessons = standings(project, (error) => problems.push(error.message)).filter((each) => each.exercises.length > 0)
  if (lessons.length === 0) return new Page('There are no exercises yet.')
  const all = lessons.flatMap((lesson) => lesson.exercises)
  const done = lessons.reduce((total, lesson) => total + lesson.done, 0)
  const got = lessons.reduce((total, lesson) => total + lesson.points, 0)
  const most = lessons.reduce((total, lesson) => total + lesson.maxPoints, 0)
  const sections = lessons.map((lesson) => [
    `**${lesson.title}** ${bar(lesson.done, lesson.exercises.length)} ${lesson.done} of ${lesson.exercises.length}, ${points(lesson.points)} of ${points(lesson.maxPoints)} points`,
    '',
    '| | exercise | points | minutes | |',
    '|---|---|---:|---:|---|',
    ...lesson.exercises.map(exerciseRow),
  ].join('\n'))
  const left = problems.length === 0 ? [] : ['Left out, because it cannot be read:\n\n```\n' + problems.join('\n') + '\n```']
  return new Page([`**${done} of ${all.length} exercises, ${points(got)} of ${points(most)} points**`, ...sections, ...left].join('\n\n'))
}

function exerciseRow({ exercise, progress }: ExerciseStanding): string {
  const mark = progress?.state === 'passed' ? '✓' : progress ? '…' : ''
  const hints = progress?.hints ?? 0
  const notes = [hints > 0 ? `${hints} ${hints === 1 ? 'hint' : 'hints'}` : '', progress?.shown ? 'solution shown' : ''].filter(Boolean).join(', ')
  return `| ${mark} | ${exercise.title} | ${points(progress?.points ?? 0)}/${points(exercise.points)} | ${exercise.minutes} | ${notes} |`
}
