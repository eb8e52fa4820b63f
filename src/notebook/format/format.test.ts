import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { NotebookError } from '../errors'
import { canonicalFaults, cleanNotebook, formatNotebook, fromScript, parseNotebook, readNotebook, toScript, type Notebook, type NotebookCell } from './index'
import { sameJson, writeJson, type Json, type JsonObject } from './json'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'whetstone-format-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))
const code = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    return error instanceof NotebookError ? error.code : String(error)
  }
  return 'nothing thrown'
}

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
const object = fc.dictionary(fc.string({ unit: 'binary' }), json, { maxKeys: 4 }) as fc.Arbitrary<JsonObject>
/** Lines that look like the script's own marks, odd line ends, and anything else. */
const source = fc.oneof(
  fc.array(fc.constantFrom('', 'a', '// %%', '// \\%%', '//', '// x', '%%', '\\%%', '%%% {', '// %%% {}', '// %% [markdown] id=a {"x": 1}', '  // %%', '// ---',
    '\t', ' ', '`${x}`', '\u2028', '\r', 'é大😀'), { maxLength: 8 }).chain((lines) => fc.constantFrom('\n', '\r\n', '\r').map((end) => lines.join(end))),
  fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\n', '\n\n', '\ufeff', 'a\n', '\na'),
)
const cell = (id: string): fc.Arbitrary<NotebookCell> => fc.oneof(
  fc.record({ type: fc.constant('code' as const), id: fc.constant(id), metadata: object, source, outputs: fc.array(json, { maxLength: 2 }),
    executionCount: fc.option(fc.nat()) }),
  fc.record({ type: fc.constantFrom('markdown' as const, 'raw' as const), id: fc.constant(id), metadata: object, source,
    attachments: object }, { requiredKeys: ['type', 'id', 'metadata', 'source'] }),
)
const notebook: fc.Arbitrary<Notebook> = fc.record({
  metadata: object, minor: fc.constant(5),
  cells: fc.uniqueArray(fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/), { maxLength: 5 }).chain((ids) => fc.tuple(...ids.map(cell))),
})

test('a notebook read back from its own text is the same', () => {
  fc.assert(fc.property(notebook, (one) => {
    const text = formatNotebook(one)
    expect(formatNotebook(parseNotebook(text, 'test'))).toBe(text)
  }))
})

test('a script gives back the notebook that it was made from, whatever is in it', () => {
  fc.assert(fc.property(notebook, (one) => {
    const back = fromScript(toScript(one), 'test')
    expect(formatNotebook(back)).toBe(formatNotebook(one))
    // An editor that stores Windows line ends changes nothing.
    expect(formatNotebook(fromScript(toScript(one).replaceAll('\n', '\r\n'), 'test'))).toBe(formatNotebook(one))
  }), { numRuns: 500 })
})

test('a script cut or changed anywhere is a notebook, or an error that names the line', () => {
  fc.assert(fc.property(notebook, fc.nat(), fc.constantFrom('', '%', '\n', '}', '// %% '), (one, at, put) => {
    const text = toScript(one)
    const i = at % (text.length + 1)
    try {
      fromScript(text.slice(0, i) + put + text.slice(i + 1), 'test')
    } catch (error) {
      expect(error).toBeInstanceOf(NotebookError)
      expect((error as Error).message).toMatch(/test, line \d+/)
    }
  }))
})

test('damaged notebook JSON is a notebook or a typed error', () => {
  fc.assert(fc.property(notebook, fc.nat(), fc.constantFrom('', '"', '1', 'null', '[', '}'), (one, at, put) => {
    const text = formatNotebook(one)
    const i = at % text.length
    try {
      parseNotebook(text.slice(0, i) + put + text.slice(i + 1), 'test')
    } catch (error) {
      expect(error).toBeInstanceOf(NotebookError)
    }
  }))
})

test('a script is readable', () => {
  const text = toScript({
    metadata: { kernelspec: { name: 'whetstone' } }, minor: 5, cells: [
      { type: 'markdown', id: 'intro', metadata: {}, source: '# Title\n\ntext' },
      { type: 'code', id: 'run', metadata: { whetstone: { exercise: 'a/b/c' } }, source: 'const x = 1\n// %% not a head', outputs: [], executionCount: null },
    ],
  })
  expect(text).toBe(`// %%% {
// %%%  "kernelspec": {
// %%%   "name": "whetstone"
// %%%  }
// %%% }

// %% [markdown] id=intro
// # Title
//
// text

// %% id=run {"metadata": {"whetstone": {"exercise": "a/b/c"}}}
const x = 1
// \\%% not a head
`)
  // Written by hand, without metadata and ids: the ids come from the content.
  const byHand = fromScript('// %% [markdown]\n// # A\n\n// %%\nlet a\n', 'hand')
  expect(byHand.cells.map(({ source: text, type }) => [type, text])).toEqual([['markdown', '# A'], ['code', 'let a']])
  expect(byHand).toEqual(fromScript('// %% [markdown]\n// # A\n\n// %%\nlet a\n', 'hand'))
})

test('cleaning takes out what a run leaves, keeps ids, and changes nothing the second time', () => {
  const dirty: Notebook = {
    metadata: { language_info: { name: 'typescript', version: '5.0.4' }, widgets: {}, whetstone: { title: 't' } }, minor: 4, cells: [
      { type: 'code', id: 'a', metadata: { scrolled: true, execution: { 'iopub.status.busy': '2026' }, jupyter: { outputs_hidden: true }, tags: ['x'] },
        source: '1', outputs: [{ output_type: 'stream' }], executionCount: 3 },
      { type: 'code', id: 'a', metadata: { jupyter: { source_hidden: true, outputs_hidden: false } }, source: '1', outputs: [], executionCount: null },
      { type: 'markdown', metadata: {}, source: 'text' },
      { type: 'markdown', metadata: {}, source: 'text' },
    ],
  }
  const clean = cleanNotebook(dirty)
  expect(clean.metadata).toEqual({ language_info: { name: 'typescript' }, whetstone: { title: 't' } })
  expect(clean.cells[0]).toEqual({ type: 'code', id: 'a', metadata: { tags: ['x'] }, source: '1', outputs: [], executionCount: null })
  expect(clean.cells[1]!.metadata).toEqual({ jupyter: { source_hidden: true } })
  expect(new Set(clean.cells.map((one) => one.id)).size).toBe(4)
  expect(cleanNotebook(clean)).toEqual(clean)
  expect(canonicalFaults(formatNotebook(clean), clean)).toEqual([])
  expect(canonicalFaults(formatNotebook(dirty), dirty)).toEqual([
    'cell 1 (a) has outputs', 'cell 1 (a) has an execution count', 'cell 1 (a) has metadata that a tool left behind', 'cell 2 (a) has the id of cell 1',
    'cell 2 (a) has metadata that a tool left behind', 'cell 3 has no id', 'cell 4 has no id', 'it is of nbformat 4.4, not 4.5',
    'the notebook has metadata that a tool left behind',
  ])
  expect(canonicalFaults(formatNotebook(clean).replace('\n', '\r\n'), clean)).toHaveLength(1)
  fc.assert(fc.property(notebook, (one) => {
    const once = cleanNotebook(one)
    expect(cleanNotebook(once)).toEqual(once)
    expect(once.cells.map((c) => c.id)).toEqual(one.cells.map((c) => c.id))
  }))
})

test('files that are not notebooks are typed errors that name the file', () => {
  const file = path.join(folder, 'x.ipynb')
  const write = (content: string | Buffer): string => {
    fs.writeFileSync(file, content)
    return code(() => readNotebook(file))
  }
  expect(code(() => readNotebook(path.join(folder, 'none.ipynb')))).toBe('NOTEBOOK_READ')
  expect(code(() => readNotebook(folder))).toBe('NOTEBOOK_READ')
  expect(write('not json')).toBe('NOTEBOOK_JSON')
  expect(write('')).toBe('NOTEBOOK_JSON')
  expect(write(Buffer.from([0x7b, 0xff, 0xfe]))).toBe('NOTEBOOK_READ')
  expect(write('{"nbformat": 3}')).toBe('NOTEBOOK_VERSION')
  expect(write('[]')).toBe('NOTEBOOK_FORMAT')
  expect(write('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}')).toBe('NOTEBOOK_FORMAT')
  expect(write('\ufeff{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')).toBe('nothing thrown')
  expect(write('['.repeat(2_000_000))).toMatch(/NOTEBOOK_JSON|NOTEBOOK_FORMAT/)
  fs.truncateSync(file, 500 * 1024 * 1024)
  expect(code(() => readNotebook(file))).toBe('NOTEBOOK_SIZE')
})

test('JSON is sorted by code point and compared by value', () => {
  expect(writeJson({ b: [], a: {}, 10: 1, 9: 2, '\uffff': 3, '😀': 4 }, 1)).toBe('{\n "10": 1,\n "9": 2,\n "a": {},\n "b": [],\n "\uffff": 3,\n "😀": 4\n}')
  expect(sameJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true)
  expect(writeJson(JSON.parse('{"__proto__": 1}') as Json)).toBe('{"__proto__": 1}')
})

// Independent: Python's nbformat, where the project's environment is set up.
const python = [path.resolve('.venv/bin/python'), process.env['WHETSTONE_PYTHON'] ?? ''].find((one) => one !== '' && fs.existsSync(one)
  && spawnSync(one, ['-c', 'import nbformat']).status === 0)
test.skipIf(python === undefined)('the text is byte for byte what nbformat writes, and valid to it (skipped without nbformat)', () => {
  const unit = fc.constantFrom('a', '"', '\\', '\n', '\r', '\r\n', '\v', '\u0085', '\u2028', '\x1c', 'é', '😀', '\t', '\x7f')
  const samples = fc.sample(fc.record({
    metadata: fc.dictionary(fc.string({ unit }), fc.oneof(fc.integer(), fc.string({ unit }), fc.boolean(), fc.constant(null))),
    source: fc.string({ unit }),
  }), 40)
  const texts = samples.map(({ metadata, source: text }, i) => formatNotebook({
    metadata: { x: metadata }, minor: 5, cells: [
      { type: 'markdown', id: `m${i}`, metadata: { x: metadata }, source: text, attachments: { 'a.png': { 'image/png': 'AAAA' } } },
      { type: 'code', id: `c${i}`, metadata: {}, source: text, outputs: [], executionCount: null }, { type: 'raw', id: `r${i}`, metadata: {}, source: '' },
    ],
  }))
  fs.writeFileSync(path.join(folder, 'in.json'), JSON.stringify(texts))
  const script = `
import json, nbformat
texts = json.load(open('in.json', encoding='utf-8'))
out = []
for text in texts:
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    out.append(nbformat.writes(notebook))
json.dump(out, open('out.json', 'w', encoding='utf-8'))
`
  const ran = spawnSync(python ?? '', ['-c', script], { cwd: folder, encoding: 'utf8' })
  expect(ran.stderr).toBe('')
  const theirs = JSON.parse(fs.readFileSync(path.join(folder, 'out.json'), 'utf8')) as string[]
  texts.forEach((text, i) => expect(text.trimEnd()).toBe(theirs[i]!.trimEnd()))
})
