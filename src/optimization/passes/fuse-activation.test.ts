import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import type { GraphBuilder, Model, Value } from '../../onnx'
import { explain } from '../explain'
import { fuseActivation as pass } from './fuse-activation'

const model = (opset: number, make: (g: GraphBuilder, x: Value) => Value): Model =>
  build(opset, (g) => g.output(make(g, g.input('x', 'float32', ['N', 16])), 'y'))

/** x ÷ 2 × (1 + f), the half in one of three places. */
function half(g: GraphBuilder, x: Value, f: Value, place: number): Value {
  const c = g.constant(0.5)
  const named = { name: 'it' }
  if (place === 0) return g.op('Mul', [g.op('Mul', [x, f]), c], {}, named)
  return place === 1 ? g.op('Mul', [g.op('Mul', [c, x]), f], {}, named) : g.op('Mul', [x, g.op('Mul', [c, f])], {}, named)
}
const exact = (place = 0, root = Math.SQRT2) => (g: GraphBuilder, x: Value): Value =>
  half(g, x, g.op('Add', [g.op('Erf', [g.op('Div', [x, g.constant(root)])]), g.constant(1)]), place)
const approximate = (place = 0, power = true) => (g: GraphBuilder, x: Value): Value => {
  const cube = power ? g.op('Pow', [x, g.constant(3)]) : g.op('Mul', [g.op('Mul', [x, x]), x])
  const inner = g.op('Mul', [g.constant(0.7978845608), g.op('Add', [x, g.op('Mul', [g.constant(0.044715), cube])])])
  return half(g, x, g.op('Add', [g.constant(1), g.op('Tanh', [inner])]), place)
}
const hardSwish = (g: GraphBuilder, x: Value): Value => {
  const sum = g.op('Add', [x, g.constant(3)])
  const clip = g.op('Clip', [sum, g.constant(0), g.constant(6)])
  return g.op('Div', [g.op('Mul', [x, clip]), g.constant(6)])
}

describe('GELU', () => {
  test.each([0, 1, 2])('exact, form %i', (place) => {
    expect(operators(applied(model(20, exact(place)), pass).model)).toEqual({ Gelu: 1 })
    expect(operators(applied(model(17, exact(place)), pass, { target: 'onnxruntime' }).model)).toEqual({ 'com.microsoft.Gelu': 1 })
  })

  test.each([
    ['Neg, then ÷', (g: GraphBuilder, x: Value) => g.op('Div', [g.op('Neg', [x]), g.constant(Math.SQRT2)])],
    ['Neg, then ×', (g: GraphBuilder, x: Value) => g.op('Mul', [g.op('Neg', [x]), g.constant(Math.SQRT1_2)])],
    ['÷, then Neg', (g: GraphBuilder, x: Value) => g.op('Neg', [g.op('Div', [x, g.constant(Math.SQRT2)])])],
    ['× a negative number', (g: GraphBuilder, x: Value) => g.op('Mul', [g.constant(-Math.SQRT1_2), x])],
  ] as const)('as TensorFlow writes it, x ÷ 2 × erfc(−x ÷ √2): %s', (_, inner) => {
    const erfc = (of: typeof inner) => model(20, (g, x) => half(g, x, g.op('Sub', [g.constant(1), g.op('Erf', [of(g, x)])]), 1))
    expect(operators(applied(erfc(inner), pass).model)).toEqual({ Gelu: 1 })
    expect(pass.run(erfc((g, x) => g.op('Neg', [inner(g, x)]))).modified).toBe(false)
  })

  test.each([[0, true], [1, false], [2, true]] as const)('by tanh, form %i, power: %s', (place, power) => {
    const tolerance = { relative: 1e-3, absolute: 1e-4 }
    expect(operators(applied(model(20, approximate(place, power)), pass, { tolerance }).model)).toEqual({ Gelu: 1 })
    expect(operators(applied(model(17, approximate(place, power)), pass, { target: 'onnxruntime', tolerance }).model)).toEqual({ 'com.microsoft.FastGelu': 1 })
  })

  test('is left alone before operator set 20, and with other constants', () => {
    expect(pass.run(model(17, exact())).modified).toBe(false)
    expect(explain(model(17, exact()), pass, 'it').toString()).toContain('operator set 17 has no Gelu (20 has), and the target is onnx')
    expect(pass.run(model(20, exact(0, 1.5))).modified).toBe(false)
    expect(explain(model(20, exact(0, 1.5)), pass, 'it').toString()).toContain('it is not 1.414')
  })
})

test('hard swish', () => {
  expect(operators(applied(model(17, hardSwish), pass).model)).toEqual({ HardSwish: 1 })
  expect(operators(applied(model(13, hardSwish), pass).model)).toEqual({ HardSigmoid: 1, Mul: 1 })
  const old = build(9, (g) => {
    const x = g.input('x', 'float32', [4])
    g.output(g.op('Div', [g.op('Mul', [x, g.op('Clip', [g.op('Add', [x, g.constant(3)])], { min: 0, max: 6 })]), g.constant(6)]), 'y')
  }, { irVersion: 4 })
  expect(operators(applied(old, pass).model)).toEqual({ HardSigmoid: 1, Mul: 1 })
})

test('SiLU and activations in convolutions, for ONNX Runtime only', () => {
  const make = (g: GraphBuilder): void => {
    const conv = g.op('Conv', [g.input('x', 'float32', [1, 2, 4, 4]), g.constant(weights([3, 2, 3, 3])), g.constant(weights([3], 2))], { pads: [1, 1, 1, 1] })
    const relu = g.op('Relu', [conv], {}, { name: 'it' })
    g.output(g.op('Mul', [relu, g.op('Sigmoid', [relu])]), 'y')
  }
  expect(operators(applied(build(17, make), pass, { target: 'onnxruntime' }).model)).toEqual({ 'com.microsoft.FusedConv': 1, 'com.microsoft.QuickGelu': 1 })
  expect(pass.run(build(17, make)).modified).toBe(false)
  expect(explain(build(17, make), pass, 'it').toString()).toContain('no standard operator holds a convolution and its activation')
})
