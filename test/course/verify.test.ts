// The verifier and the curriculum map: clean on the project's own exercises, and each planted fault is found by name.
import { cpSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { courseCopy, type CourseCopy } from './project'

const LESSON = 'module_04/lesson_07_onnx_basics'
const CONV = `${LESSON}/conv_output_shape`
const FOLDER = `exercises/${CONV}`
const SOLUTION = `solutions/${CONV}.ts`

const root = path.resolve(__dirname, '..', '..')
let copy: CourseCopy
beforeAll(async () => { copy = await courseCopy() })
afterAll(() => copy.remove())
beforeEach(() => {
  for (const folder of ['exercises', 'solutions', 'notebooks']) rmSync(path.join(copy.root, folder), { recursive: true, force: true })
  cpSync(path.join(root, FOLDER), path.join(copy.root, FOLDER), { recursive: true })
  cpSync(path.join(root, SOLUTION), path.join(copy.root, SOLUTION))
})

interface Proof { subject: string; statement: string; holds: boolean; reason?: string; open?: true }
const verify = async (): Promise<Proof[]> =>
  await copy.run('return await lib.course.verifyExercises(lib.course.projectAt(root), async () => new Map())') as Proof[]
const failures = async (): Promise<string[]> =>
  (await verify()).filter((proof) => !proof.holds).map((proof) => `${proof.subject}: ${proof.statement}: ${proof.reason ?? ''}`)

const edit = (file: string, from: string | RegExp, to: string): void => {
  const text = readFileSync(path.join(copy.root, file), 'utf8')
  expect(text).toMatch(from)
  copy.write(file, text.replace(from, to))
}
const stubCell = (): string => {
  const stub = readFileSync(path.join(root, FOLDER, 'exercise.ts'), 'utf8')
  return stub.split('// #region cell\n')[1]!.split('\n// #endregion')[0]!.replace(/^export /gm, '')
}
const notebook = (cells: readonly object[], metadata: object = {}): string => JSON.stringify({
  nbformat: 4, nbformat_minor: 5, cells,
  metadata: { whetstone: { title: 'ONNX', track: 'module_04', order: 7, minutes: 45, points: [], ...metadata } },
})
const exerciseCell = (source: string, id = CONV): object => ({ cell_type: 'code', metadata: { whetstone: { exercise: id } }, source, outputs: [] })
const code = (source: string): object => ({ cell_type: 'code', metadata: {}, source: [source], outputs: [] })
const NOTEBOOK = `notebooks/${LESSON}.ipynb`

test('the example of the documentation holds every proof, in its notebook too', async () => {
  copy.write(NOTEBOOK, notebook([exerciseCell(stubCell()), code("await check('conv_output_shape', { convOutputShape })")]))
  const proofs = await verify()
  expect(proofs.filter((proof) => !proof.holds || proof.open)).toEqual([])
  expect(proofs.length).toBeGreaterThan(20)
})

test.each<[string, () => void, RegExp]>([
  ['a stub that passes a check', () => edit(`${FOLDER}/exercise.ts`, /throw new Error\('convOutputShape is not written yet'\)/, 'return [1, 8, 24, 24]'), /the stub fails every check: it passes "a plain kernel/],
  ['a wrong solution', () => edit(SOLUTION, 'Math.floor', 'Math.round'), /the solution passes every check: ".*" fails with seed 1/],
  ['a mistake that is right', () => edit(`${FOLDER}/mistakes.ts`, 'Math.ceil', 'Math.floor'), /"rounds-up" is rejected.*it passes every check/],
  ['a mistake that another one hides', () => edit(`${FOLDER}/mistakes.ts`, /- 1\) \},\n/, ') },\n'), /"forgets-the-first-position" is rejected/],
  ['one mistake only', () => copy.write(`${FOLDER}/mistakes.ts`, 'export const mistakes = []'), /two mistakes or more.*there are 0/],
  ['two hints', () => edit(`${FOLDER}/hints.md`, '## Hint 3', '### Hint 3'), /three hints.*there are 2/],
  ['an id that is not its folder', () => edit(`${FOLDER}/exercise.ts`, "conv_output_shape',", "conv_shape',"), /its id is its folder: it says/],
  ['a point that does not exist', () => edit(`${FOLDER}/exercise.ts`, 'onnx-format-and-operators', 'onnx-magic'), /curriculum: these do not exist: module04/],
  ['no solution', () => rmSync(path.join(copy.root, SOLUTION)), /conv_output_shape\.ts exists: it is missing/],
  ['a stray file', () => copy.write(`${FOLDER}/notes.txt`, ''), /notes\.txt: it belongs to an exercise: it is stray/],
  ['a solution of nothing', () => copy.write(`solutions/${LESSON}/other.ts`, ''), /other\.ts.*stray/],
  ['checks that do not load', () => edit(`${FOLDER}/checks.test.ts`, "from 'vitest'", "from 'nowhere'"), /the solution passes every check: "the checks load" fails/],
  ['a syntax error', () => copy.write(`${FOLDER}/mistakes.ts`, 'export const = 3'), /it loads: A file of the course is not TypeScript/],
  ['no marked cell', () => edit(`${FOLDER}/exercise.ts`, '// #region cell', ''), /marked.*The part that becomes the cell is not marked/],
  ['a notebook without the cell', () => copy.write(NOTEBOOK, notebook([code('1')])), /its cell in the notebook is the stub.*no cell of/],
  ['a cell that differs', () => copy.write(NOTEBOOK, notebook([exerciseCell('function convOutputShape() {}')])), /cell 1 of .* differs from the stub/],
  ['a cell of an unknown exercise', () => copy.write(NOTEBOOK, notebook([exerciseCell('', `${LESSON}/nothing`)])), /nothing of a cell exists/],
])('%s is found', async (_, plant, expected) => {
  plant()
  expect((await failures()).join('\n')).toMatch(expected)
})

test('a cell without a check after it is found, and one that is there twice', async () => {
  copy.write(NOTEBOOK, notebook([code("await check('conv_output_shape', { convOutputShape })"), exerciseCell(stubCell())]))
  expect((await failures()).join('\n')).toMatch(/no cell after it calls check\('conv_output_shape'/)
  copy.write(NOTEBOOK, notebook([exerciseCell(stubCell()), exerciseCell(stubCell())]))
  expect((await failures()).join('\n')).toMatch(/2 cells claim to be it/)
})

test('the curriculum map counts claims of lessons, sections, exercises and projects, and names the wrong ones', async () => {
  const format = 'module04/lesson-7-onnx-fundamentals/topics/onnx-format-and-operators'
  copy.write(NOTEBOOK, notebook([
    { cell_type: 'markdown', metadata: {}, source: '## Why formats\n' },
    { cell_type: 'markdown', metadata: { whetstone: { points: ['module04/lesson-7-onnx-fundamentals/topics/why-onnx', 'module04/nonsense'] } }, source: 'x' },
  ], { points: [format] }))
  copy.write('notebooks/module_04/project.ipynb', notebook([], { kind: 'project', points: ['module04/project/optimized-model-pipeline/build-a-complete-optimization-pipeline/convert-to-onnx'] }))
  const map = await copy.run('return lib.course.mapCurriculum(lib.course.projectAt(root))') as {
    tracks: { track: string; needed: number; covered: number; missing: { id: string }[] }[]; wrong: object[]; claims: { kind: string }[]
  }
  expect(map.wrong).toEqual([{ point: 'module04/nonsense', kind: 'section', place: `${LESSON}.ipynb § Why formats` }])
  expect(map.claims.map((claim) => claim.kind).sort()).toEqual(['exercise', 'lesson', 'project', 'section', 'section'])
  // Counted by hand: 137 points of module 4 less 3 resources; the format is claimed twice and counts once.
  const track = map.tracks.find((each) => each.track === 'module04')
  expect([track?.needed, track?.covered, track?.missing.length]).toEqual([134, 3, 131])
  expect(map.tracks.reduce((sum, each) => sum + each.needed, 0)).toBe(628)
})

test('a notebook that is none, or says its metadata wrong, is an error that names the file', async () => {
  copy.write(NOTEBOOK, '{"cells": 3}')
  await expect(verify()).rejects.toThrow(/LESSON_UNREADABLE[^]*lesson_07_onnx_basics\.ipynb/)
  copy.write(NOTEBOOK, notebook([], { minutes: 'long' }))
  await expect(verify()).rejects.toThrow(/LESSON_METADATA[^]*minutes is not a number/)
})
