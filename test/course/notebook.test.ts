// The course as a learner meets it: check, hint, solution, reset, progress and the front page, in a process of its own.
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { courseCopy, type CourseCopy } from './project'

let copy: CourseCopy
beforeAll(async () => {
  copy = await courseCopy()
  copy.write('notebooks/module_04/lesson_07_onnx_basics.ipynb', JSON.stringify({
    nbformat: 4, nbformat_minor: 5,
    metadata: { whetstone: { title: 'ONNX | basics', track: 'module_04', order: 7, minutes: 45, summary: 'Look inside a model.', points: [] } },
    cells: [
      { cell_type: 'markdown', metadata: {}, source: ['# ONNX basics\n', 'text'] },
      { cell_type: 'code', metadata: { whetstone: { exercise: CONV } }, source: '', outputs: [] },
    ],
  }))
})
afterAll(() => copy.remove())

const CONV = 'module_04/lesson_07_onnx_basics/conv_output_shape'
/** Right but for the dilation, and it takes every number of channels. */
const WRONG = `const convOutputShape = (i, w, a) => {
  const { strides = [1, 1], pads = [0, 0, 0, 0] } = a
  return [i[0], w[0], ...[0, 1].map((x) => Math.floor((i[x + 2] + pads[x] + pads[x + 2] - w[x + 2]) / strides[x]) + 1)]
};`
const RIGHT = `const convOutputShape = async (i, w, a) => {
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 } = a
  if (i[1] !== w[1] * group) throw new RangeError('channels')
  return [i[0], w[0], ...[0, 1].map((x) => Math.floor((i[x + 2] + pads[x] + pads[x + 2] - dilations[x] * (w[x + 2] - 1) - 1) / strides[x]) + 1)]
};`

interface Report {
  passed: boolean
  points: number
  maxPoints: number
  milliseconds: number
  seed: number
  checks: { name: string; passed: boolean; called?: string; got?: string; expected?: string; sentence?: string; mistake?: string }[]
}
const check = async (code: string, cwd?: string): Promise<Report> =>
  await copy.run(`${code}; return (await lib.check('conv_output_shape', { convOutputShape })).report`, cwd) as Report

test('a mistake is recognised by what it returns, and the rest is explained', async () => {
  const report = await check(WRONG)
  expect([report.passed, report.points, report.maxPoints]).toEqual([false, 4, 8])
  const dilation = report.checks.find((row) => row.name.startsWith('dilation'))
  expect(dilation).toMatchObject({
    passed: false, mistake: 'forgets-dilation', called: 'convOutputShape([1, 3, 40, 40], [4, 3, 3, 3], { dilations: [4, 4] })',
    got: '[1, 4, 38, 38]', expected: '[1, 4, 32, 32]',
  })
  expect(dilation?.sentence).toContain('reaches further than it has taps')
  const channels = report.checks.at(-1)
  expect(channels).toMatchObject({ passed: false, got: '[1, 8, 24, 24]', expected: 'an error' })
  expect(channels?.mistake).toBeUndefined()
})

test('where only the words of an error are wrong, no mistake is blamed', async () => {
  const report = await copy.run(`const topologicalOrder = (nodes, available) => {
      const known = new Set(['', ...available]), order = []
      for (let left = nodes, next; left.length > 0; left = left.filter((node) => node !== next)) {
        next = left.find((node) => node.inputs.every((input) => known.has(input)))
        if (!next) throw new Error('these nodes cannot be sorted')
        order.push(next.name)
        next.outputs.forEach((output) => known.add(output))
      }
      return order
    }
    return (await lib.check('topological_order', { topologicalOrder })).report`) as Report
  const failed = report.checks.filter((row) => !row.passed)
  expect(failed.map((row) => row.mistake)).toEqual([undefined, undefined])
  expect(failed.map((row) => row.sentence)).toEqual([expect.stringContaining('that names it'), expect.stringContaining('the word "cycle"')])
})

test('the inputs are fresh at every run', async () => {
  const [a, b] = [await check(WRONG), await check(WRONG)]
  expect(a.seed).not.toBe(b.seed)
  expect(a.checks[6]?.called).not.toBe(b.checks[6]?.called)
})

test('the solution opens after a pass only, or when asked for; hints come one by one; all of it is recorded', async () => {
  const said = await copy.run(`${RIGHT}
    const text = (page) => String(page), all = []
    all.push(text(lib.reset('conv_output_shape')), text(lib.solution('conv_output_shape')))
    for (let i = 0; i < 4; i++) all.push(text(lib.hint('conv_output_shape')))
    const result = await lib.check('conv_output_shape', { convOutputShape })
    all.push(text(result), text(lib.solution('conv_output_shape')), text(lib.progressReport()))
    return all`) as string[]
  expect(said[0]).toContain('```ts\n/** The attributes of ONNX')
  expect(said[0]).toContain('\nfunction convOutputShape(')
  expect(said[0]).not.toContain('export ')
  expect(said[1]).toContain('opens when your checks pass')
  expect(said[1]).not.toContain('```')
  expect(said.slice(2, 6).map((text) => text.match(/\*\*Hint \d of 3/g)?.length)).toEqual([1, 2, 3, 3])
  expect(said[6]).toContain('all 8 checks passed, 8 points')
  expect(said[7]).toContain('const reach = ')
  expect(said[8]).toContain('| ✓ | The output shape of a convolution | 8/8 | 10 | 3 hints |')
  const journal = readFileSync(path.join(copy.root, '.whetstone', 'journal.jsonl'), 'utf8')
  expect(journal.trim().split('\n').slice(-6).map((line) => (JSON.parse(line) as { kind: string }).kind))
    .toEqual(['reset', 'hint', 'hint', 'hint', 'check', 'solution'])
})

test('the front page is written after a pass, with progress and links that open', () => {
  const page = readFileSync(path.join(copy.root, 'notebooks', 'index.md'), 'utf8')
  expect(page).toContain('| [ONNX \\| basics](module_04/lesson_07_onnx_basics.ipynb) | Look inside a model. | 45 | 1/1 | ██████████ |')
  expect(page).toContain('**Continue where you left off:** [ONNX | basics]')
  expect(page).toContain('## Module 4')
})

test('a notebook of the learner that cannot be read is named on the front page and stops nothing', async () => {
  copy.write('notebooks/Untitled.ipynb', '')
  copy.write('notebooks/plain.ipynb', '{"cells": [], "metadata": {}}')
  expect(await copy.run("lib.reset('conv_output_shape'); return String(lib.progressReport())")).toContain('Untitled.ipynb')
  expect((await check(RIGHT)).passed).toBe(true)
  const page = readFileSync(path.join(copy.root, 'notebooks', 'index.md'), 'utf8')
  expect(page).toMatch(/## Not listed[^]*The file is not a notebook[^]*Untitled\.ipynb/)
  expect(page).toContain('1/1')
  expect(page).not.toContain('plain')
  rmSync(path.join(copy.root, 'notebooks', 'Untitled.ipynb'))
})

test('from a folder deep inside, after a torn journal line', async () => {
  const deep = path.join(copy.root, 'notebooks', 'a', 'b', 'c')
  mkdirSync(deep, { recursive: true })
  appendFileSync(path.join(copy.root, '.whetstone', 'journal.jsonl'), '\n{"kind":"check","exerci')
  expect((await check(RIGHT, deep)).passed).toBe(true)
})

test.each<[string, string, RegExp]>([
  ['a stub', `const convOutputShape = () => { throw new Error('convOutputShape is not written yet') }`, /still the stub/],
  ['no return', 'const convOutputShape = () => {}', /not the expected one|Throw an Error/],
  ['a proxy', 'const convOutputShape = () => new Proxy([1], {})', /not plain data/],
  ['a thenable', 'const convOutputShape = () => ({ then(f) { f([1]) } })', /not plain data/],
  ['a class', 'const convOutputShape = () => new (class A {})()', /not plain data/],
  ['endless recursion', 'const convOutputShape = () => convOutputShape()', /threw an error|Throw an Error/],
  ['something thrown that is no error', 'const convOutputShape = () => { throw null }', /threw an error/],
])('%s earns nothing and says why', async (_, code, sentence) => {
  const report = await check(code)
  expect(report.checks[0]).toMatchObject({ passed: false, sentence: expect.stringMatching(sentence) as string })
  expect(report.checks.slice(0, 7).every((row) => !row.passed)).toBe(true)
})

test('a promise that never settles ends the check, not the notebook', async () => {
  const report = await copy.run(`
    const { liveHost } = require(root + '/dist/course/subject.js')
    const outcome = await liveHost({ f: () => new Promise(() => {}) }, 50).call('f', [])
    return outcome`)
  expect(report).toMatchObject({ ok: false, reason: 'late' })
})

test('an interrupt ends a check at once and leaves no mark in the journal', async () => {
  const journal = path.join(copy.root, '.whetstone', 'journal.jsonl')
  const before = readFileSync(journal, 'utf8')
  await expect(copy.run(`
    const controller = new AbortController()
    globalThis[Symbol.for('whetstone.kernel')] = { signal: controller.signal, renderers: [] }
    setTimeout(() => controller.abort(), 300)
    const timeout = setTimeout(() => process.exit(3), 4000)
    try { await lib.check('conv_output_shape', { convOutputShape: () => new Promise(() => {}) }) } finally { clearTimeout(timeout) }`, copy.root)).rejects.toThrow(/INTERRUPTED/)
  expect(readFileSync(journal, 'utf8')).toBe(before)
})

test('keeping or changing the inputs gains nothing', async () => {
  const report = await check(`const kept = []; const convOutputShape = (i, w, a) => {
    for (const old of kept) { old[0].length = 0; old[1].fill(0) }
    kept.push([i, w]); i[0] = 99; w[0] = 99
    return [i[0], w[0], 24, 24]
  }`)
  expect(report.checks[0]).toMatchObject({ passed: false, called: 'convOutputShape([1, 1, 28, 28], [8, 1, 5, 5], {})', expected: '[1, 8, 24, 24]' })
})

test('an unknown name, a missing function and an ambiguous name are typed refusals that say what to do', async () => {
  await expect(copy.run(`await lib.check('conv_output_shap', {})`)).rejects.toThrow(new RegExp(`EXERCISE_UNKNOWN[^]*perhaps ${CONV}`))
  await expect(copy.run(`await lib.check('conv_output_shape', {})`)).rejects.toThrow(/CHECK_FUNCTIONS[^]*\{ convOutputShape \}/)
  await expect(copy.run(`lib.hint('zzz')`)).rejects.toThrow(/EXERCISE_UNKNOWN/)
})

test('the result has every form: HTML with the learner\'s text escaped, plain text, and data', async () => {
  const bundle = await copy.run(`const convOutputShape = () => { throw new Error('<img src=x onerror="alert(1)">') }
    return (await lib.check('conv_output_shape', { convOutputShape }))[show]()`) as Record<string, unknown>
  expect(Object.keys(bundle).sort()).toEqual(['application/vnd.whetstone.check+json', 'text/html', 'text/plain'])
  expect(bundle['text/html']).not.toContain('<img')
  expect(bundle['text/html']).toContain('&lt;img')
})

test('two cells that check at the same time get their own results', async () => {
  const [wrong, right] = await copy.run(`const w = (() => { ${WRONG} return convOutputShape })(), r = (() => { ${RIGHT} return convOutputShape })()
    const both = await Promise.all([w, r].map((convOutputShape) => lib.check('conv_output_shape', { convOutputShape })))
    return both.map((each) => each.report.points)`) as number[]
  expect([wrong, right]).toEqual([4, 8])
})

test('tensors that a check hands over, and those that come back, are freed', async () => {
  copy.write('exercises/t/l/double/exercise.ts', "export const exercise = { id: 't/l/double', title: 'Double', points: 1, minutes: 1, trains: [] }\n// #region cell\nexport function double(x) { throw new Error('not written yet') }\n// #endregion\n")
  copy.write('exercises/t/l/double/mistakes.ts', 'export const mistakes = []')
  copy.write('solutions/t/l/double.ts', "// #region cell\nexport function double(x) { return x.mul(2) }\n// #endregion\n")
  copy.write('exercises/t/l/double/checks.test.ts', `
    import { test } from 'vitest'
    import * as tf from '@tensorflow/tfjs'
    import { course } from 'whetstone'
    import * as reference from '../../../../solutions/t/l/double'
    const { double } = course.subject(reference)
    test('doubles', async () => {
      const x = tf.tensor2d([[1, 2], [3, 4]])
      const y = await double(x)
      course.assertClose(y.arraySync(), [[2, 4], [6, 8]], { atol: 1e-6 })
      x.dispose()
    })`)
  try {
    const [report, leaked] = await copy.run(`
      const tf = require('@tensorflow/tfjs'), before = tf.memory().numTensors, reports = []
      for (const double of [(x) => x.mul(2), (x) => ({ x }), (x) => x]) reports.push((await lib.check('double', { double })).report)
      return [reports, tf.memory().numTensors - before]`) as [Report[], number]
    expect(report.map((each) => each.passed)).toEqual([true, false, false])
    expect(report[2]?.checks[0]).toMatchObject({ called: 'double(float32 tensor of shape [2, 2] Float32Array(4) [1, 2, 3, 4])', got: '[[1, 2], [3, 4]]' })
    // The two failing checks end before their own dispose().
    expect(leaked).toBe(2)
  } finally {
    for (const folder of ['exercises/t', 'solutions/t']) rmSync(path.join(copy.root, folder), { recursive: true })
  }
})
