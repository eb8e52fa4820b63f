import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { fuzz, FUZZ_TIMEOUT } from '../../../test/support/convert/mutate'
import { writeZip } from '../../../test/support/convert/zip-writer'
import { convert } from '../convert'
import { byteSource } from '../source'
import { ZipArchive } from '../zip'
import { isCheckpoint, readCheckpoint } from './checkpoint'
import { readPickle } from './pickle'

const folder = path.join(__dirname, '../../../test/support/convert/torch/checkpoints')
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(path.join(folder, name)))
const code = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
  return 'no error'
}
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

test.each(['state.pt', 'legacy.pt'])('tensors of %s: shared storages, offsets, strides, types', (name) => {
  const file = readCheckpoint(path.join(folder, name))
  const numbers = (tensor: string): number[] => file.tensor(tensor).numbers()
  expect(numbers('weight')).toEqual(count(24))
  expect(file.tensor('transposed').shape).toEqual([6, 4])
  expect(numbers('transposed')).toEqual(count(24).map((i) => (i % 4) * 6 + Math.floor(i / 4)))
  expect(numbers('part')).toEqual([8, 9, 10, 14, 15, 16])
  expect(numbers('steps')).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22])
  expect(numbers('row')).toEqual([12, 13, 14, 15, 16, 17])
  expect(file.same.get('same')).toBe('weight')
  expect(numbers('expanded')).toEqual([1, 1, 1, 2, 2, 2])
  expect(file.tensor('scalar').item()).toBe(7.5)
  expect(file.tensor('empty').shape).toEqual([0, 3])
  for (const [tensor, dtype] of [['half', 'float16'], ['bfloat', 'bfloat16'], ['double', 'float64'], ['long', 'int64'], ['int', 'int32'], ['short', 'int16'], ['char', 'int8'], ['byte', 'uint8']] as const) {
    expect(file.info(tensor)?.dtype).toBe(dtype)
    expect(numbers(tensor)).toEqual(count(file.tensor(tensor).size))
  }
  expect(numbers('bool')).toEqual([1, 0, 1])
  expect([...file.tensor('complex').toArray()]).toEqual([1, 2, 3, -4])
  file.close()
})

test('types of newer PyTorch, whose storages have no type', () => {
  const file = readCheckpoint(bytes('state.pt'))
  expect(file.tensor('uint16').numbers()).toEqual([0, 1, 2])
  expect(file.info('float8')?.dtype).toBe('float8e4m3fn')
  expect(file.tensor('float8').numbers()).toEqual([0, 1, 2, 3])
})

test('a training checkpoint: tensors by their path, what is no tensor left out', () => {
  const file = readCheckpoint(bytes('training.pt'))
  expect(file.names).toContain('model.fc.weight')
  expect(file.names).toContain('optimizer.state.0.exp_avg')
  expect(file.tensor('model.fc.weight').shape).toEqual([2, 3])
  expect(file.tensor('list.1.0').numbers()).toEqual(count(6))
  expect(String(file)).toContain('model.norm.running_mean: float32[2]')
  expect(readCheckpoint(bytes('parameter.pt')).tensor('0').numbers()).toEqual([0, 1, 2, 3])
})

test('what cannot be plain data is refused, and says what to do', () => {
  expect(code(() => readCheckpoint(bytes('quantized.pt')))).toBe('CONVERT_DTYPE')
  expect(() => readCheckpoint(bytes('quantized.pt'))).toThrow(/dequantize/)
  expect(code(() => readCheckpoint(bytes('sparse.pt')))).toBe('CONVERT_DTYPE')
  for (const name of ['module.pt', 'foreign.pt']) expect(code(() => readCheckpoint(bytes(name)))).toBe('CONVERT_UNSAFE')
  expect(() => readCheckpoint(bytes('foreign.pt'))).toThrow(/system/)
  expect(() => readCheckpoint(bytes('module.pt'))).toThrow(/state_dict/)
  expect(code(() => readCheckpoint(new Uint8Array(64)))).toBe('CONVERT_FORMAT')
  expect(() => convert(bytes('state.pt'))).toThrow(/weights only[^]*torch\.export/)
  expect(() => convert(bytes('official.safetensors'))).toThrow(/weights only/)
})

/** The parts of a checkpoint, to be changed and packed again. */
function repacked(name: string, change: (part: string, data: Uint8Array) => Uint8Array | undefined): Uint8Array {
  const archive = ZipArchive.open(byteSource(bytes(name)))
  const parts = [...archive.entries.keys()].flatMap((part) => {
    const data = change(part, archive.read(part))
    return data === undefined ? [] : [{ name: part, data }]
  })
  return writeZip(parts)
}

test('damaged checkpoints', () => {
  expect(code(() => readCheckpoint(repacked('state.pt', (part, data) => (part.endsWith('byteorder') ? Buffer.from('big') : data))))).toBe('CONVERT_FORMAT')
  expect(code(() => readCheckpoint(repacked('state.pt', (part, data) => (part.endsWith('data/0') ? data.subarray(0, 8) : data))))).toBe('CONVERT_TENSOR')
  expect(code(() => readCheckpoint(repacked('state.pt', (part, data) => (part.endsWith('data/0') ? undefined : data))))).toBe('CONVERT_TENSOR')
  expect(code(() => readCheckpoint(repacked('state.pt', (part, data) => (part.endsWith('data.pkl') ? data.subarray(0, data.length - 40) : data))))).toMatch(/TRUNCATED|MALFORMED/)
  const legacy = bytes('legacy.pt')
  for (const length of [20, 100, legacy.length - 10]) expect(code(() => readCheckpoint(legacy.subarray(0, length)))).toMatch(/CONVERT_/)
  const program = writeZip([{ name: 'm/data.pkl', data: '\x80\x02}.' }, { name: 'm/code/__torch__.py', data: 'def f(): pass' }])
  expect(() => readCheckpoint(program)).toThrow(/TorchScript/)
})

test('a pickle can name classes only from the list, in every way of naming', () => {
  const policy = { global: () => undefined, call: () => null }
  const read = (text: string): unknown => readPickle(Buffer.from(text, 'latin1'), policy, 'test')
  expect(code(() => read('\x80\x02cos\nsystem\n.'))).toBe('CONVERT_UNSAFE')
  expect(code(() => read('\x80\x04\x8c\x02os\x8c\x06system\x93.'))).toBe('CONVERT_UNSAFE')
  expect(code(() => read('(ios\nsystem\n.'))).toBe('CONVERT_UNSAFE')
  expect(code(() => read('\x80\x02\x82\x01.'))).toBe('CONVERT_UNSAFE')
  expect(code(() => read('\x80\x09.'))).toBe('CONVERT_VERSION')
  expect(code(() => read('\x80\x02\x58\xff\xff\xff\x7f'))).toMatch(/TRUNCATED|LIMIT/)
  expect(code(() => read('\x80\x02h\x05.'))).toBe('CONVERT_MALFORMED')
})

test('plain values of pickles, as Python writes them', () => {
  // Python 3.11: pickle.dumps({'a': [1, -2, 2**70, 1.5, None, True, 'é', b'x'], 't': (1, 2, 3, 4), 's': {1}}, protocol=4)
  const python = Buffer.from('gASVTAAAAAAAAAB9lCiMAWGUXZQoSwFK/v///4oJAAAAAAAAAABARz/4AAAAAAAAToiMAsOplEMBeJRljAF0lChLAUsCSwNLBHSUjAFzlI+UKEsBkHUu', 'base64')
  const { value } = readPickle(python, { global: () => undefined, call: () => null }, 'test')
  const map = value as Map<string, unknown>
  expect(map.get('a')).toEqual([1, -2, 2n ** 70n, 1.5, null, true, 'é', expect.anything()])
  expect((map.get('t') as { items: unknown }).items).toEqual([1, 2, 3, 4])
  expect([...(map.get('s') as Set<number>)]).toEqual([1])
})

test('the function that makes tensors, held as a value, is no tensor', () => {
  const pickle = Buffer.from('\x80\x02}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\nX\x01\x00\x00\x00nK\x01u.', 'latin1')
  expect(readCheckpoint(writeZip([{ name: 'm/data.pkl', data: pickle }])).names).toEqual([])
})

test('mutated checkpoints are read or refused with a typed error', () => {
  const read = (input: Uint8Array): void => {
    if (!isCheckpoint(byteSource(input))) return
    for (const [, tensor] of readCheckpoint(input, { checksums: false })) tensor.toArray()
  }
  fuzz(['training.pt', 'parameter.pt', 'legacy.pt'].map(bytes), read)
  // The pickle alone, so that mutations meet it and not the zip around it.
  const pickles = ['state.pt', 'training.pt'].map((name) => ZipArchive.open(byteSource(bytes(name)))).map((archive) => archive.read([...archive.entries.keys()].find((part) => part.endsWith('data.pkl'))!))
  const storage = new Uint8Array(400)
  fuzz(pickles, (input) => {
    read(writeZip([{ name: 'm/data.pkl', data: input }, ...count(12).map((i) => ({ name: `m/data/${i}`, data: storage }))]))
  })
}, FUZZ_TIMEOUT)
