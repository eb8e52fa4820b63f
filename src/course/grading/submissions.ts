// Finds what was handed in: a folder of notebooks, of learners' folders, or an archive of either. Nothing is followed,
// unpacked to disk or trusted; what is left out is named with the reason.
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../core'
import { GradingError } from './errors'
import { readZip, type ZipLimits } from './zip'

/** A notebook that was handed in. */
export interface SubmittedFile {
  /** Below the learner's folder, or the file itself. */
  readonly name: string
  readonly modified: Date
  read(): Buffer
}

/** Everything of one learner. */
export interface Submission {
  /** The name of the file or folder, without what a learning platform added. */
  readonly learner: string
  readonly files: readonly SubmittedFile[]
  /** What was not taken, and why. */
  readonly problems: readonly string[]
  /** When the last notebook was written. */
  readonly submitted?: Date
  /** The number under which Canvas or Moodle knows the learner, when the name of the download says it. */
  readonly platformId?: string
  /** Canvas wrote LATE into the name. */
  readonly markedLate?: true
}

/** Bounds of what is read. */
export interface SubmissionLimits extends ZipLimits {
  /** Folders inside folders. */
  readonly depth: number
  /** Bytes of an archive itself. */
  readonly archiveBytes: number
}

/** A notebook with plots has a few megabytes; a class of five hundred has a few hundred. */
export const SUBMISSION_LIMITS: SubmissionLimits = {
  entries: 50_000, fileBytes: 32 * 1024 * 1024, totalBytes: 4 * 1024 ** 3, depth: 8, archiveBytes: 1024 ** 3,
}

interface Found {
  /** Parts of the path below the submissions. */
  readonly parts: readonly string[]
  readonly modified: Date
  readonly read: () => Buffer
}

interface Search {
  readonly found: Found[]
  readonly problems: { readonly parts: readonly string[]; readonly reason: string }[]
  readonly limits: SubmissionLimits
}

/**
 * The submissions at `place`, sorted by learner.
 *
 * @throws GradingError `GRADE_SUBMISSIONS` when there are none, `GRADE_ZIP`
 */
export function findSubmissions(place: string, limits: SubmissionLimits = SUBMISSION_LIMITS): Submission[] {
  const search: Search = { found: [], problems: [], limits }
  let folder: boolean
  try {
    folder = statSync(place).isDirectory()
  } catch (cause) {
    throw new GradingError('GRADE_SUBMISSIONS', 'The submissions cannot be read', { got: messageOf(cause), where: place, fix: 'name a folder or a zip archive', cause })
  }
  if (folder) searchFolder(search, place, [])
  else if (/\.zip$/i.test(place)) searchZip(search, readFileSync(place), place, [])
  else if (/\.ipynb$/i.test(place)) addFile(search, place, [path.basename(place)])
  const submissions = group(search)
  if (submissions.length === 0) {
    throw new GradingError('GRADE_SUBMISSIONS', 'There is nothing to grade', {
      expected: 'notebooks (.ipynb), folders with notebooks, or a zip archive of either', where: place,
    })
  }
  return submissions
}

function searchFolder(search: Search, folder: string, parts: readonly string[]): void {
  if (parts.length > search.limits.depth) {
    search.problems.push({ parts, reason: `folders nest deeper than ${search.limits.depth}` })
    return
  }
  for (const name of readdirSync(folder).sort()) {
    if (name.startsWith('.') || name === '__MACOSX' || name === 'node_modules') continue
    const at = path.join(folder, name), below = [...parts, name]
    const facts = lstatSync(at)
    if (facts.isDirectory()) searchFolder(search, at, below)
    else if (facts.isSymbolicLink()) search.problems.push({ parts: below, reason: 'it is a link, and links are not followed' })
    else if (!facts.isFile()) search.problems.push({ parts: below, reason: 'it is no ordinary file' })
    else if (/\.ipynb$/i.test(name)) addFile(search, at, below)
    else if (/\.zip$/i.test(name)) {
      try {
        if (facts.size > search.limits.archiveBytes) throw new Error(`it has ${facts.size} bytes; ${search.limits.archiveBytes} are allowed`)
        searchZip(search, readFileSync(at), name, [...parts, name.replace(/\.zip$/i, '')])
      } catch (error) {
        search.problems.push({ parts: below, reason: oneLine(error) })
      }
    }
  }
}

function addFile(search: Search, file: string, parts: readonly string[]): void {
  const { size, mtime } = statSync(file)
  if (size > search.limits.fileBytes) search.problems.push({ parts, reason: `it has ${size} bytes; ${search.limits.fileBytes} are allowed` })
  else search.found.push({ parts, modified: mtime, read: () => readFileSync(file) })
}

function searchZip(search: Search, bytes: Buffer, where: string, parts: readonly string[]): void {
  const { entries, refused } = readZip(bytes, where, search.limits)
  for (const { name, reason } of refused) search.problems.push({ parts: [...parts, ...safeParts(name)], reason })
  for (const entry of entries) {
    const below = safeParts(entry.name)
    if (below.some((part) => part.startsWith('.') || part === '__MACOSX')) continue
    if (below.length > search.limits.depth) search.problems.push({ parts: [...parts, ...below], reason: `folders nest deeper than ${search.limits.depth}` })
    else if (/\.ipynb$/i.test(entry.name)) search.found.push({ parts: [...parts, ...below], modified: entry.modified, read: () => entry.read() })
    else if (/\.zip$/i.test(entry.name) && parts.length === 0) {
      try {
        searchZip(search, entry.read(), entry.name, [...below.slice(0, -1), (below.at(-1) ?? '').replace(/\.zip$/i, '')])
      } catch (error) {
        search.problems.push({ parts: below, reason: oneLine(error) })
      }
    }
  }
}

const safeParts = (name: string): string[] => name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')

/** By the first part of the path: a folder, or a file without its ending. One folder around everything is looked through. */
function group(search: Search): Submission[] {
  const { found, problems } = search
  const [first] = found
  const wrapped = first !== undefined && first.parts.length > 2 && found.every((each) => each.parts.length > 2 && each.parts[0] === first.parts[0])
    && problems.every((each) => each.parts[0] === first.parts[0])
  const cut = (parts: readonly string[]): readonly string[] => (wrapped ? parts.slice(1) : parts)
  const groups = new Map<string, { name: Named; files: SubmittedFile[]; problems: string[] }>()
  const groupOf = (parts: readonly string[]): { name: Named; files: SubmittedFile[]; problems: string[] } => {
    const name = learnerOf(parts[0] ?? '', parts.length === 1)
    const known = groups.get(name.learner)
    if (known) return known
    const made = { name, files: [], problems: [] }
    groups.set(name.learner, made)
    return made
  }
  for (const each of found) {
    const parts = cut(each.parts)
    groupOf(parts).files.push({ name: parts.slice(parts.length > 1 ? 1 : 0).join('/'), modified: each.modified, read: each.read })
  }
  for (const { parts, reason } of problems) {
    const below = cut(parts)
    groupOf(below).problems.push(`${below.join('/')}: ${reason}`)
  }
  return [...groups.values()].map(({ name, files, problems: own }): Submission => {
    const last = files.map((file) => file.modified).sort((a, b) => b.getTime() - a.getTime())[0]
    return { ...name, files, problems: own, ...(last ? { submitted: last } : {}) }
  }).sort((a, b) => (a.learner < b.learner ? -1 : 1))
}

type Named = Pick<Submission, 'learner' | 'platformId' | 'markedLate'>

/** Canvas names downloads `doejane_LATE_1234_56789_lesson.ipynb`, Moodle `Jane Doe_1234_assignsubmission_file`. */
function learnerOf(part: string, isFile: boolean): Named {
  const name = isFile ? part.replace(/\.(ipynb|zip)$/i, '') : part
  const moodle = /^(.+)_(\d+)_assignsubmission_/.exec(name)
  if (moodle) return { learner: moodle[1] ?? name, platformId: moodle[2] ?? '' }
  const canvas = /^([^_]+)_(LATE_)?(\d+)_(\d+)_/.exec(name)
  if (canvas) return { learner: canvas[1] ?? name, platformId: canvas[3] ?? '', ...(canvas[2] === undefined ? {} : { markedLate: true }) }
  return { learner: name === '' ? 'unnamed' : name }
}

const oneLine = (error: unknown): string => messageOf(error).split('\n').map((line) => line.trim()).join(' ')
