// `npm test`: every check there is, and at the end the line `N passed, N failed, N skipped` over all that ran.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import colors from 'picocolors'
import { findBrowser } from '../machine'
import { projectPython, root, stateFolder } from '../root'

/** What a stage reports: counts, and what it has to say about each failure and each thing not run. */
interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly string[]
  readonly notRun: readonly string[]
}

interface Stage {
  readonly name: string
  readonly args: readonly string[]
  /** Reads the counts; without it the stage is one check, passed when the exit code is 0. */
  readonly count?: (output: string, code: number) => Outcome
}

const bin = (name: string): string => path.join(root, 'node_modules', name)
const whetstone = path.join(root, 'src', 'cli', 'whetstone.cjs')
const vitestReport = path.join(stateFolder, 'logs', 'vitest.json')

/** Stages that run side by side are in one list; the lists run in turn. Two cores are the measure. */
function stages(): Stage[][] {
  const own = (name: string, ...args: string[]): Stage => ({ name, args: [whetstone, ...args, '--json'], count: countJson })
  return [
    [{ name: 'types', args: [bin('typescript-native/bin/tsc'), '-p', 'tsconfig.json'] }, { name: 'lint', args: [bin('eslint/bin/eslint.js'), '.'] }],
    [{ name: 'tests', args: [bin('vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`], count: countVitest }],
    [own('exercises', 'exercises', 'verify')],
    [own('curriculum', 'curriculum')],
    [own('notebook cells', 'notebooks', 'check')],
    [own('notebooks', 'notebooks', 'run', '--solved')],
    [own('TensorFlow.js conformance', 'conformance', '--only-fallback')],
  ]
}

export function register(program: Command): void {
  program.command('test')
    .description('run every check')
    .option('--only <stages>', 'names of stages, separated by commas')
    .action(async (options: { only?: string }) => { process.exitCode = await test(options.only?.split(',')) })
}

async function test(only: readonly string[] | undefined): Promise<number> {
  const began = Date.now()
  const total = { passed: 0, failed: 0, skipped: 0 }
  const failures: string[] = []
  const notRun: string[] = []
  await provideBrowser()
  for (const group of stages()) {
    const chosen = group.filter((stage) => only === undefined || only.includes(stage.name))
    const outcomes = await Promise.all(chosen.map(runStage))
    for (const outcome of outcomes) {
      total.passed += outcome.passed
      total.failed += outcome.failed
      total.skipped += outcome.skipped
      failures.push(...outcome.failures)
      notRun.push(...outcome.notRun)
    }
  }
  if (!existsSync(projectPython)) notRun.push('JupyterLab, nbclient and the browser: there is no Python environment (npm start says why)')
  else if (findBrowser() === undefined) notRun.push('the browser tests of JupyterLab: no Chromium was found (npm run doctor says how to get one)')
  if (notRun.length > 0) process.stdout.write(`\n${colors.bold('Did not run')}\n${notRun.map((text) => `  ${text}\n`).join('')}`)
  if (failures.length > 0) process.stdout.write(`\n${colors.bold('Failed')}\n${failures.map((text) => `  ${text}\n`).join('')}`)
  process.stdout.write(`\nAll checks took ${Math.round((Date.now() - began) / 1000)} s.\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

async function runStage(stage: Stage): Promise<Outcome> {
  const began = Date.now()
  const seconds = (): string => `${((Date.now() - began) / 1000).toFixed(0)} s`
  process.stdout.write(`  … ${stage.name}\n`)
  let latest = ''
  const beat = setInterval(() => process.stdout.write(`  … ${stage.name}, ${seconds()}${latest ? `: ${latest.slice(0, 90)}` : ''}\n`), 9_000)
  rmSync(vitestReport, { force: stage.name === 'tests' })
  const { output, code } = await capture(process.execPath, stage.args, (line) => { latest = line })
  clearInterval(beat)
  const log = path.join(stateFolder, 'logs', `test-${stage.name.replaceAll(/[^a-z]+/gi, '-')}.log`)
  mkdirSync(path.dirname(log), { recursive: true })
  writeFileSync(log, output)
  let outcome = stage.count ? stage.count(output, code) : one(stage.name, code)
  if (code !== 0 && outcome.failed === 0) outcome = { ...outcome, failed: 1, failures: [`${stage.name} ended with exit code ${code}`] }
  const mark = outcome.failed > 0 ? colors.red('✗') : colors.green('✓')
  process.stdout.write(`  ${mark} ${stage.name}: ${outcome.passed} passed, ${outcome.failed} failed${outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ''}, ${seconds()}\n`)
  if (outcome.failed > 0) process.stdout.write(`${output.split('\n').slice(-60).map((line) => `    ${line}`).join('\n')}\n    (all of it: ${path.relative(root, log)})\n`)
  return outcome
}

function capture(command: string, args: readonly string[], onLine: (line: string) => void): Promise<{ output: string; code: number }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1', DEBIAN_FRONTEND: 'noninteractive' } })
    let output = ''
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-5_000_000)
      const line = output.trimEnd().split('\n').pop()?.trim()
      if (line !== undefined && !line.startsWith('{')) onLine(line)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => resolve({ output: error.message, code: 1 }))
    child.on('close', (code, signal) => resolve({ output: signal ? `${output}\nended by ${signal}` : output, code: code ?? 1 }))
  })
}

const one = (name: string, code: number): Outcome =>
  ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, failures: code === 0 ? [] : [name], notRun: [] })

/** The last line of a command of ours with --json: `{ passed, failed, skipped?, failures?, notRun? }`. */
function countJson(output: string, code: number): Outcome {
  const last = output.trimEnd().split('\n').reverse().find((line) => line.startsWith('{'))
  try {
    const counted = JSON.parse(last ?? '') as Partial<Outcome>
    if (typeof counted.passed !== 'number' || typeof counted.failed !== 'number') throw new TypeError('no counts')
    return { passed: counted.passed, failed: counted.failed, skipped: counted.skipped ?? 0, failures: counted.failures ?? [], notRun: counted.notRun ?? [] }
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: [`it reported no counts (exit code ${code})`], notRun: [] }
  }
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

function countVitest(_output: string, code: number): Outcome {
  if (!existsSync(vitestReport)) return { passed: 0, failed: 1, skipped: 0, failures: [`vitest wrote no report (exit code ${code})`], notRun: [] }
  const report = JSON.parse(readFileSync(vitestReport, 'utf8')) as VitestReport
  const of = (status: readonly string[]): string[] => report.testResults.flatMap((file) =>
    file.assertionResults.filter((test) => status.includes(test.status)).map((test) => `${path.relative(root, file.name)}: ${test.fullName}`))
  const broken = report.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
  return {
    passed: report.numPassedTests, failed: report.numFailedTests + broken.length, skipped: report.numPendingTests,
    failures: [...of(['failed']), ...broken.map((file) => `${path.relative(root, file.name)}: ${file.message.split('\n')[0] ?? ''}`)],
    notRun: of(['pending', 'skipped', 'disabled']),
  }
}

/** Chromium from Debian's packages, where the run may install: as root, unattended, on a system with apt. */
async function provideBrowser(): Promise<void> {
  if (findBrowser() !== undefined || process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  process.stdout.write('  … Chromium from Debian\'s packages\n')
  const script = 'apt-get update -q && apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core'
  const { code } = await capture('sh', ['-c', script], () => undefined)
  process.stdout.write(code === 0 ? '  ✓ Chromium from Debian\'s packages\n' : '  – Chromium could not be installed; the browser tests will not run\n')
}
