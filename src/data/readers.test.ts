import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataError, numberCell, readCsv, readIdx } from './index'

/** Writes IDX by the published layout: the independent side of the round trip. */
function writeIdx(type: number, shape: readonly number[], values: readonly number[]): Uint8Array {
  const bytes = { 8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8 }[type]!
  const out = Buffer.alloc(4 + 4 * shape.length + values.length * bytes)
  out.set([0, 0, type, shape.length])
  shape.forEach((size, axis) => out.writeUInt32BE(size, 4 + 4 * axis))
  values.forEach((value, i) => {
    const at = 4 + 4 * shape.length + i * bytes
    if (type === 8) out.writeUInt8(value, at)
    else if (type === 9) out.writeInt8(value, at)
    else if (type === 11) out.writeInt16BE(value, at)
    else if (type === 12) out.writeInt32BE(value, at)
    else if (type === 13) out.writeFloatBE(value, at)
    else out.writeDoubleBE(value, at)
  })
  return out
}

const idx = fc.record({
  type: fc.constantFrom(8, 9, 11, 12, 13, 14), shape: fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }),
}).chain(({ type, shape }) => {
  const count = shape.reduce((a, b) => a * b, 1)
  const element = type === 8 ? fc.nat(255) : type === 9 ? fc.integer({ min: -128, max: 127 })
    : type === 11 ? fc.integer({ min: -32768, max: 32767 }) : type === 12 ? fc.integer()
      : type === 13 ? fc.float({ noNaN: true }) : fc.double({ noNaN: true })
  return fc.array(element, { minLength: count, maxLength: count }).map((values) => ({ type, shape, values }))
})

test('IDX of every type and shape reads back', () => {
  fc.assert(fc.property(idx, ({ type, shape, values }) => {
    const tensor = readIdx(writeIdx(type, shape, values), 'test')
    expect(tensor.shape).toEqual(shape)
    expect(Array.from(tensor.data)).toEqual(values)
  }))
})

test('IDX cut anywhere, or longer than it says, is an error that names the file', () => {
  fc.assert(fc.property(idx, fc.nat(), fc.boolean(), ({ type, shape, values }, at, longer) => {
    const whole = writeIdx(type, shape, values)
    const damaged = longer ? Buffer.concat([whole, Buffer.from([0])]) : whole.subarray(0, at % whole.length)
    expect(() => readIdx(damaged, 'some-file')).toThrow(DataError)
    expect(() => readIdx(damaged, 'some-file')).toThrow('some-file')
  }))
})

test('IDX with changed bytes either reads within its own length or is a DataError', () => {
  fc.assert(fc.property(idx, fc.nat(), fc.nat(255), ({ type, shape, values }, at, byte) => {
    const bytes = Buffer.from(writeIdx(type, shape, values))
    bytes[at % bytes.length] = byte
    try {
      expect(readIdx(bytes, 'test').data.byteLength).toBeLessThanOrEqual(bytes.length)
    } catch (error) {
      expect(error).toBeInstanceOf(DataError)
    }
  }))
  // A header that claims 2³² × 2³² elements takes no memory.
  const huge = Buffer.from([0, 0, 14, 2, 255, 255, 255, 255, 255, 255, 255, 255])
  expect(() => readIdx(huge, 'huge')).toThrow(DataError)
})

const cell = fc.string({ unit: fc.constantFrom('a', '1', ',', '"', '\n', '\r\n', ' ', 'é', '\ufeff') })
const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
  fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }))
const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`

test('CSV with any cells reads back', () => {
  fc.assert(fc.property(table, fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, eol, last) => {
    const text = rows.map((row) => row.map(quote).join(',')).join(eol) + (last ? eol : '')
    const { columns, rows: body } = readCsv(text, 'test')
    expect([columns, ...body]).toEqual(rows)
  }))
  expect(readCsv('\ufeffa,b\n1,\n', 'test')).toEqual({ columns: ['a', 'b'], rows: [['1', '']] })
})

test('CSV cut or changed is the table of its own text, or a DataError with the line', () => {
  fc.assert(fc.property(table, fc.nat(), fc.constantFrom('"', ',', '\r', 'x', ''), (rows, at, put) => {
    const text = rows.map((row) => row.map(quote).join(',')).join('\n')
    const i = at % (text.length + 1)
    try {
      const { columns, rows: body } = readCsv(text.slice(0, i) + put + text.slice(i + 1), 'test')
      for (const row of body) expect(row).toHaveLength(columns.length)
    } catch (error) {
      expect(error).toBeInstanceOf(DataError)
      expect((error as DataError).message).toMatch(/test, line \d+/)
    }
  }))
  expect(() => readCsv('a,b\n1,2,3\n', 'f')).toThrow('f, line 2')
})

test('a cell that is not a finite number is named', () => {
  for (const bad of ['', 'x', '1,5', '0x10', 'Infinity', '1e999', ' 1']) {
    expect(() => numberCell({ columns: ['age'], rows: [[bad]] }, 0, 0, 'f.csv')).toThrow('f.csv, row 1, column "age"')
  }
  expect(numberCell({ columns: ['a'], rows: [['-1.5e-3']] }, 0, 0, 'f')).toBe(-0.0015)
})
