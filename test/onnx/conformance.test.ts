// The ONNX room against the official onnx package, over all of its test models: round trip, inference, validation.
// Needs a Python with the `onnx` package: WHETSTONE_PYTHON, or the project's own .venv.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onnx } from 'whetstone'
import { messageFields } from './fields'

interface Entry {
  readonly file: number
  readonly area: string
  readonly name: string
  readonly valid: boolean
  readonly full: boolean
  readonly mutation: string | null
}

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import onnx.backend.test']).status === 0
const reason = found ? '' : ' (skipped: no Python with the onnx package; set WHETSTONE_PYTHON)'

describe.skipIf(!found)('the official models' + reason, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conformance-'))
  let entries: Entry[] = []
  const bytesOf = (entry: Entry) => readFileSync(path.join(folder, `${entry.file}.onnx`))

  beforeAll(() => {
    execFileSync(python, [path.resolve('test/onnx/conformance.py'), folder, '--nodes'], { stdio: 'pipe' })
    entries = (JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8')) as { entries: Entry[] }).entries
  }, 180_000)
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  test('read → write → read is equal, field by field', () => {
    const counts = new Counts()
    const wrong: string[] = []
    for (const entry of originals(entries)) {
      const bytes = bytesOf(entry)
      const written = onnx.writeModel(onnx.readModel(bytes))
      if (Buffer.compare(written, bytes) === 0) counts.add(entry.area, 'same bytes')
      else {
        const same = JSON.stringify(messageFields(written)) === JSON.stringify(messageFields(bytes))
        counts.add(entry.area, same ? 'same fields' : 'DIFFERENT')
        if (!same) wrong.push(entry.name)
      }
    }
    counts.print('round trip')
    expect(wrong).toEqual([])
    expect(entries.length).toBeGreaterThan(149)
  })

  test('inferred types agree with theirs wherever both answer', () => {
    const counts = new Counts()
    const wrong: string[] = []
    for (const entry of originals(entries)) {
      const answer = path.join(folder, `${entry.file}.inferred.onnx`)
      if (!existsSync(answer)) continue
      const ours = onnx.readModel(bytesOf(entry))
      for (const value of ours.graph.values()) if (!ours.graph.hasInput(value)) value.declaredType = undefined
      delete (ours.graph as { outputInfo?: unknown }).outputInfo
      expect(onnx.inferShapes(ours).problems, entry.name).toEqual([])
      const types = new Map([...ours.graph.values()].map((value) => [value.name, value.type]))
      for (const value of onnx.readModel(readFileSync(answer)).graph.values()) {
        if (value.producer === undefined || value.name === '') continue
        const verdict = compare(types.get(value.name), value.type)
        counts.add(entry.area, verdict)
        if (verdict === 'disagree') wrong.push(`${entry.name} ${value.name}: ours ${onnx.formatType(types.get(value.name))}, theirs ${onnx.formatType(value.type)}`)
      }
    }
    counts.print('inference, by value')
    expect(wrong).toEqual([])
  })

  test('the validator accepts what theirs accepts and rejects what theirs rejects', () => {
    const counts = new Counts()
    const wrong: string[] = []
    for (const entry of entries) {
      let problems: string[]
      try {
        problems = onnx.validateModel(onnx.readModel(bytesOf(entry))).map(onnx.formatProblem)
      } catch (error) {
        expect(error).toBeInstanceOf(onnx.OnnxError)
        problems = [(error as Error).message]
      }
      const ours = problems.length === 0
      counts.add(entry.mutation ?? 'as they are', `theirs ${entry.valid ? (entry.full ? 'accept' : 'accept, but not with full check') : 'reject'}, ours ${ours ? 'accept' : 'reject'}`)
      if (entry.mutation === null ? ours !== entry.valid : ours && !entry.valid) wrong.push(`${entry.mutation ?? ''} ${entry.name}: ${problems.join('; ')}`)
    }
    counts.print('validation')
    expect(wrong).toEqual([])
  })
})

function originals(entries: readonly Entry[]): Entry[] {
  return entries.filter((entry) => entry.mutation === null)
}

/** Disagreement is a number of ours against another of theirs, or another kind, element type or rank. */
function compare(ours: onnx.Type | undefined, theirs: onnx.Type | undefined): 'agree' | 'disagree' | 'ours knows less' | 'ours knows more' {
  if (theirs === undefined || theirs.kind === 'unknown') return ours === undefined ? 'agree' : 'ours knows more'
  if (ours === undefined) return 'ours knows less'
  if (ours.kind !== theirs.kind) return 'disagree'
  if ((ours.kind === 'sequence' || ours.kind === 'optional') && (theirs.kind === 'sequence' || theirs.kind === 'optional')) return compare(ours.element, theirs.element)
  if (ours.kind !== 'tensor' || theirs.kind !== 'tensor') return 'agree'
  if (theirs.dtype !== undefined && ours.dtype !== theirs.dtype) return ours.dtype === undefined ? 'ours knows less' : 'disagree'
  if (theirs.shape === undefined) return ours.shape === undefined ? 'agree' : 'ours knows more'
  if (ours.shape === undefined) return 'ours knows less'
  if (ours.shape.length !== theirs.shape.length) return 'disagree'
  const pairs = ours.shape.map((dim, i) => [dim, theirs.shape?.[i] ?? null] as const)
  if (pairs.some(([a, b]) => typeof a === 'number' && typeof b === 'number' && a !== b)) return 'disagree'
  if (pairs.some(([a, b]) => typeof b === 'number' && typeof a !== 'number')) return 'ours knows less'
  return pairs.some(([a, b]) => typeof a === 'number' && typeof b !== 'number') ? 'ours knows more' : 'agree'
}

class Counts {
  private readonly table = new Map<string, Map<string, number>>()

  add(row: string, column: string): void {
    const counts = this.table.get(row) ?? new Map<string, number>()
    counts.set(column, (counts.get(column) ?? 0) + 1)
    this.table.set(row, counts)
  }

  print(title: string): void {
    const lines = [...this.table].map(([row, counts]) => `  ${row}: ${[...counts].map(([column, n]) => `${n} ${column}`).join(', ')}`)
    console.log(`${title}\n${lines.join('\n')}`)
  }
}
