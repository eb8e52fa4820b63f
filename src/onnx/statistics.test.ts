import { describe, expect, test } from 'vitest'
import { displaySymbol } from '../core'
import { build, cloneModel, diffModels, GraphBuilder, Node, statistics, Tensor, type Model } from './index'

/** LeNet-5's first layers: the numbers are those of any textbook. */
function lenet(): Model {
  return build('lenet', (g) => {
    const weights = (name: string, shape: number[]) => g.constant(new Float32Array(shape.reduce((a, b) => a * b, 1)), name, 'float32', shape)
    const x = g.input('x', 'float32', ['N', 1, 32, 32])
    const c1 = g.op('Relu', [g.op('Conv', [x, weights('w1', [6, 1, 5, 5]), weights('b1', [6])], {}, { name: 'conv1' })])
    const p1 = g.op('MaxPool', [c1], { kernel_shape: [2, 2], strides: [2, 2] }, { name: 'pool1' })
    const flat = g.op('Flatten', [p1])
    g.output(g.op('Gemm', [flat, weights('fc', [1176, 10]), weights('bias', [10])], {}, { name: 'fc' }), 'y')
  })
}

describe('statistics', () => {
  test('parameters and multiply-accumulates of LeNet', () => {
    const s = statistics(lenet(), { sizes: { N: 2 } })
    expect(s.parameters).toBe(6 * 25 + 6 + 11760 + 10)
    expect(s.macs).toBe(2 * (6 * 28 * 28 * 25 + 11760))
    expect(s.layers.find((layer) => layer.name === 'conv1')).toMatchObject({ parameters: 156, macs: 2 * 117600, activationBytes: 2 * 6 * 28 * 28 * 4 })
    // Two buffers of the size of the first layer's output are the most that is alive at once.
    expect(s.peakActivationBytes).toBe(2 * 2 * 6 * 28 * 28 * 4)
    expect(s.unknownLayers).toBe(0)
    expect(Object.keys(s[displaySymbol]())).toEqual(['text/plain', 'text/html'])
  })

  test('recurrent layers, transposed convolutions and products of many axes', () => {
    const model = build('m', (g) => {
      const zeros = (shape: number[]) => Tensor.from(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
      g.ops('LSTM', [g.input('s', 'float32', [7, 2, 3]), zeros([1, 20, 3]), zeros([1, 20, 5])], { hidden_size: 5 }, { outputs: ['h'], name: 'lstm' })
      g.op('ConvTranspose', [g.input('i', 'float32', [1, 4, 5, 5]), zeros([4, 6, 3, 3])], {}, { name: 'up' })
      g.output(g.op('Einsum', [g.input('q', 'float32', [2, 8, 4]), g.input('k', 'float32', [2, 9, 4])], { equation: 'bid,bjd->bij' }, { name: 'scores' }))
    })
    const macs = Object.fromEntries(statistics(model).layers.map((layer) => [layer.name, layer.macs]))
    expect(macs).toEqual({ lstm: 7 * 2 * 20 * (3 + 5), up: 4 * 25 * 6 * 9, scores: 2 * 8 * 9 * 4 })
  })
})

describe('differences', () => {
  test('of a model and itself: none', () => {
    expect(diffModels(lenet(), lenet())).toMatchObject({ equal: true, same: { nodes: 5, weights: 4 } })
  })

  test('of weights: with their errors', () => {
    const model = lenet()
    const other = cloneModel(model)
    const [before, after] = [model, other].map((m) => m.graph.find('b1')!)
    model.graph.setInitializer(before!, Tensor.from([3, 0, 0, 0, 0, 4]))
    other.graph.setInitializer(after!, Tensor.from([3, 0, 0, 0, 0, 4.5]))
    const { differences } = diffModels(model, other)
    expect(differences).toHaveLength(1)
    expect(differences[0]).toMatchObject({ part: 'weight', change: 'changed', where: 'b1' })
    expect(differences[0]!.error!.maxAbsolute).toBe(0.5)
    expect(differences[0]!.error!.relative).toBeCloseTo(0.1, 10)
    expect(differences[0]!.error!.cosine).toBeCloseTo((9 + 18) / (5 * Math.hypot(3, 4.5)), 10)
    expect(differences[0]!.error!.changed).toBeCloseTo(1 / 6, 10)
  })

  test('of structure: operators, attributes, wiring, opset', () => {
    const other = lenet()
    other.opsets.set('', 20)
    const { graph } = other
    const pool = graph.nodes.find((node) => node.name === 'pool1')!
    pool.setAttribute('strides', [1, 1])
    const conv = graph.nodes[0]!
    const extra = graph.insertAfter(conv, new Node('Neg', [conv.output], ['negated']))
    graph.nodes[2]!.setInput(0, extra.output)
    const found = diffModels(lenet(), other).differences.map(({ part, change, where }) => `${part} ${change} ${where}`)
    expect(found).toEqual(['model changed operator set ""', 'wiring changed Relu → relu', 'attribute changed pool1.strides', 'node added Neg → negated'])
  })

  test('of graphs inside nodes', () => {
    const make = (operator: string) => build('m', (g) => {
      const x = g.input('x', 'float32', [1])
      const branch = (name: string, op: string) => g.subgraph(name, (b: GraphBuilder) => b.output(b.op(op, [x], {}, { outputs: [name + 'Out'] })))
      g.output(g.op('If', [g.input('c', 'bool', [])], { then_branch: branch('then', operator), else_branch: branch('else', 'Neg') }, { name: 'if' }), 'y')
    })
    expect(diffModels(make('Abs'), make('Sqrt')).differences).toMatchObject([{ part: 'node', where: 'if.then_branch/Abs → thenOut', before: 'Abs', after: 'Sqrt' }])
  })
})
