// A thread of the worker that listens for interrupts while the main thread is busy, and ends what does not end itself.
// Entry of a worker_threads Worker.
import { Session } from 'node:inspector'
import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { PHASE, STATE, type SharedState } from './interrupt'
import { FD } from './protocol'

const state = (workerData as { state: SharedState }).state
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Milliseconds after which a main thread that has not acknowledged counts as busy. */
const BUSY = 150
/** The same for code that looks at the interrupt signal between its steps. */
const BUSY_POLLING = 3_000

/** What `process.kill(0)` reaches: the worker, which handles SIGINT, and the child processes it started. */
function signalGroup(): void {
  try {
    process.kill(process.platform === 'win32' ? process.pid : -process.pid, 'SIGINT')
  } catch {
    process.kill(process.pid, 'SIGINT')
  }
}

function terminateMain(): Promise<void> {
  const session = new Session()
  session.connectToMainThread()
  return new Promise((resolve) => session.post('Runtime.terminateExecution', () => {
    session.disconnect()
    resolve()
  }))
}

async function interrupt(execution: number): Promise<void> {
  // The cell may not have begun: the worker starts, or has just been sent it.
  for (let tries = 0; Atomics.load(state, STATE.execution) < execution && tries < 200; tries++) await pause(20)
  if (Atomics.load(state, STATE.execution) !== execution) return
  const epoch = Atomics.add(state, STATE.epoch, 1) + 1
  parentPort?.postMessage(execution)
  const settled = (): boolean =>
    Atomics.load(state, STATE.acknowledged) >= epoch || Atomics.load(state, STATE.execution) !== execution
  const wait = async (milliseconds: number): Promise<boolean> => {
    for (let waited = 0; waited < milliseconds && !settled(); waited += 10) await pause(10)
    return settled()
  }
  if (await wait(BUSY)) return
  if (Atomics.load(state, STATE.polls) === 1 && await wait(BUSY_POLLING)) return
  for (let tries = 0; tries < 100; tries++) {
    const phase = Atomics.load(state, STATE.phase)
    if (phase === PHASE.script) {
      Atomics.store(state, STATE.terminated, epoch)
      signalGroup()
    } else if (phase === PHASE.free) {
      Atomics.store(state, STATE.terminated, epoch)
      signalGroup()
      await terminateMain()
    }
    if (await wait(500)) return
  }
}

const socket = new net.Socket({ fd: FD.interrupts, readable: true, writable: false })
let rest = ''
socket.setEncoding('utf8')
socket.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) void interrupt(Number(line))
})
// The front has gone: nobody is left to answer.
socket.on('end', () => process.kill(process.pid, 'SIGKILL'))
socket.on('error', () => process.kill(process.pid, 'SIGKILL'))
