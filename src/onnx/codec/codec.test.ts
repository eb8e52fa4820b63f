import {
  closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync, writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { DTYPES, byteLength, type DType } from '../../core'
import { FunctionDefinition, GraphBuilder, loadModel, Model, readModel, saveModel, SparseTensor, Tensor, writeModel } from '../index'

const folder = mkdtempSync(path.join(tmpdir(), 'onnx-'))
afterAll(() => { rmSync(folder, { recursive: true }) })

function mlp(): Model {
  const g = new GraphBuilder('mlp')
  const x = g.input('x', 'float32', ['N', 3])
  const w = g.constant(Float32Array.of(1, 2, 3, 4, 5, 6), 'w', 'float32', [3, 2])
  const y = g.op('Gemm', [x, w, g.constant([0.5, -100], 'b')], { transB: 0 }, { name: 'fc' })
  g.output(g.op('Relu', [y], {}, { name: 'relu' }), 'y')
  return g.model({ opsets: { '': 17 }, irVersion: 8, metadata: { author: 'test' } })
}

describe('models in memory', () => {
  test('ONNX Runtime runs a built model and gets the numbers of the formula', async () => {
    const session = await ort.InferenceSession.create(writeModel(mlp()), { logSeverityLevel: 3 })
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 1, 1, 0, 1, 0), [2, 3]) })
    expect(Array.from(y!.data as Float32Array)).toEqual([9.5, 0, 3.5, 0])
  })

  test('reading and writing again gives the same bytes', () => {
    const bytes = writeModel(mlp())
    const again = readModel(bytes)
    expect(Buffer.from(writeModel(again)).equals(bytes)).toBe(true)
    expect(again.metadata.get('author')).toBe('test')
    expect(again.graph.nodes.map((node) => node.opType)).toEqual(['Gemm', 'Relu'])
  })

  test('weights are views of the file, not copies', () => {
    const bytes = writeModel(mlp())
    const [weights] = [...readModel(bytes).graph.initializers.values()]
    expect(weights!.bytes.buffer).toBe(bytes.buffer)
  })

  test('unknown fields of every level come back', () => {
    const bytes = writeModel(mlp())
    const extra = Uint8Array.of(0xfa, 0x3f, 2, 1, 2) // field 1023, two bytes
    const model = readModel(Buffer.concat([bytes, extra]))
    model.graph.unknown = extra
    model.graph.nodes[0]!.unknown = extra
    model.graph.inputs[0]!.unknown = extra
    const again = readModel(writeModel(model))
    for (const part of [again, again.graph, again.graph.nodes[0]!, again.graph.inputs[0]!]) {
      expect(Array.from(part.unknown ?? [])).toEqual(Array.from(extra))
    }
  })

  test('every element type, raw and in typed fields', () => {
    for (const dtype of Object.keys(DTYPES) as DType[]) {
      if (dtype === 'string') continue
      const count = 7
      const bytes = Uint8Array.from({ length: byteLength(dtype, count) }, (_, i) => (i * 37 + 5) & 255)
      // Padding bits of types that are not whole bytes are zero.
      const rest = (count * DTYPES[dtype].bits) % 8
      if (rest > 0) bytes[bytes.length - 1]! &= 2 ** rest - 1
      for (const typedFields of [false, true]) {
        const g = new GraphBuilder('g')
        g.output(g.graph.addInitializer('t', Tensor.ofBytes(dtype, [count], bytes, { typedFields })))
        const [tensor] = [...readModel(writeModel(g.model())).graph.initializers.values()]
        expect([dtype, tensor!.dtype, Array.from(tensor!.bytes)]).toEqual([dtype, dtype, Array.from(bytes)])
        expect(tensor!.extras.typedFields ?? false).toBe(typedFields)
      }
    }
  })

  test('strings, sparse tensors, types, functions and references', () => {
    const g = new GraphBuilder('g')
    const list = g.input('list', { kind: 'sequence', element: { kind: 'map', key: 'string', value: { kind: 'tensor', dtype: 'int64', shape: [null, 'N', 3] } } })
    g.graph.addInitializer('words', Tensor.from(['α', 'b']))
    g.graph.addInitializer('sparse', new SparseTensor(Tensor.from([1, 2]), Tensor.from([0n, 7n]), [3, 3]))
    g.output(g.op('F', [list], { k: 9007199254740993n, ends: [9223372036854775807n, -1] }, { domain: 'my' }))
    const body = new GraphBuilder('F', { check: false })
    const x = body.input('x', { kind: 'unknown' })
    body.output(body.op('Op', [x], { alpha: { kind: 'reference', name: 'k', of: 'int' } }))
    const f = new FunctionDefinition('my', 'F', body.graph, new Map([['', 17]]))
    f.requiredAttributes = ['k']
    const again = readModel(writeModel(g.model({ functions: [f], opsets: { '': 17, my: 1 } })))
    expect(again.graph.inputs[0]!.type).toEqual(list.type)
    expect(again.graph.find('words')!.tensor!.toArray()).toEqual(['α', 'b'])
    expect(again.graph.find('sparse')!.sparseTensor!.shape).toEqual([3, 3])
    const node = again.graph.nodes[0]!
    expect(node.get('k', 'int')).toBe(9007199254740993n)
    expect(node.get('ends', 'ints')).toEqual([9223372036854775807n, -1])
    expect(again.functionOf(node)!.body.nodes[0]!.attributes.get('alpha')).toEqual({ kind: 'reference', name: 'k', of: 'int' })
  })
})

describe('models in files', () => {
  test('external data in several files, loaded and saved again', () => {
    const model = mlp()
    const file = path.join(folder, 'model.onnx')
    saveModel(model, file, { externalData: { threshold: 0, location: (name) => `${name || 'weights'}.bin`, alignment: 64 } })
    const loaded = loadModel(file)
    expect(loaded.graph.find('w')!.tensor!.source).toBeDefined()
    expect(Array.from(loaded.graph.find('w')!.tensor!.toArray() as Float32Array)).toEqual([1, 2, 3, 4, 5, 6])
    saveModel(loaded, path.join(folder, 'inline.onnx'), { externalData: false })
    const inline = loadModel(path.join(folder, 'inline.onnx'))
    expect(inline.graph.find('w')!.tensor!.source).toBeUndefined()
    expect(inline.graph.find('b')!.tensor!.numbers()).toEqual([0.5, -100])
  })

  test('external data that was saved over is not read by a model loaded before', () => {
    const file = path.join(folder, 'over.onnx')
    const external = { externalData: { threshold: 0 } }
    saveModel(mlp(), file, external)
    const before = loadModel(file)
    saveModel(before, file, external)
    expect(() => before.graph.find('w')!.tensor!.bytes).toThrow(/changed after it was loaded/)
    expect(loadModel(file).graph.find('w')!.tensor!.numbers()).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('a location outside the folder, a link out of it, and a short file are refused', () => {
    const file = path.join(folder, 'evil.onnx')
    saveModel(mlp(), file, { externalData: { threshold: 0, location: 'evil.bin' } })
    const bytes = readFileSync(file)
    const at = bytes.indexOf('evil.bin')
    for (const location of ['../x.bin', '/etc/x.x']) {
      const changed = Buffer.from(bytes)
      changed.write(location, at, 'latin1')
      expect(() => readModel(changed, { folder })).toThrow(/outside the folder/)
    }
    truncateSync(path.join(folder, 'evil.bin'), 4)
    expect(() => loadModel(file).graph.find('w')!.tensor!.bytes).toThrow(/too short/)
    rmSync(path.join(folder, 'evil.bin'))
    symlinkSync('/etc/hostname', path.join(folder, 'evil.bin'))
    expect(() => loadModel(file).graph.find('w')!.tensor!.bytes).toThrow(/leaves the folder/)
  })

  test('external data beyond 4 GB of a file', () => {
    // A sparse file: it takes no room on the disk.
    const offset = 5 * 2 ** 30
    const data = path.join(folder, 'huge.bin')
    const descriptor = openSync(data, 'w')
    writeSync(descriptor, new Uint8Array(Float32Array.of(1.5, -2).buffer), 0, 8, offset)
    closeSync(descriptor)
    const g = new GraphBuilder('huge')
    const entries = new Map([['location', 'huge.bin'], ['offset', String(offset)], ['length', '8']])
    const source = { entries, read: () => new Uint8Array(8) }
    g.output(g.op('Neg', [g.graph.addInitializer('w', Tensor.ofSource('float32', [2], source))]))
    const file = path.join(folder, 'huge.onnx')
    writeFileSync(file, writeModel(g.model()))
    expect(loadModel(file).graph.find('w')!.tensor!.numbers()).toEqual([1.5, -2])
    rmSync(data)
  })

  test('a missing file and a file that is no model say so', () => {
    expect(() => loadModel(path.join(folder, 'missing.onnx'))).toThrow(/cannot be read/)
    const text = path.join(folder, 'text.onnx')
    writeFileSync(text, 'this is not a model')
    expect(() => loadModel(text)).toThrow(expect.objectContaining({ name: 'OnnxError' }) as Error)
    expect(statSync(text).size).toBe(19)
  })
})
