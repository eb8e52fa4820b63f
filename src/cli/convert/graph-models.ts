// TensorFlow.js graph models that others made and published (the package @vladmandic/human, MIT licence), converted here, beside
// TensorFlow.js running the same files.
import * as tf from '@tensorflow/tfjs'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { random } from '../../core'
import type { RunTensor } from '../../convert'
import { Tensor, type Model } from '../../onnx'
import { root } from '../root'

/** The models' folder, a development dependency. */
export const graphModelFolder: string = path.join(root, 'node_modules', '@vladmandic', 'human', 'models')

/** Their names; none where the package is not installed. */
export function graphModelNames(): string[] {
  if (!existsSync(graphModelFolder)) return []
  return readdirSync(graphModelFolder).filter((file) => file.endsWith('.json') && file !== 'models.json').map((file) => file.slice(0, -5))
}

/**
 * The backend of TensorFlow.js that is the reference for a model. WebAssembly lacks a kernel of two of them, and gives other
 * boxes than the reference backend `cpu` for the detector with a loop.
 */
export function referenceBackend(name: string): 'cpu' | 'wasm' {
  return ['handtrack', 'liveness', 'emotion'].includes(name) ? 'cpu' : 'wasm'
}

/** A model in TensorFlow.js, and a picture that it takes. */
export interface GraphModel {
  readonly model: tf.GraphModel
  readonly picture: tf.Tensor
}

/** Sizes that a model leaves open. */
const SIDE = 224

/** Loads a model on its reference backend. */
export async function loadGraphModel(name: string): Promise<GraphModel> {
  const backend = referenceBackend(name)
  if (backend === 'wasm') await import('@tensorflow/tfjs-backend-wasm')
  await tf.setBackend(backend)
  const file = JSON.parse(readFileSync(path.join(graphModelFolder, `${name}.json`), 'utf8')) as { modelTopology: object; weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[]; signature?: object }
  const bytes = readFileSync(path.join(graphModelFolder, `${name}.bin`))
  const model = await tf.loadGraphModel(tf.io.fromMemory({
    modelTopology: file.modelTopology, weightSpecs: file.weightsManifest.flatMap(({ weights }) => weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), ...(file.signature ? { signature: file.signature } : {}),
  }))
  const [image] = model.inputs
  const shape = (image?.shape ?? []).map((size, axis) => (size >= 0 ? size : axis === 0 ? 1 : SIDE))
  const size = shape.reduce((a, b) => a * b, 1), numbers = random(7)
  // A picture with structure: a detector finds something in it.
  const wave = (i: number): number => Math.round(127 + 100 * Math.sin(i / 700) * Math.cos(i / 31) + numbers.int(20))
  const picture = image?.dtype === 'int32' ? tf.tensor(Int32Array.from({ length: size }, (_, i) => wave(i)), shape, 'int32')
    : tf.tensor(Float32Array.from({ length: size }, () => numbers.next()), shape)
  return { model, picture }
}

/** What TensorFlow.js computes, in the order of its outputs. */
export async function graphModelOutputs({ model, picture }: GraphModel): Promise<tf.Tensor[]> {
  const results = await model.executeAsync(picture, model.outputNodes)
  return Array.isArray(results) ? results : [results]
}

/** The picture as the converted model takes it. */
export function pictureFor(model: Model, { picture }: GraphModel): Tensor {
  const [input] = model.graph.inputs
  return Tensor.from(Array.from(picture.dataSync()), picture.shape, input?.dtype ?? 'float32')
}

/** What is added to the largest number of an output: where all are next to 0, as scores of nothing found are, only 1e-6 of rounding is left. */
const NEAR_ZERO = 0.01

/** max |a − b| / (max |b| + 0.01) over every output, b being TensorFlow.js's; infinite where a shape differs or an output is missing. */
export function differenceFrom(expected: readonly tf.Tensor[], theirs: GraphModel, ours: Readonly<Record<string, RunTensor>>): number {
  if (Object.keys(ours).length !== expected.length) return Infinity
  return expected.reduce((most, result, i) => {
    const named = theirs.model.outputNodes[i] ?? ''
    const got = ours[named] ?? ours[named.split(':')[0] ?? ''] ?? Object.values(ours)[i]
    if (got?.shape.join() !== result.shape.join()) return Infinity
    const want = Array.from(result.dataSync(), Number)
    const largest = want.reduce((a, x) => Math.max(a, Math.abs(x)), 0)
    const error = want.reduce((a, x, at) => Math.max(a, Math.abs(x - Number(got.data[at]))), 0)
    return Math.max(most, error / (largest + NEAR_ZERO))
  }, 0)
}
