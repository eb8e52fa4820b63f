// Workers in their sandboxes, one of them started ahead: it has loaded the library, and no learner's code, when it is
// needed. Each serves one exercise of one submission and is never used again.
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import type { Project } from '../project'
import { readableBy, type SandboxBackend } from './backends'
import { LIMITS, type Limits } from './limits'

/** What is run where. */
export interface SandboxOptions {
  readonly project: Project
  readonly backend: SandboxBackend
  readonly limits?: Limits
}

/** The compiled library that holds this file. */
export const LIBRARY: string = path.resolve(__dirname, '..', '..')

/** Starts a worker that waits for its first request. */
export function startWorker({ project, backend, limits = LIMITS }: SandboxOptions): ChildProcess {
  const worker = path.join(LIBRARY, 'course', 'sandbox', 'worker.js')
  const { command, args } = backend.launch([worker], readableBy(LIBRARY, project.root), limits)
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] }, detached: true })
  // Whoever takes it learns of its end by asking; until then an error must not end the grader.
  child.on('error', () => undefined)
  return child
}

/** Ends a worker and all that it started. */
export function killWorker(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return
  try {
    // The group, because without walls the process may have started others.
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

/** Gives workers, keeping one ahead. Close it at the end. */
export class WorkerPool {
  private spare: ChildProcess | undefined

  constructor(readonly options: SandboxOptions) {}

  take(): ChildProcess {
    const { spare } = this
    const ready = spare?.exitCode === null && spare.signalCode === null && spare.pid !== undefined ? spare : startWorker(this.options)
    this.spare = startWorker(this.options)
    return ready
  }

  close(): void {
    if (this.spare) killWorker(this.spare)
    this.spare = undefined
  }
}
