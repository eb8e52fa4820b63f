// Interview questions to read: rubric, model answer with the learner's own numbers, and follow-ups, folded until they are wanted.
import { Page } from '../display'
import { readJournal } from '../journal'
import { findProject, type Project } from '../project'
import { citationsOf, citationText, FIGURES, type FigureName } from './figures'
import { cardsOf, choose, inTrack, type Card } from './practice'

/** Which questions to show. */
export interface SheetOptions {
  readonly track?: string
  /** The id of a question, its end, or words of its id: `lesson-8`, `inference`. */
  readonly about?: string
}

const standing = ({ answers, dueIn }: Card): string => (answers === 0 ? 'not asked yet' : dueIn <= 0 ? `asked ${answers}×, due now` : `asked ${answers}×, comes back in ${Math.ceil(dueIn)} days`)

/**
 * The questions with everything that belongs to them, in the order of the curriculum.
 *
 * @throws CourseError `INTERVIEW_TRACK`, `INTERVIEW_QUESTION` when there is none
 * @example
 * course.interviewSheet({ about: 'lesson-8' })
 */
export function interviewSheet(options: SheetOptions = {}, project: Project = findProject()): Page {
  const journal = readJournal(project.journal)
  const { about } = options
  const some = inTrack(cardsOf(journal, new Date()), options.track).filter((card) => about === undefined || card.question.id.includes(about))
  // What names nothing gets the same error as in practice.
  const cards = some.length > 0 ? some : choose(cardsOf(journal, new Date()), { question: about ?? '' })
  return new Page(cards.map((card) => {
    const { question, rubric, answer, followUps, cites } = card.question
    const own = citationText(citationsOf(project, journal, cites))
    return [
      `<details><summary><b>${question}</b> · ${standing(card)}</summary>`, '',
      `**Rubric** (of 10): ${rubric.map(({ says, weight }) => `${says} (${weight})`).join(' · ')}`, '',
      `**A model answer.** ${answer}`, '', ...(own === '' ? [] : [own, '']),
      `**They may ask next:** ${followUps.join(' ')}`, '', '</details>',
    ].join('\n')
  }).join('\n\n'))
}

/** One row for each number that answers cite: what it is now, or what measures it. */
export function figureRows(project: Project = findProject()): { number: string; value: number | null; from: string; 'cited by': number }[] {
  const names = Object.keys(FIGURES) as FigureName[]
  const { cited, missing } = citationsOf(project, readJournal(project.journal), names)
  const uses = (name: FigureName): number => cardsOf([], new Date()).filter((card) => card.question.cites.includes(name)).length
  return [
    ...cited.map(({ name, value, from }) => ({ number: name, value, from, 'cited by': uses(name) })),
    ...missing.map(({ name, measuredBy }) => ({ number: name, value: null, from: measuredBy, 'cited by': uses(name) })),
  ]
}
