// Checks notebooks without running them: canonical form, lesson metadata, and types as the kernel will see them.
import path from 'node:path'
import { committedText } from '../../course/committed'
import { readLesson } from '../../course/lessons'
import { projectAt } from '../../course/project'
import { messageOf } from '../../core'
import { KERNEL_NAME, typecheckCells } from '../../kernel'
import { canonicalFaults, parseNotebook, readText, type Notebook } from '../../notebook/format'
import { isJsonObject } from '../../notebook/format/json'
import { root } from '../root'
import { NOTEBOOKS } from './files'

/** What one aspect of one notebook came to. */
export interface CheckOutcome {
  readonly file: string
  readonly aspect: 'form' | 'lesson' | 'types'
  readonly faults: readonly string[]
}

/**
 * All aspects of one notebook; lessons' metadata only for notebooks in the lessons' folder.
 *
 * @param types whether to type-check the cells, which takes a second or two a notebook
 * @param instead the text to judge in the place of the file's own
 */
export function checkNotebook(file: string, types: boolean, instead?: string): CheckOutcome[] {
  let text: string
  let notebook: Notebook
  try {
    text = instead ?? readText(file)
    notebook = parseNotebook(text, file)
  } catch (error) {
    return [{ file, aspect: 'form', faults: [messageOf(error)] }]
  }
  const outcomes: CheckOutcome[] = [{ file, aspect: 'form', faults: [...canonicalFaults(text, notebook), ...changedIds(committed(file), notebook)] }]
  const inside = path.relative(NOTEBOOKS, file)
  if (!inside.startsWith('..') && isJsonObject(notebook.metadata['whetstone'])) {
    const faults: string[] = []
    try {
      readLesson(projectAt(root), inside.split(path.sep).join('/'), instead)
    } catch (error) {
      faults.push(messageOf(error))
    }
    const spec = notebook.metadata['kernelspec']
    if (!isJsonObject(spec) || spec['name'] !== KERNEL_NAME) faults.push(`metadata.kernelspec.name is not "${KERNEL_NAME}": Jupyter would ask for a kernel`)
    outcomes.push({ file, aspect: 'lesson', faults })
  }
  if (!types) return outcomes
  const cells = notebook.cells.flatMap((cell, i) => (cell.type === 'code' ? [{ id: cell.id ?? `cell ${i + 1}`, source: cell.source }] : []))
  const faults = typecheckCells(cells, path.dirname(file)).map((found) =>
    `cell ${found.id}, line ${found.line}:${found.column}: ${found.message} (TS${found.code})${found.file === undefined ? '' : ` in ${found.file}`}`)
  return [...outcomes, { file, aspect: 'types', faults }]
}

/** The notebook as it was last committed; undefined when it was not, or there is no git. */
function committed(file: string): Notebook | undefined {
  const text = committedText(file)
  if (text === undefined) return undefined
  try {
    return parseNotebook(text, file)
  } catch {
    // What was committed may have been broken: then there is nothing to keep.
    return undefined
  }
}

/** Ids are addresses: links, exercises and reviews use them. A cell that did not change keeps its id. */
function changedIds(before: Notebook | undefined, now: Notebook): string[] {
  if (!before) return []
  const content = (cell: Notebook['cells'][number]): string => `${cell.type}\n${cell.source}`
  const single = (notebook: Notebook): Map<string, string | undefined> => {
    const times = new Map<string, number>()
    for (const cell of notebook.cells) times.set(content(cell), (times.get(content(cell)) ?? 0) + 1)
    return new Map(notebook.cells.filter((cell) => cell.source !== '' && times.get(content(cell)) === 1).map((cell) => [content(cell), cell.id]))
  }
  const old = single(before)
  return [...single(now)].flatMap(([text, id]) => {
    const was = old.get(text)
    return was !== undefined && id !== was ? [`cell ${id ?? '(without id)'} had the id ${was} when it was last committed: give it back`] : []
  })
}
