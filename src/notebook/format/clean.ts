// The canonical form in which notebooks are stored: no outputs, no counts, no timestamps, an id for every cell.
import { sha256 } from '../../core'
import { CELL_ID, formatNotebook, type Notebook, type NotebookCell } from './ipynb'
import { isJsonObject, sameJson, type JsonObject } from './json'

/** Written by tools, different on every machine or run. */
const VOLATILE_CELL = ['collapsed', 'scrolled', 'execution', 'ExecuteTime', 'trusted', 'lastKernelId', 'vscode']
const VOLATILE_NOTEBOOK = ['widgets', 'signature', 'orig_nbformat', 'vscode', 'toc-showcode', 'execution']

const without = (object: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))

/**
 * The canonical form of a notebook. Ids are kept; a missing, malformed or repeated one is derived from the cell's
 * content, so that cleaning the same notebook twice, or on two machines, gives the same ids.
 */
export function cleanNotebook(notebook: Notebook): Notebook {
  const taken = new Set(notebook.cells.flatMap((cell) => cell.id ?? []))
  const used = new Set<string>()
  const idOf = (cell: NotebookCell): string => {
    if (cell.id !== undefined && CELL_ID.test(cell.id) && !used.has(cell.id)) return cell.id
    for (let copy = 0; ; copy++) {
      const id = sha256(`${cell.type}\n${copy}\n${cell.source}`).slice(0, 12)
      if (!taken.has(id) && !used.has(id)) return id
    }
  }
  const cells = notebook.cells.map((cell): NotebookCell => {
    const id = idOf(cell)
    used.add(id)
    const clean = { ...cell, id, metadata: cleanCellMetadata(cell.metadata) }
    return cell.type === 'code' ? { ...clean, outputs: [], executionCount: null } : clean
  })
  return { metadata: cleanMetadata(notebook.metadata), minor: 5, cells }
}

function cleanCellMetadata(metadata: JsonObject): JsonObject {
  const clean = without(metadata, VOLATILE_CELL)
  const { jupyter } = clean
  if (!isJsonObject(jupyter)) return clean
  // Whether outputs are folded means nothing without outputs; a folded source is part of the lesson.
  const folded = without(jupyter, ['outputs_hidden'])
  return Object.keys(folded).length > 0 ? { ...clean, jupyter: folded } : without(clean, ['jupyter'])
}

function cleanMetadata(metadata: JsonObject): JsonObject {
  const clean = without(metadata, VOLATILE_NOTEBOOK)
  const language = clean['language_info']
  return isJsonObject(language) ? { ...clean, language_info: without(language, ['version']) } : clean
}

/** What keeps a notebook from being canonical, one sentence each; none when its text is. */
export function canonicalFaults(text: string, notebook: Notebook): string[] {
  if (text === formatNotebook(cleanNotebook(notebook))) return []
  const faults: string[] = []
  const seen = new Map<string, number>()
  notebook.cells.forEach((cell, i) => {
    const name = `cell ${i + 1}${cell.id === undefined ? '' : ` (${cell.id})`}`
    if (cell.id === undefined) faults.push(`${name} has no id`)
    else if (seen.has(cell.id)) faults.push(`${name} has the id of cell ${seen.get(cell.id) ?? 0}`)
    else seen.set(cell.id, i + 1)
    if ((cell.outputs?.length ?? 0) > 0) faults.push(`${name} has outputs`)
    if (typeof cell.executionCount === 'number') faults.push(`${name} has an execution count`)
    if (!sameJson(cell.metadata, cleanCellMetadata(cell.metadata))) faults.push(`${name} has metadata that a tool left behind`)
  })
  if (notebook.minor !== 5) faults.push(`it is of nbformat 4.${notebook.minor}, not 4.5`)
  if (!sameJson(notebook.metadata, cleanMetadata(notebook.metadata))) faults.push('the notebook has metadata that a tool left behind')
  return faults.length > 0 ? faults : ['the JSON is not written as Jupyter writes it (order of keys, indent, line ends)']
}
