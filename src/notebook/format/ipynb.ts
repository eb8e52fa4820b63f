// Notebook files: read defensively into one typed form, written exactly as Jupyter writes them (nbformat 4.5).
import fs from 'node:fs'
import { messageOf } from '../../core'
import { NotebookError } from '../errors'
import { isJsonObject, writeJson, type Json, type JsonObject } from './json'

export type CellType = 'code' | 'markdown' | 'raw'

/** A cell with its source as one text. */
export interface NotebookCell {
  readonly type: CellType
  /** Absent only in notebooks older than nbformat 4.5. */
  readonly id?: string
  readonly metadata: JsonObject
  readonly source: string
  /** Files inside a markdown or raw cell: name → MIME type → data. */
  readonly attachments?: JsonObject
  /** Of code cells. */
  readonly outputs?: readonly Json[]
  readonly executionCount?: number | null
}

/** A notebook of nbformat 4. */
export interface Notebook {
  readonly metadata: JsonObject
  readonly minor: number
  readonly cells: readonly NotebookCell[]
}

/** The largest file read. Notebooks here have no outputs and take kilobytes; this one would not open in a browser. */
const MAX_BYTES = 64 * 1024 * 1024
/** nbformat 4.5: letters, digits, - and _, at most 64 (JEP 62). */
export const CELL_ID: RegExp = /^[a-zA-Z0-9_-]{1,64}$/

/**
 * Reads a notebook file.
 *
 * @throws NotebookError `NOTEBOOK_READ`, `NOTEBOOK_SIZE`, `NOTEBOOK_JSON`, `NOTEBOOK_VERSION`, `NOTEBOOK_FORMAT`
 */
export function readNotebook(file: string): Notebook {
  return parseNotebook(readText(file), file)
}

/**
 * The text of a notebook or script.
 *
 * @throws NotebookError `NOTEBOOK_READ`, `NOTEBOOK_SIZE`
 */
export function readText(file: string): string {
  let size: number
  try {
    const facts = fs.statSync(file)
    if (!facts.isFile()) throw new Error('it is not a file')
    size = facts.size
    if (size <= MAX_BYTES) return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(fs.readFileSync(file))
  } catch (cause) {
    throw new NotebookError('NOTEBOOK_READ', 'The file cannot be read', {
      expected: 'a file in UTF-8', got: messageOf(cause), where: file, cause,
    })
  }
  throw new NotebookError('NOTEBOOK_SIZE', 'The notebook is too large', {
    expected: `at most ${MAX_BYTES} bytes`, got: `${size} bytes`, where: file, fix: 'clear its outputs in Jupyter',
  })
}

/**
 * A notebook from its text. A byte order mark is ignored; a notebook of an older nbformat 4 may have no cell ids.
 *
 * @param where the file's name, for errors
 * @throws NotebookError `NOTEBOOK_JSON`, `NOTEBOOK_VERSION`, `NOTEBOOK_FORMAT`
 */
export function parseNotebook(text: string, where: string): Notebook {
  let json: Json
  try {
    json = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text) as Json
  } catch (cause) {
    throw new NotebookError('NOTEBOOK_JSON', 'The notebook is not JSON', { got: messageOf(cause), where, fix: 'restore it from git', cause })
  }
  const fail = (expected: string, got: Json | undefined, place: string): never => {
    throw new NotebookError('NOTEBOOK_FORMAT', 'The file is not a notebook of nbformat 4', {
      expected: `${place}: ${expected}`, got: got === undefined ? 'nothing' : writeJson(got).slice(0, 80), where,
    })
  }
  if (!isJsonObject(json)) return fail('an object', json, 'file')
  if (json['nbformat'] !== 4) {
    throw new NotebookError('NOTEBOOK_VERSION', 'Only notebooks of nbformat 4 can be read', {
      expected: 'nbformat 4', got: json['nbformat'] === undefined ? 'none' : writeJson(json['nbformat']), where,
      fix: 'open and save it in JupyterLab, which converts it',
    })
  }
  const { metadata, nbformat_minor: minor, cells } = json
  if (typeof minor !== 'number') return fail('a number', minor, 'nbformat_minor')
  if (!isJsonObject(metadata)) return fail('an object', metadata, 'metadata')
  if (!Array.isArray(cells)) return fail('a list', cells, 'cells')
  allow(json, ['cells', 'metadata', 'nbformat', 'nbformat_minor'], 'notebook')
  return { metadata, minor, cells: (cells as readonly Json[]).map((cell, i) => readCell(cell, `cell ${i + 1}`)) }

  function readCell(cell: Json, place: string): NotebookCell {
    if (!isJsonObject(cell)) return fail('an object', cell, place)
    const { cell_type: type, id, metadata: own, source, attachments, outputs, execution_count: count } = cell
    if (type !== 'code' && type !== 'markdown' && type !== 'raw') return fail('code, markdown or raw', type, `${place}, cell_type`)
    if (id === undefined ? minor as number >= 5 : typeof id !== 'string' || !CELL_ID.test(id)) {
      return fail('1 to 64 letters, digits, - or _', id, `${place}, id`)
    }
    if (!isJsonObject(own)) return fail('an object', own, `${place}, metadata`)
    const common: NotebookCell = { type, metadata: own, source: joined(source, `${place}, source`), ...typeof id === 'string' && { id } }
    if (type !== 'code') {
      allow(cell, ['cell_type', 'id', 'metadata', 'source', 'attachments'], place)
      if (attachments === undefined) return common
      return isJsonObject(attachments) ? { ...common, attachments } : fail('an object', attachments, `${place}, attachments`)
    }
    allow(cell, ['cell_type', 'id', 'metadata', 'source', 'outputs', 'execution_count'], place)
    if (!Array.isArray(outputs)) return fail('a list', outputs, `${place}, outputs`)
    if (count !== null && typeof count !== 'number') return fail('a number or null', count, `${place}, execution_count`)
    return { ...common, outputs: outputs as readonly Json[], executionCount: count }
  }

  /** A text is stored whole or as a list of lines. */
  function joined(source: Json | undefined, place: string): string {
    if (typeof source === 'string') return source
    if (Array.isArray(source) && (source as readonly Json[]).every((line) => typeof line === 'string')) return source.join('')
    return fail('a text or a list of texts', source, place)
  }

  function allow(object: JsonObject, keys: readonly string[], place: string): void {
    const strange = Object.keys(object).find((key) => !keys.includes(key))
    if (strange !== undefined) fail(`only ${keys.join(', ')}`, strange, place)
  }
}

/** Lines as Python's `str.splitlines(keepends=True)` cuts them, which is how Jupyter stores a source. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+$/g) ?? []
}

/** The text of a notebook file, as nbformat itself writes it: sorted keys, one space of indent, a line end at the end. */
export function formatNotebook(notebook: Notebook): string {
  return `${writeJson({
    cells: notebook.cells.map((cell): Json => ({
      cell_type: cell.type,
      ...cell.id === undefined ? {} : { id: cell.id },
      metadata: cell.metadata,
      source: splitLines(cell.source),
      ...cell.type === 'code' ? { outputs: cell.outputs ?? [], execution_count: cell.executionCount ?? null } : {},
      ...cell.attachments === undefined ? {} : { attachments: cell.attachments },
    })),
    metadata: notebook.metadata, nbformat: 4, nbformat_minor: notebook.minor,
  }, 1)}\n`
}
