// Others that a benchmark measures beside us: processes that answer a number of steps with the time of one, and the Python
// that has a framework.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { WhetstoneError } from '../core'
import type { Contestant } from '../benchmarks'
import { projectPython } from './root'

interface Answer {
  readonly ms?: number
  readonly error?: string
}

/** A process that prints a line of JSON when it is ready, then one for each number of steps that it reads. */
class Peer {
  #child: ChildProcess | undefined
  #answers: ((answer: Answer) => void)[] = []

  constructor(readonly command: string, readonly args: readonly string[]) {}

  async start(): Promise<void> {
    const child = spawn(this.command, this.args, { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#child = child
    const first = this.#next()
    createInterface({ input: child.stdout }).on('line', (line) => { this.#answers.shift()?.(parse(line)) })
    child.on('exit', () => { for (const answer of this.#answers.splice(0)) answer({ error: 'the process ended' }) })
    const { error } = await first
    if (error !== undefined) throw new WhetstoneError('BENCH_PEER', error)
  }

  /** Milliseconds a step, over `steps` steps. */
  async measure(steps: number): Promise<number> {
    const answer = this.#next()
    this.#child?.stdin?.write(`${steps}\n`)
    const { ms, error } = await answer
    if (ms === undefined) throw new WhetstoneError('BENCH_PEER', error ?? 'no answer')
    return ms
  }

  close(): void {
    this.#child?.kill()
  }

  #next(): Promise<Answer> {
    return new Promise((resolve) => this.#answers.push(resolve))
  }
}

const parse = (line: string): Answer => {
  try {
    return JSON.parse(line) as Answer
  } catch {
    return { error: line }
  }
}

/** A contestant that runs in a process of its own; `missing` says why it cannot. */
export function contestant(name: string, steps: number, command: string, args: readonly string[], missing?: string): Contestant {
  const peer = new Peer(command, args)
  return {
    name, ...(missing === undefined ? {} : { missing }),
    prepare: () => peer.start(), measure: () => peer.measure(steps), close: () => { peer.close() },
  }
}

/** The Python that has these packages: `WHETSTONE_PYTHON`, or the project's own. */
export function pythonWith(...packages: readonly string[]): string | undefined {
  const candidates = [process.env.WHETSTONE_PYTHON, projectPython].filter((p) => p !== undefined && existsSync(p))
  return candidates.find((python) => spawnSync(python ?? '', ['-c', `import ${packages.join(', ')}`], { stdio: 'ignore' }).status === 0)
}
