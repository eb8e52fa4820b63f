// The one timeline that every profile is read into: ONNX Runtime's, TensorRT's, Nsight Compute's, Nsight Systems' and our own
// CUDA events. Readers make events; plots and tables take them. It draws nothing.

/** A span of time on a track. An event without duration is a mark. */
export interface TimelineEvent {
  readonly name: string
  /** What kind of work: `'kernel'`, `'memcpy'`, `'api'`, `'operator'`, `'range'`, … The colour of a plot. */
  readonly category: string
  /** From the origin that the whole timeline shares, in µs. */
  readonly startMicroseconds: number
  readonly durationMicroseconds: number
  /** Where it ran: a stream, a thread, a session. The row of a plot. */
  readonly track: string
}

/** A row of a summary: all events of one name and category. Times in µs. */
export interface TimelineSummary {
  readonly name: string
  readonly category: string
  readonly count: number
  readonly totalMicroseconds: number
  readonly meanMicroseconds: number
  readonly minimumMicroseconds: number
  readonly maximumMicroseconds: number
  /** Of the sum over all events, in 0…1. */
  readonly share: number
}

/** Events in order of their start, the first at 0 µs. */
export function alignTimeline(events: readonly TimelineEvent[]): TimelineEvent[] {
  const origin = events.reduce((least, event) => Math.min(least, event.startMicroseconds), Infinity)
  return events.map((event) => ({ ...event, startMicroseconds: event.startMicroseconds - origin }))
    .sort((a, b) => a.startMicroseconds - b.startMicroseconds)
}

/** Events by name and category, the costliest first. */
export function summarizeTimeline(events: readonly TimelineEvent[]): TimelineSummary[] {
  const groups = new Map<string, TimelineEvent[]>()
  for (const event of events) {
    const key = `${event.category}\0${event.name}`
    const group = groups.get(key)
    if (group) group.push(event)
    else groups.set(key, [event])
  }
  const total = events.reduce((sum, event) => sum + event.durationMicroseconds, 0)
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const times = group.map((event) => event.durationMicroseconds)
    const sum = times.reduce((a, b) => a + b, 0)
    return [{
      name: first.name, category: first.category, count: group.length, totalMicroseconds: sum,
      meanMicroseconds: sum / group.length,
      minimumMicroseconds: times.reduce((a, b) => Math.min(a, b), Infinity),
      maximumMicroseconds: times.reduce((a, b) => Math.max(a, b), -Infinity),
      share: total > 0 ? sum / total : 0,
    }]
  }).sort((a, b) => b.totalMicroseconds - a.totalMicroseconds)
}

/**
 * How long each track was busy: the length of the union of its events, over the whole timeline's length, in 0…1. Events
 * that overlap on one track count once, so a nested range adds nothing.
 */
export function busyShare(events: readonly TimelineEvent[]): Map<string, number> {
  const ordered = alignTimeline(events)
  const length = ordered.reduce((last, e) => Math.max(last, e.startMicroseconds + e.durationMicroseconds), 0)
  const busy = new Map<string, { until: number, time: number }>()
  for (const event of ordered) {
    const track = busy.get(event.track) ?? { until: 0, time: 0 }
    const end = event.startMicroseconds + event.durationMicroseconds
    track.time += Math.max(0, end - Math.max(event.startMicroseconds, track.until))
    track.until = Math.max(track.until, end)
    busy.set(event.track, track)
  }
  return new Map([...busy].map(([name, track]) => [name, length > 0 ? track.time / length : 0]))
}

/** What `notebook.timeline` draws: a box on a lane, in ms. */
export interface TimelineSpan {
  readonly lane: string
  readonly start: number
  readonly duration: number
  readonly text: string
}

/**
 * Events for `notebook.timeline`: a colour for each category, a lane for each track, milliseconds from the first event.
 *
 * @example notebook.timeline(runtime.timelineSpans(events), { title: 'One step', x: 'time (ms)', y: 'stream' })
 */
export function timelineSpans(events: readonly TimelineEvent[]): Record<string, TimelineSpan[]> {
  const groups: Record<string, TimelineSpan[]> = {}
  for (const { name, category, track, startMicroseconds, durationMicroseconds } of alignTimeline(events)) {
    const group = groups[category] ??= []
    group.push({ lane: track, start: startMicroseconds / 1e3, duration: durationMicroseconds / 1e3, text: name })
  }
  return groups
}
