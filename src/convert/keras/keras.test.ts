// Keras files: committed models against what Keras computed, and files that are damaged.
import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { convert, onnx, runtime } from 'whetstone'
import { FUZZ_RUNS, FUZZ_SEED, FUZZ_TIMEOUT } from '../../../test/support/convert/mutate'
import { writeZip } from '../../../test/support/convert/zip-writer'
import { ZipArchive } from '../zip'
import { Hdf5File } from './hdf5'

const fixtures = path.resolve('test/convert/tensorflow/fixtures')
type Case = { input: [number[], string]; output: [number[], string] }
const floats = (text: string): Float32Array => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

function survive(use: () => unknown): convert.ConvertError | undefined {
  try {
    use()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(convert.ConvertError)
    return error as convert.ConvertError
  }
}

describe('models', () => {
  test.each(['attention.keras', 'arithmetic.keras', 'gru.keras', 'convs.keras', 'convs.h5', 'lstm.h5', 'normalized.keras', 'scaled.keras', 'scaled.h5'])('%s computes what Keras computed, at two batch sizes', (name) => {
    const { model, report } = convert.convert(path.join(fixtures, name))
    expect(onnx.validateModel(model)).toEqual([])
    expect(report.operators.length).toBeGreaterThan(0)
    const session = runtime.Session.create(onnx.writeModel(model), { threads: 1 })
    for (const { input, output } of JSON.parse(readFileSync(path.join(fixtures, name.replace(/\.\w+$/, '.json')), 'utf8')) as Case[]) {
      const [y] = Object.values(session.runSync({ [model.graph.inputs[0]?.name ?? '']: runtime.tensor('float32', input[0], floats(input[1])) }))
      const want = floats(output[1])
      const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
      expect(y?.shape).toEqual(output[0])
      ;(y?.data as Float32Array).forEach((x, i) => { expect(Math.abs(x - (want[i] ?? NaN))).toBeLessThan(1e-5 * largest) })
    }
    session.dispose()
  })

  test('statistics along another axis than the last are refused', () => {
    const parts = ZipArchive.open(convert.byteSource(new Uint8Array(readFileSync(path.join(fixtures, 'normalized.keras')))))
    const other = writeZip([...parts.entries.keys()].map((name) => {
      const data = parts.read(name)
      const text = Buffer.from(data).toString()
      return { name, data: name === 'config.json' ? Buffer.from(text.replace(/"axis": \[(-1|2)\]|"axis": -1/, '"axis": [1]')) : data }
    }))
    expect(survive(() => convert.convert(other))?.what).toMatch(/Normalization: only the last axis/)
  })

  test('a layer without a mapping is named with its place; a registered one is used', () => {
    const bytes = readFileSync(path.join(fixtures, 'lstm.h5'))
    const at = bytes.indexOf('"class_name": "Dense"')
    const odd = Buffer.from(bytes)
    odd.write('"class_name": "Odder"', at)
    const error = survive(() => convert.convert(odd))
    expect(error).toBeInstanceOf(convert.MissingOperatorsError)
    expect((error as convert.MissingOperatorsError).operators).toMatchObject([{ operator: 'Odder', places: ['dense'] }])
    const undo = convert.kerasLayers.registerLowering('Odder', (c) => { c.out(c.op('Neg', [c.x.value])) })
    expect(convert.convert(odd).model.graph.nodes.some(({ opType }) => opType === 'Neg')).toBe(true)
    undo()
  })
})

describe('damaged files', () => {
  const h5 = readFileSync(path.join(fixtures, 'lstm.h5'))
  const keras = readFileSync(path.join(fixtures, 'gru.keras'))

  test('cut off', () => {
    for (const share of [0.05, 0.3, 0.6, 0.9]) {
      expect(survive(() => convert.convert(h5.subarray(0, Math.floor(share * h5.length))))).toBeDefined()
      expect(survive(() => convert.convert(keras.subarray(0, Math.floor(share * keras.length))))).toBeDefined()
    }
  })

  test('what long runs of fuzzing found: a kernel with an axis less, a boolean of another size', () => {
    const changed = (at: number, value: number): Buffer => {
      const bytes = Buffer.from(h5)
      bytes[at] = value
      return bytes
    }
    expect(survive(() => convert.convert(changed(16_680, 0)))).toMatchObject({ code: 'CONVERT_WEIGHTS' })
    const file = new Hdf5File(changed(6528, 152), 'given')
    for (const [name, dataset] of file.datasets()) survive(() => file.tensor(dataset, name))
  })

  test('bytes of HDF5 changed: every object is read or refused', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(h5.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(h5)
      for (const [at, value] of changes) bytes[at] = value
      survive(() => {
        const file = new Hdf5File(bytes, 'given')
        for (const [name, dataset] of file.datasets()) file.tensor(dataset, name)
      })
    }), { numRuns: FUZZ_RUNS, seed: FUZZ_SEED + 1 })
  }, FUZZ_TIMEOUT)

  test('bytes of a whole model changed', () => {
    fc.assert(fc.property(fc.nat(h5.length - 1), fc.nat(255), (at, value) => {
      const bytes = Buffer.from(h5)
      bytes[at] = value
      survive(() => convert.convert(bytes))
    }), { numRuns: Math.ceil(FUZZ_RUNS / 7), seed: FUZZ_SEED + 2 })
    fc.assert(fc.property(fc.nat(keras.length - 1), fc.nat(255), (at, value) => {
      const bytes = Buffer.from(keras)
      bytes[at] = value
      survive(() => convert.convert(bytes))
    }), { numRuns: Math.ceil(FUZZ_RUNS / 7), seed: FUZZ_SEED + 3 })
  }, FUZZ_TIMEOUT)
})

test('a zero padding before a max pool stays what it is in ONNX Runtime with its optimizer on', () => {
  // Layers saved by hand: Keras's ZeroPadding2D and MaxPooling2D of ResNet50V2, on numbers that are all negative.
  const layer = (kind: string, name: string, config: object, input?: string): object => ({
    class_name: kind, name, config: { name, ...config }, inbound_nodes: input === undefined ? [] : [[[input, 0, 0, {}]]],
  })
  const topology = { model_config: { class_name: 'Functional', config: {
    name: 'm', input_layers: [['x', 0, 0]], output_layers: [['pool', 0, 0]], layers: [
      layer('InputLayer', 'x', { batch_input_shape: [null, 6, 6, 2], dtype: 'float32' }),
      layer('ZeroPadding2D', 'pad', { padding: [[1, 1], [1, 1]] }, 'x'),
      layer('MaxPooling2D', 'pool', { pool_size: [3, 3], strides: [2, 2], padding: 'valid' }, 'pad'),
    ],
  } } }
  const folder = mkdtempSync(path.join(tmpdir(), 'keras-'))
  writeFileSync(path.join(folder, 'model.json'), JSON.stringify({ format: 'layers-model', modelTopology: topology, weightsManifest: [] }))
  const { model } = convert.convert(path.join(folder, 'model.json'))
  rmSync(folder, { recursive: true })
  const x = runtime.tensor('float32', [1, 6, 6, 2], Float32Array.from({ length: 72 }, (_, i) => -1 - i))
  const outputs = (['disabled', 'all'] as const).map((optimization) => {
    const session = runtime.Session.create(onnx.writeModel(model), { threads: 1, optimization })
    const [y] = Object.values(session.runSync({ x }))
    session.dispose()
    return [...y?.data as Float32Array]
  })
  // The first window reaches into the padding, so its largest number is 0.
  expect(outputs[0]?.[0]).toBe(0)
  expect(outputs[1]).toEqual(outputs[0])
})
