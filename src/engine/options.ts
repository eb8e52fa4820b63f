// What can be set on the engine, with the reasons for the defaults.
import { defaultThreads } from '../runtime'
import type { ProviderChoice } from '../runtime'

/** Settings of the engine. */
export interface EngineOptions {
  /** What runs the graphs. */
  providers: readonly ProviderChoice[]
  /** Threads of a graph that is worth several. */
  threads: number
  /** A graph under this many floating-point operations runs on one thread: waking a second costs more than it saves. */
  parallelFlops: number
  /** Whether a graph that runs often is tried with one thread too, and keeps what is faster. Results can differ in the last bit. */
  measureThreads: boolean
  /** What idle threads of a graph with several do; see the runtime's `SessionOptions`. */
  spinning: 'off' | 'run' | 'on'
  /** Whether convolutions on the CPU use ONNX Runtime's blocked layout where the processor has one. */
  blocked: boolean
  /** Sessions kept. Each holds some 1 to 2 MB besides its graph. */
  maxSessions: number
  /** Estimated bytes of all kept sessions. */
  maxSessionBytes: number
  /** Recorded calls after which the end of the largest outermost `tidy` computes what is pending. */
  flushCalls: number
  /** Recorded calls after which pending work is computed wherever the program is. */
  maxCalls: number
  /** When false, a kernel without an ONNX form throws instead of running on the CPU. */
  fallback: boolean
  /** Whether `fit`, `fitDataset` and `trainOnBatch` compile a step that repeats. */
  replay: boolean
  /** Milliseconds that a step has taken call by call, all together, before it is compiled: about what compiling costs. */
  replayAfterMs: number
}

/** The settings at the start. */
export function defaultOptions(): EngineOptions {
  return {
    providers: ['cpu'], threads: defaultThreads(), parallelFlops: 4e6, measureThreads: true, spinning: 'run', blocked: true,
    maxSessions: 256, maxSessionBytes: 2 * 2 ** 30, flushCalls: 600, maxCalls: 4000, fallback: true,
    replay: true, replayAfterMs: 200,
  }
}
