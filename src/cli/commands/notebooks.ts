// `npm run notebooks -- run | check | clean | to-script | from-script`: notebooks executed, checked, and kept as text.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import colors from 'picocolors'
import { messageOf } from '../../core'
import { NotebookError } from '../../notebook/errors'
import { cleanNotebook, formatNotebook, fromScript, readNotebook, readText, toScript } from '../../notebook/format'
import { progress } from '../../notebook/progress'
import { formatBytes, formatSeconds } from '../../notebook/text'
import { findNotebooks, shortName } from '../notebooks/files'
import type { CellFailure, RunResult } from '../notebooks/run'

export function register(program: Command): void {
  const command = program.command('notebooks').description('run, check and edit notebooks')
  const paths = 'files, folders or patterns; default: all lessons'
  command.command('run').argument('[paths...]', paths)
    .description('run every cell on the kernel')
    .option('--solved', 'put the solutions in the place of the exercises; then every check must pass')
    .option('--timeout <seconds>', 'what one cell may take', positive, 300)
    .option('--out <folder>', 'write each notebook there as it ran, with its outputs')
    .option('--json', 'end with one JSON object, which has the time of every cell')
    .action(async (args: string[], options: RunCommand) => { process.exitCode = await run(args, options) })
  command.command('check').argument('[paths...]', paths)
    .description('check form, lesson metadata and types, without running anything')
    .option('--no-types', 'leave out the types')
    .option('--working', 'judge lessons as they lie on the disk; without paths, they are judged as they were committed')
    .option('--json', 'end with one JSON object')
    .action(async (args: string[], options: { types: boolean, working?: boolean, json?: boolean }) => { process.exitCode = await check(args, options) })
  command.command('clean').argument('[paths...]', paths)
    .description('rewrite in canonical form: ids, no outputs, no timestamps')
    .action((args: string[]) => { clean(args) })
  command.command('to-script').argument('[paths...]', paths)
    .description('write each X.ipynb as X.nb.ts, a text to edit and review')
    .option('--force', 'replace scripts that differ')
    .action((args: string[], options: { force?: boolean }) => { convert(findNotebooks(args), '.ipynb', '.nb.ts', options.force ?? false, (file) => toScript(readNotebook(file))) })
  command.command('from-script').argument('[paths...]', 'as above, of scripts')
    .description('write each X.nb.ts as X.ipynb')
    .action((args: string[]) => { convert(findNotebooks(args, '.nb.ts'), '.nb.ts', '.ipynb', true, (file) => formatNotebook(fromScript(readText(file), file))) })
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('It is not a number of seconds above 0.')
  return value
}

interface Counts { readonly passed: number, readonly failed: number, readonly failures: readonly string[] }

function report({ passed, failed, failures }: Counts, json: boolean, more: Readonly<Record<string, unknown>> = {}): number {
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  if (json) process.stdout.write(`${JSON.stringify({ passed, failed, failures, ...more })}\n`)
  return failed > 0 ? 1 : 0
}

interface RunCommand { readonly solved?: boolean, readonly timeout: number, readonly out?: string, readonly json?: boolean }

async function run(args: readonly string[], options: RunCommand): Promise<number> {
  const { committedInstead } = await import('../../course/committed.js')
  const { runNotebook } = await import('../notebooks/run.js')
  const files = findNotebooks(args)
  const results: (RunResult | { readonly file: string, readonly failure: CellFailure })[] = []
  const stop = new AbortController()
  const onInterrupt = (): void => stop.abort(new NotebookError('INTERRUPTED', 'Stopped'))
  process.once('SIGINT', onInterrupt)
  // Cells are the steps of the bar, so that the time left follows what they really take.
  const totals = new Map(files.map((file) => [file, countCells(file)]))
  const bar = progress([...totals.values()].reduce((sum, n) => sum + n, 0), { label: 'cells' })
  let before = 0
  for (const file of files) {
    if (stop.signal.aborted) break
    const result = await runNotebook(file, {
      // Solutions go into the lessons as they were committed, whatever a learner wrote there.
      instead: options.solved && args.length === 0 ? committedInstead(file) : undefined, solved: options.solved ?? false, timeout: options.timeout * 1000, signal: stop.signal,
      out: options.out === undefined ? undefined : path.resolve(options.out),
      onCell: (index) => bar.update(before + index, { in: path.basename(file) }),
    }).catch((error: unknown) => ({ file, failure: { message: messageOf(error) } }))
    before += totals.get(file) ?? 0
    results.push(result)
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
    process.stdout.write(describe(result))
    bar.update(before)
  }
  bar.end()
  process.off('SIGINT', onInterrupt)
  const failed = results.filter((result) => result.failure !== undefined)
  const code = report({
    passed: results.length - failed.length, failed: failed.length + (files.length - results.length),
    failures: failed.map(({ file, failure }) => `${shortName(file)}${failure?.id === undefined ? '' : `, cell ${failure.id}`}: ${failure?.message.split('\n')[0] ?? ''}`),
  }, options.json ?? false, { notebooks: results.map((result) => ({ ...result, file: shortName(result.file) })) })
  return stop.signal.aborted ? 130 : code
}

/** Code cells with something in them; 0 for a file that cannot be read, which fails when its turn comes. */
function countCells(file: string): number {
  try {
    return readNotebook(file).cells.filter((cell) => cell.type === 'code' && cell.source.trim() !== '').length
  } catch {
    return 0
  }
}

function describe(result: RunResult | { readonly file: string, readonly failure: CellFailure }): string {
  const { failure } = result
  const facts = 'seconds' in result
    ? [formatSeconds(result.seconds), ...result.peakBytes === undefined ? [] : [`${formatBytes(result.peakBytes)} at most`], `${result.cells} cells`,
        ...result.checks > 0 ? [`${result.checks} checks`] : []].join(', ')
    : ''
  const head = `  ${failure ? colors.red('✗') : colors.green('✓')} ${shortName(result.file)}${facts === '' ? '' : `  ${colors.dim(facts)}`}\n`
  if (!failure) return head
  const place = failure.cell === undefined ? '' : `    cell ${failure.cell}${failure.id === undefined ? '' : ` (id ${failure.id})`}:\n`
  const lines = failure.source?.split('\n') ?? []
  const width = String(lines.length).length
  const source = lines.map((line, i) => `    ${colors.dim(`${String(i + 1).padStart(width)} │`)} ${line}\n`).join('')
  return `${head}${place}${source}${failure.message.split('\n').map((line) => `    ${line}\n`).join('')}`
}

async function check(args: readonly string[], options: { types: boolean, working?: boolean, json?: boolean }): Promise<number> {
  const { committedInstead } = await import('../../course/committed.js')
  const { checkNotebook } = await import('../notebooks/check.js')
  const outcomes = []
  const notRun: string[] = []
  // Whoever names a file means that file.
  const judgeWorking = options.working === true || args.length > 0
  for (const file of progress(findNotebooks(args), { label: 'checking' })) {
    const instead = judgeWorking ? undefined : committedInstead(file)
    if (instead !== undefined) notRun.push(`the working copy of ${shortName(file)}: it differs, and the committed notebook was judged (--working judges yours)`)
    outcomes.push(...checkNotebook(file, options.types, instead))
  }
  const failed = outcomes.filter((outcome) => outcome.faults.length > 0)
  const failures = failed.map(({ file, aspect, faults }) => `${shortName(file)}, ${aspect}: ${faults[0]?.split('\n')[0] ?? ''}${faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''}`)
  for (const { file, aspect, faults } of failed) {
    process.stdout.write(`  ${colors.red('✗')} ${shortName(file)}, ${aspect}\n${faults.map((fault) => `      ${fault}\n`).join('')}`)
  }
  for (const text of notRun) process.stdout.write(`  ${colors.yellow('–')} ${text}\n`)
  if (failed.some((outcome) => outcome.aspect === 'form')) process.stdout.write('  npm run notebooks -- clean  puts the form right\n')
  return report({ passed: outcomes.length - failed.length, failed: failed.length, failures }, options.json ?? false, {
    notRun, outcomes: outcomes.map((outcome) => ({ ...outcome, file: shortName(outcome.file) })),
  })
}

function clean(args: readonly string[]): void {
  let changed = 0
  for (const file of findNotebooks(args)) {
    const text = formatNotebook(cleanNotebook(readNotebook(file)))
    if (text === readText(file)) continue
    changed++
    writeFileSync(file, text)
    process.stdout.write(`  cleaned ${shortName(file)}\n`)
  }
  process.stdout.write(changed === 0 ? 'Everything was clean.\n' : `${changed} rewritten.\n`)
}

function convert(files: readonly string[], from: string, to: string, force: boolean, text: (file: string) => string): void {
  for (const file of files) {
    if (!file.endsWith(from)) throw new NotebookError('NOTEBOOK_NAME', 'The file has another kind of name', { expected: `a name in ${from}`, got: file })
    const target = file.slice(0, -from.length) + to
    const content = text(file)
    if (!force && existsSync(target) && readFileSync(target, 'utf8') !== content) {
      throw new NotebookError('NOTEBOOK_EXISTS', 'A different file is already there', { where: target, fix: 'look at it, then add --force to replace it' })
    }
    writeFileSync(target, content)
    process.stdout.write(`  ${shortName(file)} → ${shortName(target)}\n`)
  }
}
