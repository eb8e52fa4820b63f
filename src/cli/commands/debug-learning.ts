// `npm run whetstone -- debug-learning`: an error text, or a model that fails, in; likely causes, checked, with fixes, out.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'

export function register(program: Command): void {
  program.command('debug-learning')
    .description('what an error means: its likely causes, each checked here, each with what mends it')
    .argument('[error...]', 'the text of the error, or a file that holds it; without: read from the input')
    .option('--model <file>', 'the model that fails: it is read, validated, loaded and run step by step')
    .option('--list', 'name every failure that is known')
    .option('--json', 'end with one JSON object')
    .action(run)
}

interface Options {
  readonly model?: string
  readonly list?: boolean
  readonly json?: boolean
}

function run(words: readonly string[], { model, list, json }: Options): void {
  if (list) {
    for (const one of course.FAILURES) process.stdout.write(`  ${one.area.padEnd(15)} ${one.title}\n`)
    return
  }
  const told = words.length > 0 ? course.textOrFile(words.join(' ')) : model === undefined && !process.stdin.isTTY ? readFileSync(0, 'utf8') : ''
  if (told.trim() === '' && model === undefined) {
    throw new course.CourseError('DEBUG_NOTHING', 'There is nothing to look at', {
      expected: 'the text of an error, or --model FILE', fix: 'npm run whetstone -- debug-learning "the error", or pipe it in: node x.js 2>&1 | npm run -s whetstone -- debug-learning',
    })
  }
  const tried = model === undefined ? undefined : course.diagnoseModel(model)
  const diagnoses = told.trim() === '' ? tried?.diagnoses ?? [] : course.diagnoseText(told, model)
  for (const step of tried?.steps ?? []) process.stdout.write(`  ${step.ok ? colors.green('✓') : colors.red('✗')} ${step.name}: ${step.said.split('\n').map((line) => line.trim()).join(' ').slice(0, 300)}\n`)
  for (const diagnosis of diagnoses) process.stdout.write(text(diagnosis))
  if (diagnoses.length === 0) {
    process.stdout.write(tried?.steps.every((step) => step.ok) === true
      ? '\n  Nothing fails here. npm run whetstone -- harden FILE says what may fail later.\n'
      : '\n  This text is not known. Give the last lines of the error as they were printed, or --model FILE; --list names what is known.\n')
  }
  if (json) process.stdout.write(`${JSON.stringify({ steps: tried?.steps ?? [], diagnoses: diagnoses.map(({ case: one, recognised, causes }) => ({ id: one.id, area: one.area, title: one.title, recognised, causes: causes.map(({ why, fix, check, outcome }) => ({ why, fix, looksAt: check.looksAt, ...outcome })) })) })}\n`)
}

function text({ case: one, recognised, causes }: course.Diagnosis): string {
  const marks = { true: colors.red('●'), false: colors.dim('○'), undefined: colors.yellow('?') }
  return `\n${colors.bold(one.title)} ${colors.dim(`(${one.area})`)}\n  recognised: ${colors.dim(recognised)}\n` + causes.map(({ why, fix, check, outcome }) => {
    const said = outcome.applies === true ? 'applies' : outcome.applies === false ? 'does not apply' : 'cannot be told here'
    return `  ${marks[String(outcome.applies) as 'true' | 'false' | 'undefined']} ${why}\n      looked at ${check.looksAt}: ${said}, ${outcome.saw}\n${outcome.applies === false ? '' : `      to mend: ${fix}\n`}`
  }).join('')
}
