import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frame, FrameReader } from './frames'
import { readReply } from './protocol'

test('messages survive any cutting of the stream', () => {
  fc.assert(fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, cuts) => {
    const stream = Buffer.concat(messages.map(frame))
    const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)
    const reader = new FrameReader(1 << 20)
    const read = at.slice(1).flatMap((end, i) => reader.push(stream.subarray(at[i], end)))
    expect(read).toEqual(JSON.parse(JSON.stringify(messages)))
    expect(reader.pending).toBe(0)
  }))
})

test('any bytes are messages or a typed error, and never more memory than was sent', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    const reader = new FrameReader(32)
    try {
      reader.push(Buffer.from(bytes))
      expect(reader.pending).toBeLessThanOrEqual(bytes.length)
    } catch (error) {
      expect((error as { code: string }).code).toMatch(/^FRAME_/)
    }
  }))
  expect(() => new FrameReader(100).push(Buffer.from([255, 255, 255, 255]))).toThrow(/too long/)
  expect(new FrameReader(100).push(Buffer.from([100, 0, 0]))).toEqual([])
})

test('a reply is read only in its exact form and to its own question', () => {
  fc.assert(fc.property(fc.jsonValue(), (message) => {
    expect(readReply(message, 1)).toBeUndefined()
  }))
  expect(readReply({ id: 1, ok: true, value: [1], points: 8 }, 1)).toEqual({ ok: true, value: [1] })
  const error = { name: 'E', message: 'x'.repeat(5000) }
  expect(readReply({ id: 1, ok: false, reason: 'threw', error }, 1)).toEqual({ ok: false, reason: 'threw', error: { name: 'E', message: 'x'.repeat(1000) } })
  for (const wrong of [
    { id: 2, ok: true, value: 1 }, { id: '1', ok: true, value: 1 }, { id: 1, ok: 1, value: 1 }, { id: 1, ok: true }, [1],
    { id: 1, ok: false, reason: 'late', error }, { id: 1, ok: false, reason: 'threw', error: null }, { id: 1, ok: false, reason: 'threw', error: { name: 1, message: '' } },
  ]) expect(readReply(wrong, 1)).toBeUndefined()
})
