// Where the project is on disk. Found from the library's own location, so that it works from a notebook at any depth.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { WhetstoneError } from '../core'

/** The folders that the course reads and writes, as absolute paths. */
export interface Project {
  readonly root: string
  readonly notebooks: string
  readonly exercises: string
  readonly solutions: string
  /** Generated state: git-ignored, safe to delete except for the journal. */
  readonly state: string
  readonly cache: string
  readonly journal: string
  /** Every point of the curriculum, as data. */
  readonly points: string
}

/** The project whose root is `root`. WHETSTONE_JOURNAL names another journal: a run that is not the learner's. */
export function projectAt(root: string): Project {
  const at = (...parts: string[]): string => path.join(root, ...parts)
  return {
    root,
    notebooks: at('notebooks'),
    exercises: at('exercises'),
    solutions: at('solutions'),
    state: at('.whetstone'),
    cache: at('.whetstone', 'cache'),
    journal: process.env['WHETSTONE_JOURNAL'] ?? at('.whetstone', 'journal.jsonl'),
    points: at('src', 'course', 'curriculum', 'points.json'),
  }
}

/** Whether the journal is the learner's own: a run with another journal leaves the front page alone. */
export function isLearners(project: Project): boolean {
  return project.journal === path.join(project.state, 'journal.jsonl')
}

/**
 * The project that this library belongs to: the nearest folder above `from` whose package.json is named `whetstone`.
 *
 * @throws WhetstoneError `COURSE_NO_PROJECT` when there is none
 */
export function findProject(from: string = __dirname): Project {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    if (isWhetstone(path.join(folder, 'package.json'))) return projectAt(folder)
    if (folder === path.dirname(folder)) break
  }
  throw new WhetstoneError('COURSE_NO_PROJECT', 'The course does not find its own folder', {
    expected: 'a package.json named "whetstone" in this folder or in one above it',
    where: from,
    fix: 'run the command inside the project, and keep its package.json',
  })
}

function isWhetstone(file: string): boolean {
  if (!existsSync(file)) return false
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown } | null)?.name === 'whetstone'
  } catch {
    return false
  }
}
