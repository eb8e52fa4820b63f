// The grader's side: calls functions of a submission in its sandbox. Fails closed: whatever is not a well-formed reply to
// the call at hand, in time, ends the process, and the call has no value.
import path from 'node:path'
import { messageOf } from '../../core'
import type { Wire } from '../boundary/codec'
import type { Failure, Outcome, SubjectHost } from '../subject'
import { usageOf, wasStarved } from './fairness'
import { frame, FrameReader } from './frames'
import { LIMITS, type Limits } from './limits'
import { LIBRARY, startWorker, type SandboxOptions, type WorkerPool, type WorkerProcess } from './pool'
import { readReply, type Request } from './protocol'

/** Why a process was ended, or how it ended, for the report. */
export type Incident =
  | 'died' | 'silent past its time' | 'sent a message that is no reply' | 'sent a message too many' | 'printed too much'
  | 'failed to load' | 'used up its starts' | 'used up its time'

/** A host whose functions run in a sandbox. Close it when the exercise is done. */
export interface SandboxHost extends SubjectHost {
  /** What went wrong with the process, in order. */
  readonly incidents: readonly Incident[]
  /** Waits until everything that was said has been read, then ends the process. */
  finish(): Promise<void>
  /** Ends the process now. */
  close(): void
}

/** Incidents that honest code cannot cause: it spoke on the grader's own channel. */
export const HOSTILE: readonly Incident[] = ['sent a message that is no reply', 'sent a message too many']

/**
 * A host for code that is not trusted.
 *
 * @param code JavaScript that assigns its functions to `exports`
 * @param pool gives the process; without it one is started
 * @param native modules with native parts that the process may load, before the code runs and never after
 */
export function sandboxHost(code: string, options: SandboxOptions, pool?: WorkerPool, native: readonly string[] = []): SandboxHost {
  return new ProcessHost(code, options, pool, native)
}

/** How often its time is given to a process that others kept from running. */
const TURNS = 5

interface Waiting {
  readonly id: number
  readonly resolve: (outcome: Outcome) => void
}

class ProcessHost implements SandboxHost {
  readonly incidents: Incident[] = []
  private readonly limits: Limits
  private child: WorkerProcess | undefined
  private waiting: Waiting | undefined
  private starts = 0
  private nextId = 1
  private deadline: number

  constructor(
    private readonly code: string,
    private readonly options: SandboxOptions,
    private readonly pool: WorkerPool | undefined,
    private readonly native: readonly string[],
  ) {
    this.limits = options.limits ?? LIMITS
    this.deadline = performance.now() + this.limits.totalMs
  }

  async call(name: string, args: readonly Wire[]): Promise<Outcome> {
    if (!this.child) {
      const loaded = await this.start()
      if (!loaded.ok) return loaded
    }
    return this.ask({ id: this.nextId++, kind: 'call', name, args }, this.limits.callMs)
  }

  async finish(): Promise<void> {
    if (this.child) await this.ask({ id: this.nextId++, kind: 'end' }, this.limits.callMs)
    this.close()
  }

  close(): void {
    const { child } = this
    this.child = undefined
    child?.kill()
  }

  private async start(): Promise<Outcome> {
    if (Buffer.byteLength(this.code) > this.limits.sourceBytes) return this.end('failed to load', 'ended', `the code is longer than ${this.limits.sourceBytes} bytes`)
    if (this.starts >= this.limits.starts) return this.end('used up its starts', 'ended', 'the code ended its process too often')
    this.starts += 1
    const child = this.pool ? this.pool.take() : startWorker(this.options)
    this.child = child
    this.listen(child)
    const file = path.join(this.options.project.root, 'package.json')
    const loaded = await this.ask({ id: this.nextId++, kind: 'load', code: this.code, file, library: path.join(LIBRARY, 'index.js'), native: this.native }, this.limits.loadMs)
    if (loaded.ok || this.child !== child) return loaded
    return this.end('failed to load', 'ended', `${loaded.error.name}: ${loaded.error.message}`)
  }

  private listen(child: WorkerProcess): void {
    const frames = new FrameReader(this.limits.replyBytes)
    child.replies.on('data', (chunk: Buffer) => {
      if (this.child !== child) return
      try {
        for (const message of frames.push(chunk)) if (this.alive(child)) this.receive(message)
        if (this.alive(child) && !this.waiting && frames.pending > 0) this.end('sent a message too many', 'ended', 'unexpected output')
      } catch (error) {
        this.end('sent a message that is no reply', 'ended', messageOf(error))
      }
    })
    let printed = 0
    for (const stream of child.printed) {
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.length
        if (printed > this.limits.outputBytes && this.child === child) this.end('printed too much', 'ended', `more than ${this.limits.outputBytes} bytes were printed`)
      })
    }
    const gone = (): void => { if (this.child === child) this.end('died', 'ended', 'the process ended before it answered') }
    child.child.on('error', gone).on('close', gone)
  }

  /** Asked again after each message, because a message can end the process. */
  private alive(child: WorkerProcess): boolean {
    return this.child === child
  }

  private receive(message: unknown): void {
    const { waiting } = this
    if (!waiting) {
      this.end('sent a message too many', 'ended', 'unexpected output')
      return
    }
    const outcome = readReply(message, waiting.id)
    if (!outcome) {
      this.end('sent a message that is no reply', 'ended', 'the answer is not in the agreed form')
      return
    }
    this.waiting = undefined
    waiting.resolve(outcome)
  }

  private async ask(request: Request, milliseconds: number): Promise<Outcome> {
    const left = this.deadline - performance.now()
    if (left <= 0) return this.end('used up its time', 'late', `no time is left of ${this.limits.totalMs / 1000} s`)
    const time = Math.min(milliseconds, left)
    const reply = new Promise<Outcome>((resolve) => { this.waiting = { id: request.id, resolve } })
    const { child } = this
    const began = performance.now(), before = child?.child.pid === undefined ? undefined : usageOf(child.child.pid)
    let turns = 0
    const onTime = (): void => {
      turns++
      // A machine with too much to do is not the learner's fault: it may wait some more, and that time is not counted.
      if (turns < TURNS && wasStarved(child?.child.pid, before, performance.now() - began)) {
        this.deadline += time
        timer = setTimeout(onTime, time)
      } else {
        // The answer may lie in the pipe already, behind a grader that was itself kept waiting.
        setImmediate(() => { if (this.waiting?.id === request.id) this.end('silent past its time', 'late', `no answer after ${(turns * time / 1000).toFixed(1)} s`) })
      }
    }
    let timer = setTimeout(onTime, time)
    try {
      this.child?.requests.write(frame(request))
      const outcome = await reply
      // A message too many came with the reply: which of the two was meant is not for us to guess.
      return outcome.ok && !this.child ? { ok: false, reason: 'ended', error: { name: 'Error', message: 'unexpected output' } } : outcome
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the process and answers the call at hand with a failure. */
  private end(incident: Incident, reason: Failure, message: string): Outcome {
    if (this.incidents.at(-1) !== incident) this.incidents.push(incident)
    this.close()
    const outcome: Outcome = { ok: false, reason, error: { name: 'Error', message } }
    const { waiting } = this
    this.waiting = undefined
    waiting?.resolve(outcome)
    return outcome
  }
}
