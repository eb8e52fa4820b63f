// Every interview question of the course, by track. A question of the curriculum that is missing here fails a test.
import { HEADINGS, PREPARATION_QUESTIONS } from './questions/module04-preparation'
import { LESSON_QUESTIONS } from './questions/module04-lessons'
import type { Question } from './question'

/** Tracks and their questions; the other tracks of the curriculum list none. */
export const BANK: Readonly<Record<string, readonly Question[]>> = {
  module04: [...LESSON_QUESTIONS, ...PREPARATION_QUESTIONS],
}

/** All questions, in the order of the curriculum. */
export function allQuestions(): Question[] {
  return Object.values(BANK).flat()
}

/** Ids of the questions that a point of the curriculum means: itself, those under its heading, or all below a prefix. */
export function questionsOf(point: string): readonly string[] {
  return HEADINGS[point] ?? allQuestions().map((each) => each.id).filter((id) => (point.endsWith('/') ? id.startsWith(point) : id === point))
}
