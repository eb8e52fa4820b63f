import { test } from 'vitest'
import { course, onnx, optimization } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/two_of_four'

const { twoOfFourMask } = course.subject(reference)
const { assertEqual, freshRandom } = course

const mask = (...values: number[]): Uint8Array => Uint8Array.from(values)

test('one row of six: a whole four, and two that stay', async () => {
  assertEqual(await twoOfFourMask(Float32Array.of(4, -1, 0.5, 2, 9, 8), 6), mask(1, 0, 0, 1, 1, 1))
})

test('large negative weights stay', async () => {
  assertEqual(await twoOfFourMask(Float32Array.of(-5, 0.1, 0.2, -6), 4), mask(1, 0, 0, 1))
})

test('fours lie along a row, not down a column', async () => {
  const weights = Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40, 400, 300, 200, 100, 5, 9, 6, 8)
  assertEqual(await twoOfFourMask(weights, 4), mask(0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1))
})

test('a four does not reach into the next row', async () => {
  assertEqual(await twoOfFourMask(Float32Array.of(1, 2, 3, 4, 0.5, 60, 70, 5, 80, 9), 5), mask(0, 0, 1, 1, 1, 0, 1, 0, 1, 1))
  assertEqual(await twoOfFourMask(Float32Array.of(1, 2, 3, 4, 5, 6), 3), mask(1, 1, 1, 1, 1, 1))
})

test('of equal weights, those that stand first go', async () => {
  assertEqual(await twoOfFourMask(Float32Array.of(1, 1, -1, 1, 2, 1, 1, 1), 8), mask(0, 0, 1, 1, 1, 0, 0, 1))
})

test('random matrices: as the toolkit prunes a matrix product', async () => {
  const random = freshRandom()
  for (let i = 0; i < 3; i++) {
    const [rows, columns] = [1 + random.int(5), 4 + random.int(12)]
    const weights = Float32Array.from({ length: rows * columns }, () => random.normal())
    const g = new onnx.GraphBuilder('product')
    const w = g.constant(weights, 'w', 'float32', [rows, columns])
    g.output(g.op('Gemm', [g.input('x', 'float32', [1, columns]), w], { transB: 1 }), 'y')
    const toolkit = optimization.pruneWeights(g.model(), { pattern: { n: 2, m: 4 } }).masks.get('w')
    assertEqual(await twoOfFourMask(weights, columns), toolkit, 'Your mask is not the one that the toolkit finds for the same matrix.')
  }
})
