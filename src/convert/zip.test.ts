import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConvertError } from './errors'
import { byteSource } from './source'
import { fuzz, FUZZ_TIMEOUT } from '../../test/support/convert/mutate'
import { writeZip, type ZipPart } from '../../test/support/convert/zip-writer'
import { ZipArchive } from './zip'

const open = (bytes: Uint8Array): ZipArchive => ZipArchive.open(byteSource(bytes))
const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof ConvertError) return error.code
    throw error
  }
  return 'no error'
}
const readAll = (bytes: Uint8Array): void => {
  const archive = open(bytes)
  for (const name of archive.entries.keys()) archive.read(name, { most: 2 ** 20 })
}

/** Made by Python 3.11: zipfile.ZipFile(…, 'w', ZIP_DEFLATED) with force_zip64 for `large`. */
const FROM_PYTHON = Buffer.from(
  'UEsDBBQAAAAIAAAAIQBkenCvBgAAAGQAAAAFAAAAYS50eHRLTKQ9AABQSwMELQAAAAAAAAAhAIamEDb//////////wUAFABsYXJnZQEAEAAFAAAAAAAAAAUAAAAAAAAAaGVsbG9QSwECFAMUAAAACAAAACEAZHpwrwYAAABkAAAABQAAAAAAAAAAAAAAgAEAAAAAYS50eHRQSwECLQMtAAAAAAAAACEAhqYQNgUAAAAFAAAABQAAAAAAAAAAAAAAgAEpAAAAbGFyZ2VQSwUGAAAAAAIAAgBmAAAAZQAAAAAA', 'base64')

test('an archive of another writer is read', () => {
  const archive = open(FROM_PYTHON)
  expect(Buffer.from(archive.read('a.txt')).toString()).toBe('a'.repeat(100))
  expect(Buffer.from(archive.read('large')).toString()).toBe('hello')
  expect(archive.get('a.txt')).toMatchObject({ size: 100, method: 'deflated' })
})

test('what is written is read back, stored and deflated, whole and in stretches', () => {
  const part = fc.record({ name: fc.uuid(), data: fc.uint8Array({ maxLength: 300 }), deflate: fc.boolean(), align: fc.constantFrom(1, 64) })
  fc.assert(fc.property(fc.uniqueArray(part, { selector: ({ name }) => name, maxLength: 5 }), fc.nat(300), (parts, cut) => {
    const archive = open(writeZip(parts))
    expect([...archive.entries.keys()]).toEqual(parts.map(({ name }) => name))
    for (const { name, data } of parts) {
      expect(Buffer.from(archive.read(name)).equals(data)).toBe(true)
      const from = Math.min(cut, data.length)
      expect(Buffer.from(archive.readRange(name, from, data.length - from)).equals(data.subarray(from))).toBe(true)
    }
  }), { seed: 1, numRuns: 200 })
})

test('a truncated archive says so at every length', () => {
  const whole = writeZip([{ name: 'a', data: 'x'.repeat(50) }, { name: 'b', data: 'y'.repeat(500), deflate: true }])
  for (let length = 0; length < whole.length; length++) expect(codeOf(() => readAll(whole.subarray(0, length)))).toMatch(/CONVERT_(TRUNCATED|MALFORMED)/)
})

test.each(['../evil', 'a/../../b', '/etc/passwd', 'C:\\x', 'a\\..\\b', 'nul\0', ''])('the name %j is refused', (name) => {
  expect(codeOf(() => open(writeZip([{ name, data: 'x' }])))).toBe('CONVERT_UNSAFE')
})

test('an archive that lies is refused before memory is taken', () => {
  const data = 'x'.repeat(1000)
  const cases: [string, ZipPart[]][] = [
    ['stored, of another size', [{ name: 'a', data, says: { size: 5000 } }]],
    ['deflated beyond what DEFLATE can do', [{ name: 'a', data, deflate: true, says: { size: 2 ** 31 } }]],
    ['expands to more than announced', [{ name: 'a', data, deflate: true, says: { size: 10 } }]],
    ['expands to less than announced', [{ name: 'a', data, deflate: true, says: { size: 1001 } }]],
    ['wrong checksum', [{ name: 'a', data, says: { crc32: 1 } }]],
    ['two of one name', [{ name: 'a', data }, { name: 'a', data: 'other' }]],
    ['overlapping', [{ name: 'a', data }, { name: 'b', data, says: { offset: 0 } }]],
  ]
  for (const [, parts] of cases) expect(codeOf(() => readAll(writeZip(parts)))).toBe('CONVERT_MALFORMED')
  expect(codeOf(() => open(writeZip([{ name: 'a', data, says: { flags: 1 } }])))).toBe('CONVERT_FORMAT')
  expect(codeOf(() => open(writeZip([{ name: 'a', data, says: { method: 12 } }])))).toBe('CONVERT_FORMAT')
  expect(codeOf(() => readAll(writeZip([{ name: 'a', data: 'x'.repeat(2 ** 20 + 1) }])))).toBe('CONVERT_LIMIT')
  const unchecked = open(writeZip([{ name: 'a', data, says: { crc32: 1 } }]))
  expect(unchecked.read('a', { checksum: false }).length).toBe(1000)
})

test('mutated archives are read or refused with a typed error', () => {
  const seeds = [FROM_PYTHON, writeZip([{ name: 'a/b', data: 'x'.repeat(200), align: 64 }, { name: 'c', data: 'hello '.repeat(40), deflate: true }])]
  const { read, refused } = fuzz(seeds, readAll)
  expect(read + refused).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(read)
}, FUZZ_TIMEOUT)
