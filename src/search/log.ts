// The events of a study and the trials that follow from them: an append-only log and a fold over it.
import { SearchError } from './errors'
import type { Distribution, Value } from './space'
import type { Direction, TrialRecord, TrialState } from './trial'

/** What is written. `id` is the writer's own name for a trial: its number is its place among the `start` events. */
export type StudyEvent =
  | { readonly op: 'study'; readonly name: string; readonly directions: readonly Direction[] }
  | { readonly op: 'enqueue'; readonly params: Readonly<Record<string, Value>> }
  | { readonly op: 'start'; readonly id: string; readonly worker: string }
  | { readonly op: 'params'; readonly id: string; readonly params: Readonly<Record<string, Value>>
    readonly distributions: Readonly<Record<string, Distribution>> }
  | { readonly op: 'report'; readonly id: string; readonly step: number; readonly value: Numeric }
  | { readonly op: 'end'; readonly id: string; readonly state: Exclude<TrialState, 'running'>
    readonly values: readonly number[]; readonly seconds: number; readonly error?: string }

/** JSON has no infinities and no NaN. */
type Numeric = number | 'NaN' | 'Infinity' | '-Infinity'

export const encodeNumber = (value: number): Numeric => (Number.isFinite(value) ? value : (String(value) as Numeric))

type MutableTrial = { -readonly [K in keyof TrialRecord]: TrialRecord[K] }

/** Everything a log says. */
export class StudyState {
  readonly trials: TrialRecord[] = []
  readonly workers = new Map<number, string>()
  /** Parameters that somebody wants to be tried, in order; trial starts take them from the front. */
  readonly queue: Readonly<Record<string, Value>>[] = []
  readonly #byId = new Map<string, MutableTrial & { intermediate: Map<number, number> }>()
  readonly #fixed = new Map<string, Readonly<Record<string, Value>>>()
  header: { readonly name: string; readonly directions: readonly Direction[] } | undefined

  /** Applies a line; what is not an event of ours is a typed error. Ends of unknown trials and second ends are ignored. */
  apply(line: string): void {
    const event = parse(line)
    if (event.op === 'study') {
      this.header ??= event
      return
    }
    if (event.op === 'enqueue') {
      this.queue.push(event.params)
      return
    }
    if (event.op === 'start') {
      if (this.#byId.has(event.id)) return
      const trial = {
        number: this.trials.length, state: 'running' as TrialState, params: {}, distributions: {}, values: [],
        intermediate: new Map<number, number>(),
      }
      this.workers.set(trial.number, event.worker)
      const fixed = this.queue.shift()
      if (fixed) this.#fixed.set(event.id, fixed)
      this.#byId.set(event.id, trial)
      this.trials.push(trial)
      return
    }
    const trial = this.#byId.get(event.id)
    if (!trial || trial.state !== 'running') return
    if (event.op === 'params') {
      trial.params = { ...trial.params, ...event.params }
      trial.distributions = { ...trial.distributions, ...event.distributions }
    } else if (event.op === 'report') trial.intermediate.set(event.step, Number(event.value))
    else {
      trial.state = event.state
      trial.values = event.values
      trial.seconds = event.seconds
      if (event.error !== undefined) trial.error = event.error
    }
  }

  byId(id: string): TrialRecord | undefined {
    return this.#byId.get(id)
  }

  /** What was enqueued for this trial. */
  fixed(id: string): Readonly<Record<string, Value>> {
    return this.#fixed.get(id) ?? {}
  }

  /** The trials that a worker left running, with their ids. */
  runningOf(worker: string): { readonly id: string; readonly trial: TrialRecord }[] {
    return [...this.#byId].filter(([, t]) => t.state === 'running' && this.workers.get(t.number) === worker)
      .map(([id, trial]) => ({ id, trial }))
  }
}

const OPERATIONS = ['study', 'enqueue', 'start', 'params', 'report', 'end']

function parse(line: string): StudyEvent {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new SearchError('SEARCH_STORAGE', 'A line of the journal is no event of a study', {
      got: line.slice(0, 80), fix: 'is this the file of another program? give another file', cause,
    })
  }
  const op = typeof value === 'object' && value !== null && 'op' in value ? value.op : undefined
  if (typeof op !== 'string' || !OPERATIONS.includes(op)) {
    throw new SearchError('SEARCH_STORAGE', 'A line of the journal is no event of a study', {
      expected: OPERATIONS.join(', '), got: line.slice(0, 80), fix: 'is this the file of another program or of a newer version?',
    })
  }
  return value as StudyEvent
}
