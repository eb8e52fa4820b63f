// `npm run whetstone -- curriculum`: which lesson, exercise or project covers each point of the curriculum.
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('curriculum')
    .description('coverage of the curriculum by track; fails on a claim of a point that does not exist')
    .option('--covered', 'also name the points that are covered, and where')
    .option('--missing', 'also name the points that nothing covers yet')
    .option('--json', 'end with one JSON object')
    .action((options: Options) => { process.exitCode = report(options) })
}

interface Options {
  readonly covered?: boolean
  readonly missing?: boolean
  readonly json?: boolean
}

function report(options: Options): number {
  const map = course.mapCurriculum(course.projectAt(root))
  for (const track of map.tracks) {
    process.stdout.write(`  ${track.track.padEnd(12)} ${course.bar(track.covered, track.needed, 20)} ${track.covered} of ${track.needed} points\n`)
    const claims = map.claims.filter((claim) => claim.point.startsWith(`${track.track}/`))
    for (const point of options.covered ? new Set(claims.map((claim) => claim.point)) : []) {
      process.stdout.write(`      ${point}\n`)
      for (const claim of claims.filter((each) => each.point === point)) process.stdout.write(colors.dim(`        ${claim.kind}: ${claim.place}\n`))
    }
    for (const point of options.missing ? track.missing : []) process.stdout.write(`      ${colors.dim(point.id)}  ${point.text}\n`)
  }
  for (const claim of map.wrong) process.stdout.write(`  ${colors.red('✗')} ${claim.place} claims ${claim.point}, which is no point of the curriculum\n`)
  if (options.json) {
    const right = map.claims.length - map.wrong.length
    process.stdout.write(`${JSON.stringify({
      passed: right, failed: map.wrong.length,
      failures: map.wrong.map((claim) => `${claim.place} claims ${claim.point}`),
      tracks: map.tracks.map(({ track, needed, covered, missing }) => ({ track, needed, covered, missing: missing.map((point) => point.id) })),
      claims: map.claims,
    })}\n`)
  }
  return map.wrong.length > 0 ? 1 : 0
}
