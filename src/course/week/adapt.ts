// Proposals from several evaluations: what stands still, what was lost, what the scores say against each other. It changes
// nothing; each proposal is a command for a person to run or to leave.
import { cardsOf } from '../interview/practice'
import { keptEvaluations, type Evaluation } from '../evaluation/evaluate'
import { progressOf, readJournal } from '../journal'
import type { Project } from '../project'

/** One thing to consider. */
export interface Proposal {
  readonly kind: 'lost' | 'stuck' | 'shallow' | 'unsteady' | 'pace' | 'forgotten'
  /** One sentence: what to change. */
  readonly what: string
  /** What was seen. */
  readonly because: readonly string[]
  /** What would do it; never run by itself. */
  readonly command: string
}

/** Fewer evaluations of the same scope than this show no direction. */
export const FEWEST_EVALUATIONS = 2
/** A line that failed this often, in a row, for the same reason, is stuck. */
const STUCK_TIMES = 3
const LISTED = 5

const scoreOf = (evaluation: Evaluation, name: string): number | null => evaluation.scores.find((score) => score.name === name)?.value ?? null

/** The kept evaluations of the scope that was evaluated last, oldest first. */
export function comparable(project: Project): Evaluation[] {
  const kept = keptEvaluations(project, readJournal(project.journal).flatMap((entry) => (entry.kind === 'evaluation' ? entry.file : [])))
  const scope = kept.at(-1)?.scope
  return kept.filter((evaluation) => evaluation.scope === scope)
}

/** What the evaluations and the journal propose; empty when they show nothing, or are too few. */
export function proposals(project: Project, now: Date = new Date()): Proposal[] {
  const evaluations = comparable(project)
  const last = evaluations.at(-1)
  const before = evaluations.at(-2)
  if (!last || !before || evaluations.length < FEWEST_EVALUATIONS) return []
  const journal = readJournal(project.journal)
  const found: Proposal[] = []
  const was = new Map(before.lines.map((line) => [line.id, line.verdict]))
  const lost = last.lines.filter((line) => line.verdict === 'failed' && was.get(line.id) === 'passed')
  if (lost.length > 0) {
    found.push({
      kind: 'lost', what: 'mend first what passed before and fails now: it was changed, and the change is fresh in mind',
      because: lost.slice(0, LISTED).map((line) => `${line.text}: ${line.reason}`), command: lost[0]?.command ?? '',
    })
  }
  const recent = evaluations.slice(-STUCK_TIMES)
  const stuck = recent.length < STUCK_TIMES ? [] : last.lines.filter((line) => (line.attained ?? 0) > 0
    && recent.every((each) => each.lines.some((one) => one.id === line.id && one.verdict === 'failed' && one.reason === line.reason)))
  if (stuck.length > 0) {
    const id = stuck.flatMap((line) => line.evidence.map((each) => each.what)).find((what) => last.open.includes(what))?.split('/').at(-1)
    found.push({
      kind: 'stuck', what: 'take another way where nothing has moved: a hint, or the exercise before it once more',
      because: stuck.slice(0, LISTED).map((line) => `${line.text}: ${STUCK_TIMES} times "${line.reason}"`),
      command: id === undefined ? stuck[0]?.command ?? '' : `hint('${id}')  in the notebook`,
    })
  }
  found.push(...fromScores(last, progressOf(journal)))
  const due = cardsOf(journal, now).filter((card) => card.answers > 0 && card.dueIn < -3)
  if (due.length > 0) {
    found.push({
      kind: 'forgotten', what: `answer the ${due.length} interview questions that are more than three days overdue before new material`,
      because: due.slice(0, LISTED).map((card) => `${card.question.question} recall is down to ${Math.round(100 * card.recall)}%`), command: `npm run interview -- --count ${due.length}`,
    })
  }
  const pace = paceOf(evaluations)
  return pace ? [...found, pace] : found
}

function fromScores(last: Evaluation, progress: ReturnType<typeof progressOf>): Proposal[] {
  const [completion, understanding, consistency] = ['completion', 'understanding', 'consistency'].map((name) => scoreOf(last, name))
  const found: Proposal[] = []
  if (typeof completion === 'number' && typeof understanding === 'number' && understanding < 60) {
    const helped = [...progress].filter(([, each]) => each.shown || each.hints > 1).map(([id]) => id.split('/').at(-1) ?? id)
    if (helped.length > 0) {
      found.push({
        kind: 'shallow', what: 'do again, without hints, the exercises that were passed with much help, before going on',
        because: [`understanding is ${understanding}`, `with a shown solution or more than one hint: ${helped.slice(0, LISTED).join(', ')}`], command: `reset('${helped[0] ?? ''}')  in the notebook, a day later`,
      })
    }
  }
  if (typeof consistency === 'number' && consistency < 50) {
    found.push({
      kind: 'unsteady', what: 'plan fewer hours on more days: three short sittings a week are kept more often than one long one',
      because: [`consistency is ${consistency}: ${last.scores.find((score) => score.name === 'consistency')?.worked ?? ''}`], command: 'npm run plan-week -- --hours 4 --days mon,wed,fri,sat',
    })
  }
  return found
}

/** How long what is left takes at the pace between the first and the last evaluation. */
function paceOf(evaluations: readonly Evaluation[]): Proposal | undefined {
  const [first, last] = [evaluations[0], evaluations.at(-1)]
  if (!first || !last) return undefined
  const passed = (evaluation: Evaluation): number => evaluation.lines.filter((line) => line.verdict === 'passed').length
  const weeks = (Date.parse(last.at) - Date.parse(first.at)) / (7 * 86_400_000)
  const gained = passed(last) - passed(first)
  const open = last.lines.filter((line) => line.verdict === 'failed').length
  if (!(weeks >= 1) || open === 0) return undefined
  const because = [`${gained} lines passed in ${weeks.toFixed(1)} weeks, ${open} are open`]
  if (gained <= 0) return { kind: 'pace', what: 'nothing was finished since the first evaluation: take one lesson of this week\'s plan and nothing else', because, command: 'npm run plan-week -- --hours 2' }
  const left = (open * weeks) / gained
  return { kind: 'pace', what: `at this pace what is open takes ${Math.ceil(left)} more ${left > 1 ? 'weeks' : 'week'}; plan the hours that the date you want asks for`, because, command: 'npm run plan-week -- --hours 8' }
}
