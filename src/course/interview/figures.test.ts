import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readJournal } from '../journal'
import { projectAt } from '../project'
import { allQuestions } from './bank'
import { citationsOf, citationText, FIGURES, recordMeasurements, type FigureName } from './figures'
import { practise } from './practice'
import { figureRows, interviewSheet } from './sheet'

const root = path.resolve(__dirname, '../../..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'figures-'))
afterAll(() => { rmSync(folder, { recursive: true }) })
const project = { ...projectAt(root), journal: path.join(folder, 'journal.jsonl'), state: folder }
const cite = (...names: FigureName[]) => citationsOf(project, readJournal(project.journal), names)

test('nothing was measured: the answer says so, and where it is measured', () => {
  const { cited, missing } = cite('session-cost', 'bench-int8-size')
  expect(cited).toEqual([])
  expect(missing.map((each) => each.measuredBy)).toEqual(['lesson_08_onnx_runtime', 'npm run bench -- techniques'])
  expect(citationText(cite('session-cost'))).toBe('*You have measured nothing yet that this answer could cite: lesson_08_onnx_runtime measures it.*')
})

test('a lesson records numbers; the last one counts; what no answer cites is refused', () => {
  expect(String(recordMeasurements({ 'session-cost': 9, 'batch-gain': 14.21 }, project))).toContain('32 at once gave a wide network 14.2 times the throughput')
  recordMeasurements({ 'session-cost': 4.5 }, project)
  const before = readJournal(project.journal).length
  expect(cite('session-cost', 'batch-gain').cited.map((each) => each.value)).toEqual([4.5, 14.21])
  expect(citationText(cite('session-cost', 'onnx-speed'))).toMatch(/^In my own measurements, making a session of a text recogniser cost 4\.5 runs\.\n\n\*Not measured by you yet, so not cited: lesson_07_onnx_basics measures it\.\*$/)
  expect(() => recordMeasurements({ 'session-costs': 1 }, project)).toThrow(expect.objectContaining({ code: 'MEASUREMENT_NAME' }))
  expect(() => recordMeasurements({ 'bench-int8-size': 1 }, project)).toThrow(expect.objectContaining({ code: 'MEASUREMENT_NAME' }))
  expect(() => recordMeasurements({ 'batch-gain': 2, 'session-cost': NaN }, project)).toThrow(expect.objectContaining({ code: 'MEASUREMENT_VALUE' }))
  expect(readJournal(project.journal)).toHaveLength(before)
})

test('a benchmark\'s result is read where it lies; a damaged one is none', () => {
  const file = path.join(folder, 'bench', 'techniques.json')
  mkdirSync(path.dirname(file))
  const row = (what: string, contestant: string, median?: number) => ({ case: `mnist-cnn: ${what}`, contestant, unit: '', ...(median === undefined ? { missing: 'failed' } : { median }) })
  writeFileSync(file, JSON.stringify({ rows: [
    row('accuracy', 'float32', 99), row('accuracy', 'int8, static', 98.5), row('size', 'float32', 1600), row('size', 'int8, static', 400), row('size', 'float16'),
    row('32 at once, 1 thread', 'float32', 4), row('32 at once, 1 thread', 'int8, static', 5), { nonsense: true }, null,
  ] }))
  expect(cite('bench-int8-size', 'bench-int8-speed', 'bench-int8-lost', 'bench-float16-size').cited.map((each) => each.sentence)).toEqual([
    'in my benchmark static int8 left 25% of the bytes', 'static int8 ran 1.25 times slower than float32', 'static int8 lost 0.5 points',
  ])
  for (const damaged of ['{', '{"rows": 3}', 'null']) {
    writeFileSync(file, damaged)
    expect(cite('bench-int8-size').cited).toEqual([])
  }
})

test('every question cites a number, every number is cited, and what notebooks record is known', () => {
  const cited = new Set(allQuestions().flatMap((question) => question.cites))
  for (const question of allQuestions()) expect(question.cites, question.id).not.toHaveLength(0)
  expect(Object.keys(FIGURES).filter((name) => !cited.has(name as FigureName))).toEqual([])
  const notebooks = path.join(root, 'notebooks', 'module_04')
  for (const name of readdirSync(notebooks).filter((each) => each.endsWith('.ipynb'))) {
    const cells = (JSON.parse(readFileSync(path.join(notebooks, name), 'utf8')) as { cells: { cell_type: string; source: string | string[] }[] }).cells
    const code = cells.flatMap((each) => (each.cell_type === 'code' ? [[each.source].flat().join('')] : [])).find((each) => each.includes('recordMeasurements('))
    for (const [, recorded] of (code?.slice(code.indexOf('recordMeasurements(')) ?? '').matchAll(/^ {2}'([a-z0-9-]+)':/gm)) {
      expect(FIGURES[recorded as FigureName], `${name}: ${recorded}`).toMatchObject({ lesson: name.replace('.ipynb', '') })
    }
  }
})

test('practice shows the learner\'s numbers behind the model answer', async () => {
  const said: string[] = []
  recordMeasurements({ 'p99-batched': 40, 'p99-unbatched': 4000 }, project)
  await practise(project, { tell: (text) => { said.push(text) }, ask: (prompt) => Promise.resolve(prompt.includes('y/n') ? 'y' : '1') }, { question: 'explain-batching-strategies-for-throughput', seed: 1 })
  const answer = said.find((text) => text.startsWith('**A model answer.**'))
  expect(answer).toMatch(/In my own measurements, [^]*p99 of 4000 ms[^]*40 ms[^]*Not measured by you yet, so not cited: lesson_08_onnx_runtime/)
})

test('the sheet has every question with its rubric, answer, numbers and follow-ups, or those asked for', () => {
  const all = String(interviewSheet({}, project))
  expect(all.match(/<details>/g)).toHaveLength(allQuestions().length)
  for (const { question, answer, followUps } of allQuestions()) for (const text of [question, answer, ...followUps]) expect(all).toContain(text)
  const some = String(interviewSheet({ about: 'lesson-8' }, project))
  expect(some.match(/<details>/g)).toHaveLength(2)
  expect(some).toMatch(/making a session of a text recogniser cost 4\.5 runs/)
  expect(String(interviewSheet({ about: 'batching' }, project))).toContain('asked 1×, comes back')
  expect(() => interviewSheet({ about: 'gardening' }, project)).toThrow(/no interview question "gardening"/)
  const rows = figureRows(project)
  expect(rows).toHaveLength(Object.keys(FIGURES).length)
  expect(rows.find((row) => row.number === 'p99-batched')).toEqual({ number: 'p99-batched', value: 40, from: 'lesson_08_onnx_runtime', 'cited by': 3 })
  expect(rows.find((row) => row.number === 'onnx-speed')?.value).toBe(null)
})
