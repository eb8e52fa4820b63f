// Fault 3, the run-time half: what an interrupt does in the worker. The main thread may be waiting (then it is told by a
// request), or busy (then the control thread, control-thread.ts, acts). Both share these few numbers.
import { KernelError } from './errors'

/** Indexes of the shared numbers. */
export const STATE = {
  /** Counts interrupts; an `await` that sees another number than before throws. */
  epoch: 0,
  /** What the main thread runs, see PHASE. */
  phase: 1,
  /** The last epoch that the main thread has dealt with. */
  acknowledged: 2,
  /** 1 when the running cell's code looks at the signal by itself. */
  polls: 3,
  /** The id of the running execution, 0 for none. */
  execution: 4,
  /** The last epoch in which code was stopped by force. */
  terminated: 5,
} as const

export const PHASE = {
  /** Waiting, or running callbacks of the learner's code. */
  free: 0,
  /** In the first, synchronous part of a cell, which a SIGINT ends with an exception. */
  script: 1,
  /** In the kernel's own code or the compiler, which must not be torn. */
  kernel: 2,
} as const

export type SharedState = Int32Array

export function newState(): SharedState {
  return new Int32Array(new SharedArrayBuffer(4 * 8))
}

/** Thrown into the code of an interrupted cell. */
export class Interrupted extends KernelError {
  override readonly name: string = 'Interrupted'
  constructor() {
    super('KERNEL_INTERRUPTED', 'The cell was interrupted')
  }
}

/** Milliseconds, not counting busy ones, that an interrupted cell has to end by itself: `finally` blocks, libraries. */
const GRACE = 200

/** The kernel's own timer: those of cells are watched (timer-guard.ts). */
const realTimeout = setTimeout

/** The interrupt side of one cell. */
export class InterruptWatch {
  private readonly controller = new AbortController()
  private readonly start: number
  private timer: NodeJS.Timeout | undefined

  /** @param giveUp ends the cell's reply when its code does not end by itself */
  constructor(private readonly state: SharedState, private readonly giveUp: () => void) {
    this.start = Atomics.load(state, STATE.epoch)
    const { signal } = this.controller
    const descriptor = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')
    // A synchronous loop that looks at the signal sees an interrupt although no event can be delivered.
    Object.defineProperty(signal, 'aborted', {
      configurable: true,
      get: (): boolean => {
        Atomics.store(state, STATE.polls, 1)
        if (this.interrupted) this.abort()
        return (descriptor?.get?.call(signal) ?? false) as boolean
      },
    })
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  get interrupted(): boolean {
    return Atomics.load(this.state, STATE.epoch) !== this.start
  }

  private abort(): void {
    if (!this.controller.signal.reason) this.controller.abort(new Interrupted())
  }

  /** The main thread has time: tell the code, and end the cell if that does not help. */
  acknowledge(): void {
    const epoch = Atomics.load(this.state, STATE.epoch)
    Atomics.store(this.state, STATE.acknowledged, epoch)
    this.abort()
    const stopped = Atomics.load(this.state, STATE.terminated) === epoch
    clearTimeout(this.timer)
    this.timer = realTimeout(() => this.giveUp(), stopped ? 0 : GRACE)
  }

  close(): void {
    clearTimeout(this.timer)
  }
}

/** The functions that await-guard.ts's code calls. */
export function guardFunctions(state: SharedState): Record<string, unknown> {
  const resume = (epoch: number, value: unknown): unknown => {
    if (state[STATE.epoch] !== epoch) throw new Interrupted()
    return value
  }
  async function* each(items: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator {
    let epoch = state[STATE.epoch] ?? 0
    for await (const item of items) {
      resume(epoch, undefined)
      yield item
      epoch = state[STATE.epoch] ?? 0
    }
  }
  return { epoch: state, resume, each }
}
