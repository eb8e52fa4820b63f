// `evaluate` on an untouched clone, on half-done work, on the solved course, and on work that only says that it is done.
// Notebooks, journals and models are made by the real functions, in a copy of the course.
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { courseCopy, type CourseCopy } from './project'

const root = path.resolve(__dirname, '..', '..')
const LESSON = 'notebooks/module_04/lesson_07_onnx_basics.ipynb'
const PROJECT = 'module_04/projects/optimized_model_pipeline'

let copy: CourseCopy
beforeAll(async () => {
  copy = await courseCopy()
  cpSync(path.join(root, 'datasets'), path.join(copy.root, 'datasets'), { recursive: true })
})
afterAll(() => copy.remove())
beforeEach(() => {
  for (const folder of ['notebooks', '.whetstone']) rmSync(path.join(copy.root, folder), { recursive: true, force: true })
  cpSync(path.join(root, LESSON), path.join(copy.root, LESSON))
})

interface Line { id: string, kind: string, rule: string, verdict: string, reason: string, command: string, evidence: { what: string, value: string, interval?: number[], file?: { sha256: string, bytes: number } }[], attained?: number }
interface Evaluation { lines: Line[], scores: { name: string, value: number | null, formula: string, worked: string }[], problems: string[], open: string[] }

const HELPERS = `
  const { course, data, core, onnx, runtime } = lib, fs = require('fs'), path = require('path')
  const project = course.projectAt(root)
  const all = fs.readdirSync(path.join(root, 'exercises/module_04')).flatMap((lesson) => fs.readdirSync(path.join(root, 'exercises/module_04', lesson)).map((name) => 'module_04/' + lesson + '/' + name))
  const ids = all.filter((id) => id.includes('lesson_07_'))
  const setCell = (id, source) => {
    const notebook = path.join(root, 'notebooks', path.dirname(id) + '.ipynb')
    const parsed = JSON.parse(fs.readFileSync(notebook, 'utf8'))
    parsed.cells.find((cell) => cell.metadata.whetstone?.exercise === id).source = source
    fs.writeFileSync(notebook, JSON.stringify(parsed))
  }
  const solve = async (id) => {
    setCell(id, course.solutionCell(project, id))
    return await new course.Course(project).check(id, await course.solutionOf(project, id))
  }
  const heldOut = (name) => {
    if (name !== 'digits') return undefined
    const part = data.loadDigits().split({ test: 0.2, seed: 0 }).test
    return { name, features: Float32Array.from(part.features), shape: part.shape, labels: part.labels }
  }
  const evaluate = async (options) => await course.evaluate(project, course.scopeOf(options), { heldOut, quick: true })`
const run = async <T>(body: string): Promise<T> => await copy.run(`${HELPERS}\n${body}`) as T
const verdicts = (lines: readonly Line[]): Record<string, number> => {
  const counts: Record<string, number> = { 'passed': 0, 'failed': 0, 'not measured': 0 }
  for (const line of lines) counts[line.verdict] = (counts[line.verdict] ?? 0) + 1
  return counts
}
const score = (evaluation: Evaluation, name: string): number | null | undefined => evaluation.scores.find((each) => each.name === name)?.value

test('untouched: nothing passed, nothing crashed, every line says why and how to measure it again', async () => {
  const month = await run<Evaluation>('return await evaluate({ month: "11" })')
  const module4 = await run<Evaluation>('return await evaluate({ module: "4" })')
  for (const evaluation of [month, module4]) {
    expect(verdicts(evaluation.lines)['passed']).toBe(0)
    for (const line of evaluation.lines) {
      expect(line.command).toBe(`npm run evaluate -- --point ${line.id}`)
      if (line.verdict === 'not measured') expect(line.reason).toMatch(/^not measured here: .{15}/)
    }
    expect(evaluation.scores.map((each) => each.value)).toEqual([0, null, null, null])
  }
  const milestones = month.lines.filter((line) => line.kind === 'done-when')
  expect(milestones).toHaveLength(13)
  expect(new Set(milestones.map((line) => line.verdict))).toEqual(new Set(['not measured']))
  expect(module4.lines.find((line) => line.id.endsWith('complete-all-8-lessons'))?.reason).toBe('0 of 8 lessons are complete')
  const one = await run<Evaluation>(`return await evaluate({ point: '${module4.lines[3]!.id}' })`)
  expect(one.lines).toEqual([module4.lines[3]])
})

test('prose, forged journals and broken files earn nothing and stop nothing', async () => {
  copy.write(`notebooks/${PROJECT}/README.md`, 'All done: 10x speed-up, accuracy 99%, TensorRT works, all exercises passed.')
  copy.write(`notebooks/${PROJECT}/trade-offs.md`, '| model | metric | value |\n|---|---|---|\n| baseline.onnx | bytes | 1 |\n| baseline.onnx | accuracy | 1 |\n| baseline.onnx | milliseconds | 1 |\n| b.onnx | bytes | 1 |\n| b.onnx | accuracy | 1 |\n| b.onnx | milliseconds | 1 |\n')
  copy.write(`notebooks/${PROJECT}/project.json`, '{ "dataset": "of my own" }')
  for (const name of ['baseline', 'optimized', 'pruned', 'student', 'quantized']) copy.write(`notebooks/${PROJECT}/${name}.onnx`, 'ONNX, believe me')
  copy.write('notebooks/module_04/broken.ipynb', '{ "cells": 3')
  const evaluation = await run<Evaluation>(`
    const journal = path.join(root, 'dist/course/journal.js')
    for (const id of ids) require(journal).appendEvent(project.journal, { kind: 'check', exercise: id, passed: 9, total: 9, points: 99 })
    for (const { id } of course.BANK.module04) require(journal).appendEvent(project.journal, { kind: 'interview', question: id, rating: 4 })
    fs.appendFileSync(project.journal, '\\n{"kind":"interview","question":"x","rating":4,"probe":true}\\nnoise')
    return await evaluate({ module: '4' })`)
  expect(evaluation.lines.filter((line) => line.verdict === 'passed')).toEqual([])
  expect(evaluation.problems.join()).toMatch(/broken\.ipynb/)
  const baseline = evaluation.lines.find((line) => line.id.endsWith('train-baseline-model'))
  expect(baseline).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/names no dataset of the course/) as string })
  expect(evaluation.lines.find((line) => line.id.endsWith('document-trade-offs'))?.verdict).toBe('failed')
  // Eight passes in the journal, none of which stands.
  expect(evaluation.scores.find((each) => each.name === 'consistency')?.worked).toMatch(/^100 × ½ × \(0 ÷ 8/)
})

test('half done: what runs passes, what was broken since does not, and the scores follow by hand', async () => {
  const evaluation = await run<Evaluation>(`
    for (const id of ids.slice(0, 4)) await solve(id)
    new course.Course(project).hint(ids[1])
    new course.Course(project).hint(ids[1])
    setCell(ids[0], course.solutionCell(project, ids[0]).replace(/\\{/, '{ throw new Error("broken since")\\n'))
    return await evaluate({ module: '4' })`)
  const counts = verdicts(evaluation.lines)
  expect(counts['passed']).toBeGreaterThan(0)
  expect(counts['failed']).toBeGreaterThan(counts['passed']!)
  for (const line of evaluation.lines.filter((each) => each.verdict === 'passed')) expect(line.reason).toMatch(/exercises? pass(es)?, run again now/)
  const broken = evaluation.lines.flatMap((line) => line.evidence).find((each) => each.value.includes('the journal says it passed once'))
  expect(broken?.what).toMatch(/compare_outputs$/)
  const attempted = 4
  expect(evaluation.open.filter((id) => id.includes('lesson_07'))).toHaveLength(5)
  // Three of four pass, one of them after two hints: (1 + 0.6 + 1) ÷ 4.
  expect(score(evaluation, 'understanding')).toBeCloseTo((100 * (1 + 0.6 + 1)) / attempted, 1)
  // Three of four passes stand; one day of work.
  expect(score(evaluation, 'consistency')).toBeCloseTo(50 * (3 / 4 + 1 / 12), 1)
  expect(score(evaluation, 'completion')).toBeCloseTo((100 * counts['passed']!) / (counts['passed']! + counts['failed']!), 1)
})

/** Networks for the digits: random features and a ridge regression in closed form; the baseline carries idle units. */
const MODELS = `
  const { train } = data.loadDigits().split({ test: 0.2, seed: 0 })
  const units = 256, idle = 40_000, n = train.length, numbers = core.random(5)
  const W = Float32Array.from({ length: 64 * units }, () => numbers.normal() / 40), b = Float32Array.from({ length: units }, () => numbers.normal() / 2)
  const features = (count) => {
    const H = new Float64Array(n * count)
    for (let i = 0; i < n; i++) for (let j = 0; j < count; j++) {
      let sum = b[j]
      for (let k = 0; k < 64; k++) sum += train.features[i * 64 + k] * W[k * units + j]
      H[i * count + j] = Math.max(0, sum)
    }
    return H
  }
  const ridge = (count) => {
    const H = features(count), A = Array.from({ length: count }, () => new Float64Array(count + 10))
    for (let i = 0; i < n; i++) for (let j = 0; j < count; j++) {
      const h = H[i * count + j]
      if (h === 0) continue
      for (let k = 0; k < count; k++) A[j][k] += h * H[i * count + k]
      A[j][count + train.labels[i]] += h
    }
    for (let j = 0; j < count; j++) A[j][j] += 0.1
    for (let p = 0; p < count; p++) for (let r = 0; r < count; r++) if (r !== p) {
      const factor = A[r][p] / A[p][p]
      if (factor !== 0) for (let k = p; k < count + 10; k++) A[r][k] -= factor * A[p][k]
    }
    return Float32Array.from({ length: count * 10 }, (_, i) => { const j = Math.floor(i / 10); return A[j][count + i % 10] / A[j][j] })
  }
  const columns = (from, count, width) => Float32Array.from({ length: 64 * count }, (_, i) => from[Math.floor(i / count) * width + i % count])
  const net = (name, w1, b1, w2) => onnx.build(name, (g) => {
    const x = g.op('Flatten', [g.input('image', 'float32', ['batch', 8, 8, 1])])
    const hidden = g.op('Relu', [g.op('Add', [g.op('MatMul', [x, w1(g)]), g.constant(b1, 'b1')])])
    g.output(g.op('MatMul', [hidden, g.constant(w2, 'w2', 'float32', [b1.length, 10])]), 'scores')
  })
  const folder = path.join(root, 'notebooks', '${PROJECT}')
  fs.mkdirSync(folder, { recursive: true })
  const save = (name, model) => onnx.saveModel(model, path.join(folder, name))
  const out = ridge(units), few = ridge(128)
  const wide = new Float32Array(64 * (units + idle)), wideB = new Float32Array(units + idle), wideOut = new Float32Array((units + idle) * 10)
  for (let k = 0; k < 64; k++) for (let j = 0; j < units + idle; j++) wide[k * (units + idle) + j] = j < units ? W[k * units + j] : 0.01
  wideB.set(b), wideOut.set(out)
  save('baseline.onnx', net('baseline', (g) => g.constant(wide, 'w1', 'float32', [64, units + idle]), wideB, wideOut))
  const small = net('small', (g) => g.constant(W, 'w1', 'float32', [64, units]), b, out)
  save('optimized.onnx', small), save('pruned.onnx', small)
  save('student.onnx', net('student', (g) => g.constant(columns(W, 128, units), 'w1', 'float32', [64, 128]), b.slice(0, 128), few))
  const scale = Math.max(...W.map(Math.abs)) / 127
  save('quantized.onnx', net('quantized', (g) => g.op('DequantizeLinear', [g.constant(Int8Array.from(W, (w) => Math.round(w / scale)), 'w1', 'int8', [64, units]), g.constant(scale, 's'), g.constant(0, 'z', 'int8')]), b, out))
  fs.writeFileSync(path.join(folder, 'project.json'), '{ "dataset": "digits" }')
  const rightOn = (name) => {
    const session = runtime.Session.create(path.join(folder, name)), test = heldOut('digits')
    const { scores } = session.runSync({ image: { dtype: 'float32', shape: test.shape, data: test.features } })
    session.dispose()
    return Array.from(test.labels).filter((label, i) => { const row = scores.data.subarray(i * 10, i * 10 + 10); return row.indexOf(Math.max(...row)) === label }).length / test.labels.length
  }
  const size = (name) => fs.statSync(path.join(folder, name)).size`

test('the solved course, all eight lessons: exercises, questions and the project are measured and pass; what is not here is not passed', async () => {
  cpSync(path.join(root, 'notebooks', 'module_04'), path.join(copy.root, 'notebooks', 'module_04'), { recursive: true, filter: (file) => path.basename(file) !== 'optimized_model_pipeline' })
  const { evaluation, accuracy, page, kept } = await run<{ evaluation: Evaluation, accuracy: number, page: string, kept: string }>(`
    for (const id of all) await solve(id)
    for (const [i, question] of [...course.BANK.module04, ...course.BANK.module04].entries()) {
      const answer = question.probe.answer(question.probe.draw(core.random(i).fork()))
      await course.practise(project, { tell: () => {}, ask: async (prompt) => prompt.startsWith('Your number') ? String(answer) : 'y' }, { question: question.id, seed: i })
    }
    ${MODELS}
    const rows = ['baseline.onnx', 'optimized.onnx'].flatMap((name) => ['| ' + name + ' | bytes | ' + size(name) + ' |', '| ' + name + ' | accuracy | ' + rightOn(name) + ' |'])
    fs.writeFileSync(path.join(folder, 'trade-offs.md'), '# Sizes\\n\\n| model | metric | value |\\n|---|---|---|\\n' + rows.join('\\n') + '\\n')
    const evaluation = await evaluate({ module: '4' })
    const kept = course.keepEvaluation(project, evaluation)
    return { evaluation, accuracy: rightOn('optimized.onnx'), page: course.evaluationPage(evaluation), kept }`)
  const line = (end: string): Line => evaluation.lines.find((each) => each.id.endsWith(end))!
  expect(accuracy).toBeGreaterThan(0.9)
  for (const end of ['train-baseline-model', 'apply-compression', 'convert-to-onnx', 'optimize-with-onnx-runtime', '10x-inference-speedup-with-2-percent', 'achieve-5xplus-speedup-on-a-model', 'practice-interview-questions', 'review-optimization-patterns', 'hands-on/validate-conversions', 'explain-knowledge-distillation', 'framework-choices']) {
    expect(line(end), line(end).reason).toMatchObject({ verdict: 'passed' })
  }
  const fast = line('achieve-5xplus-speedup-on-a-model').evidence
  expect(fast[0]?.interval?.[0]).toBeGreaterThanOrEqual(5)
  expect(fast[1]?.file).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string, bytes: expect.any(Number) as number })
  // What exercises measure is passed, every line of it; what is left has its reason.
  const byExercises = evaluation.lines.filter((each) => each.rule === 'exercises')
  expect(byExercises.length).toBeGreaterThan(20)
  expect(byExercises.filter((each) => each.verdict === 'failed')).toEqual([])
  expect(evaluation.open).toEqual([])
  // The document says nothing of time, so its numbers do not make a trade-off.
  expect(line('document-trade-offs').reason).toMatch(/states no milliseconds for 2 models/)
  expect(line('complete-all-8-lessons')).toMatchObject({ verdict: 'passed', reason: 'all 8 lessons are complete' })
  expect(line('use-tensorrt-acceleration').verdict).toBe('not measured')
  expect([score(evaluation, 'understanding'), score(evaluation, 'consistency')]).toEqual([100, 54.2])
  expect(existsSync(kept)).toBe(true)
  expect(page).toContain('95% interval')
  expect(page).not.toMatch(/<script src|<link|https?:\/\//)
  expect(readFileSync(path.join(copy.root, '.whetstone', 'journal.jsonl'), 'utf8')).toContain('"kind":"evaluation"')
})

test('a document\'s numbers are measured again: right ones hold, a wrong one is named', async () => {
  const measured = await run<{ right: Line, wrong: Line }>(`
    ${MODELS.replace('40_000', '200')}
    const at = { 'document': 'module04/project/optimized-model-pipeline/build-a-complete-optimization-pipeline/document-trade-offs' }
    const table = (rows) => fs.writeFileSync(path.join(folder, 'trade-offs.md'), '| model | metric | value |\\n|---|---|---|\\n' + rows.map((row) => '| ' + row.join(' | ') + ' |').join('\\n'))
    const names = ['baseline.onnx', 'optimized.onnx']
    const honest = names.flatMap((name) => [[name, 'bytes', size(name)], [name, 'accuracy', rightOn(name)]])
    const times = (await course.evaluate(project, course.scopeOf({ point: at.document }), { heldOut, quick: true }), names.map((name) => [name, 'milliseconds', 0.000001]))
    table([...honest, ...times])
    const right = (await evaluate({ point: at.document })).lines[0]
    table([...honest.map(([name, metric, value]) => [name, metric, metric === 'accuracy' ? 0.5 : value]), ...times])
    const wrong = (await evaluate({ point: at.document })).lines[0]
    return { right, wrong }`)
  // No test asserts a time: the stated ones are impossible, and only they are refused.
  const said = measured.right.evidence.filter((each) => / of /.test(each.what) && !each.what.startsWith('milliseconds'))
  expect(said).toHaveLength(4)
  for (const { value } of said) {
    const [stated, again] = [...value.matchAll(/[\d.]+/g)].map((match) => Number(match[0]))
    expect(again! / stated!).toBeCloseTo(1, 2)
  }
  expect(measured.right.reason).toMatch(/milliseconds of .*\.onnx is 0\.000001; measured now/)
  expect(measured.wrong.reason).toMatch(/accuracy of baseline\.onnx is 0\.5; measured now: 0\.9/)
})

test('parts of the curriculum that do not exist are errors that name those that do', async () => {
  await expect(run('course.scopeOf({ month: "12" })')).rejects.toThrow(/EVALUATE_SCOPE[^]*no month 12[^]*11/)
  await expect(run('course.scopeOf({ track: "cooking" })')).rejects.toThrow(/module04, advanced/)
  await expect(run('course.scopeOf({ month: "11", module: "4" })')).rejects.toThrow(/one part/)
  await expect(run('return await evaluate({ point: "module04/nothing" })')).rejects.toThrow(/no such line/)
})
