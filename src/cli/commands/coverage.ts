// Writes the pages of docs/ that come from tables: the engine's kernels, the commands.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { coveragePage } from '../../engine/coverage'
import { commandsPage } from '../commands-page'
import { root } from '../root'

export function register(program: Command): void {
  program.command('coverage')
    .description("write docs/engine-coverage.md and docs/commands.md from the engine's table and from the commands")
    .action(() => {
      for (const [name, text] of [['engine-coverage.md', coveragePage()], ['commands.md', commandsPage(program)]] as const) {
        const file = path.join(root, 'docs', name)
        writeFileSync(file, text)
        process.stdout.write(`${path.relative(process.cwd(), file)}\n`)
      }
    })
}
