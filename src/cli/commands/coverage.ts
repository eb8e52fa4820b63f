// Writes docs/engine-coverage.md from the engine's table.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { coveragePage } from '../../engine/coverage'
import { root } from '../root'

export function register(program: Command): void {
  program.command('coverage')
    .description("write docs/engine-coverage.md from the engine's table of kernels")
    .action(() => {
      const file = path.join(root, 'docs', 'engine-coverage.md')
      writeFileSync(file, coveragePage())
      process.stdout.write(`${path.relative(process.cwd(), file)}\n`)
    })
}
