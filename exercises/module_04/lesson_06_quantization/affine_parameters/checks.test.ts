import { test } from 'vitest'
import { course, onnx, runtime } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/affine_parameters'

const { affineParameters } = course.subject(reference)
const { assertClose, assertEqual, assertThat, freshRandom } = course
const near = { rtol: 1e-6, atol: 1e-12 }

test('a range around zero, 8 bits', async () => {
  assertClose(await affineParameters(-1, 3, 8), { scale: 4 / 255, zeroPoint: 64 }, near)
})

test('fewer bits, coarser steps', async () => {
  assertClose(await affineParameters(-1, 6, 3), { scale: 1, zeroPoint: 1 }, near)
  assertClose(await affineParameters(-2, 28, 4), { scale: 2, zeroPoint: 1 }, near)
})

test('a range above zero is widened down to it', async () => {
  assertClose(await affineParameters(2, 5.1, 8), { scale: 0.02, zeroPoint: 0 }, near)
})

test('a range below zero is widened up to it', async () => {
  assertClose(await affineParameters(-5.1, -2, 8), { scale: 0.02, zeroPoint: 255 }, near)
})

test('a range without a width', async () => {
  assertEqual(await affineParameters(0, 0, 8), { scale: 1, zeroPoint: 0 })
})

test('the parameters of ONNX Runtime\'s own DynamicQuantizeLinear', async () => {
  const random = freshRandom()
  const low = -0.1 - 3 * random.next(), high = 0.1 + 5 * random.next()
  const g = new onnx.GraphBuilder('range')
  const [, scale, zero] = g.ops('DynamicQuantizeLinear', [g.input('x', 'float32', [2])], {}, { outputs: 3 })
  g.output(scale!, 'scale')
  g.output(zero!, 'zero')
  const session = runtime.Session.create(onnx.writeModel(g.model({ opsets: { '': 17 } })))
  const expected = session.runSync({ x: runtime.tensor('float32', [2], Float32Array.from([low, high])) })
  session.dispose()
  const got = await affineParameters(low, high, 8)
  const zeroPoint = Number(expected.zero!.data[0])
  assertClose(got.scale, Number(expected.scale!.data[0]), { rtol: 1e-5 })
  assertThat(Number.isInteger(got.zeroPoint) && Math.abs(got.zeroPoint - zeroPoint) <= (Math.abs((-low / got.scale) % 1 - 0.5) < 1e-3 ? 1 : 0),
    'The zero point is not the one that ONNX Runtime finds for this range.', { expected: zeroPoint, got })
})
