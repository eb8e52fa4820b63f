// `npm run status`: where you stand and what is next. Reads; runs nothing.
import type { Command } from 'commander'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('status')
    .description('where you stand, what is next and what is due')
    .option('--json', 'one JSON object')
    .action((options: { json?: boolean }) => {
      const status = course.statusOf(course.projectAt(root))
      process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : course.statusText(status))
    })
}
