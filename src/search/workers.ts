// A search on several processes: each runs trials of its own, and the journal is all they share.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { notebookHost } from '../core'
import { SearchError } from './errors'
import { journalStorage } from './storage'
import { createStudy } from './study'
import type { Study } from './study'

export interface WorkerOptions {
  /** A JavaScript file: exports `objective`, and if it likes `study` (options of the study: sampler, pruner, directions). */
  readonly module: string
  /** The file that the workers share. An old one is gone on with. */
  readonly journal: string
  /** Processes. Default 2. */
  readonly workers?: number
  /** Trials of all workers together. */
  readonly trials: number
  readonly seed?: number
  /** How often a process that died is started again. Default 3 in all. */
  readonly restarts?: number
  readonly signal?: AbortSignal
  /** Threads a worker may use: passed to it as OMP_NUM_THREADS. */
  readonly threads?: number
  readonly onTrial?: (study: Study) => void
}

/**
 * Runs a search on worker processes. A worker that dies costs its trial, which is recorded as failed and tried again by
 * another; the study itself is in the journal and survives everything.
 *
 * @throws SearchError `SEARCH_WORKER` when the module cannot be loaded or workers keep dying
 */
export async function runWorkers(options: WorkerOptions): Promise<Study> {
  const file = path.resolve(options.module)
  if (!existsSync(file)) {
    throw new SearchError('SEARCH_WORKER', 'There is no such module', { got: file, fix: 'write the objective to a file and name it' })
  }
  const module = await import(file) as { study?: object; default?: { study?: object } }
  const studyOptions = { ...(module.study ?? module.default?.study), storage: journalStorage(options.journal) }
  const study = await createStudy({ ...studyOptions, seed: options.seed ?? 0 })
  let restarts = options.restarts ?? 3
  let stopped = false
  let made = 0
  const children = new Set<ChildProcess>()
  const stop = (): void => {
    stopped = true
    for (const child of children) child.kill('SIGTERM')
  }
  const host = notebookHost()?.signal
  for (const signal of [options.signal, host]) signal?.addEventListener('abort', stop, { once: true })

  const lane = async (): Promise<void> => {
    for (;;) {
      const worker = `${process.pid}-${++made}-${Date.now()}`
      const failure = await runOne(file, { ...options, worker }, children, () => {
        void study.refresh().then(() => options.onTrial?.(study))
      })
      if (failure === undefined || stopped) {
        await study.abandon(worker, 'interrupted')
        return
      }
      const left = await study.abandon(worker, failure)
      if (left > 0 && restarts-- > 0) continue
      throw new SearchError('SEARCH_WORKER', 'A worker process died', {
        got: failure, where: file, fix: 'call the objective in this process first: (await createStudy()).optimize(objective, { trials: 1 })',
      })
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.max(1, options.workers ?? 2) }, lane))
  } finally {
    stop()
    for (const signal of [options.signal, host]) signal?.removeEventListener('abort', stop)
    await study.refresh()
  }
  return study
}

/** Resolves to undefined when the process ended well, else to what it said last. */
function runOne(
  file: string, options: WorkerOptions & { readonly worker: string }, children: Set<ChildProcess>, onTrial: () => void,
): Promise<string | undefined> {
  const child = fork(path.join(__dirname, 'worker-main.js'), [JSON.stringify({
    module: file, journal: path.resolve(options.journal), trials: options.trials, seed: options.seed ?? 0, worker: options.worker,
  })], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...(options.threads === undefined ? {} : { OMP_NUM_THREADS: String(options.threads) }) },
  })
  children.add(child)
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2000)))
  child.on('message', onTrial)
  return new Promise((resolve) => {
    child.on('error', (error) => {
      children.delete(child)
      resolve(error.message)
    })
    child.on('exit', (code, signal) => {
      children.delete(child)
      resolve(code === 0 ? undefined : words.trim() || `it ended with ${signal ?? `exit code ${code ?? '?'}`}`)
    })
  })
}
