import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alignTimeline, busyShare, summarizeTimeline, type TimelineEvent } from './timeline'

const event = (name: string, start: number, duration: number, track = 'stream 7', category = 'kernel'): TimelineEvent =>
  ({ name, category, startMicroseconds: start, durationMicroseconds: duration, track })

describe('the timeline', () => {
  it('starts at zero and is in order', () => {
    expect(alignTimeline([event('b', 30, 1), event('a', 10, 5)]).map((e) => [e.name, e.startMicroseconds]))
      .toEqual([['a', 0], ['b', 20]])
    expect(alignTimeline([])).toEqual([])
  })

  it('sums by name and category', () => {
    const rows = summarizeTimeline([event('gemm', 0, 6), event('copy', 1, 2, 'stream 8', 'memcpy'), event('gemm', 9, 2)])
    expect(rows[0]).toEqual({
      name: 'gemm', category: 'kernel', count: 2, totalMicroseconds: 8, meanMicroseconds: 4, minimumMicroseconds: 2,
      maximumMicroseconds: 6, share: 0.8,
    })
    expect(rows[1]).toMatchObject({ name: 'copy', count: 1, share: 0.2 })
  })

  it('counts overlapping events of a track once', () => {
    const busy = busyShare([event('outer', 0, 10), event('inner', 2, 3), event('late', 15, 5), event('x', 5, 5, 'other')])
    expect(busy.get('stream 7')).toBeCloseTo(15 / 20)
    expect(busy.get('other')).toBeCloseTo(5 / 20)
  })

  it('is never busy for more than the whole time, and agrees with counting moment by moment', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 }), fc.nat(2)), { minLength: 1 }), (spans) => {
      const events = spans.map(([start, duration, track]) => event('e', start, duration, String(track)))
      const first = Math.min(...spans.map(([start]) => start))
      const last = Math.max(...spans.map(([start, duration]) => start + duration))
      for (const [track, share] of busyShare(events)) {
        let moments = 0
        for (let t = first; t < last; t += 1) {
          if (spans.some(([s, d, k]) => String(k) === track && s <= t && t < s + d)) moments += 1
        }
        expect(share).toBeCloseTo(moments / (last - first))
      }
    }))
  })
})
