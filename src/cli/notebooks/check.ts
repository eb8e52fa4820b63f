// Checks notebooks without running them: canonical form, lesson metadata, and types as the kernel will see them.
import path from 'node:path'
import { readLesson } from '../../course/lessons'
import { projectAt } from '../../course/project'
import { messageOf } from '../../core'
import { KERNEL_NAME, typecheckCells } from '../../kernel'
import { canonicalFaults, parseNotebook, readText } from '../../notebook/format'
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
 */
export function checkNotebook(file: string, types: boolean): CheckOutcome[] {
  let text: string
  let notebook: ReturnType<typeof parseNotebook>
  try {
    text = readText(file)
    notebook = parseNotebook(text, file)
  } catch (error) {
    return [{ file, aspect: 'form', faults: [messageOf(error)] }]
  }
  const outcomes: CheckOutcome[] = [{ file, aspect: 'form', faults: canonicalFaults(text, notebook) }]
  const inside = path.relative(NOTEBOOKS, file)
  if (!inside.startsWith('..') && isJsonObject(notebook.metadata['whetstone'])) {
    const faults: string[] = []
    try {
      readLesson(projectAt(root), inside.split(path.sep).join('/'))
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
