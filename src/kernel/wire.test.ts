import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, encode, newHeader, type Message } from './wire'

const message = (content: Record<string, unknown>, identities: Buffer[] = []): Message =>
  ({ identities, header: newHeader('t', 'session'), parent: {}, metadata: {}, content })

describe('the wire format', () => {
  it('gives back every message', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.array(fc.uint8Array()), (content, key, ids) => {
      const identities = ids.map((id) => Buffer.from(id)).filter((id) => !id.equals(Buffer.from('<IDS|MSG>')))
      const sent = message(JSON.parse(JSON.stringify(content)) as Record<string, unknown>, identities)
      expect(decode(encode(sent, key), key)).toEqual(sent)
    }))
  })

  it('signs as the specification says: HMAC-SHA256 in hexadecimal over the four parts', () => {
    const frames = encode(message({ a: 1 }), 'secret')
    const want = createHmac('sha256', 'secret').update(Buffer.concat(frames.slice(2))).digest('hex')
    expect(frames[1]!.toString()).toBe(want)
  })

  it('refuses a changed message and what is not a message', () => {
    const frames = encode(message({ a: 1 }), 'secret')
    frames[5] = Buffer.from('{"a":2}')
    expect(() => decode(frames, 'secret')).toThrow(expect.objectContaining({ code: 'KERNEL_SIGNATURE' }))
    expect(() => decode([Buffer.from('hello')], 'secret')).toThrow(expect.objectContaining({ code: 'KERNEL_PROTOCOL' }))
    expect(() => decode(encode(message({}), ''), 'secret')).toThrow(expect.objectContaining({ code: 'KERNEL_SIGNATURE' }))
  })

  it('throws typed errors for any frames', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array(), { maxLength: 9 }), (parts) => {
      try {
        decode([Buffer.from('<IDS|MSG>'), ...parts.map((part) => Buffer.from(part))], '')
      } catch (error) {
        expect(error).toMatchObject({ name: 'KernelError' })
      }
    }))
  })
})
