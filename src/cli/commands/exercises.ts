// `npm run exercises -- verify`: proves that every exercise is what docs/exercises.md says; `list` names them.
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  const command = program.command('exercises').description('the exercises of the course')
  command.command('list')
    .description('every exercise with its points, minutes and your progress')
    .action(() => { process.stdout.write(`${String(new course.Course(course.projectAt(root)).progressReport())}\n`) })
  command.command('verify')
    .description('prove that every stub fails, every solution passes and every mistake is recognised')
    .option('--working', 'judge notebooks as they lie on the disk, not as they were committed')
    .option('--json', 'end with one JSON object')
    .action(async (options: { json?: boolean; working?: boolean }) => { process.exitCode = await verify(options.json ?? false, options.working ?? false) })
}

async function verify(json: boolean, working: boolean): Promise<number> {
  const proofs = await course.verifyExercises(course.projectAt(root), lint, (text) => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  … ${text}`) }, working)
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  const failed = proofs.filter((proof) => !proof.holds)
  const open = proofs.filter((proof) => proof.open)
  const text = (proof: course.Proof): string => `${proof.subject}: ${proof.statement}${proof.reason === undefined ? '' : `: ${proof.reason}`}`
  for (const proof of open) process.stdout.write(`  ${colors.yellow('–')} ${text(proof)}\n`)
  for (const proof of failed) process.stdout.write(`  ${colors.red('✗')} ${text(proof)}\n`)
  const passed = proofs.length - failed.length - open.length
  process.stdout.write(`${passed} proofs hold, ${failed.length} fail, ${open.length} open\n`)
  if (json) process.stdout.write(`${JSON.stringify({ passed, failed: failed.length, failures: failed.map(text), notRun: open.map(text) })}\n`)
  return failed.length > 0 ? 1 : 0
}

/** ESLint with the project's own configuration: the first problem of each file that has one. */
async function lint(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { ESLint } = await import('eslint')
  const results = await new ESLint({ cwd: root }).lintFiles([...files])
  return new Map(results.flatMap((result): [string, string][] => {
    const [problem] = result.messages
    return problem ? [[result.filePath, `line ${problem.line}: ${problem.message}`]] : []
  }))
}
