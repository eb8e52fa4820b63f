import { describe, expect, it } from 'vitest'
import { OutputCollector } from './outputs'
import { newHeader, type Content, type Message } from './wire'

const message = (type: string, content: Content): Message =>
  ({ identities: [], header: newHeader(type, 's'), parent: {}, metadata: {}, content })
const collect = (...messages: [string, Content][]): OutputCollector => {
  const collector = new OutputCollector(new Map())
  for (const [type, content] of messages) collector.add(message(type, content))
  return collector
}

describe('the outputs of a cell', () => {
  it('joins neighbouring text of one stream, and only that', () => {
    expect(collect(
      ['stream', { name: 'stdout', text: 'a' }], ['stream', { name: 'stdout', text: 'b' }],
      ['stream', { name: 'stderr', text: 'c' }], ['stream', { name: 'stdout', text: 'd' }],
    ).outputs).toEqual([
      { output_type: 'stream', name: 'stdout', text: 'ab' },
      { output_type: 'stream', name: 'stderr', text: 'c' },
      { output_type: 'stream', name: 'stdout', text: 'd' },
    ])
  })

  it('updates a display in place, also one of an earlier cell', () => {
    const ids = new Map<string, never[]>()
    const first = new OutputCollector(ids)
    const second = new OutputCollector(ids)
    first.add(message('display_data', { data: { 'text/plain': '1' }, metadata: {}, transient: { display_id: 'x' } }))
    second.add(message('update_display_data', { data: { 'text/plain': '2' }, metadata: {}, transient: { display_id: 'x' } }))
    expect(first.outputs).toEqual([{ output_type: 'display_data', data: { 'text/plain': '2' }, metadata: {} }])
    expect(second.outputs).toEqual([])
  })

  it('clears now, or when the next output comes', () => {
    const text = (t: string): [string, Content] => ['stream', { name: 'stdout', text: t }]
    expect(collect(text('a'), ['clear_output', { wait: false }]).outputs).toEqual([])
    expect(collect(text('a'), ['clear_output', { wait: true }]).outputs).toHaveLength(1)
    expect(collect(text('a'), ['clear_output', { wait: true }], text('b')).outputs)
      .toEqual([{ output_type: 'stream', name: 'stdout', text: 'b' }])
  })
})
