// The model that the lesson on transfer begins with: trained on the digits 0 to 4 of MNIST, kept in `datasets/pretrained/`
// with its card. Running this again makes it anew.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { sha256 } from '../../core'
import { type Dataset, DATASETS, loadDigits, loadMnist, pretrainedSource, resizeImages, Split } from '../../data'
import * as engine from '../../engine'
import { cosine, evaluate, type Evaluation, models, train, warmup } from '../../nn'
import { writeModel } from '../../onnx'
import { accuracyOf, plainNames } from '.'

const RECIPE = { seed: 1, epochs: 6, batchSize: 128, rate: 0.005, filters: [16, 32, 64] } as const

const upToFour = (set: Dataset): Dataset => set.ofClasses(['0', '1', '2', '3', '4'])

/** MNIST's 0 to 4 at 8 × 8, divided by the largest value. */
export function pretrainingData(): Split {
  const { train: a, test: b } = loadMnist()
  return new Split(resizeImages(upToFour(a), 8, 8), resizeImages(upToFour(b), 8, 8)).normalise('unit')
}

/**
 * Trains the model and writes it with its card.
 *
 * @returns its accuracy on MNIST's test images, and the new checksum, which belongs into `src/data/pretrained.ts`
 */
export async function pretrain(note: (line: string) => void): Promise<{ accuracy: number, bytes: number, sha256: string }> {
  if (tf.getBackend() !== 'onnx') await engine.start()
  const { seed, epochs, batchSize, rate, filters } = RECIPE
  const data = pretrainingData()
  const net = models.convNet({ inputShape: [8, 8, 1], classes: 5, filters, seed })
  const history = await train(net, data.train, {
    epochs, batchSize, seed, compile: engine.compile, schedule: warmup(0.1, cosine(rate)),
    onEpoch: (epoch) => { note(`epoch ${epoch.epoch} of ${epochs}, loss ${epoch.loss.toFixed(4)}`) },
  })
  const bytes = writeModel(plainNames(engine.toOnnx(net, undefined, { name: 'mnist_0_4', outputNames: ['logits'] })))
  const accuracy = await accuracyOf(bytes, data.test)
  const digits = upToFour(loadDigits())
  const elsewhere = await evaluate(net, digits.apply(digits.fit('unit')))
  const folder = path.join(DATASETS, pretrainedSource.name)
  writeFileSync(path.join(folder, 'mnist-0-4.onnx'), bytes)
  writeFileSync(path.join(folder, 'card.md'), card(bytes, history.steps, accuracy, elsewhere, data))
  net.dispose()
  return { accuracy, bytes: bytes.byteLength, sha256: sha256(bytes) }
}

function card(bytes: Uint8Array, steps: number, accuracy: number, elsewhere: Evaluation, data: Split): string {
  const { title, summary, origin, licence, notes } = pretrainedSource
  const percent = (share: number): string => `${(100 * share).toFixed(2)}%`
  return [
    `# ${title}`, '', summary, '',
    `- **Source:** ${origin}`, `- **Licence:** ${licence}`,
    `- **Training data:** ${data.train.length.toLocaleString('en-US')} images of MNIST's training part, 28 × 28 shrunk to 8 × 8 (\`data.resizeImages\`), divided by 255`,
    `- **Training:** Adam, one cycle with a peak rate of ${RECIPE.rate}, ${RECIPE.epochs} epochs of batches of ${RECIPE.batchSize} (${steps.toLocaleString('en-US')} steps), seed ${RECIPE.seed}`,
    `- **Intended use:** lessons and tests. Not a digit recognizer: it calls every digit a 0, 1, 2, 3 or 4`, '',
    '| measured on | images | right |', '| --- | --- | --- |',
    `| MNIST's test part, 0 to 4 | ${data.test.length.toLocaleString('en-US')} | ${percent(accuracy)} |`,
    `| UCI digits, 0 to 4, as they are | ${elsewhere.samples} | ${percent(elsewhere.accuracy)} |`, '',
    '| file | bytes | SHA-256 |', '| --- | --- | --- |',
    `| mnist-0-4.onnx | ${bytes.byteLength.toLocaleString('en-US')} | \`${sha256(bytes)}\` |`, '',
    '## Know before use', ...notes.map((line) => `- ${line}`), '',
  ].join('\n')
}
