// A pool of workers that run one model, so that inference does not block the event loop: ONNX Runtime's Node package runs on
// the thread that calls it. Results are moved, not copied; inputs are moved when the caller gives them away.
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { RuntimeError } from './errors'
import { Session, defaultThreads } from './session'
import type { SessionOptions, Tensors, ValueInfo } from './session'
import type { RuntimeTensor } from './tensor'

/** How a pool works. */
export interface PoolOptions extends Omit<SessionOptions, 'profilePrefix' | 'optimizedModelPath'> {
  /** Number of workers, each with its own copy of the weights; default 2. */
  readonly workers?: number
}

export interface PoolRunOptions {
  readonly outputs?: readonly string[]
  /** Give the inputs' memory away instead of copying it: their arrays are empty afterwards. */
  readonly transfer?: boolean
}

/**
 * What a worker does. As text, because a worker needs a file that Node can load, and this library runs compiled as well as
 * from its sources. ONNX Runtime reads no shared memory, so what is shared is copied there, off the event loop. It uses onnxruntime-node's public interface, whose blocking call blocks only the worker.
 */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const { InferenceSession, Tensor, env } = require(workerData.library)
env.logLevel = 'fatal'
const own = (data) => (data.buffer instanceof SharedArrayBuffer ? data.slice() : data)
const ready = InferenceSession.create(own(workerData.model), workerData.options)
ready.then(() => parentPort.postMessage({ ready: true }), (error) => parentPort.postMessage({ failed: error.message }))
parentPort.on('message', async ({ id, inputs, outputs }) => {
  try {
    const session = await ready
    const feeds = {}
    for (const [name, t] of Object.entries(inputs)) feeds[name] = new Tensor(t.dtype, own(t.data), t.shape)
    const results = await session.run(feeds, outputs)
    const sent = {}, moved = []
    for (const [name, t] of Object.entries(results)) {
      sent[name] = { dtype: t.type, shape: t.dims, data: t.data }
      if (ArrayBuffer.isView(t.data) && !moved.includes(t.data.buffer)) moved.push(t.data.buffer)
    }
    parentPort.postMessage({ id, results: sent }, moved)
  } catch (error) {
    parentPort.postMessage({ id, error: error.message })
  }
})
`

interface Reply {
  readonly id?: number
  readonly results?: Record<string, RuntimeTensor>
  readonly error?: string
  readonly ready?: boolean
  readonly failed?: string
}

interface Job {
  readonly inputs: Tensors
  readonly options: PoolRunOptions
  resolve(results: Record<string, RuntimeTensor>): void
  reject(error: Error): void
}

/** Runs a model on worker threads; the first free worker takes the next job, in the order of the calls. */
export class SessionPool {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly #idle: Worker[] = []
  readonly #workers: Worker[]
  readonly #running = new Map<Worker, Job>()
  readonly #waiting: Job[] = []
  #closed: Error | undefined

  private constructor(workers: Worker[], inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]) {
    this.#workers = workers
    this.inputs = inputs
    this.outputs = outputs
    for (const worker of workers) {
      this.#idle.push(worker)
      worker.on('message', (reply: Reply) => { this.#finish(worker, reply) })
      worker.on('error', (cause: unknown) => { this.#lose(worker, cause) })
      worker.unref()
    }
  }

  /**
   * Starts the workers and loads the model in each.
   *
   * @throws RuntimeError as `Session.create` does
   */
  static async create(model: Uint8Array, options: PoolOptions = {}): Promise<SessionPool> {
    const { workers: count = 2, ...own } = options
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new RuntimeError('RUNTIME_INPUT', 'A pool needs workers', { expected: 'a whole number from 1 up', got: String(count) })
    }
    const threads = own.threads ?? Math.max(1, Math.floor(defaultThreads() / count))
    // Loaded here first: a model that does not load gives its typed error once, and the declared inputs and outputs.
    const probe = Session.create(model, { ...own, threads, optimization: 'disabled' })
    const { inputs, outputs } = probe
    probe.dispose()
    const shared = new Uint8Array(new SharedArrayBuffer(model.byteLength))
    shared.set(model)
    const workerData = {
      library: createRequire(__filename).resolve('onnxruntime-node'), model: shared, options: {
        executionProviders: own.providers ?? ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 4,
        graphOptimizationLevel: own.optimization ?? 'all',
        extra: { session: { intra_op: { allow_spinning: own.spinning === 'on' ? '1' : '0' } } },
      },
    }
    const started = await Promise.all(Array.from({ length: count }, () => start(workerData)))
    return new SessionPool(started, inputs, outputs)
  }

  /** Jobs that wait for a worker. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs the model on the next free worker. Arrays over a SharedArrayBuffer are not copied on this thread. */
  run(inputs: Tensors, options: PoolRunOptions = {}): Promise<Record<string, RuntimeTensor>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closed)
        return
      }
      this.#waiting.push({ inputs, options, resolve, reject })
      this.#dispatch()
    })
  }

  /** Stops the workers; jobs that have not finished are rejected. */
  async dispose(): Promise<void> {
    this.#close(new RuntimeError('RUNTIME_DISPOSED', 'The pool was disposed of', { fix: 'create it again with SessionPool.create' }))
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop()
      const job = worker && this.#waiting.shift()
      if (!worker || !job) return
      this.#running.set(worker, job)
      worker.ref()
      const moved = job.options.transfer ? Object.values(job.inputs).flatMap((t) =>
        ArrayBuffer.isView(t.data) && t.data.buffer instanceof ArrayBuffer ? [t.data.buffer] : []) : []
      worker.postMessage({ id: 0, inputs: job.inputs, outputs: job.options.outputs }, [...new Set(moved)])
    }
  }

  #finish(worker: Worker, reply: Reply): void {
    const job = this.#running.get(worker)
    if (!job) return
    this.#running.delete(worker)
    worker.unref()
    this.#idle.push(worker)
    if (reply.results) job.resolve(reply.results)
    else job.reject(new RuntimeError('RUNTIME_RUN', 'The run failed in a worker', { got: reply.error ?? '' }))
    this.#dispatch()
  }

  #lose(worker: Worker, cause: unknown): void {
    this.#running.get(worker)?.reject(new RuntimeError('RUNTIME_WORKER', 'A worker of the pool stopped', { cause }))
    this.#running.delete(worker)
    this.#close(new RuntimeError('RUNTIME_WORKER', 'A worker of the pool stopped', { cause, fix: 'create the pool again' }))
  }

  #close(error: Error): void {
    this.#closed = error
    for (const job of [...this.#running.values(), ...this.#waiting]) job.reject(error)
    this.#running.clear()
    this.#waiting.length = 0
  }
}

async function start(workerData: unknown): Promise<Worker> {
  const worker = new Worker(WORKER, { eval: true, workerData })
  const reply = await new Promise<Reply>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  if (reply.failed !== undefined) {
    await worker.terminate()
    throw new RuntimeError('RUNTIME_MODEL', 'ONNX Runtime does not accept the model in a worker', { got: reply.failed })
  }
  return worker
}
