// `npm run bench -- SUITE`: measures, prints a table, and with --json ends with one object.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { benchPage, ratioText, valueText, type Row, type SuiteResult } from '../../benchmarks'
import { loadSuite, runSuite } from '../bench-process'
import { root, stateFolder } from '../root'

const folder = path.join(__dirname, '..', 'bench')

export function register(program: Command): void {
  program.command('bench')
    .description('measure against others: `bench` lists the suites')
    .argument('[suite]', 'which one, or a file of your own that exports `suite`')
    .argument('[args...]', 'what the suite itself takes')
    .option('--json', 'end with one JSON object')
    .option('--quick', 'fewer rounds: a look, not a measurement')
    .action(async (name: string | undefined, args: string[], options: { json?: boolean; quick?: boolean }) => {
      if (name === undefined) {
        for (const suite of suiteNames().map((file) => loadSuite(path.join(folder, `${file}.js`)))) process.stdout.write(`  ${suite.name.padEnd(14)} ${suite.description}\n`)
        return
      }
      const own = name.endsWith('.js') && existsSync(name)
      if (!own && !suiteNames().includes(name)) {
        throw new WhetstoneError('BENCH_UNKNOWN', `There is no suite "${name}"`, { expected: `${suiteNames().join(', ') || 'no suite exists yet'}; or the file of one` })
      }
      const job = { file: own ? path.resolve(name) : path.join(folder, `${name}.js`), root, quick: options.quick ?? false, args }
      const title = path.basename(name, '.js')
      const complete = keep(title), partial = keep(`${title}-stopped`)
      const { result, exitCode } = await runSuite(job, (part) => { partial.write({ ...part, stopped: 'the whole program was ended' }) })
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
      process.exitCode = exitCode
      if (result.stopped !== undefined && result.rows.length === 0) {
        // Nothing to keep; who reads the last line still gets an object.
        process.stderr.write(`\n${result.stopped}\n`)
        if (options.json) process.stdout.write(JSON.stringify({ suite: title, machine: machine(), ...result }) + '\n')
        return
      }
      process.stdout.write(report(result))
      const kept = result.stopped === undefined ? complete : partial
      if (kept === complete) partial.remove()
      const record = kept.write(result)
      process.stdout.write(`  As a page with charts: ${path.relative(process.cwd(), kept.page)}\n`)
      if (options.json) process.stdout.write(record + '\n')
    })
}

function suiteNames(): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3)).sort()
}

/** Where a record and its page are kept. A stopped run has a place of its own: it does not replace a whole one. */
function keep(suite: string): { readonly page: string; readonly write: (result: SuiteResult) => string; readonly remove: () => void } {
  const file = (ending: string): string => path.join(stateFolder, 'bench', `${suite}.${ending}`)
  return {
    page: file('html'),
    write: (result) => {
      const measured = { suite: suite.replace(/-stopped$/, ''), machine: machine(), ...result }, record = JSON.stringify(measured)
      mkdirSync(path.dirname(file('json')), { recursive: true })
      writeFileSync(file('json'), record + '\n')
      writeFileSync(file('html'), benchPage({ ...measured, at: new Date().toISOString() }))
      return record
    },
    remove: () => { for (const ending of ['json', 'html']) rmSync(file(ending), { force: true }) },
  }
}

/** What a number was measured on. */
export function machine(): { cpu: string; cores: number; memoryGB: number; node: string; platform: string } {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown', cores: cpus.length, memoryGB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version, platform: `${process.platform}-${process.arch}`,
  }
}

/** The terminal table. */
function report({ rows, targets, stopped }: SuiteResult): string {
  const cells = rows.map((row: Row) => row.missing !== undefined
    ? [row.case, row.contestant, 'missing', row.missing]
    : [row.case, row.contestant, valueText(row), ratioText(row)])
  const widths = [0, 1, 2].map((column) => Math.max(4, ...cells.map((line) => (line[column] ?? '').length)))
  const line = (columns: readonly string[]): string => '  ' + columns.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ').trimEnd() + '\n'
  let text = line(['case', 'contestant', 'median', 'ratio to the first contestant, 95% interval'])
  for (const columns of cells) text += line(columns)
  for (const target of targets) {
    text += `  ${target.met === null ? 'not measured here' : target.met ? '✓ met' : '✗ missed'}: ${target.name}: wanted ${target.wanted}, reached ${target.reached}\n`
  }
  if (stopped !== undefined) text += `  STOPPED before the end: ${stopped}\n`
  return text
}
