// What a person sees of the engine: start it, choose what it runs on, look at what it does.
import * as tf from '@tensorflow/tfjs'
import { displaySymbol } from '../core'
import type { MimeBundle } from '../core'
import { providers } from '../runtime'
import type { Provider, ProviderChoice } from '../runtime'
import type { OnnxBackend } from './backend'
import { EngineError } from './errors'
import { silenceAdvice } from './fallback'
import type { ExecutorCounts } from './executor'
import type { EngineOptions } from './options'
import { BACKEND, backend, register } from './register'
import { dropReplays, installReplay, replays } from './replay'

/** What `use` takes: any setting of the engine, a provider by name, or TensorFlow's own native backend. */
export interface UseOptions extends Partial<Omit<EngineOptions, 'providers'>> {
  readonly provider?: ProviderChoice
  /** `tfjs-node-gpu`: TensorFlow's C library instead of ONNX Runtime, where that package loads. */
  readonly backend?: 'onnx' | 'tfjs-node-gpu'
}

/** What the engine runs on and what it has done. */
export interface EngineStatus {
  /** TensorFlow.js's backend: `onnx`, or another one when that was set. */
  readonly backend: string
  readonly provider: Provider
  readonly threads: number
  /** Kernel calls recorded and not yet computed. */
  readonly pendingCalls: number
  readonly sessions: number
  /** Training steps of models that are compiled as a whole. */
  readonly replays: number
  /** Estimated memory of the sessions. */
  readonly sessionBytes: number
  readonly counts: Readonly<ExecutorCounts>
  /** Kernel calls that ran on TensorFlow.js's CPU kernels, by kernel. */
  readonly fallbacks: Readonly<Record<string, number>>
  [displaySymbol](): MimeBundle
}

/**
 * Makes `onnx` the backend of TensorFlow.js, in this process and for the `@tensorflow/tfjs` that the program imports.
 *
 * @example
 * import * as tf from '@tensorflow/tfjs'
 * import { engine } from 'whetstone'
 * await engine.start()
 */
export async function start(options: UseOptions = {}): Promise<void> {
  register()
  installReplay()
  silenceAdvice()
  await tf.setBackend(BACKEND)
  await tf.ready()
  await use(options)
}

/**
 * Changes settings while the program runs. Cached sessions are dropped when what runs them changes.
 *
 * @throws EngineError `ENGINE_PROVIDER` when a session cannot be made with the provider here: the choice never falls back
 * silently
 */
export async function use(options: UseOptions): Promise<void> {
  const { provider, backend: library, ...settings } = options
  if (library === 'tfjs-node-gpu') {
    await useNative()
    return
  }
  register()
  if (library === 'onnx' && tf.getBackend() !== BACKEND) await tf.setBackend(BACKEND)
  const own = backend()
  if (provider !== undefined) {
    const name = typeof provider === 'string' ? provider : provider.name
    const status = providers().find((p) => p.name === name)
    if (!status?.works) {
      throw new EngineError('ENGINE_PROVIDER', `The provider ${name} does not work here`, {
        expected: providers().filter((p) => p.works).map((p) => p.name).join(', '),
        got: status?.reason ?? 'it is unknown',
        fix: 'run npm run doctor to see what it would need',
      })
    }
  }
  own.flush()
  checkSettings(settings)
  Object.assign(own.options, settings)
  if (provider !== undefined) own.options.providers = [provider]
  if (provider !== undefined || 'threads' in settings || 'spinning' in settings || 'parallelFlops' in settings || 'blocked' in settings) own.executor.clear()
}

/** What the engine runs on, what it holds and what it has done. */
export function status(): EngineStatus {
  register()
  const own: OnnxBackend = backend()
  const [choice] = own.options.providers
  const result = {
    backend: tf.getBackend(),
    provider: choice === undefined ? 'cpu' as const : typeof choice === 'string' ? choice : choice.name,
    threads: own.options.threads,
    pendingCalls: own.recorded,
    sessions: own.executor.sessions,
    replays: replays(),
    sessionBytes: own.executor.bytes,
    counts: { ...own.executor.counts },
    fallbacks: Object.fromEntries(own.fallbacks),
  }
  return { ...result, [displaySymbol]: () => ({ 'text/plain': describe(result) }) }
}

/** Computes everything that is recorded, now. */
export function flush(): void {
  backend().flush()
}

/** Drops the cached sessions and their memory; they are made again when they are needed. */
export function clearCache(): void {
  backend().executor.clear()
  dropReplays()
}

function describe(s: Omit<EngineStatus, typeof displaySymbol>): string {
  const cpu = Object.entries(s.fallbacks).map(([kernel, count]) => `${kernel} ${count}`).join(', ')
  return [
    `backend ${s.backend}, provider ${s.provider}, ${s.threads} threads`,
    `${s.counts.runs} runs, ${s.sessions} sessions kept (about ${(s.sessionBytes / 2 ** 20).toFixed(1)} MB), `
      + `${s.counts.compilations} made, ${s.counts.evictions} dropped, ${s.pendingCalls} calls pending`,
    `${s.replays} training steps compiled whole`,
    `time: ${s.counts.compileMs.toFixed(0)} ms making sessions, ${s.counts.runMs.toFixed(0)} ms running`,
    cpu === '' ? 'no kernel fell back to the CPU' : `fell back to the CPU: ${cpu}`,
  ].join('\n')
}

function checkSettings(settings: Partial<EngineOptions>): void {
  for (const key of ['threads', 'maxSessions', 'maxSessionBytes', 'flushCalls', 'maxCalls'] as const) {
    const value = settings[key]
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      throw new EngineError('ENGINE_ARGUMENT', `The setting ${key} does not fit`, { expected: 'a whole number from 1 up', got: String(value) })
    }
  }
}

async function useNative(): Promise<void> {
  try {
    await import('@tensorflow/tfjs-node-gpu')
  } catch (cause) {
    throw new EngineError('ENGINE_PROVIDER', '@tensorflow/tfjs-node-gpu does not load here', {
      got: cause instanceof Error ? cause.message.split('\n')[0] ?? '' : String(cause),
      fix: "it needs CUDA 11 and its own download; engine.use({ backend: 'onnx' }) works everywhere", cause,
    })
  }
  await tf.setBackend('tensorflow')
  await tf.ready()
}
