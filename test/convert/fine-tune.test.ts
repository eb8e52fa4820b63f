// A PyTorch model converted, fine-tuned in TensorFlow.js, and its weights loaded back into PyTorch: the same outputs.
// Needs a Python with torch: WHETSTONE_PYTHON, or the project's own .venv.
import * as tf from '@tensorflow/tfjs'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { convert, core } from 'whetstone'

const python = process.env['WHETSTONE_PYTHON'] ?? path.resolve('.venv/bin/python')
const found = existsSync(python) && spawnSync(python, ['-c', 'import torch']).status === 0
const folder = mkdtempSync(path.join(tmpdir(), 'fine-tune-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })
const peer = (what: string): string => execFileSync(python, [path.resolve('test/convert/fine-tune.py'), what, folder], { encoding: 'utf8' })

test.skipIf(!found)(`PyTorch → TensorFlow.js → PyTorch${found ? '' : ' (skipped: no Python with torch; set WHETSTONE_PYTHON)'}`, async () => {
  peer('export')
  await tf.setBackend('cpu')
  const model = convert.toTensorFlow(convert.convert(path.join(folder, 'model.pt2')).model)
  const numbers = core.random(3)
  const x = tf.tensor4d(Float32Array.from({ length: 16 * 64 }, () => numbers.normal()), [16, 1, 8, 8])
  const y = tf.oneHot(tf.cast(tf.greater(tf.mean(x, [1, 2, 3]), 0), 'int32'), 2)
  const optimizer = tf.train.adam(0.05)
  const losses = Array.from({ length: 15 }, () => optimizer.minimize(
    () => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor), true, model.trainableWeights)?.dataSync()[0] ?? NaN)
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
  convert.saveSafetensors(model.state(), path.join(folder, 'tuned.safetensors'))
  writeFileSync(path.join(folder, 'x.json'), JSON.stringify(Array.from(x.dataSync())))
  const theirs = JSON.parse(peer('check')) as number[]
  const ours = (model.predict(x) as tf.Tensor).dataSync()
  expect(theirs.length).toBe(ours.length)
  theirs.forEach((value, i) => { expect(Math.abs(value - (ours[i] ?? NaN))).toBeLessThan(1e-4) })
  model.dispose()
}, 120_000)
