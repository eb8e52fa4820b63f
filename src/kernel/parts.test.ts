// The small parts of the front, alone: queue of executions, joined text, send queue, questions, cursors.
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { ExecutionQueue } from './abort-window'
import { fromUtf16, toUtf16 } from './cursor'
import { SendQueue } from './send-queue'
import { StdinQuestions } from './stdin'
import { StreamBuffer } from './stream-buffer'
import { newHeader, type Message } from './wire'

describe('the queue of executions', () => {
  it('runs one after the other, and a failure aborts only those that wait', async () => {
    const log: string[] = []
    const queue = new ExecutionQueue()
    const job = (name: string, ok: boolean): Promise<void> => new Promise((resolve) => queue.push({
      run: async () => {
        await Promise.resolve()
        log.push(name)
        resolve()
        return ok
      },
      abort: () => { log.push(`${name} aborted`); resolve() },
    }))
    await Promise.all([job('a', true), job('b', false), job('c', true)])
    await job('d', true)
    expect(log).toEqual(['a', 'b', 'c aborted', 'd'])
  })
})

describe('joined text', () => {
  it('is few messages, in order, of one stream each', () => {
    vi.useFakeTimers()
    const sent: [string, string][] = []
    const buffer = new StreamBuffer((name, text) => sent.push([name, text]))
    for (let i = 0; i < 1_000; i++) buffer.write('stdout', `${i}\n`)
    buffer.write('stderr', 'e')
    expect(sent).toHaveLength(1)
    vi.advanceTimersByTime(100)
    expect(sent).toEqual([['stdout', Array.from({ length: 1_000 }, (_, i) => `${i}\n`).join('')], ['stderr', 'e']])
    vi.useRealTimers()
  })
})

describe('the send queue', () => {
  it('awaits every send, keeps the order and survives a failure', async () => {
    const sent: string[] = []
    const errors: unknown[] = []
    let busy = false
    const queue = new SendQueue({
      async send(frames) {
        expect(busy).toBe(false)
        busy = true
        await new Promise((resolve) => setImmediate(resolve))
        busy = false
        if (frames[0]!.toString() === 'bad') throw new Error('refused')
        sent.push(frames[0]!.toString())
      },
    }, (error) => errors.push(error))
    for (const text of ['a', 'bad', 'b', 'c']) queue.push([Buffer.from(text)])
    await queue.drained()
    expect(sent).toEqual(['a', 'b', 'c'])
    expect(errors).toHaveLength(1)
  })
})

describe('questions to the person', () => {
  it('are put one at a time, and void after the cell', () => {
    const asked: string[] = []
    const answered: [number, string][] = []
    const message: Message = { identities: [], header: newHeader('execute_request', 's'), parent: {}, metadata: {}, content: {} }
    const questions = new StdinQuestions((_, { prompt }) => asked.push(prompt), (id, line) => answered.push([id, line]))
    questions.ask(1, message, 'first', false)
    questions.ask(2, message, 'second', true)
    expect(asked).toEqual(['first'])
    questions.answer('one')
    expect(asked).toEqual(['first', 'second'])
    questions.reset()
    questions.answer('too late')
    expect(answered).toEqual([[1, 'one']])
  })
})

describe('cursors', () => {
  it('count Unicode characters, as Jupyter does', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, cursor) => {
      const characters = Array.from(text)
      const offset = toUtf16(text, cursor)
      expect(offset).toBe(characters.slice(0, cursor).join('').length)
      expect(fromUtf16(text, offset)).toBe(Math.min(cursor, characters.length))
    }))
  })
})
