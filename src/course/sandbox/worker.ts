// The untrusted side: runs the learner's code and answers calls. It knows nothing that is worth stealing: the code, the
// inputs of the calls so far, and the pipes to the grader, which believes none of it.
import { readSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import { liveHost, type Outcome } from '../subject'
import { frame, FrameReader } from './frames'
import { REPLY_DESCRIPTOR, type Request } from './protocol'

/** Longer than any limit of the grader, which ends the call by ending the process. */
const FOREVER_MS = 2 ** 31 - 1

type LoadRequest = Extract<Request, { kind: 'load' }>

/**
 * Loads native code that the exercise may use, then shuts the only door that native code comes through: an addon that the
 * learner's code brought along would run outside the permission model.
 */
function loadNative({ file, library, native }: LoadRequest): void {
  const nodeRequire = createRequire(file)
  if (native.length > 0) (nodeRequire(path.join(path.dirname(library), 'runtime', 'binding.js')) as { native(): unknown }).native()
  for (const specifier of native) nodeRequire(specifier === 'whetstone' ? library : specifier)
  const refuse = (): never => { throw new Error('native addons do not load here') }
  Object.defineProperty(process, 'dlopen', { value: refuse, writable: false, configurable: false })
}

function load(request: LoadRequest): Record<string, unknown> {
  const { code, file, library } = request
  loadNative(request)
  const module = { exports: {} as Record<string, unknown> }
  const nodeRequire = createRequire(file)
  const require = (specifier: string): unknown => nodeRequire(specifier === 'whetstone' ? library : specifier) as unknown
  const run = vm.compileFunction(code, ['exports', 'require', 'module'], { filename: 'your code' }) as (...scope: unknown[]) => void
  run(module.exports, require, module)
  return { ...module.exports }
}

function send(id: number, outcome: Outcome): void {
  const bytes = frame({ id, ...outcome })
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(REPLY_DESCRIPTOR, bytes, sent)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

async function answer(request: Request, functions: Record<string, unknown>): Promise<Outcome> {
  if (request.kind === 'end') return { ok: true, value: null }
  if (request.kind === 'call') return liveHost(functions, FOREVER_MS).call(request.name, request.args)
  try {
    Object.assign(functions, load(request))
    return { ok: true, value: null }
  } catch (thrown) {
    const { name, message } = thrown instanceof Error ? thrown : { name: 'Error', message: String(thrown) }
    return { ok: false, reason: 'threw', error: { name, message } }
  }
}

/** The next chunk of requests; blocks, so nothing of the learner's runs between two calls. */
function read(): Buffer {
  const buffer = Buffer.allocUnsafe(1 << 16)
  for (;;) {
    try {
      return buffer.subarray(0, readSync(0, buffer))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

async function main(): Promise<void> {
  const functions: Record<string, unknown> = {}
  const frames = new FrameReader(Number.MAX_SAFE_INTEGER)
  for (;;) {
    const chunk = read()
    if (chunk.length === 0) return
    for (const request of frames.push(chunk) as Request[]) send(request.id, await answer(request, functions))
  }
}

void main()
