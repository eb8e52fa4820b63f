// `npm run whetstone -- curriculum`: which lesson, exercise or project covers each point of the curriculum.
import type { Command } from 'commander'
import colors from 'picocolors'
import { course } from '../..'
import { root } from '../root'

export function register(program: Command): void {
  program.command('curriculum')
    .description('coverage of the curriculum by track; fails on a claim of a point that does not exist')
    .option('--missing', 'also name the points that nothing covers yet')
    .option('--json', 'end with one JSON object')
    .action((options: { missing?: boolean; json?: boolean }) => { process.exitCode = report(options) })
}

function report(options: { missing?: boolean; json?: boolean }): number {
  const map = course.mapCurriculum(course.projectAt(root))
  for (const track of map.tracks) {
    process.stdout.write(`  ${track.track.padEnd(12)} ${course.bar(track.covered, track.needed, 20)} ${track.covered} of ${track.needed} points\n`)
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
