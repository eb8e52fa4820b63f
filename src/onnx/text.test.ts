import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { build, FunctionDefinition, GraphBuilder, OnnxError, parseModel, printModel, SparseTensor, Tensor, writeModel, type Model } from './index'

/** Everything the text form has to carry, in one model. */
function everything(): Model {
  const g = new GraphBuilder('all "kinds"\nof things', { check: false, opsets: { '': 21, 'com.my': 3 } })
  const x = g.input('odd name: %"1', 'float32', ['N + 1', null, 3, 'M'])
  x.docString = 'documentation\ndata\n#0 of x'
  x.metadata = new Map([['k', 'v']])
  g.input('list', { kind: 'sequence', element: { kind: 'optional', element: { kind: 'map', key: 'string', value: { kind: 'tensor' } } } })
  g.input('image', { kind: 'tensor', dtype: 'uint8', shape: [1, 'H'], denotation: 'IMAGE', axisDenotations: ['DATA_BATCH', undefined] })
  g.graph.addInitializer('big', Tensor.from(Float32Array.from({ length: 100 }, (_, i) => i / 3)))
  g.graph.addInitializer('odd floats', Tensor.from([0.1, -0, NaN, Infinity, 1e-40]))
  g.graph.addInitializer('half', Tensor.from([0.1, 65504, -1], [3], 'float16'))
  g.graph.addInitializer('nibbles', Tensor.from([-8, 7, 3], [3], 'int4'))
  g.graph.addInitializer('words', Tensor.from(['a "b"', 'ü'], [2]))
  g.graph.addInitializer('wide', Tensor.from([2n ** 63n - 1n], []))
  g.graph.addInitializer('sparse', new SparseTensor(Tensor.from([1]), Tensor.from([2n]), [4]))
  const inner = g.subgraph('inner', (b) => b.output(b.op('Neg', [x])))
  const outputs = g.ops('Strange', [x, undefined, x], {
    i: 3, big: 2n ** 62n, f: { kind: 'float', value: 2 }, s: 'a\n"b"', none: { kind: 'ints', value: [] }, list: [1, 2], floats: [0.5, 0.25],
    strings: ['p', 'q'], t: Tensor.from([1, 2, 3]), graph: inner, bytes: { kind: 'bytes', value: Uint8Array.of(255, 0) },
    type: { kind: 'type', value: { kind: 'tensor', dtype: 'bool', shape: [] } }, sparses: { kind: 'sparses', value: [] },
    ref: { kind: 'reference', name: 'outer', of: 'floats', docString: 'why' },
  }, { domain: 'com.my', name: 'node "1"', overload: 'second', outputs: ['a', '', 'c'] })
  outputs[0]!.producer!.unknown = Uint8Array.of(1, 2, 3)
  g.output(outputs[0]!, 'y')
  const body = new GraphBuilder('F', { check: false })
  body.output(body.op('Identity', [body.input('v', { kind: 'unknown' })]))
  const f = new FunctionDefinition('com.my', 'F', body.graph, new Map([['', 21]]))
  f.defaults.set('alpha', { kind: 'float', value: 0.5 })
  f.requiredAttributes = ['beta']
  const model = g.model({ functions: [f], metadata: { author: 'me' }, modelVersion: 2n ** 60n, docString: 'whole' })
  model.graph.quantization.push({ value: outputs[0]!, parameters: new Map([['SCALE_TENSOR', x]]) })
  return model
}

describe('the text form', () => {
  test('reads as the model does', () => {
    const model = build('mlp', (g) => {
      const h = g.op('Gemm', [g.input('x', 'float32', ['N', 2]), g.constant([1, 2, 3, 0.1], 'w', 'float32', [2, 2])], { transB: 1, alpha: 2 }, { name: 'fc' })
      g.output(g.op('Relu', [h]), 'y')
    })
    expect(printModel(model)).toBe(`onnx-text 1
model @{"ir":10,"opsets":[["",21]],"producer":"whetstone"}

graph "mlp"(%x: float32[N,2]) {
  init %w = tensor float32[2,2] [1, 2, 3, 0.1]
  %fc: float32[N,2] = Gemm(%x, %w) {transB: 1, alpha: 2f} "fc"
  %y: float32[N,2] = Relu(%fc)
  return %y
}
`)
  })

  test('loses nothing', () => {
    const model = everything()
    const text = printModel(model)
    const again = parseModel(text)
    expect(printModel(again)).toBe(text)
    expect(Buffer.compare(writeModel(again), writeModel(model))).toBe(0)
  })

  test('errors name the place; without weights it is for reading only', () => {
    expect(() => parseModel('onnx-text 1\nmodel @{"ir":8}\ngraph "g"(%x: float33[1]) { return }')).toThrow(/float33[\s\S]*line 3/)
    expect(() => parseModel(printModel(everything(), { weights: 'omit' }))).toThrow(/for reading only/)
    expect(() => parseModel('')).toThrow(/end of the text/)
  })

  test('any change to a text gives a model or an OnnxError', () => {
    const text = printModel(everything())
    fc.assert(fc.property(fc.nat(text.length - 1), fc.nat(6), fc.string({ maxLength: 4 }), (at, drop, insert) => {
      try {
        parseModel(text.slice(0, at) + insert + text.slice(at + drop))
      } catch (error) {
        expect(error).toBeInstanceOf(OnnxError)
      }
    }), { numRuns: 500 })
  })
})
