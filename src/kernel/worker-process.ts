// The front's handle on the worker: starts it, hears it, asks it, interrupts it, and starts a fresh one when it dies.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { OrderedOutput } from './ordered-output'
import { FD, type Frame, type Request } from './protocol'

export interface WorkerEvents {
  text(name: 'stdout' | 'stderr', text: string): void
  frame(frame: Frame): void
  /** The process ended without being asked to. `started` says whether it had been ready. */
  died(how: string, started: boolean): void
}

/** Node's flags for the worker. */
const FLAGS = [
  // Stopping busy code by force leaves Node's books of asynchronous calls unbalanced; that is not a reason to abort.
  '--no-force-async-hooks-checks',
  // require() of an ES module is what cells do.
  '--disable-warning=ExperimentalWarning',
]

/** All descriptors of the child: its type knows five. */
const stdio = (child: ChildProcess): readonly (Duplex | null | undefined)[] => child.stdio as readonly unknown[] as Duplex[]

export class WorkerProcess {
  private child: ChildProcess
  private started = false
  private stopped = false
  private reason: string | undefined

  constructor(private readonly events: WorkerEvents) {
    this.child = this.start()
  }

  private start(): ChildProcess {
    const nonce = randomBytes(12).toString('hex')
    this.started = false
    const child = spawn(process.execPath, [...FLAGS, path.join(__dirname, 'worker.js')], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, WHETSTONE_KERNEL_NONCE: nonce },
      // A group of its own: an interrupt reaches the processes that a cell started, and not the front.
      detached: process.platform !== 'win32',
    })
    const order = new OrderedOutput(nonce, (name, text) => this.events.text(name, text), (frame) => {
      if (frame.type === 'ready') this.started = true
      this.events.frame(frame)
    })
    const damaged = (): void => { this.kill(child) }
    const guarded = (read: (chunk: Buffer) => void) => (chunk: Buffer): void => {
      try {
        read(chunk)
      } catch {
        // Native code wrote into our descriptor: what it says next could not be trusted.
        damaged()
      }
    }
    child.stdout?.on('data', guarded((chunk) => order.stdoutBytes(chunk)))
    child.stderr?.on('data', guarded((chunk) => order.stderrBytes(chunk)))
    stdio(child)[FD.frames]?.on('data', guarded((chunk) => order.frameBytes(chunk)))
    for (const stream of stdio(child)) stream?.on('error', () => undefined)
    let ended = false
    const end = (how: string): void => {
      if (ended) return
      ended = true
      // What the process wrote last is still on its way.
      setTimeout(() => {
        order.flush()
        this.kill(child)
        if (!this.stopped) this.events.died(this.reason ?? how, this.started)
      }, 50)
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(signal ?? `exit code ${code ?? 'unknown'}`))
    return child
  }

  restart(): void {
    this.reason = undefined
    this.child = this.start()
  }

  ask(request: Request): void {
    this.write(FD.requests, JSON.stringify(request) + '\n')
  }

  /** Interrupts an execution, by the thread of the worker that listens also when the worker is busy. */
  interrupt(execution: number): void {
    this.write(FD.interrupts, `${execution}\n`)
  }

  private write(fd: number, text: string): void {
    (stdio(this.child)[fd] as Duplex | undefined)?.write(text)
  }

  /** Ends the worker by force, which `died` will report with this reason. */
  abandon(reason: string): void {
    this.reason = reason
    this.kill(this.child)
  }

  /** Ends the worker and the processes that it started. */
  stop(): void {
    this.stopped = true
    this.kill(this.child)
  }

  private kill(child: ChildProcess): void {
    if (child.pid === undefined) return
    try {
      if (process.platform === 'win32') child.kill('SIGKILL')
      else process.kill(-child.pid, 'SIGKILL')
    } catch {
      // it has ended, and nothing of its group is left
    }
  }
}
