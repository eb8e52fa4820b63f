// Every operator that is evaluated here, beside ONNX Runtime, on random calls.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { run } from '../../test/support/run'
import { GraphBuilder, Tensor, writeModel, type AttributeInput } from '../onnx'
import { evaluate, evaluatedOperators, sameTensor } from './evaluate'
import { fromRunTensor } from './run'

type Call = { opType: string; inputs: Tensor[]; attributes?: Record<string, AttributeInput> }

const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 })
const tensor = (dtype: 'float32' | 'int64' | 'int32' | 'bool', sizes: readonly number[]): fc.Arbitrary<Tensor> => {
  const count = sizes.reduce((product, size) => product * size, 1)
  const number = dtype === 'bool' ? fc.integer({ min: 0, max: 1 }) : dtype === 'float32' ? fc.integer({ min: -40, max: 40 }).map((n) => n / 8) : fc.integer({ min: -9, max: 9 })
  return fc.array(number, { minLength: count, maxLength: count }).map((values) => Tensor.from(values, sizes, dtype))
}
const numeric = fc.constantFrom('float32' as const, 'int64' as const, 'int32' as const)
const ints = (values: readonly number[]): Tensor => Tensor.from(values, [values.length], 'int64')
const anyTensor = fc.tuple(numeric, shape).chain(([dtype, sizes]) => tensor(dtype, sizes))

/** Two tensors whose shapes broadcast: some axes of the second are 1, some leading ones are missing. */
const pair = (dtype: fc.Arbitrary<'float32' | 'int64' | 'int32' | 'bool'>): fc.Arbitrary<Tensor[]> =>
  fc.tuple(dtype, shape, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), fc.nat(3), fc.boolean()).chain(([type, sizes, ones, drop, swap]) => {
    const other = sizes.map((size, axis) => (ones[axis] ? 1 : size)).slice(Math.min(drop, sizes.length))
    return fc.tuple(tensor(type, sizes), tensor(type, other)).map((both) => (swap ? both.reverse() : both))
  })

const withAxis = (make: (x: Tensor, axis: number) => fc.Arbitrary<Call>): fc.Arbitrary<Call> =>
  fc.tuple(numeric, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })).chain(([dtype, sizes]) =>
    fc.tuple(tensor(dtype, sizes), fc.integer({ min: -sizes.length, max: sizes.length - 1 })).chain(([x, axis]) => make(x, axis)))

const CALLS: Record<string, fc.Arbitrary<Call>> = {
  Gather: withAxis((x, axis) => {
    const size = x.shape.at(axis) ?? 1
    return fc.array(fc.integer({ min: -size, max: size - 1 }), { maxLength: 4 }).map((places) => ({ opType: 'Gather', inputs: [x, ints(places)], attributes: { axis } }))
  }),
  Concat: withAxis((x, axis) => tensor(x.dtype as 'int64', x.shape).map((y) => ({ opType: 'Concat', inputs: [x, y, x], attributes: { axis } }))),
  Slice: withAxis((x, axis) => fc.tuple(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -6, max: 6 }), fc.constantFrom(1, 2, -1, -2)).map(([start, end, step]) =>
    ({ opType: 'Slice', inputs: [x, ints([start]), ints([end]), ints([axis]), ints([step])] }))),
  Unsqueeze: withAxis((x, axis) => fc.constant({ opType: 'Unsqueeze', inputs: [x, ints([axis])] })),
  Squeeze: anyTensor.map((x) => ({ opType: 'Squeeze', inputs: [x.reshape([1, ...x.shape]), ints([0])] })),
  Reshape: anyTensor.map((x) => ({ opType: 'Reshape', inputs: [x, ints([1, -1])] })),
  Transpose: anyTensor.chain((x) => fc.shuffledSubarray(x.shape.map((_, i) => i), { minLength: x.shape.length }).map((perm) =>
    ({ opType: 'Transpose', inputs: [x], attributes: perm.length === 0 ? {} : { perm } }))),
  Cast: fc.tuple(anyTensor, fc.constantFrom(1, 6, 7, 9, 10, 11)).map(([x, to]) => ({ opType: 'Cast', inputs: [x], attributes: { to } })),
  ConstantOfShape: fc.tuple(shape, tensor('int32', [1])).map(([sizes, value]) => ({ opType: 'ConstantOfShape', inputs: [ints(sizes)], attributes: { value } })),
  Range: fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 9 }), fc.constantFrom(1, 2, 3, -1, -2)).map((parts) =>
    ({ opType: 'Range', inputs: parts.map((part) => Tensor.scalar(part, 'int64')) })),
  Where: pair(fc.constant('bool')).chain(([c, d]) => fc.tuple(tensor('float32', c?.shape ?? []), tensor('float32', d?.shape ?? [])).map(([a, b]) =>
    ({ opType: 'Where', inputs: [c ?? a, a, b] }))),
  Expand: pair(fc.constant('float32')).map(([a, b]) => ({ opType: 'Expand', inputs: [a, ints(b?.shape ?? [])] as Tensor[] })),
  Shape: fc.tuple(anyTensor, fc.integer({ min: -3, max: 2 })).map(([x, start]) => ({ opType: 'Shape', inputs: [x], attributes: { start } })),
  Size: anyTensor.map((x) => ({ opType: 'Size', inputs: [x] })),
  Identity: anyTensor.map((x) => ({ opType: 'Identity', inputs: [x] })),
  ReduceProd: fc.tuple(fc.constantFrom('int64' as const, 'int32' as const), fc.integer({ min: 1, max: 3 }), fc.constantFrom(0, 1)).chain(([dtype, size, keepdims]) =>
    tensor(dtype, [size]).map((x) => ({ opType: 'ReduceProd', inputs: [x], attributes: { keepdims } }))),
  Mod: pair(fc.constantFrom('int64' as const, 'int32' as const)).chain((inputs) => fc.constantFrom(0, 1).map((fmod) => ({ opType: 'Mod', inputs, attributes: { fmod } }))),
  Sqrt: shape.chain((sizes) => tensor('float32', sizes)).map((x) => ({ opType: 'Sqrt', inputs: [Tensor.from(x.numbers().map(Math.abs), x.shape)] })),
  Not: shape.chain((sizes) => tensor('bool', sizes)).map((x) => ({ opType: 'Not', inputs: [x] })),
}
for (const opType of ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual']) {
  CALLS[opType] = pair(numeric).map((inputs) => ({ opType, inputs }))
}
for (const opType of ['And', 'Or', 'Xor']) CALLS[opType] = pair(fc.constant('bool')).map((inputs) => ({ opType, inputs }))
for (const opType of ['Neg', 'Abs']) CALLS[opType] = anyTensor.map((x) => ({ opType, inputs: [x] }))

describe('operators evaluated here give the bytes that ONNX Runtime gives', () => {
  test('every one of them is tried', () => { expect(Object.keys(CALLS).sort()).toEqual(evaluatedOperators().sort()) })

  test.each(Object.entries(CALLS))('%s', (_, calls) => {
    let computed = 0
    fc.assert(fc.property(calls, ({ opType, inputs, attributes }) => {
      const g = new GraphBuilder('one')
      const y = g.op(opType, inputs, attributes ?? {})
      g.output(y, 'y')
      const own = y.producer && evaluate(y.producer, inputs, 17, 1e6)
      // What is not evaluated here, such as a division by zero, is the runtime's to answer.
      if (own === undefined) return
      computed++
      y.type = { kind: 'tensor', dtype: own.dtype }
      const { y: expected } = run(writeModel(g.model({ opsets: { '': 17 } })), {})
      if (expected === undefined) throw new Error('no output')
      const theirs = fromRunTensor(expected)
      expect([own.dtype, own.shape, own.numbers()]).toEqual([theirs.dtype, theirs.shape, theirs.numbers()])
      expect(sameTensor(own, theirs)).toBe(true)
    }), { numRuns: 40, seed: 7 })
    expect(computed).toBeGreaterThan(8)
  })
})

test('nothing larger than the limit is made', () => {
  const g = new GraphBuilder('large')
  const node = g.op('ConstantOfShape', [ints([1000, 1000])]).producer
  expect(node && evaluate(node, [ints([1000, 1000])], 17, 1000)).toBeUndefined()
})
