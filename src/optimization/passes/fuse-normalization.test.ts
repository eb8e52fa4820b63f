import { describe, expect, test } from 'vitest'
import { applied, build, operators, run, weights } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { simplify } from '../optimize'
import { fuseNormalization as pass } from './fuse-normalization'

interface Case { twice?: boolean; square?: boolean; half?: boolean; reciprocal?: boolean; scale?: boolean; shift?: boolean; opset?: number; axis?: number; variance?: number; dims?: (number | string)[]; vector?: number[] }

const average = (g: GraphBuilder, x: Value, opset: number, axis = -1): Value =>
  opset >= 18 ? g.op('ReduceMean', [x, g.constant(Tensor.from([axis], [1], 'int64'))]) : g.op('ReduceMean', [x], { axes: [axis] })

/** Layer normalization as PyTorch and others write it. */
function layerNorm(g: GraphBuilder, x: Value, { twice, square, half, reciprocal, scale = true, shift = true, opset = 17, axis, variance: over = axis, vector = [8] }: Case = {}): Value {
  const centre = (): Value => g.op('Sub', [x, average(g, x, opset, axis)])
  const centred = centre()
  const other = twice ? centre() : centred
  const variance = average(g, square ? g.op('Mul', [other, other]) : g.op('Pow', [other, g.constant(2)]), opset, over)
  const inside = g.op('Add', [variance, g.constant(1e-5, 'epsilon')])
  const spread = half ? g.op('Pow', [inside, g.constant(0.5)]) : g.op('Sqrt', [inside])
  let y = reciprocal ? g.op('Mul', [centred, g.op('Reciprocal', [spread])]) : g.op('Div', [centred, spread], {}, { name: 'div' })
  if (scale) y = g.op('Mul', [y, g.constant(weights(vector, 4, 0.2, 1), 'gamma')])
  return shift ? g.op('Add', [y, g.constant(weights(vector, 5), 'beta')]) : y
}

const model = (one: Case = {}): Model => build(one.opset ?? 17, (g) => g.output(layerNorm(g, g.input('x', 'float32', one.dims ?? ['N', 3, 8]), one), 'y'))

describe('layer normalization', () => {
  test.each<Case>([
    {}, { twice: true }, { square: true }, { half: true }, { reciprocal: true }, { shift: false }, { scale: false, shift: false }, { opset: 18 }, { dims: [5, 8] },
  ])('%j', (one) => {
    expect(operators(applied(model(one), pass).model)).toEqual({ LayerNormalization: 1 })
  })

  test.each<Case>([
    { axis: 1, dims: ['N', 8, 3, 5], vector: [8, 1, 1] }, { axis: -3, dims: [2, 8, 3, 5], vector: [1, 8, 1, 1], twice: true, opset: 18 }, { axis: 0, dims: [8, 3], vector: [8, 1] },
    { axis: 2, dims: ['N', 3, 8, 'W'], vector: [8, 1], shift: false }, { axis: 1, dims: ['N', 8, 3], vector: [8, 1], reciprocal: true }, { axis: 1, dims: ['N', 8, 3], scale: false, shift: false },
  ])('over another axis than the last goes there and back: %j', (one) => {
    expect(operators(applied(model(one), pass).model)).toEqual({ Transpose: 2, LayerNormalization: 1 })
  })

  test('a transpose that follows cancels: channels first between channels last', () => {
    const around = build(18, (g) => {
      const x = g.op('Relu', [g.input('x', 'float32', ['N', 8, 3, 5])])
      g.output(g.op('Transpose', [layerNorm(g, x, { axis: 1, vector: [8, 1, 1], opset: 18 })], { perm: [0, 2, 3, 1] }), 'y')
    })
    expect(operators(simplify(around, { run, sizes: { N: 2 } }).model)).toEqual({ Relu: 1, Transpose: 1, LayerNormalization: 1 })
  })
})

/** Layer normalization as our exports of TensorFlow.js have it: by the kernel for batch normalization, vectors repeated along the batch. */
function folded({ share = 1 / 8, sizes = [1, -1, 3, 8] }: { share?: number; sizes?: number[] } = {}): Model {
  return build(21, (g) => {
    const x = g.input('x', 'float32', ['N', 3, 8])
    const last = g.constant(Tensor.from([2], [1], 'int64'))
    const average = (y: Value): Value => g.op('Mul', [g.op('ReduceSum', [y, last], { keepdims: 1 }), g.constant(share)])
    const mean = average(x), centred = g.op('Sub', [x, mean])
    const spread = g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [average(g.op('Mul', [centred, centred])), g.constant(1e-3)])])])
    const batch = g.op('Concat', [g.op('Shape', [x], { start: 0, end: 1 }), g.constant(Tensor.from([3, 8], [2], 'int64'))], { axis: 0 })
    const along = (seed: number): Value => g.op('Expand', [g.constant(weights([1, 1, 8], seed, 0.2, 1)), batch])
    const factor = g.op('Mul', [along(4), spread])
    const y = g.op('Add', [
      g.op('Mul', [g.op('Reshape', [x, g.constant(Tensor.from(sizes, [sizes.length], 'int64'))]), factor]),
      g.op('Sub', [along(5), g.op('Mul', [mean, factor])]),
    ], {}, { name: 'sum' })
    g.output(g.op('Reshape', [y, g.constant(Tensor.from([-1, 3, 8], [3], 'int64'))]), 'y')
  })
}

describe("TensorFlow.js's layer normalization", () => {
  test('becomes one operator', () => {
    expect(operators(applied(folded(), pass).model)['LayerNormalization']).toBe(1)
    expect(operators(simplify(folded(), { run }).model)).toEqual({ LayerNormalization: 1 })
  })

  test('stays where its sum is not a mean, or x takes another form', () => {
    expect(pass.run(folded({ share: 0.25 })).modified).toBe(false)
    expect(pass.run(folded({ sizes: [-1, 1, 3, 8] })).modified).toBe(false)
    expect(explain(folded({ share: 0.25 }), pass, 'sum').why).toMatch(/is not multiplied by its inverse/)
  })
})

/** Layer normalization as Keras has it in a SavedModel. */
const keras = (dims: (number | string)[], axis: number, vector: number[], shifted: boolean): Model => build(21, (g) => {
  const x = g.input('x', 'float32', dims)
  const mean = average(g, x, 21, axis), centred = g.op('Sub', [x, mean])
  const spread = g.op('Sqrt', [g.op('Add', [average(g, g.op('Mul', [centred, centred]), 21, axis), g.constant(1e-3)])])
  const factor = g.op('Mul', [g.op('Reciprocal', [spread]), g.constant(weights(vector, 4, 0.2, 1))])
  const offset = g.op('Mul', [g.op('Neg', [mean]), factor])
  g.output(g.op('Add', [g.op('Mul', [x, factor]), shifted ? g.op('Add', [offset, g.constant(weights(vector, 5))]) : offset]), 'y')
})

test.each([true, false])("Keras's layer normalization in a SavedModel becomes one operator, with a shift: %s", (shifted) => {
  expect(operators(applied(keras(['N', 3, 8], -1, [1, 1, 8], shifted), pass).model)).toEqual({ LayerNormalization: 1 })
  expect(operators(applied(keras(['N', 8, 3, 5], 1, [1, 8, 1, 1], shifted), pass).model)).toEqual({ LayerNormalization: 1, Transpose: 2 })
})

const residual = (after: (g: GraphBuilder, sum: Value, norm: Value) => void): Model => build(17, (g) => {
  const sum = g.op('Add', [g.input('x', 'float32', ['N', 3, 8]), g.input('r', 'float32', ['N', 3, 8])])
  after(g, sum, g.op('LayerNormalization', [sum, g.constant(weights([8], 1, 0.1, 1)), g.constant(weights([8], 2))], { epsilon: 1e-5 }, { name: 'norm' }))
})

describe('with a residual', () => {
  test.each<[string, (g: GraphBuilder, sum: Value, norm: Value) => void]>([
    ['only normalized', (g, _, norm) => g.output(norm, 'y')],
    ['the sum used further on', (g, sum, norm) => g.output(g.op('Mul', [sum, norm]), 'y')],
    ['the sum returned', (g, sum, norm) => { g.output(norm, 'y'); g.output(sum, 'z') }],
  ])('%s', (_, after) => {
    const counts = operators(applied(residual(after), pass, { target: 'onnxruntime' }).model)
    expect(counts['com.microsoft.SkipLayerNormalization']).toBe(1)
    expect(counts['Add']).toBeUndefined()
  })

  test('not for every runtime', () => {
    const one = residual((g, _, norm) => g.output(norm, 'y'))
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'norm').why).toBe('it needs an operator of com.microsoft, and the target is onnx')
  })
})

const rms = (opset: number, dims: (number | string)[] = ['N', 3, 8], axis = -1, vector = [8]): Model => build(opset, (g) => {
  const x = g.input('x', 'float32', dims)
  const spread = g.op('Sqrt', [g.op('Add', [average(g, g.op('Pow', [x, g.constant(2)]), opset, axis), g.constant(1e-6)])])
  g.output(g.op('Mul', [g.op('Div', [x, spread]), g.constant(weights(vector, 4, 0.2, 1))], {}, { name: 'it' }), 'y')
}, { irVersion: 10 })

test('root-mean-square normalization, from operator set 23 on', () => {
  expect(operators(applied(rms(23), pass).model)).toEqual({ RMSNormalization: 1 })
  expect(operators(applied(rms(23, ['N', 8, 3], 1, [8, 1]), pass).model)).toEqual({ RMSNormalization: 1, Transpose: 2 })
  expect(pass.run(rms(18)).modified).toBe(false)
  expect(explain(rms(18), pass, 'it').why).toBe('operator set 18 has no RMSNormalization: simplify(model, { opset: 23 }) raises the model first')
})

describe('operator sets before the operator', () => {
  test.each<[number, number]>([[11, 17], [13, 17], [16, 17], [16, 18], [13, 23]])('%i raised to %i, where asked', (from, to) => {
    const old = model({ opset: from })
    const { model: small, report } = simplify(old, { opset: to, run, sizes: { N: 2 } })
    expect(small.opset).toBe(to)
    expect(old.opset).toBe(from)
    expect(operators(small)).toEqual({ LayerNormalization: 1 })
    expect(report.changes[0]?.what).toBe(`operator set ${from} → ${to}`)
    expect(report.differences?.every(({ within }) => within)).toBe(true)
  })

  test('root-mean-square normalization too, and a residual for ONNX Runtime', () => {
    expect(operators(simplify(rms(13), { opset: 23, run, sizes: { N: 2 } }).model)).toEqual({ RMSNormalization: 1 })
    const old = build(13, (g) => {
      const sum = g.op('Add', [g.input('x', 'float32', ['N', 3, 8]), g.input('r', 'float32', ['N', 3, 8])])
      g.output(layerNorm(g, sum, { opset: 13 }), 'y')
    })
    expect(operators(simplify(old, { opset: 17, target: 'onnxruntime', run, sizes: { N: 2 } }).model)).toEqual({ 'com.microsoft.SkipLayerNormalization': 1 })
  })

  test('a model is never lowered, and what cannot be raised is an error', () => {
    expect(simplify(model({ opset: 18 }), { opset: 17 }).model.opset).toBe(18)
    expect(() => simplify(model({ opset: 16 }), { opset: 999 })).toThrow(/cannot become one of 999/)
  })
})

describe('leaves alone, and says why', () => {
  test('operator sets before 17', () => {
    expect(pass.run(model({ opset: 16 })).modified).toBe(false)
    expect(explain(model({ opset: 16 }), pass, 'div').why).toBe('operator set 16 has no LayerNormalization: simplify(model, { opset: 17 }) raises the model first')
  })

  test.each<[string, Case, string]>([
    ['means over two axes', { axis: 1, variance: -1, scale: false, shift: false, dims: ['N', 8, 8] }, 'ReduceMean averages over another axis than axis -2'],
    ['a vector along another axis', { axis: 1, dims: ['N', 8, 8], shift: false }, '"gamma" [8] is no vector along axis -2'],
    ['a vector of another length', { dims: ['N', 3, 1], shift: false }, '"gamma" [8] is not as long as the last axis of x (1)'],
    ['a vector that makes more axes', { vector: [1, 1, 1, 8], shift: false }, '"gamma" [1,1,1,8] gives the result more axes than x has'],
    ['an axis of unknown size', { axis: 1, dims: ['N', 'C', 8], scale: false, shift: false }, 'the size of the axis -2 of "x" [N,C,8] is unknown'],
  ])('%s', (_, one, why) => {
    expect(pass.run(model(one)).changes.filter(({ rule }) => rule !== 'layer-normalization')).toEqual([])
    expect(String(explain(model(one), pass, 'div'))).toContain(why)
  })

  test('several axes at once', () => {
    const one = build(17, (g) => {
      const x = g.input('x', 'float32', ['N', 3, 8])
      const over = (y: Value): Value => g.op('ReduceMean', [y], { axes: [1, 2] })
      const centred = g.op('Sub', [x, over(x)])
      g.output(g.op('Div', [centred, g.op('Sqrt', [g.op('Add', [over(g.op('Mul', [centred, centred])), g.constant(1e-5)])])], {}, { name: 'div' }), 'y')
    })
    expect(pass.run(one).modified).toBe(false)
    expect(explain(one, pass, 'div').why).toBe('ReduceMean averages over axes 1, 2, not over one that is known')
  })

  test('a last axis of unknown size', () => {
    const one = model({ dims: [2, 'C'], scale: false, shift: false })
    expect(explain(one, pass, 'div').why).toBe('the size of the last axis of "x" [2,C] is unknown')
  })
})
