import { readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fuzz, FUZZ_TIMEOUT } from '../../test/support/convert/mutate'
import { Tensor } from '../onnx'
import { readSafetensors, saveSafetensors, writeSafetensors } from './safetensors'

const official = path.join(__dirname, '../../test/support/convert/torch/checkpoints/official.safetensors')
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const code = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
  return 'no error'
}

/** A file from a header as text, so that wrong ones can be made. */
function raw(header: string, data: number): Uint8Array {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([length, text, Buffer.alloc(data)]))
}

test('a file of the official library is read', () => {
  const file = readSafetensors(official)
  expect(file.metadata.get('made')).toBe('by the official library')
  expect(file.tensor('a').numbers()).toEqual(count(24))
  expect(file.tensor('half').numbers()).toEqual(count(6))
  expect(file.tensor('bfloat').numbers()).toEqual(count(5))
  expect(file.tensor('flag').numbers()).toEqual([1, 0])
  expect(code(() => file.tensor('b'))).toBe('CONVERT_WEIGHTS')
  file.close()
})

test('what is written is read back, aligned, from memory and from a file', () => {
  const tensor = fc.tuple(fc.constantFrom('float32', 'float16', 'int64', 'uint8', 'bool', 'float64'), fc.array(fc.nat(3), { maxLength: 3 }))
    .map(([dtype, shape]) => Tensor.from(count(shape.reduce((a, b) => a * b, 1)).map((i) => (dtype === 'bool' ? i % 2 : i)), shape, dtype as 'float32'))
  fc.assert(fc.property(fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), tensor, { maxKeys: 5 }), (tensors) => {
    const file = readSafetensors(writeSafetensors(tensors, { note: 'x' }))
    expect(file.names.sort()).toEqual(Object.keys(tensors).sort())
    for (const [name, expected] of Object.entries(tensors)) {
      const got = file.tensor(name)
      expect([got.dtype, got.shape]).toEqual([expected.dtype, expected.shape])
      expect(Buffer.compare(got.bytes, expected.bytes)).toBe(0)
    }
  }), { seed: 1, numRuns: 200 })
  const place = path.join(os.tmpdir(), `whetstone-${process.pid}.safetensors`)
  saveSafetensors(new Map([['w', Tensor.from(count(6), [2, 3])]]), place)
  const again = readSafetensors(place)
  expect(again.tensor('w').numbers()).toEqual(count(6))
  again.close()
  rmSync(place)
})

test('files that lie are refused', () => {
  const entry = (dtype: string, shape: string, from: number, to: number): string => `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`
  const cases: [string, Uint8Array][] = [
    ['CONVERT_TRUNCATED', new Uint8Array(4)],
    ['CONVERT_TRUNCATED', raw(`{"a":${entry('F32', '[4]', 0, 16)}}`, 8)],
    ['CONVERT_TRUNCATED', raw('{}', 0).subarray(0, 9)],
    ['CONVERT_LIMIT', Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125])],
    ['CONVERT_MALFORMED', raw('{"a":', 0)],
    ['CONVERT_MALFORMED', raw(`{"a":${entry('F32', '[1]', 4, 8)}}`, 8)],
    ['CONVERT_MALFORMED', raw(`{"a":${entry('F32', '[1]', 0, 4)},"b":${entry('F32', '[1]', 0, 4)}}`, 4)],
    ['CONVERT_MALFORMED', raw(`{"a":${entry('F32', '[1]', 0, 4)}}`, 8)],
    ['CONVERT_MALFORMED', raw(`{"a":${entry('F32', '[-1]', 0, 4)}}`, 4)],
    ['CONVERT_TENSOR', raw(`{"a":${entry('F32', '[2]', 0, 4)}}`, 4)],
    ['CONVERT_TENSOR', raw(`{"a":${entry('F32', '[4294967296,4294967296]', 0, 4)}}`, 4)],
    ['CONVERT_DTYPE', raw(`{"a":${entry('Q4', '[2]', 0, 4)}}`, 4)],
  ]
  for (const [expected, bytes] of cases) expect(code(() => readSafetensors(bytes))).toBe(expected)
  expect(code(() => readSafetensors('/nowhere/at/all'))).toBe('CONVERT_FILE')
})

test('mutated files are read or refused with a typed error', () => {
  const seeds = [new Uint8Array(readFileSync(official)), writeSafetensors({ a: Tensor.from(count(8), [2, 4]), b: Tensor.scalar(1n) })]
  const { refused } = fuzz(seeds, (bytes) => { for (const [, tensor] of readSafetensors(bytes)) tensor.toArray() })
  expect(refused).toBeGreaterThan(0)
}, FUZZ_TIMEOUT)
