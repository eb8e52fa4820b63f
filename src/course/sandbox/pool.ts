// Workers in their sandboxes, some of them started ahead: they have loaded what every worker needs, and no learner's code,
// when they are needed. Each serves one exercise of one submission and is never used again.
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Project } from '../project'
import { readableBy, type SandboxBackend } from './backends'
import { LIMITS, type Limits } from './limits'

/** What is run where. */
export interface SandboxOptions {
  readonly project: Project
  readonly backend: SandboxBackend
  readonly limits?: Limits
  /** Workers started before they are needed. Default 1. */
  readonly ahead?: number
}

/** The compiled library that holds this file. */
export const LIBRARY: string = path.resolve(__dirname, '..', '..')

/** A worker that waits for its first request. */
export interface WorkerProcess {
  readonly child: ChildProcess
  readonly requests: Writable
  readonly replies: Readable
  /** What the code prints. */
  readonly printed: readonly Readable[]
  /** Ends it and all that it started. */
  kill(): void
}

/** Starts a worker. */
export function startWorker({ project, backend, limits = LIMITS }: SandboxOptions): WorkerProcess {
  const worker = path.join(LIBRARY, 'course', 'sandbox', 'worker.js')
  const { command, args, replies, filter, end } = backend.launch([worker], readableBy(LIBRARY, project.root), limits)
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...(filter ? ['pipe' as const] : [])], env: { PATH: process.env['PATH'] }, detached: true,
  })
  // Whoever takes it learns of its end by asking; until then an error must not end the grader.
  child.on('error', () => undefined)
  const stream = (number: number): Readable & Writable => child.stdio[number] as Readable & Writable
  for (const each of child.stdio) each?.on('error', () => undefined)
  if (filter) stream(4).end(filter)
  return {
    child, requests: stream(0), replies: stream(replies), printed: [1, 2].filter((number) => number !== replies).map(stream),
    kill() {
      if (child.pid === undefined || child.exitCode !== null) return
      try {
        // The group, because without walls the process may have started others.
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        child.kill('SIGKILL')
      }
      end?.()
    },
  }
}

/** Gives workers, keeping some ahead. Close it at the end. */
export class WorkerPool {
  private readonly spare: WorkerProcess[] = []

  constructor(readonly options: SandboxOptions) {}

  take(): WorkerProcess {
    let ready: WorkerProcess | undefined
    while (!ready && this.spare.length > 0) {
      const next = this.spare.shift()
      if (next?.child.exitCode === null && next.child.signalCode === null && next.child.pid !== undefined) ready = next
    }
    ready ??= startWorker(this.options)
    while (this.spare.length < (this.options.ahead ?? 1)) this.spare.push(startWorker(this.options))
    return ready
  }

  close(): void {
    for (const worker of this.spare.splice(0)) worker.kill()
  }
}
