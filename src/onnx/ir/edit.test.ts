import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import {
  build, cloneModel, diffModels, extractModel, FunctionDefinition, GraphBuilder, inlineFunctions, Model, Tensor, validateModel, writeModel,
} from '../index'

async function run(model: Model, feeds: Record<string, ort.Tensor>): Promise<Record<string, number[]>> {
  const session = await ort.InferenceSession.create(writeModel(model), { logSeverityLevel: 3 })
  const results = await session.run(feeds)
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, Array.from(tensor.data as Float32Array)]))
}

const x = { x: new ort.Tensor('float32', Float32Array.of(-1, 2, 3, -4), [2, 2]) }

describe('cutting out', () => {
  test('a part of a model computes what it computed inside', async () => {
    const model = build('m', (g) => {
      const input = g.input('x', 'float32', [2, 2])
      const a = g.op('Relu', [input], {}, { outputs: ['a'] })
      const b = g.op('MatMul', [a, g.constant([1, 2, 3, 4], 'w', 'float32', [2, 2])], {}, { outputs: ['b'] })
      g.output(g.op('Neg', [b]), 'y')
      g.output(g.op('Abs', [input]), 'other')
    })
    const part = extractModel(model, ['a'], ['b'])
    expect(part.graph.nodes.map((node) => node.opType)).toEqual(['MatMul'])
    expect(validateModel(part)).toEqual([])
    expect(await run(part, { a: new ort.Tensor('float32', Float32Array.of(0, 2, 3, 0), [2, 2]) })).toEqual({ b: [6, 8, 3, 6] })
    expect(() => extractModel(model, ['a'], ['other'])).toThrow(/not among its inputs/)
  })
})

describe('functions', () => {
  /** y = alpha · relu(x) + x, by a function that calls another one. */
  function withFunctions(): Model {
    const opsets = new Map([['', 17], ['my', 1]])
    const inner = new GraphBuilder('Scale', { check: false })
    const value = inner.input('v', { kind: 'unknown' })
    const factor = inner.op('Constant', [], { value_float: { kind: 'reference', name: 'factor', of: 'float' } })
    inner.output(inner.op('Mul', [value, factor]), 'out')
    const scale = new FunctionDefinition('my', 'Scale', inner.graph, opsets)
    scale.requiredAttributes = ['factor']
    const outer = new GraphBuilder('Block', { check: false })
    const v = outer.input('v', { kind: 'unknown' })
    const scaled = outer.op('Scale', [outer.op('Relu', [v])], { factor: { kind: 'reference', name: 'alpha', of: 'float' } }, { domain: 'my' })
    outer.output(outer.op('Add', [scaled, v]), 'out')
    const block = new FunctionDefinition('my', 'Block', outer.graph, opsets)
    block.defaults.set('alpha', { kind: 'float', value: 2 })
    const functions = [scale, block]
    const g = new GraphBuilder('m', { opsets: { '': 17, my: 1 }, functions })
    const input = g.input('x', 'float32', ['N', 2])
    const first = g.op('Block', [input], { alpha: { kind: 'float', value: 10 } }, { domain: 'my', name: 'first' })
    expect([first.dtype, first.shape]).toEqual(['float32', ['N', 2]])
    g.output(g.op('Block', [first], {}, { domain: 'my' }), 'y')
    return g.model({ irVersion: 8, functions })
  }

  test('inlining gives the same numbers, and names stay unique', async () => {
    const model = withFunctions()
    expect(validateModel(model)).toEqual([])
    const inlined = cloneModel(model)
    expect(inlineFunctions(inlined)).toBe(4)
    expect(inlined.functions).toEqual([])
    expect(validateModel(inlined)).toEqual([])
    expect(inlined.graph.outputs[0]!.name).toBe('y')
    const expected = Array.from(x.x.data, (v) => {
      const first = 10 * Math.max(v, 0) + v
      return 2 * Math.max(first, 0) + first
    })
    expect(await run(model, x)).toEqual({ y: expected })
    expect(await run(inlined, x)).toEqual({ y: expected })
  })
})

describe('clones', () => {
  test('are equal, share tensors, and are independent', () => {
    const model = build('m', (g) => {
      const input = g.input('x', 'float32', ['N', 2])
      const flag = g.input('flag', 'bool', [])
      const then = g.subgraph('then', (b) => b.output(b.op('Add', [input, Tensor.from([1, 2])])))
      g.output(g.op('If', [flag], { then_branch: then, else_branch: g.subgraph('else', (b) => b.output(b.op('Neg', [input]))) }), 'y')
    })
    const copy = cloneModel(model)
    expect(diffModels(model, copy).equal).toBe(true)
    expect(Buffer.compare(writeModel(copy), writeModel(model))).toBe(0)
    const [original, twin] = [model, copy].map((m) => m.graph.nodes[0]!.subgraphs[0]!)
    expect([...twin!.initializers.values()][0]).toBe([...original!.initializers.values()][0])
    // The copy's branch reads the copy's input, not the original's.
    expect(twin!.nodes[0]!.inputs[0]).toBe(copy.graph.inputs[0])
    copy.graph.nodes[0]!.opType = 'Changed'
    expect(model.graph.nodes[0]!.opType).toBe('If')
  })
})
