// Fault 8: what happens to the executions that wait when one fails. Those already in the queue are aborted, as Jupyter
// wants it for "run all"; one that arrives later is run. No clock decides.

interface Job {
  /** Resolves to false when the cells behind this one are to be aborted. */
  readonly run: () => Promise<boolean>
  readonly abort: () => void
}

export class ExecutionQueue {
  private readonly jobs: Job[] = []
  private busy = false

  push(job: Job): void {
    this.jobs.push(job)
    if (!this.busy) void this.work()
  }

  private async work(): Promise<void> {
    this.busy = true
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) {
      const goOn = await job.run().catch(() => false)
      if (!goOn) for (const waiting of this.jobs.splice(0)) waiting.abort()
    }
    this.busy = false
  }
}
