// `npm run whetstone -- report`: the tracker page.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('report')
    .description('your tracker as one HTML page: lessons, days of work, scores over time')
    .option('--out <file>', 'where to write it; default: .whetstone/progress.html')
    .action(({ out }: { out?: string }) => {
      const project = course.projectAt(root)
      const file = out ?? path.join(project.state, 'progress.html')
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, course.trackerPage(project))
      process.stdout.write(`The page: ${file}  (open it in a browser)\n`)
    })
}
