// A bar with rate and time left, on one updating line: in a notebook by replacing one output, in a terminal by carriage
// return, in a pipe or log by a line now and then.
import { notebookHost, throwIfInterrupted, type NotebookHost } from '../core'
import { NotebookError } from './errors'
import { escapeHtml, formatNumber, formatSeconds, oneLine, pad } from './text'

/** Numbers and words to show behind the bar: `{ loss: 0.31 }`. */
export type Metrics = Readonly<Record<string, number | string>>

/** Where a bar is drawn and what time it is; given by tests only. */
export interface ProgressSurface {
  readonly host?: NotebookHost | undefined
  readonly stream: { readonly isTTY?: boolean, write(text: string): unknown }
  /** Seconds. */
  now(): number
}

/** How a bar looks. */
export interface ProgressOptions {
  readonly label?: string
  /** Number of steps, where the iterable does not say it. */
  readonly total?: number
  readonly surface?: ProgressSurface
}

/** Seconds between two drawings, and between two lines of a log. */
const DRAW_EVERY = 0.1
const LINE_EVERY = 10
/** An asynchronous loop lets the notebook's messages through (interrupts among them) this often. */
const BREATHE_EVERY = 0.05
/** Steps over which the rate is taken: recent enough to follow a change, long enough to be calm. */
const WINDOW = 40

let bars = 0

/**
 * A bar over something iterable, or over a number of steps. Iterate over it with `for` or `for await`, or call `update`.
 * An interrupt of the cell ends the loop between two steps, with the bar left where it stopped.
 *
 * @example
 * for await (const batch of progress(train.batches(64), { label: 'training' })) { … }
 *
 * const bar = progress(1000, { label: 'training' })
 * for (let i = 0; i < 1000; i++) bar.update(i + 1, { loss: step() })
 * @throws NotebookError `PROGRESS_TOTAL` when the number of steps is not a whole number
 */
export function progress(total: number, options?: ProgressOptions): Progress<number>
export function progress<T>(items: Iterable<T> | AsyncIterable<T>, options?: ProgressOptions): Progress<T>
export function progress(given: number | Iterable<unknown> | AsyncIterable<unknown>, options: ProgressOptions = {}): Progress<unknown> {
  if (typeof given !== 'number') return new Progress(given, options.total ?? sizeOf(given), options)
  return new Progress(counting(given), given, options)
}

function* counting(total: number): Generator<number, void, undefined> {
  for (let i = 0; i < total; i++) yield i
}

function sizeOf(items: object): number | undefined {
  const { length, size } = items as { readonly length?: unknown, readonly size?: unknown }
  return typeof length === 'number' ? length : typeof size === 'number' ? size : undefined
}

/** A bar on the screen. */
export class Progress<T> implements Iterable<T>, AsyncIterable<T> {
  readonly #items: Iterable<T> | AsyncIterable<T>
  readonly #total: number | undefined
  readonly #label: string
  readonly #surface: ProgressSurface
  readonly #id: string
  readonly #marks: { readonly time: number, readonly done: number }[] = []
  readonly #started: number
  #done = 0
  #metrics: Metrics = {}
  #drawn = -Infinity
  #ended = false
  #width = 0

  /** Use `progress()`. */
  constructor(items: Iterable<T> | AsyncIterable<T>, total: number | undefined, options: ProgressOptions) {
    if (total !== undefined && (!Number.isInteger(total) || total < 0)) {
      throw new NotebookError('PROGRESS_TOTAL', 'The number of steps is not a whole number', { expected: '0 or more', got: `${total}` })
    }
    this.#items = items
    this.#total = total
    this.#label = oneLine(options.label ?? '', 40)
    this.#surface = options.surface ?? {
      host: notebookHost(), stream: process.stderr, now: () => performance.now() / 1000,
    }
    bars++
    this.#id = `whetstone-progress-${process.pid}-${bars}`
    this.#started = this.#surface.now()
    this.#marks.push({ time: this.#started, done: 0 })
  }

  /** Steps done so far. */
  get done(): number {
    return this.#done
  }

  /**
   * Sets how many steps are done, and what to show behind the bar; ends the bar when all are.
   *
   * @throws WhetstoneError `INTERRUPTED` when the cell was interrupted
   */
  update(done: number, metrics?: Metrics): void {
    this.#check()
    this.#set(done, metrics)
    if (this.#total !== undefined && done >= this.#total) this.end()
  }

  /** Shows numbers behind the bar of a running loop. */
  note(metrics: Metrics): void {
    this.#set(this.#done, metrics)
  }

  /** Draws the bar a last time, where it is. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#draw(true)
  }

  *[Symbol.iterator](): Iterator<T> {
    if (!(Symbol.iterator in this.#items)) {
      throw new NotebookError('PROGRESS_ASYNC', 'These items come asynchronously', { fix: 'write: for await (const item of progress(…))' })
    }
    try {
      this.#draw(false)
      for (const item of this.#items) {
        this.#check()
        yield item
        this.#set(this.#done + 1)
      }
    } finally {
      this.end()
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    let breathed = this.#surface.now()
    try {
      this.#draw(false)
      for await (const item of this.#items) {
        if (this.#surface.now() - breathed > BREATHE_EVERY) {
          await new Promise((resolve) => setImmediate(resolve))
          breathed = this.#surface.now()
        }
        this.#check()
        yield item
        this.#set(this.#done + 1)
      }
    } finally {
      this.end()
    }
  }

  #check(): void {
    try {
      throwIfInterrupted()
    } catch (error) {
      this.end()
      throw error
    }
  }

  #set(done: number, metrics?: Metrics): void {
    this.#done = done
    if (metrics) this.#metrics = metrics
    // The last drawing is that of `end`.
    if (done === this.#total) return
    const every = this.#surface.host !== undefined || this.#surface.stream.isTTY === true ? DRAW_EVERY : LINE_EVERY
    const since = this.#drawn === -Infinity ? this.#started : this.#drawn
    if (this.#surface.now() - since >= every) this.#draw(false)
  }

  #draw(last: boolean): void {
    const now = this.#surface.now()
    this.#drawn = now
    this.#marks.push({ time: now, done: this.#done })
    if (this.#marks.length > WINDOW) this.#marks.shift()
    const words = this.#words(now)
    const { host, stream } = this.#surface
    if (host) host.display({ 'text/html': this.#html(words), 'text/plain': this.#line(words) }, { id: this.#id })
    else if (stream.isTTY === true) {
      const line = oneLine(this.#line(words), 118)
      stream.write(`\r${pad(line, this.#width)}${last ? '\n' : ''}`)
      this.#width = line.length
    } else if (last || this.#done > 0) stream.write(`${this.#line(words)}\n`)
  }

  #words(now: number): string {
    const first = this.#marks[0] ?? { time: this.#started, done: 0 }
    const whole = this.#ended || now === first.time
    const elapsed = whole ? now - this.#started : now - first.time
    const rate = elapsed > 0 ? (this.#done - (whole ? 0 : first.done)) / elapsed : 0
    const count = this.#done.toLocaleString('en-US')
    const parts = [this.#total === undefined ? count : `${count}/${this.#total.toLocaleString('en-US')}`]
    if (rate > 0) parts.push(rate >= 1 ? `${formatNumber(rate, 3)}/s` : `${formatSeconds(1 / rate)} each`)
    const complete = this.#total === undefined || this.#done >= this.#total
    if (this.#ended) parts.push(complete ? `took ${formatSeconds(now - this.#started)}` : `stopped after ${formatSeconds(now - this.#started)}`)
    else if (this.#total !== undefined && rate > 0) parts.push(`${formatSeconds((this.#total - this.#done) / rate)} left`)
    for (const [name, value] of Object.entries(this.#metrics)) {
      parts.push(`${name} ${typeof value === 'number' ? formatNumber(value) : oneLine(value, 30)}`)
    }
    return parts.join(' · ')
  }

  /** The part done, 0 to 1. */
  get #share(): number | undefined {
    return this.#total === undefined ? undefined : this.#total === 0 ? 1 : Math.min(1, this.#done / this.#total)
  }

  #line(words: string): string {
    const share = this.#share
    const full = Math.round((share ?? 0) * 20)
    const bar = share === undefined ? '' : `${'█'.repeat(full)}${'░'.repeat(20 - full)} ${pad(`${Math.floor(share * 100)}%`, 4, true)} `
    return `${this.#label === '' ? '' : `${this.#label} `}${bar}${words}`
  }

  #html(words: string): string {
    const share = this.#share
    const bar = share === undefined ? '' : `<progress max="1" value="${share.toFixed(4)}" style="width:16em;vertical-align:middle"></progress> `
    return `<div style="font-variant-numeric:tabular-nums">${escapeHtml(this.#label)} ${bar}${escapeHtml(words)}</div>`
  }
}
