// Takes the exercise cells out of what a learner handed in: by the id in the cell's metadata, and nothing else. Reads
// tolerantly, because the learner's tool may have been any; what cannot be taken is named.
import { messageOf } from '../../core'
import type { Submission } from './submissions'

/** The answers of one learner. */
export interface Answers {
  /** Text of the cell by exercise. */
  readonly cells: ReadonlyMap<string, string>
  /** Exercises with several cells that differ, with where they are. */
  readonly duplicates: ReadonlyMap<string, string>
  /** Sentences for the report. */
  readonly problems: readonly string[]
}

/** What to do when an exercise stands in several cells that differ. */
export type OnDuplicates = 'refuse' | 'first' | 'last'

/**
 * The cells that answer `exercises`.
 *
 * @param exercises ids that are graded
 * @param known ids of all exercises of the course: another id is no exercise at all
 */
export function takeAnswers(submission: Submission, exercises: readonly string[], known: ReadonlySet<string>, onDuplicates: OnDuplicates): Answers {
  const found = new Map<string, { text: string; where: string }[]>()
  const problems = [...submission.problems]
  for (const file of submission.files) {
    let cells: readonly TaggedCell[]
    try {
      cells = taggedCells(file.read())
    } catch (error) {
      problems.push(`${file.name} is not a notebook: ${messageOf(error).split('\n').map((line) => line.trim()).join(' ').slice(0, 200)}`)
      continue
    }
    for (const cell of cells) {
      const where = `${file.name}, cell ${cell.index + 1}`
      if (!known.has(cell.exercise)) problems.push(`${where} claims to be the exercise ${quote(cell.exercise)}, which does not exist`)
      else if (cell.kind !== 'code') problems.push(`${where} is a ${quote(cell.kind)} cell with the mark of ${cell.exercise}`)
      else found.set(cell.exercise, [...(found.get(cell.exercise) ?? []), { text: cell.text, where }])
    }
  }
  const cells = new Map<string, string>()
  const duplicates = new Map<string, string>()
  for (const id of exercises) {
    const places = found.get(id) ?? []
    const chosen = onDuplicates === 'last' ? places.at(-1) : places[0]
    if (!chosen) continue
    const differ = places.some((place) => place.text !== chosen.text)
    const list = places.map((place) => place.where).join('; ')
    if (differ) problems.push(`${id} stands in several cells that differ: ${list}`)
    if (differ && onDuplicates === 'refuse') duplicates.set(id, list)
    else cells.set(id, chosen.text)
  }
  return { cells, duplicates, problems }
}

interface TaggedCell {
  readonly index: number
  readonly kind: string
  readonly exercise: string
  readonly text: string
}

/** Every cell with the mark of an exercise. Throws when the bytes are no notebook. */
export function taggedCells(bytes: Buffer): TaggedCell[] {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const notebook: unknown = JSON.parse(text)
  const cells = field(notebook, 'cells')
  if (!Array.isArray(cells)) throw new Error('it has no list of cells')
  return (cells as readonly unknown[]).flatMap((cell, index): TaggedCell[] => {
    const exercise = field(field(field(cell, 'metadata'), 'whetstone'), 'exercise')
    if (typeof exercise !== 'string') return []
    const kind = field(cell, 'cell_type'), source = field(cell, 'source')
    const lines = Array.isArray(source) ? (source as readonly unknown[]).filter((line) => typeof line === 'string').join('') : source
    return [{ index, kind: typeof kind === 'string' ? kind : 'nameless', exercise, text: typeof lines === 'string' ? normal(lines) : '' }]
  })
}

const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined

/** Line ends and a byte-order mark are no difference. */
const normal = (text: string): string => text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n').replaceAll('\r', '\n')

const quote = (text: string): string => JSON.stringify(text.length > 120 ? text.slice(0, 120) + '…' : text)
