// `npm run whetstone -- adapt`: what several evaluations propose to change. Changes nothing.
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('adapt')
    .description('proposals from several evaluations; nothing is applied')
    .option('--json', 'one JSON object')
    .action((options: { json?: boolean }) => {
      const project = course.projectAt(root)
      const evaluations = course.comparable(project)
      const found = course.proposals(project)
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ evaluations: evaluations.map(({ at, scope }) => ({ at, scope })), proposals: found })}\n`)
        return
      }
      if (evaluations.length < course.FEWEST_EVALUATIONS) {
        process.stdout.write(`  ${evaluations.length === 0 ? 'There is no evaluation yet' : 'There is one evaluation'}, and a direction needs ${course.FEWEST_EVALUATIONS} of the same part of the curriculum.\n  Next: npm run evaluate -- --module 4, and again in a week\n`)
        return
      }
      process.stdout.write(`  From ${evaluations.length} evaluations of ${evaluations[0]?.scope ?? ''}, ${evaluations[0]?.at.slice(0, 10) ?? ''} to ${evaluations.at(-1)?.at.slice(0, 10) ?? ''}. Nothing is changed.\n`)
      for (const { what, because, command } of found) {
        process.stdout.write(`\n  ${colors.bold(what)}\n${because.map((each) => `    because ${each}\n`).join('')}    ${colors.dim(command)}\n`)
      }
      if (found.length === 0) process.stdout.write('\n  They propose nothing: go on as planned.\n')
    })
}
