// `notebooks run` on the real kernel: what passes, what fails and how it is reported, solutions in the place of stubs.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exerciseFiles, listExercises, stubText } from '../../src/course/exercises'
import { projectAt } from '../../src/course/project'
import { runNotebook, type RunResult } from '../../src/cli/notebooks/run'
import { formatNotebook, readNotebook, type JsonObject } from '../../src/notebook/format'

const root = path.resolve(__dirname, '../..')
const folder = path.join(root, '.whetstone', 'test', 'notebooks é')
beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Cell { readonly id: string, readonly source: string, readonly metadata?: JsonObject }
function run(name: string, cells: readonly Cell[], options: { solved?: boolean, timeout?: number, out?: string } = {}): Promise<RunResult> {
  const file = path.join(folder, `${name}.ipynb`)
  writeFileSync(file, formatNotebook({
    metadata: {}, minor: 5, cells: [{ type: 'markdown', id: 'head', metadata: {}, source: '# Test' }, ...cells.map(({ id, source, metadata = {} }) =>
      ({ type: 'code' as const, id, metadata, source, outputs: [], executionCount: null }))],
  }))
  return runNotebook(file, { solved: options.solved ?? false, timeout: options.timeout ?? 60_000, out: options.out })
}

test('a notebook that works passes, with its time and memory', async () => {
  const result = await run('good', [{ id: 'a', source: 'const n = 20\nn + 1' }, { id: 'b', source: 'console.log(n)' }, { id: 'empty', source: ' ' }])
  expect(result).toMatchObject({ cells: 2, checks: 0 })
  expect(result.failure).toBeUndefined()
  expect(result.seconds).toBeGreaterThan(0)
  expect(result.peakBytes).toBeGreaterThan(50_000_000)
})

test('the cell that fails is named with its id, source and reason, and nothing after it runs', async () => {
  const thrown = await run('throws', [{ id: 'a', source: 'let before = 1' }, { id: 'bad', source: "const x = 1\nthrow new RangeError('too far')" }, { id: 'c', source: 'process.exit(3)' }])
  expect(thrown.failure).toMatchObject({ cell: 3, id: 'bad', source: "const x = 1\nthrow new RangeError('too far')" })
  expect(thrown.failure?.message).toContain('too far')
  const types = await run('types', [{ id: 't', source: 'const n: number = "text"' }])
  expect(types.failure).toMatchObject({ id: 't' })
  expect(types.failure?.message).toContain('not assignable')
})

test('the notebook as it ran is kept where asked, up to the cell that failed; the file itself stays as it was', async () => {
  const out = path.join(folder, 'ran')
  const result = await run('kept', [{ id: 'a', source: 'console.log(6 * 7)' }, { id: 'bad', source: 'throw new Error("here")' }, { id: 'c', source: '1' }], { out })
  const relative = path.relative(root, path.join(folder, 'kept.ipynb'))
  const [, a, bad, c] = readNotebook(path.join(out, relative)).cells
  expect(a).toMatchObject({ source: 'console.log(6 * 7)', executionCount: 1, outputs: [{ output_type: 'stream', name: 'stdout', text: '42\n' }] })
  expect(bad).toMatchObject({ executionCount: 2, outputs: [{ output_type: 'error' }] })
  expect(c).toMatchObject({ executionCount: null, outputs: [] })
  expect(readNotebook(path.join(folder, 'kept.ipynb')).cells[1]?.outputs).toEqual([])
  expect(result.times.map(({ id }) => id)).toEqual(['a', 'bad'])
  for (const { seconds } of result.times) expect(seconds).toBeLessThanOrEqual(result.seconds)
})

test('a cell that is tagged to fail may fail, an endless one is stopped', async () => {
  const tagged = await run('tagged', [{ id: 'a', source: "throw new Error('on purpose')", metadata: { tags: ['raises-exception'] } }, { id: 'b', source: '1' }])
  expect(tagged.failure).toBeUndefined()
  const endless = await run('endless', [{ id: 'loop', source: 'while (true) {}' }], { timeout: 3_000 })
  expect(endless.failure).toMatchObject({ cell: 2, id: 'loop' })
  expect(endless.failure?.message).toContain('3000 ms')
})

test('with the solutions in place the checks pass, and without them a stub is not a failure', async () => {
  const project = projectAt(root)
  // One whose answer imports nothing.
  const id = listExercises(project).find((each) => each.endsWith('/conv_output_shape'))
  expect(id).toBeDefined()
  const stub = stubText(exerciseFiles(project, id ?? ''))
  const [name] = /(?<=function )\w+/.exec(stub) ?? []
  const cells: Cell[] = [
    { id: 'import', source: "import { check } from 'whetstone'" },
    { id: 'stub', source: stub, metadata: { whetstone: { exercise: id ?? '' } } },
    { id: 'check', source: `await check('${id ?? ''}', { ${name ?? ''} })` },
  ]
  const solved = await run('solved', cells, { solved: true })
  expect(solved.failure).toBeUndefined()
  expect(solved.checks).toBe(1)
  expect((await run('stubs', cells)).failure).toBeUndefined()
  const wrong = await run('wrong', cells.map((cell) => (cell.id === 'stub' ? { ...cell, metadata: {} } : cell)), { solved: true })
  expect(wrong.failure?.message).toContain('A check fails on the solution')
})
