// Entry of the kernel's worker process: it runs the cells. The front (main.ts) starts it, asks by descriptor 4 and hears
// by descriptors 1 to 3; see protocol.ts. It ends when the front is gone.
import net from 'node:net'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { CellRunner } from './cell-runner'
import { Channel, replaceStandardStreams } from './channel'
import { describeError } from './error-reply'
import { renderValue } from './execute-result'
import { Host } from './host'
import { Interrupted, InterruptWatch, STATE, newState } from './interrupt'
import { guardProcess } from './process-guard'
import { FD, type ExecuteRequest, type Request } from './protocol'
import { tslabFolder } from './seams'
import { CellFrames, internalFolders } from './stack-trace'
import { abandonTimers, guardTimers } from './timer-guard'
import { mendTypeScript } from './typescript'

const channel = new Channel(process.env['WHETSTONE_KERNEL_NONCE'] ?? '')
delete process.env['WHETSTONE_KERNEL_NONCE']
/** The worker's own, which no interrupt stops. */
const nextTurn = promisify(setImmediate)
const inspectValue = (value: unknown): string => {
  try {
    return inspect(value)
  } catch (error) {
    return `[a value that cannot be shown: ${String(error)}]`
  }
}

let running: { readonly id: number; readonly watch: InterruptWatch } | undefined

const requests = new net.Socket({ fd: FD.requests, readable: true, writable: false })
replaceStandardStreams(channel)
const state = newState()

const frames = new CellFrames(internalFolders(__dirname, tslabFolder()))
const typescript = mendTypeScript(path.join(__dirname, '..', '..', '.whetstone', 'cache', 'kernel'))
const host = new Host(channel)
const leave = guardProcess((kind, thrown) =>
  channel.send({ type: 'stderr', text: `${kind} ${describeError(thrown, inspectValue)}\n` }))
const runner = new CellRunner(typescript, state, frames, inspectValue)
frames.install()
guardTimers(() => Atomics.load(state, STATE.execution))

Object.defineProperty(globalThis, Symbol.for('whetstone.kernel'), { value: host, configurable: true })
Object.defineProperty(globalThis, 'input', {
  value: host.input.bind(host), configurable: true, writable: true, enumerable: false,
})
runner.tslab.jupyter.lastWriteDisplayData = (content, update) =>
  host.show({ data: content.data, metadata: content.metadata }, content.transient?.display_id, update ?? false)


async function execute(request: ExecuteRequest): Promise<void> {
  const watch = new InterruptWatch(state, () => {
    abandonTimers(request.id)
    runner.giveUp()
  })
  running = { id: request.id, watch }
  Atomics.store(state, STATE.polls, 0)
  Atomics.store(state, STATE.execution, request.id)
  host.enter({ signal: watch.signal, allowStdin: request.allowStdin, cell: request.cellId })
  const outcome = await runner.run(request.code, request.count)
  const { value } = outcome
  const render = (shown: unknown): ReturnType<typeof renderValue> =>
    renderValue(shown, host.renderers, inspectValue, (error) => describeError(error, inspectValue))
  const result = value && !request.silent ? await render(value.value) : undefined
  const userExpressions: Record<string, unknown> = {}
  if (!outcome.error) {
    for (const [name, code] of Object.entries(request.userExpressions)) {
      const one = await runner.run(code, request.count)
      userExpressions[name] = one.error ? { status: 'error', ...one.error } : { status: 'ok', ...await render(one.value?.value) }
    }
  }
  // A turn of the loop, so that rejections nobody handles still belong to this cell.
  await nextTurn()
  Atomics.store(state, STATE.execution, 0)
  watch.close()
  running = undefined
  const error = watch.interrupted && outcome.thrown && isStop(outcome.thrown.value)
    ? runner.describe(interruptedBy(outcome.thrown.value)) : outcome.error
  channel.send({
    type: 'done', id: request.id, userExpressions,
    ...(error ? { error } : {}), ...(result && !error ? { result } : {}),
  })
}

/** Whether a thrown value is the stop of an interrupt: ours, Node's, the executor's or the library's. */
function isStop(thrown: unknown): boolean {
  if (thrown instanceof Interrupted) return true
  if (typeof thrown !== 'object' || thrown === null) return false
  const { code, name, message, signal } = thrown as Record<string, unknown>
  return code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' || code === 'INTERRUPTED' || name === 'AbortError'
    // A child process that was waited for got the signal first.
    || signal === 'SIGINT' || message === 'Interrupted asynchronously'
}

function interruptedBy(thrown: unknown): Error {
  if (thrown instanceof Interrupted) return thrown
  const interrupted = new Interrupted()
  const { code, stack } = thrown as { code?: unknown; stack?: string }
  // The library's own stop says where it stopped; the others only name the machinery.
  interrupted.stack = code === 'INTERRUPTED' && stack !== undefined ? stack : `${interrupted.name}: ${interrupted.message}`
  return interrupted
}

function answer(id: number, content: Record<string, unknown>): void {
  channel.send({ type: 'answer', id, content })
}

function handle(request: Request): void {
  switch (request.type) {
    case 'execute':
      void execute(request)
      return
    case 'complete': {
      const info = runner.ask((executor) => executor.complete(request.code, request.cursor))
      answer(request.id, { start: info.start, end: info.end, matches: info.candidates })
      return
    }
    case 'inspect': {
      const info = runner.ask((executor) => executor.inspect(request.code, request.cursor)) as
        ReturnType<typeof runner.ask<Parameters<typeof runner.tslab.inspect.printQuickInfo>[0]>> | undefined
      answer(request.id, info ? { text: runner.tslab.inspect.printQuickInfo(info) } : {})
      return
    }
    case 'isComplete':
      answer(request.id, { ...runner.tslab.converter.isCompleteCode(request.code) })
      return
    case 'input':
      host.answer(request.id, request.value)
      return
    case 'exit':
      leave(0)
  }
}

let rest: Buffer[] = []
requests.on('data', (chunk: Buffer) => {
  for (let start = 0; start < chunk.length;) {
    const end = chunk.indexOf(10, start)
    if (end < 0) {
      rest.push(chunk.subarray(start))
      return
    }
    const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8')
    rest = []
    start = end + 1
    const request = JSON.parse(line) as Request
    try {
      handle(request)
    } catch (error) {
      // The compiler failed on half-written code: no answer is better than a dead kernel.
      if ('id' in request) answer(request.id, {})
      channel.send({ type: 'stderr', text: `The kernel could not answer a ${request.type} request: ${String(error)}\n` })
    }
  }
})
const end = (): void => { leave(0) }
requests.on('end', end)
requests.on('error', end)

channel.send({ type: 'ready' })
// Not earlier: it would take time from the start, and an interrupt that comes before waits in its descriptor.
const thread = new Worker(path.join(__dirname, 'control-thread.js'), { workerData: { state }, stdin: false, env: {} })
thread.on('message', (id: number) => {
  if (running?.id === id) running.watch.acknowledge()
})
thread.unref()
// After the first cell has warmed it, or soon: the compiled form of the compiler for the next start.
setTimeout(() => typescript.saveCache(), 3_000).unref()
