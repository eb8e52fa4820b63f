// Several grading processes side by side, each handed one answer at a time. One that dies or stays silent is replaced and
// its answer tried once more: a fault of the grader is never a learner's zero.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { GradedAnswer } from './records'
import type { JobReply, JobSettings, JobTask } from './job'

/** What came of one answer. */
export type JobOutcome = { readonly answer: GradedAnswer } | { readonly fault: string }

/** How often an answer is tried when the grader fails. */
const TRIES = 2
/** Milliseconds that a job may take beyond what the sandbox allows an exercise. */
const PATIENCE_MS = 60_000
/** Milliseconds in which a job leaves by itself. */
const LEAVE_MS = 5_000

/**
 * Grades all tasks.
 *
 * @param onResult told each result as it arrives
 * @param signal stops between two results; what runs is ended
 */
export async function runJobs(
  tasks: readonly JobTask[], settings: JobSettings, count: number, onResult: (task: JobTask, outcome: JobOutcome) => void, signal?: AbortSignal,
): Promise<void> {
  const waiting = [...tasks].reverse()
  const workers = Array.from({ length: Math.min(count, tasks.length) }, async () => {
    let job: Job | undefined
    try {
      for (let task = waiting.pop(); task && !signal?.aborted; task = waiting.pop()) {
        let outcome: JobOutcome = { fault: 'it did not run' }
        for (let tries = 0; tries < TRIES && 'fault' in outcome && !signal?.aborted; tries++) {
          job ??= new Job(settings)
          outcome = await job.ask(task, signal)
          if (job.gone) job = undefined
        }
        if (!signal?.aborted) onResult(task, outcome)
      }
    } finally {
      await job?.end()
    }
  })
  await Promise.all(workers)
}

class Job {
  private readonly child: ChildProcess
  gone = false

  constructor(private readonly settings: JobSettings) {
    this.child = fork(path.join(__dirname, 'job.js'), [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
    this.child.on('error', () => { this.gone = true })
  }

  ask(task: JobTask, signal?: AbortSignal): Promise<JobOutcome> {
    return new Promise((resolve) => {
      const finish = (outcome: JobOutcome): void => {
        clearTimeout(timer)
        this.child.off('message', onMessage).off('exit', onExit)
        signal?.removeEventListener('abort', onAbort)
        resolve(outcome)
      }
      const onMessage = (reply: JobReply): void => { if (reply.id === task.id) finish('answer' in reply ? { answer: reply.answer } : { fault: reply.fault }) }
      const onExit = (code: number | null, how: NodeJS.Signals | null): void => {
        this.gone = true
        finish({ fault: `the grading process ended with ${how ?? code ?? 'nothing'}` })
      }
      const onAbort = (): void => {
        void this.end()
        finish({ fault: 'stopped' })
      }
      const timer = setTimeout(() => {
        this.gone = true
        this.child.kill('SIGKILL')
        finish({ fault: 'the grading process did not answer' })
      }, this.settings.limits.totalMs + PATIENCE_MS)
      this.child.on('message', onMessage).once('exit', onExit)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.child.send(task, (error) => { if (error) onExit(null, null) })
    })
  }

  /** Lets it go and waits until it has; its sandboxes end with it. */
  async end(): Promise<void> {
    this.gone = true
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    if (this.child.connected) this.child.disconnect()
    const timer = setTimeout(() => this.child.kill('SIGKILL'), LEAVE_MS)
    await ended
    clearTimeout(timer)
  }
}
