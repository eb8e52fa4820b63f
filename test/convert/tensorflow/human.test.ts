// Graph models that others made and published: the package @vladmandic/human (MIT licence). Every one of its models, beside
// TensorFlow.js running the same file.
import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { convert, core, onnx, runtime } from 'whetstone'

const folder = path.resolve('node_modules/@vladmandic/human/models')
const names = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'models.json').map((file) => file.slice(0, -5))
/** The WebAssembly backend gives other boxes than the reference backend for the detector with a loop. */
const ON_CPU = new Set(['handtrack', 'liveness', 'emotion'])
const SIDE = 224

async function tensorflow(name: string): Promise<tf.GraphModel> {
  const file = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as { modelTopology: object; weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[]; signature?: object }
  const bytes = readFileSync(path.join(folder, `${name}.bin`))
  return tf.loadGraphModel(tf.io.fromMemory({
    modelTopology: file.modelTopology, weightSpecs: file.weightsManifest.flatMap(({ weights }) => weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), ...(file.signature ? { signature: file.signature } : {}),
  }))
}

test('the package has the eleven models that are known', () => {
  expect(names).toHaveLength(11)
})

test.each(names)('%s computes what TensorFlow.js computes', async (name) => {
  vi.spyOn(console, 'warn').mockReturnValue()
  await tf.setBackend(ON_CPU.has(name) ? 'cpu' : 'wasm')
  const theirs = await tensorflow(name)
  const { model } = convert.convert(path.join(folder, `${name}.json`))
  expect(onnx.validateModel(model)).toEqual([])
  const session = runtime.Session.create(onnx.writeModel(model), { threads: 1 })
  const numbers = core.random(7)
  const [image] = theirs.inputs
  const shape = (image?.shape ?? []).map((size, axis) => (size >= 0 ? size : axis === 0 ? 1 : SIDE))
  // A picture with structure: a detector finds something in it.
  const wave = (i: number): number => Math.round(127 + 100 * Math.sin(i / 700) * Math.cos(i / 31) + numbers.int(20))
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (image?.dtype === 'int32' ? wave(i) : numbers.next()))
  const [given] = session.inputs
  const ours = session.runSync({
    [given?.name ?? '']: given?.dtype === 'float32' ? runtime.tensor('float32', shape, data) : runtime.tensor(given?.dtype ?? 'uint8', shape, given?.dtype === 'int32' ? Int32Array.from(data) : Uint8Array.from(data)),
  })
  const wanted = await theirs.executeAsync(tf.tensor(image?.dtype === 'int32' ? Int32Array.from(data) : data, shape, image?.dtype), theirs.outputNodes)
  const results = Array.isArray(wanted) ? wanted : [wanted]
  expect(Object.keys(ours)).toHaveLength(results.length)
  results.forEach((result, i) => {
    const named = theirs.outputNodes[i] ?? ''
    const got = ours[named] ?? ours[named.split(':')[0] ?? ''] ?? Object.values(ours)[i]
    expect(got?.shape).toEqual(result.shape)
    const want = Array.from(result.dataSync(), Number), largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const error = want.reduce((most, x, at) => Math.max(most, Math.abs(x - Number(got?.data[at]))), 0)
    expect(error).toBeLessThanOrEqual(1e-4 * largest + 1e-6)
  })
  session.dispose()
  theirs.dispose()
}, 120_000)
