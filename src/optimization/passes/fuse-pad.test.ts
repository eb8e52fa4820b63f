import { describe, expect, test } from 'vitest'
import { applied, build, operators, weights } from '../../../test/support/run'
import { Tensor, type AttributeInput, type Model } from '../../onnx'
import { explain } from '../explain'
import { fusePad as pass } from './fuse-pad'

const ints = (values: number[]): Tensor => Tensor.from(values, [values.length], 'int64')

interface Case {
  opType: 'Conv' | 'AveragePool' | 'MaxPool'
  attributes?: Record<string, AttributeInput>
  amounts?: number[]
  value?: number
  relu?: boolean
  mode?: string
  axes?: number[]
  opset?: number
}

function model({ opType, attributes = {}, amounts = [0, 0, 1, 0, 0, 0, 1, 2], value, relu = false, mode = 'constant', axes, opset = 18 }: Case): Model {
  return build(opset, (g) => {
    const input = g.input('x', 'float32', [1, 2, 5, 6])
    const x = relu ? g.op('Relu', [input]) : input
    const padded = opset < 11 ? g.op('Pad', [x], { pads: amounts, mode, value: value ?? 0 }, { name: 'pad' })
      : g.op('Pad', [x, g.constant(ints(amounts)), value === undefined ? undefined : g.constant(value), axes && g.constant(ints(axes))], { mode }, { name: 'pad' })
    g.output(opType === 'Conv' ? g.op('Conv', [padded, g.constant(weights([3, 2, 3, 3]))], attributes, { name: 'it' })
      : g.op(opType, [padded], { kernel_shape: [3, 3], ...attributes }, { name: 'it' }), 'y')
  })
}

describe('padding moves into the operator', () => {
  test.each<[string, Case]>([
    ['Conv', { opType: 'Conv' }],
    ['Conv that pads already', { opType: 'Conv', attributes: { pads: [1, 0, 0, 1], strides: [2, 1] } }],
    ['Conv with auto_pad VALID', { opType: 'Conv', attributes: { auto_pad: 'VALID' } }],
    ['Pad with axes', { opType: 'Conv', amounts: [1, 2, 0, 1], axes: [-1, 2] }],
    ['Pad before operator set 11', { opType: 'Conv', opset: 9 }],
    ['AveragePool', { opType: 'AveragePool' }],
    ['AveragePool that counts its padding', { opType: 'AveragePool', attributes: { count_include_pad: 1, pads: [1, 1, 1, 0] } }],
    ['MaxPool, padded with −∞', { opType: 'MaxPool', value: -Infinity }],
    ['MaxPool, padded with 0 after Relu', { opType: 'MaxPool', relu: true, attributes: { strides: [2, 2] } }],
  ])('%s', (_, one) => {
    expect(operators(applied(model(one), pass).model)).toEqual({ ...(one.relu ? { Relu: 1 } : {}), [one.opType]: 1 })
  })
})

describe('leaves alone, and says why', () => {
  test.each<[Case, string]>([
    [{ opType: 'Conv', value: 1 }, 'a convolution pads with 0, not with 1'],
    [{ opType: 'Conv', mode: 'reflect' }, '"pad" (Pad) pads by the mode reflect'],
    [{ opType: 'Conv', amounts: [0, 0, -1, 0, 0, 0, 0, 0] }, '"pad" (Pad) cuts off: an amount is negative'],
    [{ opType: 'Conv', attributes: { auto_pad: 'SAME_UPPER' } }, '"it" (Conv) pads by itself (auto_pad is SAME_UPPER)'],
    [{ opType: 'AveragePool', attributes: { pads: [1, 1, 1, 0] } }, '"it" (AveragePool) leaves its own padding out of the average'],
    [{ opType: 'MaxPool' }, 'a maximum pool pads with −∞, and what is padded with 0 may be less than that'],
    [{ opType: 'MaxPool', value: -Infinity, amounts: [0, 0, 3, 0, 0, 0, 0, 0] }, 'the padding of "it" (MaxPool) would be as wide as its window'],
  ])('%j', (one, reason) => {
    expect(pass.run(model(one)).modified).toBe(false)
    expect(explain(model(one), pass, 'it').why).toBe(reason)
  })
})
