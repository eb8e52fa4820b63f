import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import { Tensor, type GraphBuilder, type Model, type Value } from '../../onnx'
import { explain } from '../explain'
import { simplify } from '../optimize'
import { fuseRotary as pass } from './fuse-rotary'

interface Case { size?: number; heads?: number; equal?: boolean; constant?: boolean; half?: number; neighbours?: boolean }

const ints = (...values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')
const slice = (g: GraphBuilder, x: Value, from: number, to: number): Value => g.op('Slice', [x, g.constant(ints(from)), g.constant(ints(to)), g.constant(ints(-1))])

/** Angles of positions 0, 1, …, computed in the graph as exporters of LLaMA write them, or as constants of 5 positions. */
function angles(g: GraphBuilder, x: Value, { size = 8, equal = true, constant }: Case): Value {
  const inverse = Float32Array.from({ length: size / 2 }, (_, i) => 10_000 ** ((-2 * i) / size))
  if (constant) {
    return g.constant(Tensor.from(Float32Array.from({ length: 5 * size }, (_, i) => Math.floor(i / size) * (inverse[(i % size) % (size / 2)] ?? 0) + (equal ? 0 : i)), [5, size], 'float32'))
  }
  const length = g.op('Squeeze', [g.op('Shape', [x], { start: 2, end: 3 })])
  const positions = g.op('Cast', [g.op('Unsqueeze', [g.op('Range', [g.constant(0, 'zero', 'int64'), length, g.constant(1, 'one', 'int64')]), g.constant(ints(0, 1))])], { to: 1 })
  const rows = g.op('MatMul', [g.constant(inverse, 'inverse', 'float32', [1, size / 2, 1]), positions])
  const other = equal ? rows : g.op('Mul', [rows, g.constant(2)])
  return g.op('Unsqueeze', [g.op('Transpose', [g.op('Concat', [rows, other], { axis: 1 })], { perm: [0, 2, 1] }), g.constant(ints(1))])
}

const model = (one: Case = {}): Model => build(18, (g) => {
  const { size = 8, heads = 2, half = size / 2 } = one
  const x = g.input('x', 'float32', ['N', heads, one.constant ? 5 : 'S', size])
  const at = angles(g, x, one)
  const turned = g.op('Concat', [g.op('Neg', [slice(g, x, half, 2 ** 40)]), slice(g, x, 0, half)], { axis: -1 })
  g.output(g.op('Add', [g.op('Mul', [x, g.op('Cos', [at])]), g.op('Mul', [turned, g.op('Sin', [at])])], {}, { name: 'sum' }), 'y')
})

test('any sizes, tables computed or constant: one operator, the same numbers', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.boolean(), (half, heads, constant) => {
    const counts = operators(applied(model({ size: 2 * half, heads, constant }), pass, { target: 'onnxruntime' }).model)
    expect(counts['com.microsoft.RotaryEmbedding']).toBe(1)
    expect(counts['Neg']).toBeUndefined()
  }), { numRuns: 12 })
})

test('two heads share their tables after simplification', () => {
  const two = build(18, (g) => {
    const both = ['q', 'k'].map((name) => g.input(name, 'float32', ['N', 2, 5, 8]))
    const at = angles(g, both[0] as Value, { constant: true })
    const [cos, sin] = [g.op('Cos', [at]), g.op('Sin', [at])]
    both.forEach((x, i) => {
      const turned = g.op('Concat', [g.op('Neg', [slice(g, x, 4, 8)]), slice(g, x, 0, 4)], { axis: 3 })
      g.output(g.op('Add', [g.op('Mul', [cos, x]), g.op('Mul', [sin, turned])]), `y${i}`)
    })
  })
  const counts = operators(simplify(two, { target: 'onnxruntime' }).model)
  expect(counts).toEqual({ 'Cos': 1, 'Sin': 1, 'Slice': 2, 'com.microsoft.RotaryEmbedding': 2 })
})

test.each<[string, Case, RegExp]>([
  ['halves that differ', { equal: false }, /nothing shows that the two halves/],
  ['constant halves that differ', { equal: false, constant: true }, /nothing shows that the two halves/],
])('%s stay, with the reason', (_, one, why) => {
  const given = model(one)
  expect(pass.run(given, { target: 'onnxruntime' }).modified).toBe(false)
  expect(explain(given, pass, 'sum', { target: 'onnxruntime' }).why).toMatch(why)
})

test('not for every runtime, and not for a part of the axis', () => {
  expect(explain(model(), pass, 'sum').why).toMatch(/target is onnx/)
  const third = build(18, (g) => {
    const x = g.input('x', 'float32', ['N', 2, 5, 6])
    const turned = g.op('Concat', [g.op('Neg', [slice(g, x, 2, 6)]), slice(g, x, 0, 2)], { axis: 3 })
    g.output(g.op('Add', [g.op('Mul', [x, g.constant(weights([5, 6], 1))]), g.op('Mul', [turned, g.constant(weights([5, 6], 2))])], {}, { name: 'sum' }), 'y')
  })
  expect(explain(third, pass, 'sum', { target: 'onnxruntime' }).why).toMatch(/not the second half/)
})
