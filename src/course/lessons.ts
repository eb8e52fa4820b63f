// The lessons on disk: notebooks found by scanning, with what their metadata says and the exercises inside.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { messageOf, WhetstoneError } from '../core'
import type { Project } from './project'

/** A cell of a notebook, as far as the course reads it. */
export interface LessonCell {
  readonly index: number
  readonly kind: string
  readonly source: string
  /** The nearest heading above, or in this cell. */
  readonly section: string
  /** The exercise whose stub this cell is. */
  readonly exercise?: string
  /** Curriculum points that this cell covers, besides those of the lesson. */
  readonly points: readonly string[]
}

/** A notebook with lesson metadata. */
export interface Lesson {
  /** Relative to the notebooks folder, with forward slashes. */
  readonly file: string
  readonly title: string
  readonly track: string
  readonly lesson: string
  readonly order: number
  readonly minutes: number
  /** Lessons that come before it, by their `lesson`: `metadata.whetstone.needs`. */
  readonly needs: readonly string[]
  readonly summary: string
  /** Curriculum points that the lesson as a whole covers. */
  readonly points: readonly string[]
  /** A lesson is taught; a project is built. */
  readonly kind: 'lesson' | 'project'
  readonly cells: readonly LessonCell[]
  /** Ids of the exercises, in the order of their cells. */
  readonly exercises: readonly string[]
}

/**
 * Every lesson, by track, then by order. Notebooks without lesson metadata are not lessons.
 *
 * @param onProblem told the error of a notebook that cannot be read, which is then left out; without it, the error is thrown
 * @param textOf gives the text to read in the place of a file's own, or undefined
 */
export function listLessons(project: Project, onProblem?: (error: WhetstoneError) => void, textOf?: (file: string) => string | undefined): Lesson[] {
  const read = (file: string): Lesson[] => {
    try {
      return [readLesson(project, file, textOf?.(path.join(project.notebooks, file)))].filter((lesson) => lesson !== undefined)
    } catch (error) {
      if (!onProblem || !(error instanceof WhetstoneError)) throw error
      onProblem(error)
      return []
    }
  }
  return notebookFiles(project.notebooks)
    .flatMap(read)
    .sort((a, b) => a.track.localeCompare(b.track) || a.order - b.order || a.file.localeCompare(b.file))
}

/** Every notebook below a folder, relative to it. Hidden folders hold Jupyter's copies. */
function notebookFiles(folder: string, below = ''): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.name.startsWith('.')) return []
    if (entry.isDirectory()) return notebookFiles(folder, name)
    return entry.name.endsWith('.ipynb') ? [name] : []
  })
}

/**
 * The lesson in a notebook, or undefined when its metadata does not say that it is one.
 *
 * @param text what to read in the place of the file
 * @throws WhetstoneError `LESSON_UNREADABLE` when the file is not a notebook, `LESSON_METADATA` when a field is wrong
 */
export function readLesson(project: Project, file: string, text?: string): Lesson | undefined {
  const where = path.join(project.notebooks, file)
  const notebook = parseNotebook(where, text)
  const metadata = record(record(notebook['metadata'])['whetstone'])
  if (Object.keys(metadata).length === 0) return undefined
  const field = (key: string): string => stringField(metadata, key, where)
  const cells = readCells(notebook['cells'], where)
  return {
    file,
    title: field('title'),
    track: field('track'),
    lesson: metadata['lesson'] === undefined ? path.basename(file, '.ipynb') : field('lesson'),
    order: numberField(metadata, 'order', where),
    minutes: numberField(metadata, 'minutes', where),
    needs: strings(metadata['needs'], 'needs', where),
    summary: metadata['summary'] === undefined ? '' : field('summary'),
    points: strings(metadata['points'], 'points', where),
    kind: metadata['kind'] === 'project' ? 'project' : 'lesson',
    cells,
    exercises: cells.flatMap((cell) => cell.exercise ?? []),
  }
}

function parseNotebook(where: string, text?: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text ?? readFileSync(where, 'utf8'))
    if (typeof parsed === 'object' && parsed !== null && Array.isArray((parsed as { cells?: unknown }).cells)) return parsed as Record<string, unknown>
    throw new Error('it has no list of cells')
  } catch (cause) {
    throw new WhetstoneError('LESSON_UNREADABLE', 'The file is not a notebook', { got: messageOf(cause), where, fix: 'restore it from git', cause })
  }
}

function readCells(cells: unknown, where: string): LessonCell[] {
  let section = ''
  return (cells as unknown[]).map((value, index) => {
    const cell = record(value)
    const metadata = record(record(cell['metadata'])['whetstone'])
    const text = cell['source']
    const source = Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : ''
    const kind = String(cell['cell_type'])
    if (kind === 'markdown') section = /^#{1,3} +(.+)$/m.exec(source)?.[1]?.trim() ?? section
    const { exercise } = metadata
    if (exercise !== undefined && typeof exercise !== 'string') fieldError('exercise', 'the id of an exercise', exercise, `${where}, cell ${index + 1}`)
    return {
      index, kind, source, section, points: strings(metadata['points'], 'points', `${where}, cell ${index + 1}`),
      ...(exercise === undefined ? {} : { exercise }),
    }
  })
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

function fieldError(key: string, expected: string, got: unknown, where: string): never {
  throw new WhetstoneError('LESSON_METADATA', `metadata.whetstone.${key} is not ${expected}`, { got: got === undefined ? 'nothing' : JSON.stringify(got), where })
}

function stringField(metadata: Record<string, unknown>, key: string, where: string): string {
  const value = metadata[key]
  return typeof value === 'string' && value !== '' ? value : fieldError(key, 'a text', value, where)
}

function numberField(metadata: Record<string, unknown>, key: string, where: string): number {
  const value = metadata[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : fieldError(key, 'a number', value, where)
}

function strings(value: unknown, key: string, where: string): string[] {
  if (value === undefined) return []
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : fieldError(key, 'a list of texts', value, where)
}
