import { test } from 'vitest'
import { course, onnx } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/model_size'
import type { Initializer } from './exercise'

const { modelSize } = course.subject(reference)
const { assertEqual, freshRandom } = course

const DTYPES: Initializer['dtype'][] = [
  'float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int8', 'uint8', 'bool', 'int4', 'uint4',
]

/** The elements of a shape counted by walking through every index, without a product. */
function positions(shape: number[]): number {
  const [first, ...rest] = shape
  if (first === undefined) return 1
  let count = 0
  for (let i = 0; i < first; i++) count += positions(rest)
  return count
}

/** The bytes that a real ONNX tensor of zeros takes. */
function storedBytes({ shape, dtype }: Initializer): number {
  return onnx.Tensor.from(new Array<number>(positions(shape)).fill(0), shape, dtype).bytes.length
}

test('one dense layer', async () => {
  assertEqual(await modelSize([
    { name: 'weights', shape: [784, 10], dtype: 'float32' }, { name: 'bias', shape: [10], dtype: 'float32' },
  ]), { parameters: 7850, bytes: 31_400 })
})

test('LeNet-5 has 61,706 parameters; the shape that its Reshape reads adds none', async () => {
  assertEqual(await modelSize([
    { name: 'conv1.w', shape: [6, 1, 5, 5], dtype: 'float32' }, { name: 'conv1.b', shape: [6], dtype: 'float32' },
    { name: 'conv2.w', shape: [16, 6, 5, 5], dtype: 'float32' }, { name: 'conv2.b', shape: [16], dtype: 'float32' },
    { name: 'flat', shape: [2], dtype: 'int64' },
    { name: 'fc1.w', shape: [400, 120], dtype: 'float32' }, { name: 'fc1.b', shape: [120], dtype: 'float32' },
    { name: 'fc2.w', shape: [120, 84], dtype: 'float32' }, { name: 'fc2.b', shape: [84], dtype: 'float32' },
    { name: 'fc3.w', shape: [84, 10], dtype: 'float32' }, { name: 'fc3.b', shape: [10], dtype: 'float32' },
  ]), { parameters: 61_706, bytes: 246_840 })
})

test('a scalar has one element, an axis of size 0 has none', async () => {
  assertEqual(await modelSize([{ name: 'scale', shape: [], dtype: 'float32' }]), { parameters: 1, bytes: 4 })
  assertEqual(await modelSize([{ name: 'nothing', shape: [3, 0], dtype: 'float32' }]), { parameters: 0, bytes: 0 })
  assertEqual(await modelSize([]), { parameters: 0, bytes: 0 })
})

test('every type has its own size', async () => {
  for (const dtype of DTYPES) {
    const tensor: Initializer = { name: 'w', shape: [6, 4], dtype }
    const learned = ['float64', 'float32', 'float16', 'bfloat16'].includes(dtype)
    assertEqual(await modelSize([tensor]), { parameters: learned ? 24 : 0, bytes: storedBytes(tensor) })
  }
})

test('an odd number of 4-bit numbers ends in half a byte', async () => {
  assertEqual(await modelSize([{ name: 'w', shape: [3], dtype: 'int4' }, { name: 'v', shape: [5, 1], dtype: 'uint4' }]), { parameters: 0, bytes: 5 })
})

test('a tied embedding counts once', async () => {
  assertEqual(await modelSize([
    { name: 'embedding', shape: [1000, 64], dtype: 'float16' }, { name: 'head.bias', shape: [1000], dtype: 'float16' },
    { name: 'embedding', shape: [1000, 64], dtype: 'float16' },
  ]), { parameters: 65_000, bytes: 130_000 })
})

test('thirty random models, counted index by index and stored as ONNX tensors', async () => {
  const random = freshRandom()
  for (let i = 0; i < 30; i++) {
    const model = Array.from({ length: 2 + random.int(6) }, (_, k): Initializer => ({
      name: `t${k}`, shape: Array.from({ length: random.int(4) }, () => 1 + random.int(5)), dtype: DTYPES[random.int(DTYPES.length)]!,
    }))
    const floats = model.filter(({ dtype }) => /^b?float/.test(dtype))
    const expected = {
      parameters: floats.reduce((sum, { shape }) => sum + positions(shape), 0),
      bytes: model.reduce((sum, each) => sum + storedBytes(each), 0),
    }
    const listed = random.int(2) === 0 ? model : [...model, model[random.int(model.length)]!]
    assertEqual(await modelSize(listed), expected)
  }
})
