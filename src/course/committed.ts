// What git keeps of a file, beside what lies on the disk: a learner writes into the lessons, and that breaks no lesson.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** The text of a file as it was last committed; undefined when it was not, or there is no git. */
export function committedText(file: string): string | undefined {
  const asked = spawnSync('git', ['show', `HEAD:./${path.basename(file)}`], {
    cwd: path.dirname(file), encoding: 'utf8', timeout: 10_000, maxBuffer: 64 * 1024 * 1024,
  })
  return asked.error || asked.status !== 0 ? undefined : asked.stdout
}

/** The committed text of a file whose working copy differs from it; undefined when there is no difference to speak of. */
export function committedInstead(file: string): string | undefined {
  const committed = committedText(file)
  return committed === undefined || committed === readFileSync(file, 'utf8') ? undefined : committed
}
