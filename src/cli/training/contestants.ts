// Contestants of the training benchmark: processes that answer a number of steps with the time of one step.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { WhetstoneError } from '../../core'
import type { Contestant } from '../../benchmarks'
import { projectPython } from '../root'

interface Answer {
  readonly ms?: number
  readonly error?: string
}

/** A process that speaks the protocol of worker.ts. */
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

/** Our engine, a backend of TensorFlow.js, or jax-js. */
export function node(name: string, kind: 'onnx' | 'compiled' | 'batch' | 'cpu' | 'wasm' | 'jax', model: string, threads: number, steps: number, missing?: string): Contestant {
  return contestant(name, steps, process.execPath, [path.join(__dirname, 'worker.js'), kind, model, String(threads)], missing)
}

/** The Python that has PyTorch: `WHETSTONE_PYTHON`, or the project's own. */
export function torchPython(): string | undefined {
  const candidates = [process.env.WHETSTONE_PYTHON, projectPython].filter((p) => p !== undefined && existsSync(p))
  return candidates.find((python) => spawnSync(python ?? '', ['-c', 'import torch'], { stdio: 'ignore' }).status === 0)
}
