import { test } from 'vitest'
import { course } from 'whetstone'
import * as reference from '../../../../solutions/module_04/lesson_08_onnx_runtime/place_nodes'
import type { ExecutionProvider } from './exercise'

const { placeNodes } = course.subject(reference)
const { assertEqual, assertThrows, freshRandom } = course

const tensorrt: ExecutionProvider = { name: 'tensorrt', device: 'gpu', operators: ['Conv', 'Relu'] }
const cuda: ExecutionProvider = { name: 'cuda', device: 'gpu', operators: ['Conv', 'Relu', 'Softmax', 'Gather'] }
const cpu: ExecutionProvider = { name: 'cpu', device: 'cpu', operators: ['Conv', 'Relu', 'Softmax', 'Gather', 'NonZero', 'Add'] }

test('the example: one operator without a GPU kernel in the middle', async () => {
  assertEqual(await placeNodes(['Conv', 'NonZero', 'Conv'], [{ ...cuda, operators: ['Conv', 'Relu'] }, { ...cpu, operators: ['Conv', 'Relu', 'NonZero'] }]),
    { providers: ['cuda', 'cpu', 'cuda'], copies: 4 })
})

test('everything on the processor needs no copy', async () => {
  assertEqual(await placeNodes(['Conv', 'Relu', 'Add'], [cpu]), { providers: ['cpu', 'cpu', 'cpu'], copies: 0 })
  assertEqual(await placeNodes([], [cuda, cpu]), { providers: [], copies: 0 })
})

test('everything on the GPU: once there, once back', async () => {
  assertEqual(await placeNodes(['Conv', 'Relu'], [cuda, cpu]), { providers: ['cuda', 'cuda'], copies: 2 })
})

test('two providers on one device share its memory', async () => {
  assertEqual(await placeNodes(['Conv', 'Softmax', 'Conv'], [tensorrt, cuda, cpu]), { providers: ['tensorrt', 'cuda', 'tensorrt'], copies: 2 })
})

test('the order of the list decides', async () => {
  assertEqual(await placeNodes(['Conv', 'Softmax'], [cpu, cuda]), { providers: ['cpu', 'cpu'], copies: 0 })
  assertEqual(await placeNodes(['Conv', 'Softmax'], [cuda, tensorrt, cpu]), { providers: ['cuda', 'cuda'], copies: 2 })
})

test('an operator that nobody has is named', async () => {
  assertEqual((await placeNodes(['Relu'], [tensorrt])).copies, 2)
  await assertThrows(placeNodes(['Conv', 'NonZero'], [tensorrt, cuda]), 'NonZero has no kernel in either provider. Throw an error with its name.', /NonZero/)
})

test('long chains, fallbacks in places that nobody knows ahead', async () => {
  const random = freshRandom()
  for (let i = 0; i < 5; i++) {
    const operators = Array.from({ length: 12 + random.int(8) }, () => ['Conv', 'Softmax', 'NonZero', 'Relu', 'Add'][random.int(5)]!)
    const names = operators.map((op) => (op === 'Conv' || op === 'Relu' ? 'tensorrt' : op === 'Softmax' ? 'cuda' : 'cpu'))
    const path = ['cpu', ...names, 'cpu'].map((name) => (name === 'cpu' ? 'cpu' : 'gpu'))
    assertEqual(await placeNodes(operators, [tensorrt, cuda, cpu]), { providers: names, copies: path.filter((device, k) => k > 0 && device !== path[k - 1]).length })
  }
})
