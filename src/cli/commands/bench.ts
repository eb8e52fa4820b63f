// `npm run bench -- SUITE`: measures, prints a table, and with --json ends with one object.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import { WhetstoneError } from '../../core'
import { benchPage, digits, ratioText, type BenchSuite, type Row, type SuiteResult } from '../../benchmarks'
import { root, stateFolder } from '../root'

const folder = path.join(__dirname, '..', 'bench')

export function register(program: Command): void {
  program.command('bench')
    .description('measure against others: `bench` lists the suites')
    .argument('[suite]', 'which one')
    .argument('[args...]', 'what the suite itself takes')
    .option('--json', 'end with one JSON object')
    .option('--quick', 'fewer rounds: a look, not a measurement')
    .action(async (name: string | undefined, args: string[], options: { json?: boolean; quick?: boolean }) => {
      if (name === undefined) {
        for (const suite of suiteNames().map(loadSuite)) process.stdout.write(`  ${suite.name.padEnd(14)} ${suite.description}\n`)
        return
      }
      if (!suiteNames().includes(name)) {
        throw new WhetstoneError('BENCH_UNKNOWN', `There is no suite "${name}"`, { expected: suiteNames().join(', ') || 'no suite exists yet' })
      }
      const suite = loadSuite(name)
      const note = (line: string): void => { process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`) }
      const result = await suite.run({ root, quick: options.quick ?? false, args, note })
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
      process.stdout.write(report(result))
      const measured = { suite: name, machine: machine(), ...result }, record = JSON.stringify(measured)
      const file = (ending: string): string => path.join(stateFolder, 'bench', `${name}.${ending}`)
      mkdirSync(path.dirname(file('json')), { recursive: true })
      writeFileSync(file('json'), record + '\n')
      writeFileSync(file('html'), benchPage({ ...measured, at: new Date().toISOString() }))
      process.stdout.write(`  As a page with charts: ${path.relative(process.cwd(), file('html'))}\n`)
      if (options.json) process.stdout.write(record + '\n')
    })
}

function suiteNames(): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3)).sort()
}

function loadSuite(name: string): BenchSuite {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- suites are found by scanning
  return (require(path.join(folder, name)) as { suite: BenchSuite }).suite
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
function report({ rows, targets }: SuiteResult): string {
  const cells = rows.map((row: Row) => row.missing !== undefined
    ? [row.case, row.contestant, 'missing', row.missing]
    : [row.case, row.contestant, `${digits(row.median ?? Number.NaN)} ${row.unit}`, ratioText(row)])
  const widths = [0, 1, 2].map((column) => Math.max(4, ...cells.map((line) => (line[column] ?? '').length)))
  const line = (columns: readonly string[]): string => '  ' + columns.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ').trimEnd() + '\n'
  let text = line(['case', 'contestant', 'median', 'ratio to the first contestant, 95% interval'])
  for (const columns of cells) text += line(columns)
  for (const target of targets) {
    text += `  ${target.met === null ? 'not measured here' : target.met ? '✓ met' : '✗ missed'}: ${target.name}: wanted ${target.wanted}, reached ${target.reached}\n`
  }
  return text
}
