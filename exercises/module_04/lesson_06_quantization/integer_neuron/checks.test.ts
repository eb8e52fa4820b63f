import { test } from 'vitest'
import { course, onnx, runtime } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_06_quantization/integer_neuron'

const { integerNeuron } = course.subject(reference)
const { assertEqual, freshRandom } = course
const grid = { xScale: 0.5, xZero: 128, wScale: 0.25, yScale: 2, yZero: 100 }

test('the example', async () => {
  assertEqual(await integerNeuron(Uint8Array.of(130, 120), Int8Array.of(10, -5), 4, grid), { sum: 64, output: 104 })
})

test('inputs that mean zero add nothing', async () => {
  assertEqual(await integerNeuron(Uint8Array.of(128, 128, 128), Int8Array.of(100, -100, 50), 0, grid), { sum: 0, output: 100 })
})

test('the bias is in the sum', async () => {
  assertEqual(await integerNeuron(Uint8Array.of(128), Int8Array.of(7), 320, grid), { sum: 320, output: 120 })
})

test('the output stays within 0 and 255', async () => {
  assertEqual(await integerNeuron(Uint8Array.of(255, 255), Int8Array.of(127, 127), 0, grid), { sum: 32258, output: 255 })
  assertEqual(await integerNeuron(Uint8Array.of(255, 255), Int8Array.of(-127, -127), 0, grid), { sum: -32258, output: 0 })
})

test('rounding is to the nearest, of negative sums too', async () => {
  // 59 · 0.0625 = 3.6875 and −59 · 0.0625 = −3.6875.
  assertEqual(await integerNeuron(Uint8Array.of(129), Int8Array.of(59), 0, grid), { sum: 59, output: 104 })
  assertEqual(await integerNeuron(Uint8Array.of(129), Int8Array.of(-59), 0, grid), { sum: -59, output: 96 })
})

test('what ONNX Runtime\'s QLinearMatMul computes', async () => {
  const random = freshRandom()
  const n = 16
  const x = Uint8Array.from({ length: n }, () => random.int(256)), w = Int8Array.from({ length: n }, () => random.int(255) - 127)
  const own = { xScale: 0.02 + 0.01 * random.next(), xZero: 90 + random.int(60), wScale: 0.003 + 0.004 * random.next(), yScale: 0.05 + 0.02 * random.next(), yZero: 100 + random.int(50) }
  const g = new onnx.GraphBuilder('neuron')
  const scale = (value: number): onnx.Tensor => onnx.Tensor.scalar(value, 'float32')
  g.output(g.op('QLinearMatMul', [
    g.input('x', 'uint8', [1, n]), scale(own.xScale), onnx.Tensor.scalar(own.xZero, 'uint8'),
    onnx.Tensor.from(w, [n, 1]), scale(own.wScale), onnx.Tensor.scalar(0, 'int8'), scale(own.yScale), onnx.Tensor.scalar(own.yZero, 'uint8'),
  ]), 'y')
  const session = runtime.Session.create(onnx.writeModel(g.model({ opsets: { '': 17 } })))
  const expected = Number(session.runSync({ x: runtime.tensor('uint8', [1, n], x) }).y?.data[0])
  session.dispose()
  const got = await integerNeuron(x, w, 0, own)
  // Next to a half, float32 and float64 may fall to different sides.
  const exact = (got.sum * own.xScale * own.wScale) / own.yScale
  const doubtful = Math.abs(Math.abs(exact % 1) - 0.5) < 1e-3 && Math.abs(got.output - expected) === 1
  assertEqual(doubtful ? expected : got.output, expected, 'ONNX Runtime gives another integer for these inputs.')
})
