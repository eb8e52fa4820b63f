import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/straight_through'

const { fakeQuantize } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course
const of = (...values: number[]): Float32Array => Float32Array.from(values)

test('forward: the nearest stair', async () => {
  const { values } = await fakeQuantize(of(0.3, 0.2, -0.8, 1, 0), of(1, 1, 1, 1, 1), 0.5, 3)
  assertClose(values, of(0.5, 0, -1, 1, 0), { atol: 1e-6 })
})

test('forward: clipped at both ends of the grid', async () => {
  const { values } = await fakeQuantize(of(9, -9, 1.6), of(1, 1, 1), 0.5, 3)
  assertClose(values, of(1.5, -1.5, 1.5), { atol: 1e-6 })
})

test('backward: within the grid, the gradient passes as it is', async () => {
  const { gradient } = await fakeQuantize(of(0.3, -0.2, 0), of(10, -20, 30), 0.5, 3)
  assertClose(gradient, of(10, -20, 30), {})
})

test('backward: where x was clipped, nothing passes', async () => {
  const { gradient } = await fakeQuantize(of(4, -4, 1.6, 0.1), of(10, 20, 30, 40), 0.5, 3)
  assertClose(gradient, of(0, 0, 0, 40), {})
})

test('backward: the end of the grid itself is not clipped', async () => {
  const { gradient } = await fakeQuantize(of(1.5, -1.5, 1), of(10, 20, 30), 0.5, 3)
  assertClose(gradient, of(10, 20, 30), {})
})

test('on average the stairs rise as steeply as the gradient says', async () => {
  // The mean slope of the staircase over whole stairs is 1 within the grid and 0 beyond it: a finite difference.
  const random = freshRandom()
  const scale = 0.25 * (1 + random.int(4)), bits = 3 + random.int(3), levels = 2 ** (bits - 1) - 1
  const inside = scale * (random.int(2 * levels - 1) - levels + 1) + 0.1 * scale, beyond = scale * (levels + 2 + random.int(5))
  const { values, gradient } = await fakeQuantize(of(inside, inside + scale, beyond, beyond + scale), of(1, 1, 1, 1), scale, bits)
  const slopes = [(values[1]! - values[0]!) / scale, (values[3]! - values[2]!) / scale]
  assertClose(slopes, [1, 0], { atol: 1e-5 }, 'From one stair to the next, y rises by one step within the grid, and not at all beyond it.')
  assertThat(gradient[0] === 1 && gradient[2] === 0, 'The gradient is the mean slope of the stairs: 1 within the grid, 0 beyond it.', { got: gradient })
})
