// Whether a graph runs faster with several threads or with one, found out by running it. Operations do not say: a graph of a
// thousand small operators can lose more by waking and waiting than it gains, and cores that share a memory or an execution
// unit gain less than they seem to.
import { Session } from '../runtime'
import type { SessionOptions } from '../runtime'

/** Runs before a trial, and runs of each number of threads in it. */
const BEFORE = 8
const TRIALS = 9
/** A trial begins when a graph has run this many times as long as its session took to make. */
const WORTH = 4
/** Several threads have to be this much faster, because they take the other cores from whoever needs them. */
const FASTER = 0.98

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** A session made with several threads, that becomes one with a single thread when that is measured to be as fast. */
export class ThreadChoice {
  #session: Session
  #other: Session | undefined
  #bytes: Uint8Array | undefined
  #made: number
  #spent = 0
  #runs = 0
  readonly #times: [number[], number[]] = [[], []]

  /** @param measure false: `threads` it stays */
  constructor(bytes: Uint8Array, readonly options: SessionOptions & { readonly threads: number }, measure: boolean) {
    const start = performance.now()
    this.#session = Session.create(bytes, options)
    this.#made = performance.now() - start
    if (measure && options.threads > 1) this.#bytes = bytes
  }

  /** Threads of the session that stays, or of the first as long as that is open. */
  get threads(): number {
    return this.#session.options.threads ?? 1
  }

  /** Whether the number of threads may still change. */
  get open(): boolean {
    return this.#bytes !== undefined
  }

  get inputNames(): string[] {
    return this.#session.inputs.map((i) => i.name)
  }

  /** One run, on the session whose turn it is. */
  run<T>(once: (session: Session) => T): T {
    if (!this.#bytes) return once(this.#session)
    const turn = this.#other && this.#runs % 2 === 1 ? 1 : 0
    const start = performance.now()
    const result = once(turn === 1 && this.#other ? this.#other : this.#session)
    const spent = performance.now() - start
    this.#runs++
    this.#spent += spent
    if (this.#other) this.#compare(turn, spent)
    else if (this.#runs >= BEFORE && this.#spent >= WORTH * this.#made) this.#begin(this.#bytes)
    return result
  }

  #begin(bytes: Uint8Array): void {
    this.#other = Session.create(bytes, { ...this.options, threads: 1, spinning: 'off' })
    this.#runs = 0
  }

  #compare(turn: 0 | 1, spent: number): void {
    this.#times[turn].push(spent)
    const [many, one] = this.#times
    // The first run of each is not counted: it finds nothing in the caches.
    if (many.length <= TRIALS || one.length <= TRIALS) return
    const keepMany = median(many.slice(1)) < FASTER * median(one.slice(1))
    const dropped = keepMany ? this.#other : this.#session
    if (!keepMany && this.#other) this.#session = this.#other
    dropped?.dispose()
    this.#other = this.#bytes = undefined
  }

  dispose(): void {
    this.#session.dispose()
    this.#other?.dispose()
    this.#other = this.#bytes = undefined
  }
}
