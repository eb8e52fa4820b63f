import { test } from 'vitest'
import { course, onnx, runtime } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/flatten_order'
import type { FlattenShape } from './exercise'

const { reorderRows } = course.subject(reference)
const { assertClose, assertEqual, assertThat, assertThrows, freshRandom } = course

const sizeOf = ({ height, width, channels, units }: FlattenShape): number => height * width * channels * units
const counted = (shape: FlattenShape): Float32Array => Float32Array.from({ length: sizeOf(shape) }, (_, i) => i)

/** Each row of the weights with the (h, w, c) that it is for, sorted by (c, h, w): no index arithmetic. */
function sorted(weights: Float32Array, { height, width, channels, units }: FlattenShape): Float32Array {
  const rows: { key: [number, number, number]; values: number[] }[] = []
  const queue = [...weights]
  for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) for (let c = 0; c < channels; c++) rows.push({ key: [c, h, w], values: queue.splice(0, units) })
  rows.sort(({ key: a }, { key: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  return Float32Array.from(rows.flatMap(({ values }) => values))
}

/** The logits of an image [C, H, W] in ONNX Runtime: flattened as it is, or with its channels moved last before. */
function logits(image: Float32Array, weights: Float32Array, { height, width, channels, units }: FlattenShape, channelsLast: boolean): Float32Array {
  const g = new onnx.GraphBuilder('head')
  const x = g.input('x', 'float32', [1, channels, height, width])
  const flat = g.op('Flatten', [channelsLast ? g.op('Transpose', [x], { perm: [0, 2, 3, 1] }) : x], { axis: 1 })
  g.output(g.op('MatMul', [flat, g.constant(weights, 'weights', 'float32', [height * width * channels, units])]), 'y')
  const session = runtime.Session.create(onnx.writeModel(g.model()), { threads: 1 })
  try {
    return session.runSync({ x: runtime.tensor('float32', [1, channels, height, width], image) })['y']!.data as Float32Array
  } finally {
    session.dispose()
  }
}

test('two pixels of two channels', async () => {
  assertEqual(await reorderRows(Float32Array.of(10, 20, 30, 40), { height: 1, width: 2, channels: 2, units: 1 }), Float32Array.of(10, 30, 20, 40))
})

test('all units of a row move together', async () => {
  assertEqual(
    await reorderRows(Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4), { height: 2, width: 1, channels: 2, units: 2 }),
    Float32Array.of(1, -1, 3, -3, 2, -2, 4, -4),
  )
})

test('an image that is not square', async () => {
  const shape = { height: 2, width: 3, channels: 2, units: 1 }
  assertEqual(await reorderRows(counted(shape), shape), Float32Array.of(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11))
})

test('a single unit in an image of 4 × 3 pixels and 5 channels', async () => {
  const shape = { height: 4, width: 3, channels: 5, units: 1 }
  assertEqual(await reorderRows(counted(shape), shape), sorted(counted(shape), shape))
})

test('one channel, or one pixel: nothing moves', async () => {
  for (const shape of [{ height: 3, width: 2, channels: 1, units: 2 }, { height: 1, width: 1, channels: 6, units: 2 }]) {
    assertEqual(await reorderRows(counted(shape), shape), counted(shape))
  }
})

test('weights that do not fit the shape are refused, those that fit are not', async () => {
  assertEqual(await reorderRows(new Float32Array(24), { height: 2, width: 2, channels: 3, units: 2 }), new Float32Array(24))
  const sentence = 'The shape needs height · width · channels · units weights. Throw an Error when there are more or fewer: they belong to another layer.'
  await assertThrows(reorderRows(new Float32Array(23), { height: 2, width: 2, channels: 3, units: 2 }), sentence)
  await assertThrows(reorderRows(new Float32Array(48), { height: 2, width: 2, channels: 3, units: 2 }), sentence)
})

test('twenty random layers, sorted row by row', async () => {
  const random = freshRandom()
  for (let i = 0; i < 20; i++) {
    const shape = { height: 1 + random.int(5), width: 1 + random.int(5), channels: 1 + random.int(4), units: 1 + random.int(4) }
    const weights = counted(shape).map(() => random.normal())
    assertEqual(await reorderRows(weights, shape), sorted(weights, shape))
  }
})

test('in ONNX Runtime the repaired layer gives what the original gave', async () => {
  const random = freshRandom()
  const shape = { height: 5, width: 3, channels: 4, units: 10 }
  const weights = counted(shape).map(() => random.normal())
  const image = new Float32Array(60).map(() => random.normal())
  const repaired = await reorderRows(weights, shape)
  assertThat(repaired instanceof Float32Array && repaired.length === weights.length, 'Return the weights in a Float32Array as long as the one that came.', { got: repaired })
  const sentence = 'The graph with your weights gives other logits than the original: some numbers of the image still meet the wrong row.'
  assertClose(logits(image, repaired, shape, false), logits(image, weights, shape, true), { atol: 1e-4 }, sentence)
})
