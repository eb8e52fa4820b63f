// Where a learner stands, in a screen of text: what is next, what is due, what the last evaluation said.
import { bar, points } from '../display'
import { keptEvaluations } from '../evaluation/evaluate'
import { cardsOf } from '../interview/practice'
import { damagedLines, readJournal } from '../journal'
import type { Project } from '../project'
import { openLessons, tasksOf, type Task } from './tasks'
import { duration } from './text'

/** A learner's standing. */
export interface Status {
  readonly exercises: { readonly done: number; readonly all: number; readonly points: number; readonly maxPoints: number }
  readonly lessons: readonly { readonly title: string; readonly track: string; readonly done: number; readonly all: number; readonly minutes: number }[]
  readonly next?: Task
  readonly minutesLeft: number
  readonly questions: { readonly all: number; readonly practised: number; readonly due: number }
  readonly evaluation?: { readonly at: string; readonly scope: string; readonly scores: Readonly<Record<string, number | null>> }
  /** Lines of the journal that were damaged and are left out. */
  readonly damaged: number
  readonly problems: readonly string[]
}

/** Reads the status; runs nothing. */
export function statusOf(project: Project, now: Date = new Date()): Status {
  const problems: string[] = []
  const lessons = openLessons(project, (error) => problems.push(error.message))
  const journal = readJournal(project.journal)
  const tasks = tasksOf(project, lessons, now)
  const cards = cardsOf(journal, now)
  const last = keptEvaluations(project, journal.flatMap((entry) => (entry.kind === 'evaluation' ? entry.file : []))).at(-1)
  const sum = (of: (each: (typeof lessons)[number]) => number): number => lessons.reduce((total, each) => total + of(each), 0)
  const next = tasks.find((task) => task.kind !== 'review') ?? tasks[0]
  return {
    exercises: { done: sum((each) => each.done), all: sum((each) => each.exercises.length), points: sum((each) => each.points), maxPoints: sum((each) => each.maxPoints) },
    lessons: lessons.map((each) => ({ title: each.title, track: each.lesson.track, done: each.done, all: each.exercises.length, minutes: each.lesson.minutes })),
    ...(next ? { next } : {}),
    minutesLeft: tasks.filter((task) => task.kind !== 'review').reduce((total, task) => total + task.minutes, 0),
    questions: { all: cards.length, practised: cards.filter((card) => card.answers > 0).length, due: cards.filter((card) => card.answers > 0 && card.dueIn <= 0).length },
    ...(last ? { evaluation: { at: last.at, scope: last.scope, scores: Object.fromEntries(last.scores.map((score) => [score.name, score.value])) } } : {}),
    damaged: damagedLines(project.journal), problems,
  }
}

/** The status as text. */
export function statusText(status: Status): string {
  const { exercises, questions, evaluation, next } = status
  const scores = evaluation && Object.entries(evaluation.scores).map(([name, value]) => `${name} ${value ?? '–'}`).join(', ')
  return [
    `  exercises    ${bar(exercises.done, exercises.all, 20)} ${exercises.done} of ${exercises.all}, ${points(exercises.points)} of ${points(exercises.maxPoints)} points, about ${duration(status.minutesLeft)} left`,
    ...status.lessons.map((each) => `    ${bar(each.done, each.all)} ${each.done}/${each.all}  ${each.title}`),
    `  interview    ${questions.practised} of ${questions.all} questions practised, ${questions.due} due`,
    `  evaluation   ${evaluation ? `${evaluation.at.slice(0, 10)}, ${evaluation.scope}: ${scores ?? ''}` : 'none yet: npm run evaluate'}`,
    ...(status.damaged > 0 ? [`  journal      ${status.damaged} damaged ${status.damaged === 1 ? 'line is' : 'lines are'} left out; everything else is whole`] : []),
    ...status.problems.map((problem) => `  left out     ${problem.split('\n').map((line) => line.trim()).join(' ')}`),
    '', next ? `  Next: ${next.title} (${duration(next.minutes)})\n        ${next.open}: ${next.why}` : '  Everything in the course is done. npm run evaluate says what is left of the curriculum.', '',
  ].join('\n')
}
