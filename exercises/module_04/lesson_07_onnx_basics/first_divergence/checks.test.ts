import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/first_divergence'
import type { LayerOutputs } from './exercise'

const { firstDivergence } = course.subject(reference)
const { assertClose, assertEqual, freshRandom } = course

const layer = (name: string, expected: number[], actual: number[]): LayerOutputs =>
  ({ name, expected: Float32Array.from(expected), actual: Float32Array.from(actual) })

/** A dense layer without activation, in double precision: y = x · W for W of shape [n, n]. */
const dense = (x: number[], weights: number[][]): number[] => weights.map((_, to) => x.reduce((sum, value, from) => sum + value * weights[from]![to]!, 0))

test('the example', async () => {
  assertClose(await firstDivergence([layer('conv', [3, 4], [3, 4.5])], 0.01), { layer: 'conv', error: 0.1 }, { rtol: 1e-6 })
})

test('a model that is right has no such layer', async () => {
  assertEqual(await firstDivergence([layer('conv', [1, -2], [1, -2]), layer('relu', [1, 0], [1, 0])], 1e-6), null)
  assertEqual(await firstDivergence([], 1e-6), null)
})

test('the first, although a later one is worse', async () => {
  const layers = [layer('conv1', [8, 6], [8, 6]), layer('conv2', [3, 4], [3, 4.5]), layer('dense', [1, 0], [5, 3])]
  assertClose(await firstDivergence(layers, 0.01), { layer: 'conv2', error: 0.1 }, { rtol: 1e-6 })
})

test('small layers count as much as large ones', async () => {
  const layers = [layer('logits', [3000, 4000], [3000, 4001]), layer('scaled', [0.03, 0.04], [0.03, 0.05])]
  assertClose(await firstDivergence(layers, 0.001), { layer: 'scaled', error: 0.2 }, { rtol: 1e-5 })
})

test('an error of exactly the tolerance is rounding', async () => {
  assertEqual(await firstDivergence([layer('conv', [3, 4], [3, 6.5])], 0.5), null)
})

test('a layer of zeros', async () => {
  assertEqual(await firstDivergence([layer('relu', [0, 0, 0], [0, 0, 0])], 1e-3), null)
  assertEqual(await firstDivergence([layer('relu', [0, 0, 0], [0, 1, 0])], 1e-3), { layer: 'relu', error: Infinity })
})

test('a layer with NaN in it', async () => {
  const layers = [layer('conv', [1, 2], [1, 2]), layer('log', [1, 2], [1, NaN]), layer('dense', [5, 5], [NaN, NaN])]
  assertEqual(await firstDivergence(layers, 0.1), { layer: 'log', error: Infinity })
})

test('a layer of the wrong size', async () => {
  assertEqual(await firstDivergence([layer('pool', [1, 2], [1, 2, 3])], 0.1), { layer: 'pool', error: Infinity })
  assertEqual(await firstDivergence([layer('pool', [1, 2, 3], [1, 2])], 0.1), { layer: 'pool', error: Infinity })
})

test('ten networks, each with one layer whose weights were transposed', async () => {
  const random = freshRandom()
  for (let i = 0; i < 10; i++) {
    const broken = random.int(5), n = 6 + random.int(6)
    let expected = Array.from({ length: n }, () => random.normal()), actual = expected
    const layers: LayerOutputs[] = []
    for (let k = 0; k < 5; k++) {
      const weights = Array.from({ length: n }, () => Array.from({ length: n }, () => random.normal()))
      const transposed = weights.map((_, row) => weights.map((values) => values[row]!))
      expected = dense(expected, weights)
      // A converter rounds a little, everywhere.
      actual = dense(actual, k === broken ? transposed : weights).map((value) => value * (1 + 1e-7 * random.normal()))
      layers.push(layer(`dense${k + 1}`, expected, actual))
    }
    const { name, expected: e, actual: a } = layers[broken]!
    assertClose(await firstDivergence(layers, 1e-3), { layer: name, error: Math.hypot(...a.map((value, k) => value - e[k]!)) / Math.hypot(...e) }, { rtol: 1e-4 })
  }
})
