// A notebook as a text to edit and review: TypeScript in which a comment line begins each cell. Nothing is lost on the
// way there and back.
//
//   // %%% {            the notebook's metadata, as JSON in comment lines
//   // %%% }
//   // %% [markdown] id=intro
//   // # A heading      markdown and raw text is commented
//
//   // %% id=load {"metadata": {…}}
//   const x = 1         code is as it is
import { NotebookError } from '../errors'
import { messageOf } from '../../core'
import { cleanNotebook } from './clean'
import { type CellType, type Notebook, type NotebookCell } from './ipynb'
import { isJsonObject, writeJson, type Json, type JsonObject } from './json'

const HEAD = /^\/\/ %% ?(?:\[(markdown|raw)\] ?)?(?:id=([a-zA-Z0-9_-]{1,64}) ?)?(\{.*\})?$/
/** A line of a cell that looks like a head gets a backslash, and one more if it has some already. */
const LIKE_HEAD = /^\/\/ (\\*)%%/
/** Characters that editors and git change or cannot hold; a source with one is kept as JSON in the head. */
const FRAGILE = /[\r\u2028\u2029\0\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** The script of a notebook (nbformat 4.5). Outputs, if there are any, are in the heads of their cells. */
export function toScript(notebook: Notebook): string {
  const lines = writeJson(notebook.metadata, 1).split('\n').map((line) => `// %%% ${line}`)
  lines.push('')
  for (const cell of notebook.cells) lines.push(...cellLines(cell), '')
  return lines.join('\n')
}

function cellLines(cell: NotebookCell): string[] {
  const fragile = FRAGILE.test(cell.source)
  const facts: JsonObject = {
    ...Object.keys(cell.metadata).length > 0 ? { metadata: cell.metadata } : {},
    ...cell.attachments === undefined ? {} : { attachments: cell.attachments },
    ...cell.outputs !== undefined && cell.outputs.length > 0 ? { outputs: cell.outputs } : {},
    ...typeof cell.executionCount === 'number' ? { execution_count: cell.executionCount } : {},
    ...fragile ? { source: cell.source } : {},
  }
  const head = [
    '// %%', ...cell.type === 'code' ? [] : [`[${cell.type}]`], ...cell.id === undefined ? [] : [`id=${cell.id}`],
    ...Object.keys(facts).length > 0 ? [headJson(facts)] : [],
  ].join(' ')
  if (fragile || cell.source === '') return [head]
  const body = cell.source.split('\n').map((line) => {
    const text = cell.type === 'code' ? line : line === '' ? '//' : `// ${line}`
    return text.replace(LIKE_HEAD, '// $1\\%%')
  })
  return [head, ...body]
}

/** JSON on one line of a file that may be split at any line separator: those are escaped. */
function headJson(facts: JsonObject): string {
  return writeJson(facts).replace(/[\u2028\u2029\ufeff\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * The notebook of a script. Cells without an id get one derived from their content, as cleaning does.
 *
 * @param where the file's name, for errors
 * @throws NotebookError `SCRIPT_FORMAT` naming the line
 */
export function fromScript(text: string, where: string): Notebook {
  const fail = (line: number, expected: string, got: string, cause?: unknown): never => {
    throw new NotebookError('SCRIPT_FORMAT', 'The notebook script cannot be read', {
      expected, got, where: `${where}, line ${line + 1}`, ...cause === undefined ? {} : { cause },
    })
  }
  const lines = text.replace(/^\ufeff/, '').split('\n').map((line) => line.replace(/\r$/, ''))
  const parse = (json: string, line: number): JsonObject => {
    let value: Json
    try {
      value = JSON.parse(json) as Json
    } catch (cause) {
      return fail(line, 'JSON', messageOf(cause), cause)
    }
    return isJsonObject(value) ? value : fail(line, 'a JSON object', json.slice(0, 60))
  }
  let at = 0
  while (lines[at]?.startsWith('// %%% ')) at++
  const metadata = at === 0 ? {} : parse(lines.slice(0, at).map((line) => line.slice('// %%% '.length)).join('\n'), 0)
  while (lines[at]?.trim() === '') at++

  const cells: NotebookCell[] = []
  while (at < lines.length) {
    const head = HEAD.exec(lines[at] ?? '')
    if (!head) return fail(at, 'the head of a cell, such as // %% [markdown] id=intro', JSON.stringify((lines[at] ?? '').slice(0, 60)))
    const start = at
    const [, kind, id, json] = head
    const type = (kind ?? 'code') as CellType
    at++
    const body: string[] = []
    while (at < lines.length && !(lines[at] ?? '').startsWith('// %%')) body.push(lines[at++] ?? '')
    // One empty line sets cells apart and belongs to none.
    if (body.at(-1) === '') body.pop()
    const facts = json === undefined ? {} : parse(json, start)
    cells.push(cell(type, id, facts, body, start))
  }
  const notebook = { metadata, minor: 5, cells }
  if (cells.every((one) => one.id !== undefined)) return notebook
  const clean = cleanNotebook(notebook)
  return { ...notebook, cells: cells.map((one, i) => ({ ...one, id: one.id ?? clean.cells[i]?.id ?? '' })) }

  function cell(type: CellType, id: string | undefined, facts: JsonObject, body: readonly string[], start: number): NotebookCell {
    const strange = Object.keys(facts).find((key) => !['metadata', 'attachments', 'outputs', 'execution_count', 'source'].includes(key))
    if (strange !== undefined) return fail(start, 'metadata, attachments, outputs, execution_count or source', strange)
    const { metadata: own = {}, attachments, outputs = [], execution_count: count = null, source } = facts
    if (!isJsonObject(own)) return fail(start, 'metadata as an object', writeJson(own))
    if (source !== undefined && typeof source !== 'string') return fail(start, 'source as a text', writeJson(source))
    const text = source ?? body.map((line, i) => {
      const plain = line.replace(/^\/\/ \\(\\*)%%/, '// $1%%')
      if (type === 'code') return plain
      if (plain.startsWith('// ')) return plain.slice(3)
      if (plain.startsWith('//')) return plain.slice(2)
      return plain.trim() === '' ? '' : fail(start + 1 + i, `a comment line, because the cell is ${type}`, JSON.stringify(plain.slice(0, 60)))
    }).join('\n')
    const common = { type, ...id === undefined ? {} : { id }, metadata: own, source: text }
    if (type !== 'code') {
      if (attachments === undefined) return common
      return isJsonObject(attachments) ? { ...common, attachments } : fail(start, 'attachments as an object', writeJson(attachments))
    }
    if (!Array.isArray(outputs)) return fail(start, 'outputs as a list', writeJson(outputs))
    if (count !== null && typeof count !== 'number') return fail(start, 'execution_count as a number', writeJson(count))
    return { ...common, outputs: outputs as readonly Json[], executionCount: count }
  }
}
