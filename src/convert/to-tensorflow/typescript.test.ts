// The printed form of a model: compiled, run at another size than it was made with, and compared with the live model.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import * as tf from '@tensorflow/tfjs'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onnx } from 'whetstone'
import { convert } from '../convert'
import { toTensorFlow, toTypeScript, type TypeScriptModule } from '.'

interface Printed {
  readonly TRAINED: readonly string[]
  loadWeights(source?: string | Uint8Array): Record<string, tf.Tensor>
  apply(inputs: Record<string, tf.Tensor>, weights: Record<string, tf.Tensor>): Record<string, tf.Tensor>
}

const fixtures = path.join(__dirname, '../../../test/support/convert/torch/fixtures')
const root = path.join(__dirname, '../../..')
// Inside the project, where the packages are found that the module imports.
mkdirSync(path.join(root, '.whetstone'), { recursive: true })
const folder = mkdtempSync(path.join(root, '.whetstone', 'printed-'))
const load = (name: string): onnx.Model => convert(new Uint8Array(readFileSync(path.join(fixtures, `${name}.pt2`)))).model

beforeAll(async () => { await tf.setBackend('cpu') })
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** The module as JavaScript, run where it was saved; packages are this project's. */
function compiled(printed: TypeScriptModule): Printed {
  const file = printed.save(folder)
  const { outputText, diagnostics } = ts.transpileModule(readFileSync(file, 'utf8'), { reportDiagnostics: true, compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } })
  expect(diagnostics).toEqual([])
  const exports = {} as Printed
  const own = createRequire(__filename)
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the module under test is code
  const body = new Function('require', 'exports', '__dirname', outputText) as (require: (name: string) => unknown, exports: Printed, folder: string) => void
  body((name) => (name === '@tensorflow/tfjs' ? tf : own(name)), exports, folder)
  return exports
}

/** Inputs of a model at a size of its named axes. */
function inputsOf(model: onnx.Model, size: number): Record<string, tf.Tensor> {
  return Object.fromEntries(model.graph.inputs.filter(({ tensor }) => tensor === undefined).map(({ name, dtype, shape }) => {
    const sizes = (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : size))
    return [name, dtype === 'float32' ? tf.randomUniform(sizes, -1, 1, 'float32', 7) : tf.randomUniform(sizes, 0, 5, 'int32', 7)]
  }))
}

const NAMES = ['conv2', 'convt2', 'lstm', 'mha', 'ln', 'gn', 'einsum', 'interp', 'reduce', 'tiny_mobilenet3', 'tiny_vit', 'tiny_bert', 'tiny_convnext', 'tiny_distilbert']

describe('the printed module computes what the live model computes', () => {
  test.each(NAMES)('%s', (name) => {
    const source = load(name)
    const live = toTensorFlow(source)
    const inputs = inputsOf(source, 4)
    const printed = toTypeScript(source, { name })
    const module = compiled(printed)
    const weights = module.loadWeights()
    const [wanted, got] = [live.run(inputs), module.apply(inputs, weights)]
    expect(Object.keys(got)).toEqual(Object.keys(wanted))
    for (const [output, tensor] of Object.entries(wanted)) {
      expect(got[output]?.shape).toEqual(tensor.shape)
      expect(tf.max(tf.abs(tf.sub(tf.cast(got[output]!, 'float32'), tf.cast(tensor, 'float32')))).dataSync()[0]).toBeLessThan(1e-6)
    }
    expect([...module.TRAINED].sort()).toEqual([...live.weights].filter(([, { trainable }]) => trainable).map(([weight]) => weight).sort())
    live.dispose()
  })
})

test('gradients are those of the live model', () => {
  const source = load('tiny_vit')
  const live = toTensorFlow(source)
  const inputs = inputsOf(source, 2)
  const module = compiled(toTypeScript(live, { name: 'gradients' }))
  const weights = module.loadWeights()
  const loss = (outputs: Record<string, tf.Tensor>): tf.Scalar => tf.sum(tf.square(Object.values(outputs)[0]!))
  const wanted = tf.variableGrads(() => loss(live.run(inputs)), live.trainableWeights).grads
  const trained = module.TRAINED.map((name) => weights[name] as tf.Variable)
  const got = tf.variableGrads(() => loss(module.apply(inputs, weights)), trained).grads
  for (const [i, name] of module.TRAINED.entries()) {
    const [a, b] = [got[trained[i]!.name]!, wanted[live.weights.get(name)!.name]!]
    expect(tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]).toBeLessThan(1e-5 * Math.max(1, tf.max(tf.abs(b)).dataSync()[0]!))
  }
})

test('the module is TypeScript without errors, in the strictest settings', () => {
  const file = toTypeScript(load('tiny_mobilenet3'), { name: 'strict' }).save(folder)
  const options: ts.CompilerOptions = {
    strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true, module: ts.ModuleKind.Preserve, target: ts.ScriptTarget.ES2022, types: ['node'],
    typeRoots: [path.join(root, 'node_modules/@types')], moduleResolution: ts.ModuleResolutionKind.Bundler,
  }
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  expect(found).toEqual([])
})

test('the live model runs twice, also where a weight is read with its channels last, and is freed without making tensors', () => {
  for (const name of ['tiny_vit', 'tiny_llama']) {
    const source = load(name)
    const live = toTensorFlow(source)
    const inputs = inputsOf(source, 2)
    const [first, second] = [live.run(inputs), live.run(inputs)].map((outputs) => Array.from(Object.values(outputs)[0]!.dataSync()))
    expect(second).toEqual(first)
    live.dispose()
  }
})

test('a model whose indices follow its sizes is printed for one size', () => {
  const source = load('tiny_llama')
  expect(() => toTypeScript(source)).toThrow(/follows the sizes of its inputs[^]*sizes: \{ batch: 1 \}/)
  const module = compiled(toTypeScript(source, { name: 'llama', sizes: { batch: 2 } }))
  const live = toTensorFlow(source)
  const inputs = inputsOf(source, 2)
  const [wanted, got] = [live.run(inputs), module.apply(inputs, module.loadWeights())].map((outputs) => Object.values(outputs)[0]!)
  expect(tf.max(tf.abs(tf.sub(got!, wanted!))).dataSync()[0]).toBeLessThan(1e-6)
  live.dispose()
})

test('what cannot be printed says so', () => {
  expect(() => toTypeScript(load('cond'))).toThrow(/If has no printed form/)
  expect(() => toTypeScript(load('nonzero'))).toThrow(/NonZero has no printed form/)
})
