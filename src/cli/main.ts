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
    .showHelpAfterError('Run `whetstone help` to see every command.')
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

/** Runs one command line; failures become a paragraph and an exit code, never a bare stack. */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads the output may stop early, as `| head` does: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0) })
  try {
    const program = createProgram()
    if (argv.length <= 2) program.outputHelp()
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
