// `npm run evaluate -- --month 11`: what of the curriculum is done, found out by programs.
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import colors from 'picocolors'
import { course, data } from '../..'
import { projectPython, root } from '../root'

export function register(program: Command): void {
  program.command('evaluate')
    .description('measure what is done: every line of a month, module or track, with its evidence')
    .option('--month <number>', 'a month of the curriculum: 11')
    .option('--module <number>', 'a module of the curriculum: 4')
    .option('--track <name>', `one of ${course.TRACKS.join(', ')}`)
    .option('--point <id>', 'one line, by its id')
    .option('--quick', 'fewer rounds when models are timed: a look, not a measurement')
    .option('--html [file]', 'also write a page; default: .whetstone/evaluation.html')
    .option('--json', 'end with one JSON object')
    .action(async (options: Options) => { await run(options) })
}

interface Options {
  readonly month?: string
  readonly module?: string
  readonly track?: string
  readonly point?: string
  readonly quick?: boolean
  readonly html?: string | true
  readonly json?: boolean
}

async function run({ month, module, track, point, quick, html, json }: Options): Promise<void> {
  const project = course.projectAt(root)
  const scope = course.scopeOf({ ...(month === undefined ? {} : { month }), ...(module === undefined ? {} : { module }), ...(track === undefined ? {} : { track }), ...(point === undefined ? {} : { point }) })
  const note = (text: string): void => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  … ${text}`) }
  const evaluation = await course.evaluate(project, scope, { heldOut, python, note, quick: quick ?? false })
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  // One line measured again is a look at that line, not an evaluation to compare with later ones.
  if (scope.point === undefined) course.keepEvaluation(project, evaluation)
  process.stdout.write(report(evaluation))
  if (html !== undefined) {
    const file = html === true ? `${project.state}/evaluation.html` : html
    writeFileSync(file, course.evaluationPage(evaluation))
    process.stdout.write(`The page: ${file}\n`)
  } else if (!json) {
    process.stdout.write(`  Next: npm run evaluate -- ${scope.point === undefined ? '--html  writes it as a page; ' : ''}npm run plan-week  says what to do first\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify(evaluation)}\n`)
}

const MARKS: Readonly<Record<course.Verdict, string>> = { 'passed': colors.green('✓'), 'failed': colors.red('✗'), 'not measured': colors.dim('–') }

function report(evaluation: course.Evaluation): string {
  let section = ''
  const lines = evaluation.lines.flatMap((line) => {
    const head = line.section === section ? [] : [`\n${colors.bold(line.section)} ${colors.dim(line.track)}`]
    section = line.section
    const shown = evaluation.lines.length === 1 ? line.evidence : line.evidence.slice(0, 4)
    const more = line.evidence.length - shown.length
    const facts = line.verdict === 'not measured' ? [] : shown.map(({ what, value, interval, file }) =>
      colors.dim(`        ${what}: ${value}${interval ? ` [${interval.map((each) => Number(each.toPrecision(3))).join(', ')}]` : ''}${file ? ` (${file.bytes} bytes, sha256 ${file.sha256.slice(0, 12)})` : ''}`))
    return [...head, `  ${MARKS[line.verdict]} ${line.text}`, `      ${line.verdict === 'failed' ? line.reason : colors.dim(line.reason)}`,
      ...facts, ...(more > 0 && facts.length > 0 ? [colors.dim(`        and ${more} more facts`)] : []), ...(line.verdict === 'failed' ? [colors.dim(`        again: ${line.command}`)] : [])]
  })
  const scores = evaluation.scores.map((score) =>
    `  ${score.name.padEnd(14)} ${score.value === null ? 'nothing yet' : `${score.value.toFixed(1).padStart(5)} of 100`}\n      = ${score.formula}\n      = ${score.worked}`)
  const left = evaluation.problems.map((problem) => `  ${colors.yellow('!')} left out: ${problem.split('\n').map((text) => text.trim()).join(' ')}`)
  return [...lines, '', colors.bold(`Scores: ${evaluation.scope}`), ...scores, '', ...left, course.countsOf(evaluation.lines), ''].join('\n')
}

const TABLES: Readonly<Record<string, () => data.Dataset>> = {
  'digits': data.loadDigits, 'iris': data.loadIris, 'breast-cancer': data.loadBreastCancer,
}

/** The held-out part that a project must not train on: the official test set, or a fifth drawn with seed 0. */
export function heldOut(name: string): course.HeldOut | undefined {
  const part = name === 'mnist' ? data.loadMnist({ test: 10_000, train: 1 }).test
    : TABLES[name]?.().split({ test: 0.2, seed: 0 }).test
  return part && { name: part.name, features: Float32Array.from(part.features), shape: part.shape, labels: part.labels }
}

/** A Python that has the module: WHETSTONE_PYTHON, or the project's own. */
export function python(module: string): string | undefined {
  const candidates = [process.env['WHETSTONE_PYTHON'], projectPython].filter((file): file is string => file !== undefined && existsSync(file))
  return candidates.find((file) => spawnSync(file, ['-c', `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`], { stdio: 'ignore' }).status === 0)
}
