// Interview practice: which question comes next, how an answer is marked, and what is remembered of it. The same in the
// terminal and in a notebook, which only ask and tell in different ways.
import { random } from '../../core'
import { CourseError } from '../errors'
import { appendEvent, readJournal, type JournalEntry } from '../journal'
import type { Project } from '../project'
import { allQuestions, BANK } from './bank'
import { citationsOf, citationText } from './figures'
import { interval, retrievability, review, type Memory, type Rating } from './fsrs'
import type { Question } from './question'

const DAY_MS = 86_400_000

/** Where a learner stands with one question. */
export interface Card {
  readonly question: Question
  readonly memory?: Memory
  /** Answers so far. */
  readonly answers: number
  /** Days until it comes back; negative when it is overdue, 0 for one that was never asked. */
  readonly dueIn: number
  /** Probability of recall now, as FSRS sees it. */
  readonly recall: number
}

/**
 * Every question with its memory, replayed from the journal. The order of the answers is the journal's; a clock that went
 * back counts as no time passed.
 */
export function cardsOf(journal: readonly JournalEntry[], now: Date): Card[] {
  const known = new Map<string, { memory: Memory; at: number; answers: number }>()
  for (const entry of journal) {
    if (entry.kind !== 'interview') continue
    const before = known.get(entry.question)
    const at = Date.parse(entry.time)
    known.set(entry.question, {
      memory: review(before?.memory, entry.rating, before ? (at - before.at) / DAY_MS : 0), at, answers: (before?.answers ?? 0) + 1,
    })
  }
  return allQuestions().map((question) => {
    const state = known.get(question.id)
    if (!state) return { question, answers: 0, dueIn: 0, recall: 0 }
    const days = Math.max(0, (now.getTime() - state.at) / DAY_MS)
    return { question, memory: state.memory, answers: state.answers, dueIn: interval(state.memory) - days, recall: retrievability(state.memory, days) }
  })
}

/** The questions to practise, first first: those that are due, the likeliest to be forgotten first, then new ones in order. */
export function dueCards(cards: readonly Card[]): Card[] {
  const due = cards.filter((card) => card.answers > 0 && card.dueIn <= 0).sort((a, b) => a.recall - b.recall)
  return [...due, ...cards.filter((card) => card.answers === 0)]
}

/** Every card of a track, or of all: those to practise first, then the others by when they come back. */
export function listCards(cards: readonly Card[], track?: string): Card[] {
  const some = inTrack(cards, track)
  const first = dueCards(some)
  return [...first, ...some.filter((card) => !first.includes(card)).sort((a, b) => a.dueIn - b.dueIn)]
}

/** How a person is asked and told. `ask` gives undefined when there is no more answer to come. */
export interface Dialogue {
  readonly ask: (prompt: string) => Promise<string | undefined>
  readonly tell: (markdown: string) => void
}

/** How one question went. */
export interface Practised {
  readonly question: string
  readonly rating: Rating
  readonly calculation: boolean
  /** Of the 10 of the rubric, as the learner marked themselves. */
  readonly rubric: number
  readonly comesBackInDays: number
}

/** What to practise. */
export interface PracticeOptions {
  readonly track?: string
  /** The id of a question, or its end. */
  readonly question?: string
  /** How many; default 1. */
  readonly count?: number
  readonly now?: () => Date
  /** Of the numbers of the calculations; fresh without it. */
  readonly seed?: number
}

/**
 * Asks questions one after another: the answer aloud or in writing, the calculation (which a program marks), then the model
 * answer and the rubric, by which learners mark themselves. Every answer goes into the journal at once.
 *
 * @throws WhetstoneError `INTERVIEW_TRACK` or `INTERVIEW_QUESTION` for one that does not exist
 */
export async function practise(project: Project, dialogue: Dialogue, options: PracticeOptions = {}): Promise<Practised[]> {
  const now = options.now ?? (() => new Date())
  const queue = choose(cardsOf(readJournal(project.journal), now()), options).slice(0, options.count ?? 1)
  const numbers = random(options.seed ?? Math.floor(Math.random() * 2 ** 32))
  const done: Practised[] = []
  for (const card of queue) {
    const cited = citationText(citationsOf(project, readJournal(project.journal), card.question.cites))
    const practised = await askOne(card.question, dialogue, numbers.fork(), cited)
    if (!practised) break
    appendEvent(project.journal, { kind: 'interview', question: practised.question, rating: practised.rating, probe: practised.calculation }, now())
    const after = cardsOf(readJournal(project.journal), now()).find((each) => each.question.id === card.question.id)
    const days = Math.max(1, Math.round(after?.dueIn ?? 1))
    dialogue.tell(`Comes back in ${days} ${days === 1 ? 'day' : 'days'}.`)
    done.push({ ...practised, comesBackInDays: days })
  }
  return done
}

/** The cards that the options mean, first first. */
export function choose(cards: readonly Card[], { track, question }: PracticeOptions): Card[] {
  const some = inTrack(cards, track)
  if (question === undefined) return dueCards(some)
  const wanted = some.filter((card) => card.question.id === question || card.question.id.endsWith(`/${question}`))
  if (wanted.length > 0) return wanted
  throw new CourseError('INTERVIEW_QUESTION', `There is no interview question "${question}"`, { fix: 'npm run interview -- --list  names them all' })
}

/** The cards of a track, or all. */
export function inTrack(cards: readonly Card[], track: string | undefined): Card[] {
  if (track !== undefined && !Object.hasOwn(BANK, track)) {
    throw new CourseError('INTERVIEW_TRACK', `There are no interview questions of the track ${track}`, {
      expected: Object.keys(BANK).join(', '), fix: 'the curriculum lists questions for these tracks only',
    })
  }
  return cards.filter((card) => track === undefined || card.question.id.startsWith(`${track}/`))
}

async function askOne(question: Question, { ask, tell }: Dialogue, numbers: ReturnType<typeof random>, cited: string): Promise<Omit<Practised, 'comesBackInDays'> | undefined> {
  tell(`### ${question.question}\n\nAnswer aloud or write it down, as you would in an interview: two minutes, with a number.`)
  if (await ask('Your answer (Enter when you have said it): ') === undefined) return undefined
  const drawn = question.probe.draw(numbers)
  const wanted = question.probe.answer(drawn)
  tell(`**A calculation that belongs to it.** ${question.probe.ask(drawn)}`)
  const unit = question.probe.unit === '' ? '' : ` in ${question.probe.unit}`
  const given = await ask(`Your number${unit} (Enter: I do not know): `)
  if (given === undefined) return undefined
  const calculation = isRight(given, wanted, question.probe.tolerance)
  tell(`${calculation ? '✓ Right' : '✗ Not right'}: ${Number(wanted.toPrecision(4))}${question.probe.unit === '' ? '' : ` ${question.probe.unit}`}. ${question.probe.why}`)
  tell(`**A model answer.** ${question.answer}${cited === '' ? '' : `\n\n${cited}`}`)
  tell('**The rubric.** Which of these did your answer have? Be strict: it decides when the question comes back, and earns nothing.')
  let rubric = 0
  for (const [i, { says, weight }] of question.rubric.entries()) {
    const said = await ask(`${i + 1}. ${says} (${weight} of 10)  y/n: `)
    if (said === undefined) return undefined
    if (/^\s*(y|yes|1)\s*$/i.test(said)) rubric += weight
  }
  tell(`You gave yourself ${rubric} of 10. They may ask next:\n\n${question.followUps.map((each) => `- ${each}`).join('\n')}`)
  return { question: question.id, rating: ratingOf(rubric, calculation), calculation, rubric }
}

/** 9 and more of 10 is easy, 6 good, 3 hard; a wrong calculation is hard at best. */
export function ratingOf(rubric: number, calculation: boolean): Rating {
  const rating: Rating = rubric >= 9 ? 4 : rubric >= 6 ? 3 : rubric >= 3 ? 2 : 1
  return calculation || rating < 2 ? rating : 2
}

/** Whether a typed number is the wanted one within the relative tolerance. `1,200`, `12 %`, `3e-4` and `~5 ms` are understood. */
export function isRight(given: string, wanted: number, tolerance = 0.02): boolean {
  const text = /[-+]?\d[\d,_ ]*(?:\.\d+)?(?:e[-+]?\d+)?|[-+]?\.\d+(?:e[-+]?\d+)?/i.exec(given)?.[0].replace(/[,_ ]/g, '')
  if (text === undefined) return false
  return Math.abs(Number(text) - wanted) <= Math.abs(wanted) * tolerance + 1e-12
}
