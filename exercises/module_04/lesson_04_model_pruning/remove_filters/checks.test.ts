import { test } from 'vitest'
import { course, type core } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_04_model_pruning/remove_filters'
import type { Convolution } from './exercise'

const { removeFilters } = course.subject(reference)
const { assertClose, assertEqual, assertThat, freshRandom } = course

const f32 = (...values: number[]): Float32Array => Float32Array.from(values)

function randomConvolution(random: core.Random, shape: Convolution['shape']): Convolution {
  const fill = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal())
  return { weights: fill(shape[0] * shape[1] * shape[2] * shape[3]), shape, bias: fill(shape[0]) }
}

/** The convolution of an image [C, size, size], as its definition has it: stride 1, no padding. */
function convolve(image: number[][], size: number, { weights, shape: [m, c, h, w], bias }: Convolution): number[][] {
  const out = size - h + 1, wide = size - w + 1
  return Array.from({ length: m }, (_, filter) => Array.from({ length: out * wide }, (_, at) => {
    const y = Math.floor(at / wide), x = at % wide
    let sum = bias[filter]!
    for (let k = 0; k < c; k++) {
      for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) sum += image[k]![(y + i) * size + x + j]! * weights[((filter * c + k) * h + i) * w + j]!
    }
    return sum
  }))
}

/** Whether shapes and sizes are those of two convolutions that fit together. */
function assertFits(got: unknown, firstShape: number[], secondShape: number[]): void {
  const { first, second } = (got ?? {}) as Partial<Record<'first' | 'second', Convolution>>
  for (const [name, one, shape] of [['first', first, firstShape], ['second', second, secondShape]] as const) {
    assertEqual(one?.shape, shape, `The shape of the ${name} convolution is not right.`)
    const count = shape.reduce((a, b) => a * b, 1)
    assertThat(one?.weights.length === count && one.bias.length === shape[0], `The ${name} convolution does not have as many numbers as its shape says.`, {
      expected: `${count} weights, ${shape[0]} biases`, got: `${one?.weights.length} weights, ${one?.bias.length} biases`,
    })
  }
}

test('kernels of one number', async () => {
  const got = await removeFilters(
    { weights: f32(1, 2, 3), shape: [3, 1, 1, 1], bias: f32(10, 20, 30) },
    { weights: f32(4, 5, 6, 7, 8, 9), shape: [2, 3, 1, 1], bias: f32(0, 1) }, [0, 2])
  assertEqual(got, {
    first: { weights: f32(1, 3), shape: [2, 1, 1, 1], bias: f32(10, 30) },
    second: { weights: f32(4, 6, 7, 9), shape: [2, 2, 1, 1], bias: f32(0, 1) },
  })
})

test('a filter is a block of C · kH · kW numbers', async () => {
  const got = await removeFilters(
    { weights: f32(1, 2, 3, 4, 5, 6, 7, 8), shape: [2, 2, 1, 2], bias: f32(1, 2) },
    { weights: f32(1, 2, 3, 4), shape: [1, 2, 2, 1], bias: f32(9) }, [1])
  assertEqual(got, {
    first: { weights: f32(5, 6, 7, 8), shape: [1, 2, 1, 2], bias: f32(2) },
    second: { weights: f32(3, 4), shape: [1, 1, 2, 1], bias: f32(9) },
  })
})

test('keeping all changes nothing', async () => {
  const random = freshRandom()
  const first = randomConvolution(random, [3, 2, 3, 2]), second = randomConvolution(random, [4, 3, 1, 2])
  assertEqual(await removeFilters(first, second, [0, 1, 2]), { first, second })
})

test('on random images: what the whole network computes when nobody reads the removed channels', async () => {
  const random = freshRandom()
  for (let round = 0; round < 2; round++) {
    const [m, c, n] = [4 + random.int(3), 1 + random.int(3), 2 + random.int(3)]
    const first = randomConvolution(random, [m, c, 2, 3]), second = randomConvolution(random, [n, m, 2, 2])
    const keep = random.shuffle([...Array(m).keys()]).slice(0, 2 + random.int(m - 2)).sort((a, b) => a - b)
    const got = await removeFilters(first, second, keep)
    assertFits(got, [keep.length, c, 2, 3], [n, keep.length, 2, 2])
    // The second convolution with zeros where it reads removed channels.
    const unread = { ...second, weights: second.weights.map((w, i) => (keep.includes(Math.floor(i / 4) % m) ? w : 0)) }
    const size = 6, image = Array.from({ length: c }, () => Array.from({ length: size * size }, () => random.normal()))
    // The first makes images of 5 × 4; cut to 4 × 4, so that they are square.
    const through = (a: Convolution, b: Convolution): number[][] =>
      convolve(convolve(image, size, a).map((channel) => channel.slice(0, 16).map((v) => Math.max(0, v))), 4, b)
    assertClose(through(got.first, got.second), through(first, unread), { rtol: 1e-5, atol: 1e-5 },
      'On a random image the two small convolutions do not give what the large ones give when the removed channels are not read.')
  }
})
