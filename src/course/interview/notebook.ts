// Interview practice in a cell: the notebook shows what the terminal prints, and asks by its input line.
import { notebookHost } from '../../core'
import { CourseError } from '../errors'
import { findProject } from '../project'
import { practise, type Practised, type PracticeOptions } from './practice'

/**
 * Asks interview questions in the running cell, marks them and remembers when they come back.
 *
 * @throws CourseError `INTERVIEW_TERMINAL` outside a notebook
 * @example
 * await course.interview({ count: 2 })
 */
export function interview(options: PracticeOptions = {}): Promise<Practised[]> {
  const host = notebookHost()
  if (!host) throw new CourseError('INTERVIEW_TERMINAL', 'There is no notebook to ask in', { fix: 'in a terminal: npm run interview' })
  return practise(findProject(), {
    tell: (markdown) => host.display({ 'text/markdown': markdown, 'text/plain': markdown }),
    ask: (prompt) => host.input(prompt),
  }, options)
}
