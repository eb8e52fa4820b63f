import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/global_shares'

const { globalShares } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

test('the example: half of all', async () => {
  const layers = { wide: Float32Array.of(0.1, -0.2, 0.3, 0.4), narrow: Float32Array.of(5, -0.25) }
  assertClose(await globalShares(layers, 0.5), { wide: 0.5, narrow: 0.5 }, { atol: 1e-9 })
  assertClose(await globalShares(layers, 0.7), { wide: 0.75, narrow: 0.5 }, { atol: 1e-9 })
})

test('a layer of large weights is spared', async () => {
  const layers = { first: Float32Array.of(9, -8, 7, -6), second: Float32Array.of(0.1, 0.2, 0.3, 0.4), third: Float32Array.of(0.5, -10) }
  assertClose(await globalShares(layers, 0.5), { first: 0, second: 1, third: 0.5 }, { atol: 1e-9 })
})

test('nothing pruned, and nearly everything', async () => {
  const layers = { a: Float32Array.of(2, 1, 20), b: Float32Array.of(-11, 3) }
  assertClose(await globalShares(layers, 0), { a: 0, b: 0 }, { atol: 0 })
  assertClose(await globalShares(layers, 0.8), { a: 2 / 3, b: 1 }, { atol: 1e-9 })
})

test('the shares add up to the count that was asked for', async () => {
  const random = freshRandom()
  for (const sparsity of [0.35, 0.8]) {
    const layers = Object.fromEntries([0.2, 1, 5].map((scale, i) =>
      [`layer${i}`, Float32Array.from({ length: 10 + random.int(40) }, () => scale * random.normal())]))
    const got = await globalShares(layers, sparsity)
    const total = Object.values(layers).reduce((sum, w) => sum + w.length, 0)
    const zeros = Object.entries(layers).reduce((sum, [name, w]) => sum + (got[name] ?? NaN) * w.length, 0)
    assertClose(zeros, Math.round(sparsity * total), { atol: 1e-6 }, 'Shares times sizes, added up, are not round(s · n) weights.')
    assertThat(got['layer0']! >= got['layer2']!, 'The layer with the small weights lost a smaller share than the one with the large weights.', { got })
  }
})
