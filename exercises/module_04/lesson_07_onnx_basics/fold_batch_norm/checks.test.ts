import { test } from 'vitest'
import { course, onnx, runtime, type core } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/fold_batch_norm'
import type { BatchNormalization, ConvLayer } from './exercise'

const { foldBatchNorm } = course.subject(reference)
const { assertClose, assertThat, freshRandom } = course

const f32 = (...values: number[]): Float32Array => Float32Array.from(values)
const fill = (length: number, value: () => number): Float32Array => Float32Array.from({ length }, value)

function randomLayers(random: core.Random, shape: ConvLayer['shape'], epsilon: number): [ConvLayer, BatchNormalization] {
  const [m, c, h, w] = shape
  const normal = (): number => random.normal()
  const conv = { weights: fill(m * c * h * w, normal), shape, bias: fill(m, normal) }
  return [conv, { scale: fill(m, normal), shift: fill(m, normal), mean: fill(m, normal), variance: fill(m, () => 0.05 + 2 * random.next()), epsilon }]
}

/** The convolution of one image [C, size, size] in double precision: stride 1, no padding. */
function convolve(image: Float32Array, size: number, { weights, shape: [m, c, h, w], bias }: ConvLayer): number[][] {
  return Array.from({ length: m }, (_, filter) => {
    const out: number[] = []
    for (let y = 0; y + h <= size; y++) {
      for (let x = 0; x + w <= size; x++) {
        let sum = bias[filter]!
        for (let k = 0; k < c; k++) {
          for (let dy = 0; dy < h; dy++) {
            for (let dx = 0; dx < w; dx++) sum += image[(k * size + y + dy) * size + x + dx]! * weights[((filter * c + k) * h + dy) * w + dx]!
          }
        }
        out.push(sum)
      }
    }
    return out
  })
}

/** Batch normalization as its definition has it, on the channels of one image. */
const normalize = (channels: number[][], { scale, shift, mean, variance, epsilon }: BatchNormalization): number[][] =>
  channels.map((values, m) => values.map((z) => (scale[m]! * (z - mean[m]!)) / Math.sqrt(variance[m]! + epsilon) + shift[m]!))

/** Folds, and sees that arrays of the right sizes came back. */
async function fold(conv: ConvLayer, norm: BatchNormalization): Promise<ConvLayer> {
  const got: unknown = await foldBatchNorm(conv, norm)
  const { weights, bias } = (got ?? {}) as Partial<ConvLayer>
  const fits = (data: unknown, like: Float32Array): data is Float32Array => data instanceof Float32Array && data.length === like.length
  if (fits(weights, conv.weights) && fits(bias, conv.bias)) return { weights, bias, shape: conv.shape }
  const expected = `{ weights: Float32Array(${conv.weights.length}), bias: Float32Array(${conv.bias.length}) }`
  assertThat(false, 'Folding changes the numbers, not the shapes: W\' is as large as W, and b\' as large as b.', { expected, got })
  return conv
}

/** Folds, and compares W' ∗ x + b' with norm(W ∗ x + b) on a fresh image. */
async function compareOnImage(random: core.Random, conv: ConvLayer, norm: BatchNormalization): Promise<void> {
  const folded = await fold(conv, norm)
  const size = 6, image = fill(conv.shape[1] * size * size, () => random.normal())
  assertClose(
    convolve(image, size, folded), normalize(convolve(image, size, conv), norm), { rtol: 1e-4, atol: 1e-4 },
    'On a random image, your one convolution does not give what convolution and normalization give. Each channel m of the output belongs to filter m.',
  )
}

/** An output of a graph over x, the image, in ONNX Runtime with its own optimizer off: it would fold by itself. */
function run(image: Float32Array, shape: number[], build: (g: onnx.GraphBuilder, x: onnx.Value) => onnx.Value): Float32Array {
  const g = new onnx.GraphBuilder('block')
  g.output(build(g, g.input('x', 'float32', shape)), 'y')
  const session = runtime.Session.create(onnx.writeModel(g.model()), { threads: 1, optimization: 'disabled' })
  try {
    return session.runSync({ x: runtime.tensor('float32', shape, image) })['y']!.data as Float32Array
  } finally {
    session.dispose()
  }
}

test('one filter with one weight', async () => {
  const got = await foldBatchNorm(
    { weights: f32(3), shape: [1, 1, 1, 1], bias: f32(1) }, { scale: f32(2), shift: f32(10), mean: f32(5), variance: f32(4), epsilon: 0 })
  assertClose(got, { weights: f32(3), bias: f32(6) }, { rtol: 1e-6 })
})

test('every filter has its own factor', async () => {
  const got = await foldBatchNorm(
    { weights: f32(1, 2, 3, 4), shape: [2, 1, 1, 2], bias: f32(0.5, -0.5) },
    { scale: f32(6, 1), shift: f32(0, 1), mean: f32(0, 2), variance: f32(3, 0), epsilon: 1 },
  )
  assertClose(got, { weights: f32(3, 6, 3, 4), bias: f32(1.5, -1.5) }, { rtol: 1e-6 })
})

test('a channel that never changes, and one that is switched off', async () => {
  const got = await foldBatchNorm(
    { weights: f32(2, 4), shape: [2, 1, 1, 1], bias: f32(1, 1) },
    { scale: f32(1, 0), shift: f32(0, 7), mean: f32(1, 3), variance: f32(0, 1), epsilon: 0.0625 },
  )
  assertClose(got, { weights: f32(8, 0), bias: f32(0, 7) }, { rtol: 1e-6 })
})

test('random layers on random images, with the ε of PyTorch and of TensorFlow', async () => {
  const random = freshRandom()
  const pick = (from: number): number => from + random.int(3)
  for (const epsilon of [1e-5, 1e-3, 0.1]) await compareOnImage(random, ...randomLayers(random, [pick(2), pick(1), pick(1), pick(1)], epsilon))
})

test('more input channels than filters', async () => {
  const random = freshRandom()
  await compareOnImage(random, ...randomLayers(random, [2, 5, 3, 2], 0.1))
})

test('in ONNX Runtime one Conv gives what Conv and BatchNormalization give', async () => {
  const random = freshRandom()
  const [conv, norm] = randomLayers(random, [6, 3, 3, 3], 0.1)
  const folded = await fold(conv, norm)
  const shape = [2, 3, 8, 8], image = fill(384, () => random.normal()), pads = [1, 1, 1, 1]
  const constant = (g: onnx.GraphBuilder, data: Float32Array, dims = [6]): onnx.Value => g.constant(data, 'c', 'float32', dims)
  const two = run(image, shape, (g, x) => {
    const z = g.op('Conv', [x, constant(g, conv.weights, conv.shape), constant(g, conv.bias)], { pads })
    return g.op('BatchNormalization', [z, ...[norm.scale, norm.shift, norm.mean, norm.variance].map((data) => constant(g, data))], { epsilon: norm.epsilon })
  })
  const one = run(image, shape, (g, x) => g.op('Conv', [x, constant(g, folded.weights, conv.shape), constant(g, folded.bias)], { pads }))
  assertClose(one, two, { rtol: 1e-4, atol: 1e-4 }, 'In ONNX Runtime, your one Conv does not give what Conv and BatchNormalization give.')
})
