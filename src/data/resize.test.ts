import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataError, Dataset, DATASETS, loadDigits, loadIris, loadPretrained, loadTextRecognizer, pretrainedSource, resizeImages } from './index'

const images = (pixels: number[], shape: [number, number, number]): Dataset => new Dataset({
  name: 'test', features: Float32Array.from(pixels), sampleShape: shape, labels: new Float32Array(pixels.length / (shape[0] * shape[1] * shape[2])),
  classNames: ['a'], featureNames: Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => `p${i}`), labelName: 'class',
})

test('the numbers of PyTorch 2.13: interpolate(mode="bilinear", antialias=True, align_corners=False)', () => {
  const both = [7, 3, 12, 16, 2, 0, 16, 10, 6, 5, 16, 10, 13, 9, 8, 7, 3, 6, 16, 11, 0, 10, 15, 5, 9, 2, 7, 8, 11, 14, 0, 5, 3, 16, 11]
  const smaller = [6.3469, 10.7249, 6.9184, 9.8343, 10.1556, 9.1486, 4.5371, 9.8711, 10.0114, 3.102, 7.4921, 12.6803]
  Array.from(resizeImages(images(both, [7, 5, 1]), 4, 3).features).forEach((v, i) => { expect(v).toBeCloseTo(smaller[i]!, 3) })
  const mixed = [12, 8, 14, 10, 14, 4, 11, 0, 5, 15, 13, 4, 3, 4, 13, 14, 15, 3, 5, 12, 16, 11, 3, 16, 10, 7, 11, 16, 6, 1]
  const lowerAndWider = [
    11.5714, 8.0714, 5.5, 9.2143, 11.1429, 12.381, 13.3333, 8.7857, 4.0, 5.2222, 5.0556, 6.0556, 10.7222, 12.7222, 13.2778, 12.1667, 9.0,
    6.1111, 7.8571, 8.5, 9.8095, 12.4762, 13.5, 12.3333, 6.2381, 6.0714, 7.4286,
  ]
  Array.from(resizeImages(images(mixed, [5, 6, 1]), 3, 9).features).forEach((v, i) => { expect(v).toBeCloseTo(lowerAndWider[i]!, 3) })
})

test('channels and samples do not mix, the same size changes nothing, the mean survives halving', () => {
  const two = resizeImages(images([1, 10, 1, 10, 1, 10, 1, 10, 5, 50, 5, 50, 5, 50, 5, 50], [2, 2, 2]), 3, 1)
  expect(Array.from(two.features)).toEqual([1, 10, 1, 10, 1, 10, 5, 50, 5, 50, 5, 50])
  const digits = loadDigits().take(5)
  expect(Array.from(resizeImages(digits, 8, 8).features)).toEqual(Array.from(digits.features))
  const mean = (set: Dataset): number => Array.from(set.features).reduce((a, b) => a + b, 0) / set.features.length
  expect(mean(resizeImages(digits, 16, 16))).toBeCloseTo(mean(digits), 1)
})

test('a table and a size of 0 are refused', () => {
  expect(() => resizeImages(loadIris(), 4, 4)).toThrow(DataError)
  expect(() => resizeImages(loadDigits(), 0, 4)).toThrow(/1 or more/)
})

test('a part of the classes, numbered anew', () => {
  const digits = loadDigits()
  const part = digits.ofClasses(['7', '3'])
  expect(part.length).toBe((digits.classCounts()['7'] ?? 0) + (digits.classCounts()['3'] ?? 0))
  expect(part.classCounts()).toEqual({ 7: digits.classCounts()['7'], 3: digits.classCounts()['3'] })
  expect(() => digits.ofClasses(['10'])).toThrow(/no such class/)
})

test('the pretrained models are the ones that were published', () => {
  expect(loadTextRecognizer().byteLength).toBe(10822323)
  expect(loadPretrained().byteLength).toBe(98176)
  const card = fs.readFileSync(path.join(DATASETS, 'pretrained', 'card.md'), 'utf8')
  expect(card).toContain(Object.values(pretrainedSource.files)[0]?.sha256)
  expect(card).toContain(pretrainedSource.licence)
})
