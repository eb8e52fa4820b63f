// TensorFlow files: committed models against what TensorFlow computed, and files that are damaged or made to do harm.
import fc from 'fast-check'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, onnx, runtime } from 'whetstone'
import { FUZZ_RUNS, FUZZ_SEED, FUZZ_TIMEOUT } from '../../../test/support/convert/mutate'
import { crc32c, maskedCrc, TensorBundle } from './bundle'
import { permuted } from './tensors'

const fixtures = path.resolve('test/convert/tensorflow/fixtures')
const folder = mkdtempSync(path.join(tmpdir(), 'tensorflow-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** Mutated inputs for each reader; a nightly run sets more. */

const array = ([shape, text]: [number[], string]): { shape: number[]; data: Float32Array } => ({ shape, data: new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer) })

function relative(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, largest] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    error = Math.max(error, Math.abs((got[i] ?? NaN) - (want[i] ?? NaN)) || (Number.isNaN(got[i]) ? Infinity : 0))
    largest = Math.max(largest, Math.abs(want[i] ?? 0))
  }
  return error / largest
}

/** The error when reading refuses; a failure of the test when anything but a ConvertError is thrown. */
function survive(use: () => unknown): convert.ConvertError | undefined {
  try {
    use()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(convert.ConvertError)
    return error as convert.ConvertError
  }
}

describe('SavedModels', () => {
  test.each(['cnn', 'convs', 'unet', 'lstm', 'normalized', 'scaled'])('%s computes what TensorFlow computed, at two batch sizes', (name) => {
    const { model, report } = convert.convert(path.join(fixtures, name))
    expect(onnx.validateModel(model)).toEqual([])
    expect(report.parts.symbols).toHaveProperty('batch')
    const session = runtime.Session.create(onnx.writeModel(model), { threads: 1 })
    const cases = JSON.parse(readFileSync(path.join(fixtures, `${name}.json`), 'utf8')) as { input: [number[], string]; output: [number[], string] }[]
    for (const { input, output } of cases) {
      const { shape, data } = array(input)
      const [y] = Object.values(session.runSync({ [model.graph.inputs[0]?.name ?? '']: runtime.tensor('float32', shape, data) }))
      expect(y?.shape).toEqual(output[0])
      expect(relative(y?.data as Float32Array, array(output).data)).toBeLessThan(1e-5)
    }
    session.dispose()
  })

  test('images keep the channels first between convolutions: transposes only at the edges', () => {
    const { model } = convert.convert(path.join(fixtures, 'cnn'))
    expect(model.graph.nodes.filter(({ opType }) => opType === 'Transpose').length).toBeLessThanOrEqual(2)
  })

  test('go back to TensorFlow.js with the names of their variables', () => {
    const { model } = convert.convert(path.join(fixtures, 'cnn'))
    const back = convert.toTensorFlow(model)
    expect([...back.weights.keys()].some((name) => /kernel/.test(name))).toBe(true)
    back.dispose()
  })
})

describe('checkpoints', () => {
  const index = readFileSync(path.join(fixtures, 'cnn/variables/variables.index'))
  const open = (bytes: Uint8Array): void => {
    const bundle = TensorBundle.parse(bytes, 'given')
    for (const name of bundle.names) bundle.entry(name)
  }

  test('CRC-32C as RFC 3720 gives it', () => {
    expect(crc32c(new Uint8Array(32)).toString(16)).toBe('8a9136aa')
    expect(crc32c(new Uint8Array(32).fill(0xff)).toString(16)).toBe('62a8ab43')
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)).toString(16)).toBe('46dd794e')
    expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283')
    expect(maskedCrc(0)).toBe(0xa282ead8)
  })

  test('an index cut off, changed or of any bytes is refused with a typed error', () => {
    for (let length = 0; length < index.length; length += 7) expect(survive(() => { open(index.subarray(0, length)) })).toBeDefined()
    fc.assert(fc.property(fc.nat(index.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(index)
      bytes[at] = (bytes[at] ?? 0) ^ change
      survive(() => { open(bytes) })
    }), { numRuns: FUZZ_RUNS, seed: FUZZ_SEED + 1 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => { survive(() => { open(bytes) }) }), { numRuns: FUZZ_RUNS, seed: FUZZ_SEED + 2 })
  }, FUZZ_TIMEOUT)

  const copyOf = (name: string): string => {
    const copy = path.join(folder, `${name}-${Math.random().toString(36).slice(2)}`)
    cpSync(path.join(fixtures, name), copy, { recursive: true })
    return copy
  }

  test('a byte of a weight that changed is found by its checksum, and can be accepted', () => {
    const copy = copyOf('cnn')
    const file = path.join(copy, 'variables/variables.data-00000-of-00001')
    const bytes = readFileSync(file)
    // The lowest bit of every weight: only a checksum sees that.
    for (let i = 0; i < bytes.length; i += 4) bytes[i] = (bytes[i] ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect(survive(() => convert.convert(copy))?.code).toBe('CONVERT_MALFORMED')
    expect(survive(() => convert.convert(copy, { checksums: false }))).toBeUndefined()
    writeFileSync(file, bytes.subarray(0, 40))
    expect(survive(() => convert.convert(copy))?.code).toMatch(/CONVERT_(TRUNCATED|MALFORMED)/)
    rmSync(path.join(copy, 'variables'), { recursive: true })
    expect(survive(() => convert.convert(copy))?.code).toBe('CONVERT_WEIGHTS')
  })

  test('NaN weights are refused, and kept when asked', () => {
    const copy = copyOf('cnn')
    const file = path.join(copy, 'variables/variables.data-00000-of-00001')
    const bytes = readFileSync(file)
    bytes.fill(0xff)
    writeFileSync(file, bytes)
    expect(survive(() => convert.convert(copy, { checksums: false }))?.code).toBe('CONVERT_VALUES')
    expect(survive(() => convert.convert(copy, { checksums: false, nonFinite: 'keep' }))).toBeUndefined()
  })

  test('a graph that is damaged anywhere gives a model or a typed error', () => {
    const copy = copyOf('cnn')
    const file = path.join(copy, 'saved_model.pb')
    const whole = readFileSync(file)
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.nat(3), (at, insert, drop) => {
      writeFileSync(file, Buffer.concat([whole.subarray(0, at), insert, whole.subarray(at + drop)]))
      survive(() => convert.convert(copy))
    }), { numRuns: Math.ceil(FUZZ_RUNS / 7), seed: FUZZ_SEED + 3 })
    for (const share of [0, 0.2, 0.5, 0.9, 0.999]) {
      writeFileSync(file, whole.subarray(0, Math.floor(share * whole.length)))
      expect(survive(() => convert.convert(copy))).toBeDefined()
    }
  }, FUZZ_TIMEOUT)
})

describe('TensorFlow.js graph models', () => {
  interface Node { name: string; op: string; input?: string[]; attr?: object }
  const shape = (...sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } })
  const float = { type: 'DT_FLOAT' }
  const nodes: Node[] = [
    { name: 'x', op: 'Placeholder', attr: { dtype: float, shape: shape(-1, 2) } },
    { name: 'w', op: 'Const', attr: { dtype: float } },
    { name: 'y', op: 'MatMul', input: ['x', 'w'], attr: { T: float } },
  ]
  const manifest = (more: object = {}) => [{ paths: ['shard.bin'], weights: [{ name: 'w', shape: [2, 2], dtype: 'float32', ...more }] }]
  const write = (json: object, bytes: Uint8Array): string => {
    writeFileSync(path.join(folder, 'shard.bin'), bytes)
    writeFileSync(path.join(folder, 'model.json'), JSON.stringify(json))
    return path.join(folder, 'model.json')
  }
  const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)
  const model = (list: readonly Node[] = nodes, weights = manifest()) => ({ format: 'graph-model', modelTopology: { node: list }, weightsManifest: weights })

  test('read, also with weights as integers by scale', () => {
    for (const [weights, bytes] of [[manifest(), floats], [manifest({ quantization: { dtype: 'uint8', scale: 0.5, min: 1 } }), Uint8Array.of(0, 2, 4, 6)]] as const) {
      const { model: made } = convert.convert(write(model(nodes, [...weights]), bytes))
      const session = runtime.Session.create(onnx.writeModel(made))
      const y = session.runSync({ x: runtime.tensor('float32', [1, 2], Float32Array.of(1, 10)) })['y']
      expect(Array.from(y?.data as Float32Array)).toEqual([31, 42])
      session.dispose()
    }
  })

  test('every operator without a mapping is named at once, with its places', () => {
    const odd = [...nodes, { name: 'first', op: 'StringSplit', input: ['x'] }, { name: 'second', op: 'PyFunc', input: ['first'] }, { name: 'third', op: 'PyFunc', input: ['second', 'y'] }]
    const error = survive(() => convert.convert(write(model(odd), floats)))
    expect(error).toBeInstanceOf(convert.MissingOperatorsError)
    const { operators } = error as convert.MissingOperatorsError
    expect(operators.map(({ operator }) => operator).sort()).toEqual(['PyFunc', 'StringSplit'])
    expect(operators.find(({ operator }) => operator === 'PyFunc')?.places.toSorted()).toEqual(['second', 'third'])
  })

  test('an operator of one\'s own can be registered', () => {
    const undo = convert.tensorflowOperators.registerLowering('MyOwn', (c) => { c.out(c.op('Neg', [c.in(0)])) })
    const { model: made } = convert.convert(write(model([...nodes, { name: 'z', op: 'MyOwn', input: ['y'] }]), floats))
    expect(made.graph.nodes.map(({ opType }) => opType)).toEqual(['MatMul', 'Neg'])
    undo()
  })

  test('circles, missing shards, lying shapes, paths that leave the folder', () => {
    const code = (json: object, bytes = floats): string | undefined => survive(() => convert.convert(write(json, bytes)))?.code
    const circle = [...nodes, { name: 'a', op: 'Add', input: ['b', 'y'] }, { name: 'b', op: 'Neg', input: ['a'] }, { name: 'end', op: 'Neg', input: ['b'] }]
    expect(code(model(circle))).toBe('CONVERT_MALFORMED')
    expect(code(model(nodes, manifest({ shape: [2 ** 30, 2 ** 30] })))).toBe('CONVERT_TRUNCATED')
    expect(code(model(), floats.subarray(0, 7))).toBe('CONVERT_TRUNCATED')
    expect(code(model(nodes, [{ paths: ['../../etc/passwd'], weights: [] }]))).toBe('CONVERT_UNSAFE')
    expect(code(model(nodes, [{ paths: ['absent.bin'], weights: [] }]))).toBe('CONVERT_FILE')
    expect(code(model([{ name: 'y', op: 'Neg', input: ['nothing'] }]))).toBe('CONVERT_MALFORMED')
    expect(code(model([nodes[0] as Node, nodes[1] as Node, { name: 'y', op: 'MatMul', input: ['w', 'x', 'x'], attr: { transpose_b: { b: 3 } } }]))).toBe('CONVERT_MALFORMED')
  })

  test('documents changed at random give a model or a typed error', () => {
    const text = JSON.stringify(model())
    write(model(), floats)
    const file = path.join(folder, 'model.json')
    fc.assert(fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(3), (at, insert, drop) => {
      writeFileSync(file, text.slice(0, at) + insert + text.slice(at + drop))
      survive(() => convert.convert(file))
    }), { numRuns: FUZZ_RUNS, seed: FUZZ_SEED + 4 })
  }, FUZZ_TIMEOUT)
})

test('axes in another order, against plain indexing', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), fc.nat(23), (sizes, pick) => {
    const count = sizes.reduce((a, b) => a * b, 1)
    const order = sizes.map((_, i) => i).sort((a, b) => ((a * 7 + pick) % 5) - ((b * 7 + pick) % 5))
    const moved = permuted(onnx.Tensor.from(Float32Array.from({ length: count }, (_, i) => i), sizes), order)
    const stride = (list: readonly number[], axis: number): number => list.slice(axis + 1).reduce((a, b) => a * b, 1)
    moved.numbers().forEach((value, i) => {
      const index = moved.shape.map((size, axis) => Math.floor(i / stride(moved.shape, axis)) % size)
      expect(value).toBe(index.reduce((sum, at, axis) => sum + at * stride(sizes, order[axis] ?? 0), 0))
    })
  }), { numRuns: 100, seed: 5 })
})
