// `npm run whetstone -- harden FILE…`: reviews models, pipelines and notebooks for what goes wrong later.
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'

export function register(program: Command): void {
  program.command('harden')
    .description('review a model (.onnx), a pipeline (.ts) or a notebook (.ipynb): risks with severity, place and fix')
    .argument('[files...]', 'what to review')
    .option('--list', 'name every rule')
    .option('--json', 'end with one JSON object')
    .action(run)
}

const PAINT: Readonly<Record<course.Severity, (text: string) => string>> = { high: colors.red, medium: colors.yellow, low: colors.dim }

function run(files: readonly string[], { list, json }: { list?: boolean; json?: boolean }): void {
  if (list) {
    for (const rule of course.REVIEW_RULES) process.stdout.write(`  ${PAINT[rule.severity](rule.severity.padEnd(6))} ${rule.id.padEnd(22)} ${rule.looksFor}\n`)
    return
  }
  if (files.length === 0) throw new course.CourseError('HARDEN_NOTHING', 'There is nothing to review', { expected: 'one or more .onnx, .ts or .ipynb files', fix: 'npm run whetstone -- harden model.onnx pipeline.ts' })
  const found = files.flatMap((file) => course.review(file))
  for (const { severity, rule, place, what, fix } of found) process.stdout.write(`  ${PAINT[severity](severity)} ${colors.bold(place)} ${what} ${colors.dim(`(${rule})`)}\n      to fix: ${fix}\n`)
  const count = (severity: course.Severity): number => found.filter((each) => each.severity === severity).length
  process.stdout.write(found.length === 0 ? `Nothing found in ${files.length} ${files.length === 1 ? 'file' : 'files'}; ${course.REVIEW_RULES.length} rules looked.\n` : `${count('high')} high, ${count('medium')} medium, ${count('low')} low\n`)
  if (json) process.stdout.write(`${JSON.stringify({ findings: found })}\n`)
  if (count('high') > 0) process.exitCode = 1
}
