// Files that are damaged or made to do harm: every answer is a model or an OnnxError, in bounded time and memory.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  build, inferShapes, Node, OnnxError, printModel, readModel, sortGraph, statistics, Tensor, validateModel, Value, writeModel, type Model,
} from './index'

const subject = writeModel(build('victim', (g) => {
  const x = g.input('x', 'float32', ['N', 3, 8, 8])
  const conv = g.op('Conv', [x, g.constant(new Float32Array(4 * 27), 'w', 'float32', [4, 3, 3, 3])], { pads: [1, 1, 1, 1] })
  const flat = g.op('Reshape', [conv, Tensor.from([0n, -1n])])
  const branch = (name: string, op: string) => g.subgraph(name, (b) => b.output(b.op(op, [flat])))
  g.output(g.op('If', [g.input('c', 'bool', [])], { then_branch: branch('then', 'Relu'), else_branch: branch('else', 'Neg') }), 'y')
}))

/** Reads bytes and does with the model whatever one can do; the error when one of the steps refuses. */
function survive(bytes: Uint8Array): OnnxError | undefined {
  try {
    const model = readModel(bytes)
    validateModel(model)
    statistics(model)
    printModel(model)
    writeModel(model)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(OnnxError)
    return error as OnnxError
  }
}

const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))])
/** A field of protobuf that holds bytes. */
const field = (number: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])

describe('hostile files', () => {
  test('cut off anywhere', () => {
    for (let length = 0; length < subject.length; length++) survive(subject.subarray(0, length))
    expect(survive(subject.subarray(0, subject.length - 1))?.code).toBe('ONNX_TRUNCATED')
  })

  test('bytes changed, dropped, inserted', () => {
    const edit = fc.tuple(fc.nat(subject.length - 1), fc.nat(3), fc.uint8Array({ maxLength: 3 }))
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes = Buffer.from(subject)
      for (const [at, drop, insert] of edits) bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)])
      survive(bytes)
    }), { numRuns: 1500 })
  })

  test('any bytes at all', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => { survive(bytes) }), { numRuns: 1000 })
  })

  test('lengths that lie', () => {
    for (const length of [2 ** 31, 2 ** 40, 2 ** 53]) {
      expect(survive(Buffer.from([0x3a, ...varint(length), 1, 2, 3]))?.code).toBe('ONNX_TRUNCATED')
    }
    // A tensor of 2^50 elements without data, and one whose sizes multiply beyond every number.
    const tensor = (dims: number[]) => field(7, field(5, Buffer.from([...dims.flatMap((dim) => [8, ...varint(dim)]), 16, 1])))
    expect(survive(tensor([2 ** 50]))?.code).toBe('ONNX_TENSOR')
    expect(survive(tensor([2 ** 50, 2 ** 50]))?.code).toBe('ONNX_TENSOR')
    // A number of eleven bytes.
    expect(survive(Buffer.from([8, ...new Array<number>(10).fill(255), 1]))?.code).toBe('ONNX_MALFORMED')
  })

  test('nested without end', () => {
    let graph = Buffer.alloc(0)
    for (let i = 0; i < 2000; i++) graph = field(1, field(5, Buffer.concat([Buffer.from([10, 1, 97, 0xa0, 1, 5]), field(6, graph)])))
    expect(survive(field(7, graph))?.code).toBe('ONNX_LIMIT')
    let type = Buffer.alloc(0)
    for (let i = 0; i < 2000; i++) type = field(4, field(1, type))
    expect(survive(field(7, field(11, field(2, type))))?.code).toBe('ONNX_LIMIT')
    expect(survive(Buffer.alloc(100_000, 0x13))?.code).toBe('ONNX_LIMIT')
  })

  test('more parts than memory: two bytes of file for each', () => {
    expect(survive(field(7, Buffer.alloc(40_000_000).fill(Buffer.from([10, 0]))))?.code).toBe('ONNX_LIMIT')
  })

  test('shapes made to explode inference', () => {
    const model = build('bomb', (g) => {
      let x = g.constant(Tensor.from([1n, 1n]), 'x')
      for (let i = 0; i < 60; i++) x = g.op('Concat', [x, x], { axis: 0 })
      g.output(g.op('ConstantOfShape', [x]), 'y')
      let n = g.input('n', 'float32', ['N'])
      for (let i = 0; i < 40; i++) n = g.op('Concat', [n, n], { axis: 0 })
      g.output(n, 'long')
      g.output(g.op('ConstantOfShape', [g.input('s', 'int64', [2 ** 31])]), 'ranks')
    }, { check: false })
    expect(inferShapes(model).problems).toEqual([])
    expect(model.graph.find('long')!.shape).toEqual([`${2 ** 40}*N`])
  })
})

describe('hostile graphs', () => {
  function chain(count: number): Model {
    return build('chain', (g) => {
      let value = g.input('x', 'float32', ['N', 4])
      for (let i = 0; i < count; i++) value = g.op('Relu', [value])
      g.output(value, 'y')
    }, { check: false })
  }

  test('a circle is named, not followed', () => {
    const model = chain(100)
    model.graph.nodes[10]!.setInput(0, model.graph.nodes[20]!.output)
    expect(validateModel(model).some(({ rule, got }) => rule === 'cycle' && (got ?? '').includes('(11 nodes)'))).toBe(true)
    expect(() => inferShapes(model)).toThrow(expect.objectContaining({ code: 'ONNX_CYCLE' }) as Error)
    expect(survive(writeModel(model))?.code).toBe('ONNX_CYCLE')
    model.graph.append(new Node('Neg', [new Value('self')], ['self2']))
  })

  test('a long chain, also in the wrong order', () => {
    const model = readModel(writeModel(chain(100_000)))
    expect(validateModel(model)).toEqual([])
    model.graph.reorder([...model.graph.nodes].reverse())
    sortGraph(model.graph)
    expect(validateModel(model)).toEqual([])
  })

  test('one value with a hundred thousand readers', () => {
    const model = build('star', (g) => {
      const x = g.input('x', 'float32', [1])
      for (let i = 0; i < 100_000; i++) g.op('Neg', [x])
      g.output(x)
    }, { check: false })
    const [x] = model.graph.inputs
    const y = model.graph.addInput(new Value('y2'))
    model.graph.replaceAllUses(x!, y)
    expect(x!.consumers.size).toBe(0)
    expect(y.consumers.size).toBe(100_000)
    for (const node of model.graph.nodes) model.graph.remove(node)
    expect(model.graph.nodeCount).toBe(0)
  })
})
