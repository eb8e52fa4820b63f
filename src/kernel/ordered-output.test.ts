import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FrameReader, MarkReader, OrderedOutput } from './ordered-output'
import { marker, type Frame } from './protocol'

const nonce = 'abc123'
const encode = (frame: Frame): Buffer => {
  const json = Buffer.from(JSON.stringify(frame))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json])
}
const stderrFrame = (text: string): Frame => ({ type: 'stderr', text })
/** Cuts bytes at arbitrary places, as pipes do. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const at = [0, ...[...places].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

describe('marks in a stream', () => {
  it('are found wherever the stream is cut, and the text stays whole', () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('\u001b]'), fc.constant(`\u001b]${nonce}`), fc.nat(99))
    fc.assert(fc.property(fc.array(piece), fc.array(fc.nat(500)), (pieces, places) => {
      const reader = new MarkReader(nonce)
      const bytes = Buffer.from(pieces.map((p) => (typeof p === 'number' ? marker(nonce, p) : p)).join(''))
      const items = [...cut(bytes, places), Buffer.from('end')].flatMap((chunk) => reader.read(chunk))
      const text = items.map((item) => ('text' in item ? item.text : `<${item.mark}>`)).join('')
      expect(text).toBe(pieces.map((p) => (typeof p === 'number' ? `<${p}>` : p)).join('') + 'end')
    }))
  })
})

describe('frames', () => {
  it('are read however the stream is cut', () => {
    fc.assert(fc.property(fc.array(fc.string()), fc.array(fc.nat(900)), (texts, places) => {
      const reader = new FrameReader()
      const bytes = Buffer.concat(texts.map((text) => encode(stderrFrame(text))))
      expect(cut(bytes, places).flatMap((chunk) => reader.read(chunk))).toEqual(texts.map(stderrFrame))
    }))
  })
})

describe('the order of text and frames', () => {
  let seen: string[]
  let order: OrderedOutput
  beforeEach(() => {
    vi.useFakeTimers()
    seen = []
    order = new OrderedOutput(nonce, (name, text) => seen.push(`${name} ${text}`),
      (frame) => seen.push(frame.type === 'stderr' ? frame.text : frame.type))
  })
  afterEach(() => { vi.useRealTimers() })

  it('is that of the worker, whichever descriptor is read first', () => {
    order.frameBytes(encode(stderrFrame('one')))
    expect(seen).toEqual([])
    order.stdoutBytes(Buffer.from(`a${marker(nonce, 1)}b${marker(nonce, 2)}c`))
    expect(seen).toEqual(['stdout a', 'one', 'stdout b'])
    order.frameBytes(encode(stderrFrame('two')))
    expect(seen).toEqual(['stdout a', 'one', 'stdout b', 'two', 'stdout c'])
  })

  it('lets the end of a cell wait for what native code wrote to stderr', () => {
    order.frameBytes(encode({ type: 'done', id: 1, userExpressions: {} }))
    order.stdoutBytes(Buffer.from(marker(nonce, 1)))
    expect(seen).toEqual([])
    order.stderrBytes(Buffer.from(`warning${marker(nonce, 1)}`))
    expect(seen).toEqual(['stderr warning', 'done'])
  })

  it('goes on when marks are lost', () => {
    order.frameBytes(Buffer.concat([encode(stderrFrame('one')), encode({ type: 'done', id: 1, userExpressions: {} })]))
    vi.advanceTimersByTime(3_000)
    expect(seen).toEqual(['one', 'done'])
    order.stdoutBytes(Buffer.from(`${marker(nonce, 1)}x${marker(nonce, 3)}y`))
    order.frameBytes(encode(stderrFrame('three')))
    expect(seen.slice(2)).toEqual(['stdout x', 'three', 'stdout y'])
  })

  it('ends with everything delivered when the worker dies', () => {
    order.frameBytes(encode(stderrFrame('one')))
    order.stdoutBytes(Buffer.from(`${marker(nonce, 5)}tail`))
    order.flush()
    expect(seen).toEqual(expect.arrayContaining(['one', 'stdout tail']))
  })
})
