// `npm run interview`: interview questions one at a time, marked by a calculation and a rubric, coming back when due.
import { createInterface } from 'node:readline'
import { InvalidArgumentError, type Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('interview')
    .description('practise interview questions: model answer, rubric, and a calculation that a program marks')
    .option('--count <number>', 'how many questions', count, 1)
    .option('--question <id>', 'one question, by its id or the end of it')
    .option('--track <name>', 'one track only')
    .option('--list', 'name every question with when it comes back')
    .option('--json', 'end with one JSON object')
    .action(async (options: Options) => { await run(options) })
}

interface Options {
  readonly count: number
  readonly question?: string
  readonly track?: string
  readonly list?: boolean
  readonly json?: boolean
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It is not a whole number of questions. Try --count 3.')
  return value
}

async function run({ list, json, ...options }: Options): Promise<void> {
  const project = course.projectAt(root)
  if (list) {
    const cards = course.listCards(course.cardsOf(course.readJournal(project.journal), new Date()), options.track)
    for (const card of cards) {
      const due = card.answers === 0 ? 'new' : card.dueIn <= 0 ? 'due' : `in ${Math.ceil(card.dueIn)} d`
      process.stdout.write(`  ${due.padStart(8)}  ${card.question.question}\n${' '.repeat(12)}${colors.dim(card.question.id)}\n`)
    }
    if (json) process.stdout.write(`${JSON.stringify({ questions: cards.map(({ question, answers, dueIn, recall }) => ({ id: question.id, answers, dueIn, recall })) })}\n`)
    return
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: process.stdin.isTTY })
  const waiting = lines[Symbol.asyncIterator]()
  try {
    const done = await course.practise(project, {
      tell: (markdown) => process.stdout.write(`\n${plain(markdown)}\n`),
      ask: async (prompt) => {
        process.stdout.write(`\n${prompt}`)
        const next = await waiting.next()
        return next.done ? undefined : next.value
      },
    }, options)
    if (done.length === 0) process.stdout.write('\nStopped: nothing was recorded.\n')
    if (json) process.stdout.write(`${JSON.stringify({ practised: done })}\n`)
  } finally {
    lines.close()
  }
}

/** Markdown as a terminal shows it. */
const plain = (markdown: string): string =>
  markdown.replace(/^### (.*)$/gm, (_, title: string) => colors.bold(title)).replace(/\*\*(.+?)\*\*/g, (_, text: string) => colors.bold(text))
