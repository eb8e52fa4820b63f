import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as tf from '@tensorflow/tfjs'
import { GraphBuilder, Model } from '../../onnx'
import { BoundaryError, decode, encode, MAX_DEPTH } from './codec'
import { disposeTensors } from './tfjs'

const overWire = (value: unknown): unknown => decode(JSON.parse(JSON.stringify(encode(value))) as unknown)

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.double(), fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.bigInt()),
    fc.oneof(fc.float32Array(), fc.float64Array(), fc.int8Array(), fc.uint8Array(), fc.uint8ClampedArray(), fc.int32Array(),
      fc.bigInt64Array(), fc.bigUint64Array()),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

test('plain data crosses as JSON and comes out equal', () => {
  fc.assert(fc.property(plain, (value) => {
    expect(overWire(value)).toStrictEqual(value)
  }))
})

test('numbers that JSON has no word for, and keys that are traps, cross', () => {
  const value = [Number.NaN, -0, 0, Infinity, -Infinity, JSON.parse('{"__proto__": {"polluted": 1}, "$": "tensor", "v": 1}')]
  expect(overWire(value)).toStrictEqual(value)
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})

test('what comes out is a copy, of a view as well', () => {
  const weights = new Float32Array([1, 2, 3, 4])
  const value = { view: weights.subarray(1, 3), list: [1] }
  const copy = decode(encode(value)) as typeof value
  weights.fill(9)
  value.list.push(2)
  expect(copy).toStrictEqual({ view: new Float32Array([2, 3]), list: [1] })
  expect(copy.view.buffer.byteLength).toBe(8)
})

class Point { x = 1 }
const cycle: unknown[] = []
cycle.push(cycle)
let read = false
const lyingArray = new Float32Array(2)
Object.defineProperty(lyingArray, 'byteLength', { get: () => { read = true; return 10_000 } })

test.each<[string, unknown, RegExp]>([
  ['a function', [() => 1], /A function cannot be checked/],
  ['a symbol', Symbol('s'), /A symbol/],
  ['a promise inside', { later: Promise.resolve(1) }, /A promise/],
  ['a thenable', { then: (resolve: (value: number) => void) => resolve(1) }, /A function/],
  ['a proxy', new Proxy({}, {}), /A proxy/],
  ['a proxy of an array', [new Proxy([], {})], /A proxy/],
  ['a getter', { get a() { read = true; return 1 } }, /getter/],
  ['a getter in an array', Object.defineProperty([1], 0, { get: () => 1 }), /getter/],
  ['an instance of a class', new Point(), /class \(Point\)/],
  ['a map', new Map(), /class \(Map\)/],
  ['a date', new Date(), /class \(Date\)/],
  ['an object with its own prototype', Object.create(Object.create(null) as object), /prototype/],
  ['an object that says it equals everything', Object.create({ [Symbol.toPrimitive]: () => 1 }), /class|prototype/],
  ['an array with holes', new Array(3), /holes/],
  ['a cycle', cycle, /nests too deep/],
  ['a huge hole', Object.assign([], { length: 4_000_000_000 }), /too large/],
])('%s is refused', (_, value, message) => {
  expect(() => encode(value)).toThrow(BoundaryError)
  expect(() => encode(value)).toThrow(message)
})

test('no code of the value runs while it is read', () => {
  expect(decode(encode(lyingArray))).toStrictEqual(new Float32Array(2))
  expect(() => encode({ toJSON: () => { read = true } })).toThrow(BoundaryError)
  expect(read).toBe(false)
})

test('an error says where in the value', () => {
  expect(() => encode({ layers: [{ scale: 1 }, { scale: () => 1 }] }, 'the result of f')).toThrow('the result of f.layers[1].scale')
})

test('a message that is not in wire form is refused, whatever it is', () => {
  fc.assert(fc.property(fc.jsonValue(), (message) => {
    try {
      decode(message)
    } catch (error) {
      expect(error).toBeInstanceOf(BoundaryError)
    }
  }))
  const tagged = fc.record({ $: fc.constantFrom('number', 'object', 'tensor', 'Float32Array', 'bigint', 'constructor', 'undefined'), v: fc.jsonValue() })
  fc.assert(fc.property(tagged, (message) => {
    try {
      decode(message)
    } catch (error) {
      expect(error).toBeInstanceOf(BoundaryError)
    }
  }))
  let deep: unknown = 1
  for (let i = 0; i < MAX_DEPTH * 3; i++) deep = [deep]
  expect(() => decode(deep)).toThrow(BoundaryError)
  for (const message of [{ $: 'Float32Array', v: 'AAA=' }, { $: 'model', v: 'AAAA' }, { $: 'tensor', v: ['float32', [3], 1] }]) {
    expect(() => decode(message)).toThrow(BoundaryError)
  }
})

test('tensors cross with dtype, shape and values, and can be freed', () => {
  const before = tf.memory().numTensors
  const images = tf.tensor3d([1, 2, 3, 4, 5, 6], [1, 2, 3], 'int32')
  const copy = decode(encode({ images })) as { images: tf.Tensor3D }
  expect([copy.images.dtype, copy.images.shape, copy.images.arraySync()]).toStrictEqual(['int32', [1, 2, 3], [[[1, 2, 3], [4, 5, 6]]]])
  expect(copy.images.add(1).arraySync()).toStrictEqual([[[2, 3, 4], [5, 6, 7]]])
  disposeTensors(copy)
  expect(copy.images.isDisposed).toBe(true)
  images.dispose()
  expect(tf.memory().numTensors).toBe(before + 1)
})

test('models cross as the bytes of their file', () => {
  const builder = new GraphBuilder('relu')
  const x = builder.input('x', 'float32', [1, 3])
  builder.output(builder.op('Relu', [x]), 'y')
  const model: Model = builder.model()
  const copy = overWire(model) as Model
  expect(copy).toBeInstanceOf(Model)
  expect(copy).not.toBe(model)
  expect(copy.graph.nodes.map((node) => node.opType)).toStrictEqual(['Relu'])
})
