// A bench suite in a process of its own: what it measured so far is here at every moment, also when the suite is stopped in the
// middle of a native call, throws, or takes its process down.
import { fork } from 'node:child_process'
import path from 'node:path'
import { messageOf, WhetstoneError } from '../core'
import type { BenchSuite, Row, SuiteResult, Target } from '../benchmarks'

/** What the process is to do. */
export interface SuiteJob {
  /** The module that exports `suite`. */
  readonly file: string
  readonly root: string
  readonly quick: boolean
  readonly args: readonly string[]
}

/** A result, and the exit code that a shell expects of it: 0, 1 after a failure, 128 + the number of the signal. */
export interface SuiteOutcome {
  readonly result: SuiteResult
  readonly exitCode: number
}

/** From the suite's process: everything so far; at its end `done`, or the text of what it failed with. */
interface Message {
  readonly rows: readonly Row[]
  readonly targets: readonly Target[]
  readonly done?: true
  readonly failed?: string
}

/** Milliseconds that the processes of a suite have to end by themselves. */
const PATIENCE = 3000
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** The suite that a file exports. */
export function loadSuite(file: string): BenchSuite {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- suites are found by scanning
  const { suite } = require(file) as { suite?: BenchSuite }
  if (typeof suite?.run !== 'function') throw new WhetstoneError('BENCH_SUITE', 'The file holds no suite', { where: file, expected: 'exports.suite = { name, description, run(context) }' })
  return suite
}

/**
 * Runs a suite in a process, and ends it at SIGINT or SIGTERM, with the processes that it started.
 *
 * @param onPart called with everything so far whenever something was added
 */
export function runSuite(job: SuiteJob, onPart: (part: SuiteResult) => void = () => undefined): Promise<SuiteOutcome> {
  // A group of its own: a stop reaches the processes that the suite started, and the keyboard reaches only this process.
  const grouped = process.platform !== 'win32'
  const child = fork(__filename, [JSON.stringify(job)], { detached: grouped, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return new Promise((resolve) => {
    let last: Message = { rows: [], targets: [] }
    let signal: keyof typeof SIGNALS | undefined
    const stop = (received: NodeJS.Signals): void => {
      signal = received as keyof typeof SIGNALS
      end('SIGTERM')
      setTimeout(() => { end('SIGKILL') }, PATIENCE).unref()
    }
    const end = (by: NodeJS.Signals): void => {
      try {
        if (grouped && child.pid !== undefined) process.kill(-child.pid, by)
        else child.kill(by)
      } catch {
        // It has ended in this moment.
      }
    }
    for (const name of Object.keys(SIGNALS)) process.on(name, stop)
    child.on('message', (message: Message) => {
      last = message
      if (message.done === undefined && message.failed === undefined && message.rows.length > 0) onPart({ rows: message.rows, targets: message.targets })
    })
    // After `exit` messages may still be on their way; `close` comes after them.
    child.on('close', (code, by) => {
      for (const name of Object.keys(SIGNALS)) process.removeListener(name, stop)
      const { rows, targets, done, failed } = last
      const stopped = done !== undefined ? undefined : failed ?? (signal === undefined ? `the suite's process ended ${by === null ? `with code ${code ?? '?'}` : `by ${by}`}` : `interrupted by ${signal}`)
      resolve({ result: { rows, targets, ...(stopped === undefined ? {} : { stopped }) }, exitCode: stopped === undefined ? 0 : signal === undefined ? 1 : SIGNALS[signal] })
    })
  })
}

async function work({ file, root, quick, args }: SuiteJob): Promise<void> {
  const rows: Row[] = [], named = new Map<string, Target>()
  const send = (end: Pick<Message, 'done' | 'failed'> = {}): void => { process.send?.({ rows, targets: [...named.values()], ...end } satisfies Message) }
  const note = (line: string): void => { process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`) }
  try {
    const suite = loadSuite(file)
    const add = (more: readonly Row[], targets: readonly Target[] = []): void => {
      rows.push(...more)
      for (const target of [...targets, ...suite.targets?.(rows) ?? []]) named.set(target.name, target)
      send()
    }
    await suite.run({ root, quick, args, note, add })
    // What is promised and was not measured is said too.
    if (rows.length === 0) add([])
    send({ done: true })
  } catch (error) {
    send({ failed: error instanceof WhetstoneError ? error.message : error instanceof Error ? error.stack ?? error.message : messageOf(error) })
  }
}

if (require.main === module) {
  // Whoever asked is gone.
  process.on('disconnect', () => process.exit(1))
  const job = JSON.parse(process.argv[2] ?? '{}') as SuiteJob
  void work({ ...job, file: path.resolve(job.file) }).then(() => { process.disconnect() })
}
