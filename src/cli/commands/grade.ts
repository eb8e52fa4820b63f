// `whetstone grade`: submissions in, gradebook out; `grade merge` puts shards together; `grade manifest` writes the job for
// more than one machine.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { progress } from '../../notebook/progress'
import { root } from '../root'
import { shortName } from '../notebooks/files'

interface TableOptions {
  readonly out: string
  readonly roster?: string
  readonly times?: string
  readonly deadline?: string
  readonly latePerDay: number
  readonly grace: number
  readonly lastDay?: number
  readonly assignment: string
  readonly json?: boolean
}

interface GradeCommand extends TableOptions {
  readonly lesson?: string[]
  readonly sandbox: course.SandboxName
  readonly jobs?: number
  readonly shard?: { readonly index: number; readonly count: number }
  readonly duplicates: course.OnDuplicates
}

export function register(program: Command): void {
  const command = program.command('grade').description('grade a folder or zip of notebooks from people you do not know')
    .argument('[submissions]', 'a folder of notebooks or of learners\' folders, or a zip archive of either')
    .option('--lesson <names...>', 'lessons or exercises to grade; default: what at least half of the class handed in')
    .addOption(new Option('--sandbox <name>', 'what shuts the submissions in; none is for code that you trust').choices(['bubblewrap', 'docker', 'podman', 'none']).default('bubblewrap'))
    .option('--jobs <number>', 'answers graded side by side; default: one for each core', whole)
    .option('--shard <i/n>', 'grade one of n parts of the class, from 1', shard)
    .addOption(new Option('--duplicates <which>', 'what to take when cells of one exercise differ').choices(['refuse', 'first', 'last']).default('refuse'))
  tableOptions(command)
  command.addHelpText('after', '\nRun it again after an interrupt, a crash or new submissions: what has a result is not graded again.')
  command.action(async (submissions: string | undefined, options: GradeCommand) => {
    if (submissions === undefined) {
      command.outputHelp({ error: true })
      process.exitCode = 1
      return
    }
    process.exitCode = await grade(submissions, options)
  })
  const merge = command.command('merge').description('put the results of shards together').argument('<parts...>', 'folders that `grade --shard i/n --out` wrote')
    .option('--partial', 'although a shard is missing')
  tableOptions(merge)
  merge.action((parts: string[], _own: unknown, self: Command) => {
    const options = self.optsWithGlobals<TableOptions & { partial?: boolean }>()
    const { roster, late } = tables(options)
    const book = course.mergeGradebooks({
      parts, out: path.resolve(options.out), roster, assignment: options.assignment, partial: options.partial ?? false, ...(late ? { late } : {}),
    })
    process.stdout.write(describe(book, path.resolve(options.out)))
    if (options.json) process.stdout.write(json(book, {}))
  })
  command.command('manifest').description('write the same job for more than one machine').argument('<shards>', 'number of machines', whole)
    .addOption(new Option('--for <system>', 'where it runs').choices(['kubernetes', 'github']).default('kubernetes'))
    .option('--image <name>', 'container image, for Kubernetes')
    .option('--to <file>', 'write it there; default: the terminal')
    .argument('[words...]', 'behind --, what every shard gets: -- --lesson lesson_07_onnx_basics')
    .action((shards: number, words: string[], options: { for: 'kubernetes' | 'github'; image?: string; to?: string }) => {
      const manifest = { shards, args: words, ...(options.image === undefined ? {} : { image: options.image }) }
      const text = options.for === 'kubernetes' ? course.kubernetesJob(manifest) : course.githubActions(manifest)
      if (options.to === undefined) process.stdout.write(text)
      else {
        mkdirSync(path.dirname(path.resolve(options.to)), { recursive: true })
        writeFileSync(options.to, text)
        process.stdout.write(`  ${shortName(path.resolve(options.to))}\n`)
      }
    })
}

function tableOptions(command: Command): void {
  command.option('--out <folder>', 'where the gradebook goes', 'graded')
    .option('--roster <csv>', 'who is in the class: Canvas\'s gradebook export, Moodle\'s grading worksheet, or columns name and email')
    .option('--times <csv>', 'when each learner handed in: columns learner and submitted')
    .option('--deadline <time>', 'for example 2026-03-01T23:59')
    .option('--late-per-day <percent>', 'what each day begun after it costs', percent, 10)
    .option('--grace <minutes>', 'minutes after the deadline that cost nothing', number, 0)
    .option('--last-day <days>', 'days begun after which nothing counts', whole)
    .option('--assignment <name>', 'what Canvas calls the assignment', 'Whetstone')
    .option('--json', 'end with one JSON object')
}

function tables(options: TableOptions): { roster: course.RosterEntry[]; late?: course.LatePolicy } {
  return {
    roster: options.roster === undefined ? [] : course.readRoster(options.roster),
    ...(options.deadline === undefined ? {} : {
      late: {
        deadline: course.parseTime(options.deadline, '--deadline'), perDay: options.latePerDay / 100, graceMinutes: options.grace,
        ...(options.lastDay === undefined ? {} : { lastDay: options.lastDay }),
      },
    }),
  }
}

async function grade(submissions: string, options: GradeCommand): Promise<number> {
  const out = path.resolve(options.out)
  const { roster, late } = tables(options)
  if (options.sandbox === 'none') {
    process.stderr.write(colors.red(colors.bold('\n  NO SANDBOX. ')) + 'The submissions run as you: they can read the solutions, change this gradebook, and everything else\n'
      + '  that you can. Every report says so. Stop now (Ctrl+C) unless you trust every one of them.\n\n')
  }
  const stop = new AbortController()
  const onSignal = (): void => {
    process.stderr.write('\n  Stopping; what has a result is kept …\n')
    stop.abort()
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  let bar: ReturnType<typeof progress> | undefined
  try {
    const summary = await course.gradeSubmissions({
      project: course.projectAt(root), submissions: path.resolve(submissions), out, sandbox: options.sandbox, roster, onDuplicates: options.duplicates,
      assignment: options.assignment, signal: stop.signal,
      ...(late ? { late } : {}), ...(options.lesson ? { exercises: options.lesson } : {}), ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
      ...(options.shard ? { shard: options.shard } : {}), ...(options.times === undefined ? {} : { times: course.readTimes(options.times) }),
      onProgress: (done, total) => {
        if (total === 0) return
        bar ??= progress(total, { label: 'answers' })
        bar.update(done)
      },
    })
    bar?.end()
    process.stdout.write(describe(summary.book, out))
    process.stdout.write(colors.dim(`  ${summary.graded} answers graded now, ${summary.kept} had their result already\n`))
    if (summary.stopped) process.stdout.write(`  Stopped; ${summary.book.open} answers have no result yet. The same command goes on.\n`)
    if (options.json) process.stdout.write(json(summary.book, { graded: summary.graded, kept: summary.kept, stopped: summary.stopped }))
    return summary.stopped ? 130 : 0
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

function describe(book: course.Gradebook, out: string): string {
  const present = book.rows.filter((row) => row.state === 'handed in')
  const notes = present.filter((row) => row.notes.length > 0).length
  const sorted = present.map((row) => row.final).sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length === 0 ? 0 : ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
  return `  ${present.length} learners, ${book.columns.length} exercises, median ${Math.round(median * 100) / 100} of ${book.maxPoints} points\n`
    + (notes > 0 ? `  ${notes} learners to look at, ${book.similar.length} pairs alike\n` : '')
    + `  ${shortName(path.join(out, 'overview.html'))}   the class, in a browser\n`
    + `  ${shortName(path.join(out, 'gradebook.csv'))}   for a spreadsheet; beside it gradebook.json, canvas.csv, moodle.csv, gradescope/, feedback/\n`
}

const json = (book: course.Gradebook, more: Readonly<Record<string, unknown>>): string => `${JSON.stringify({
  ...more, learners: book.rows.length, open: book.open, maxPoints: book.maxPoints, similar: book.similar.length,
  grades: Object.fromEntries(book.rows.map((row) => [row.learner, row.final])),
})}\n`

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 1000) throw new InvalidArgumentError('It is not a whole number from 1 to 1000.')
  return value
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('It is not a number of 0 or more.')
  return value
}

function percent(text: string): number {
  const value = Number(text.replace(/%$/, ''))
  if (!(value >= 0 && value <= 100)) throw new InvalidArgumentError('It is not a percentage from 0 to 100.')
  return value
}

function shard(text: string): { index: number; count: number } {
  const [, index, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []
  const part = { index: Number(index), count: Number(count) }
  if (index === undefined || part.index < 1 || part.index > part.count) throw new InvalidArgumentError('It is not i/n with i from 1 to n.')
  return part
}
