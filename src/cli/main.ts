// The command line: one file a command in commands/, found by scanning. The set-up (bootstrap/) has run before.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError } from 'commander'
import { WhetstoneError, messageOf } from '../core'
import { root } from './root'

interface CommandModule {
  readonly register: (program: Command) => void
}

/** The program with every command registered. */
export function createProgram(): Command {
  const program = new Command('whetstone')
    .description('A course and toolkit for making machine-learning models small and fast.')
    .showHelpAfterError('`npm run whetstone -- help` names every command, `npm run whetstone -- help NAME` says what one takes.')
    .exitOverride()
  const folder = path.join(__dirname, 'commands')
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.js') || (name.endsWith('.ts') && !name.endsWith('.d.ts'))).sort()) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- commands are found by scanning
    const command = require(path.join(folder, file)) as CommandModule
    command.register(program)
  }
  program.addHelpText('after', `\nThe course is in ${path.join(root, 'notebooks')}: \`npm start\` opens it, \`npm run doctor\` shows what this machine has.`)
  return program
}

/** What `whetstone` alone prints: what one can do here, by who one is. */
const OVERVIEW: readonly (readonly [who: string, ways: readonly (readonly [command: string, does: string])[]])[] = [
  ['You want to learn', [
    ['npm start', 'opens the course in your browser'],
    ['npm run status', 'where you stand and what is next'],
    ['npm run plan-week', 'a plan of your week from the hours you have'],
    ['npm run interview', 'an interview question, marked, coming back when it is due'],
    ['npm run whetstone -- debug-learning "…"', 'what an error means, checked here, and what mends it'],
    ['npm run whetstone -- harden FILE', 'reviews your model, pipeline or notebook'],
  ]],
  ['You learn alone and want to know how far you are', [
    ['npm run evaluate -- --month 11', 'every line of the month, measured; also --module 4, --track NAME, --html'],
    ['npm run whetstone -- project optimized_model_pipeline', 'the definition of done of a project, measured'],
    ['npm run whetstone -- report', 'your tracker as a page'],
    ['npm run whetstone -- adapt', 'what several evaluations propose to change'],
  ]],
  ['You teach', [
    ['npm run exercises -- list', 'the exercises with points and minutes'],
    ['npm run whetstone -- help grade', 'grades the notebooks of a class, each in a sandbox'],
    ['npm run whetstone -- help release', 'makes the student\'s folder, without solutions'],
  ]],
  ['You build on it', [
    ['npm test', 'every check; npm run bench lists what is measured against others'],
    ['npm run doctor', 'what this machine has and what is missing'],
    ['npm run curriculum', 'which lesson covers which point of the curriculum'],
  ]],
]

function overview(): string {
  const known = new Set(createProgram().commands.map((command) => command.name()))
  // A way whose command is not in this version is not offered.
  const there = (line: string): boolean => { const name = /-- help (\S+)/.exec(line)?.[1]; return name === undefined || known.has(name) }
  const width = Math.max(...OVERVIEW.flatMap(([, ways]) => ways.map(([command]) => command.length)))
  const parts = OVERVIEW.map(([who, ways]) => `${who}\n${ways.filter(([command]) => there(command)).map(([command, does]) => `  ${command.padEnd(width)}  ${does}\n`).join('')}`)
  return `Whetstone: make machine-learning models small and fast, and prove it.\n\n${parts.join('\n')}\nEvery command: npm run whetstone -- help    One of them: npm run whetstone -- help NAME\n`
}

/** Runs one command line; failures become a paragraph and an exit code, never a bare stack. */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads the output may stop early, as `| head` does: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0) })
  try {
    const program = createProgram()
    if (argv.length <= 2) process.stdout.write(overview())
    else await program.parseAsync([...argv])
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode
      return
    }
    const text = error instanceof WhetstoneError ? error.message : error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
    process.stderr.write(`\n${text}\n`)
    process.exitCode = 1
  }
}
