// A model loaded for running: typed inputs and outputs, errors that say which input is wrong. The engine runs it
// synchronously; everything else uses the asynchronous run, or a pool when the event loop must stay free.
import { availableParallelism } from 'node:os'
import type { InferenceSession } from 'onnxruntime-common'
import { messageOf } from '../core'
import { native } from './binding'
import type { NativeSession, NativeTensor, NativeValueInfo } from './binding'
import { RuntimeError } from './errors'
import { dtypeOfCode } from './tensor'
import type { RuntimeDType, RuntimeTensor, TensorData } from './tensor'

/** What runs the operators: ONNX Runtime's execution providers that its Node package knows. */
export type Provider = 'cpu' | 'webgpu' | 'cuda' | 'tensorrt'

/** An execution provider with its own options, which are passed on by name. */
export type ProviderChoice = Provider | { readonly name: Provider; readonly [option: string]: unknown }

export interface SessionOptions {
  /** Tried in order, node by node; default `['cpu']`. */
  readonly providers?: readonly ProviderChoice[]
  /** Threads for one operator; default: the machine's cores, at most 4. */
  readonly threads?: number
  /**
   * What idle threads do. `off` (default): sleep. `run`: wait busily within a run, sleep between runs. `on`: wait busily
   * always, which starves the process as soon as there are several sessions.
   */
  readonly spinning?: 'off' | 'run' | 'on'
  /** ONNX Runtime's own graph optimizer; default `all`. Turn it off when a pass of ours is verified or timed. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  /** Writes the optimized model to this file. */
  readonly optimizedModelPath?: string
  /** Writes a trace of every operator to a file whose name starts so; ended by `endProfiling`. */
  readonly profilePrefix?: string
  /** Keeps freed memory for the next run (default true). */
  readonly arena?: boolean
  /** Further entries of ONNX Runtime's session configuration, e.g. `{ 'session.set_denormal_as_zero': '1' }`. */
  readonly config?: Readonly<Record<string, string>>
}

/** An input or output as the model declares it. */
export interface ValueInfo {
  readonly name: string
  /** undefined for what is not a tensor of a known type. */
  readonly dtype: RuntimeDType | undefined
  /** Names stand for sizes that may vary. Empty for a scalar, and for a value whose rank the model leaves open. */
  readonly shape: readonly (number | string)[]
}

/** The values of a run, by name. */
export type Tensors = Readonly<Record<string, RuntimeTensor>>

/** Threads for one operator when nothing else is said. */
export function defaultThreads(): number {
  return Math.min(4, availableParallelism())
}

const nest = (config: Readonly<Record<string, string>>): Record<string, unknown> => {
  const root: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config)) {
    const parts = key.split('.')
    let at = root
    for (const part of parts.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>
    at[parts.at(-1) ?? key] = value
  }
  return root
}

function nativeOptions(options: SessionOptions): InferenceSession.SessionOptions {
  const spinning = options.spinning ?? 'off'
  const config: Record<string, string> = {
    'session.intra_op.allow_spinning': spinning === 'off' ? '0' : '1',
    ...(spinning === 'run' ? { 'session.force_spinning_stop': '1' } : {}),
    ...options.config,
  }
  return {
    executionProviders: (options.providers ?? ['cpu']),
    graphOptimizationLevel: options.optimization ?? 'all',
    intraOpNumThreads: options.threads ?? defaultThreads(),
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    enableCpuMemArena: options.arena ?? true,
    extra: nest(config),
    ...(options.optimizedModelPath === undefined ? {} : { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
  }
}

const valueInfo = (info: NativeValueInfo): ValueInfo => ({
  name: info.name,
  dtype: info.isTensor ? dtypeOfCode(info.type) : undefined,
  shape: info.isTensor ? info.shape.map((size, axis) => (size >= 0 ? size : info.symbolicDimensions[axis] || `?${axis}`)) : [],
})

/** A typed array as ONNX Runtime's own tensor; no copy. */
export function toNative(dtype: RuntimeDType, data: TensorData[RuntimeDType], shape: readonly number[]): NativeTensor {
  return new (native().Tensor)(dtype, data, shape)
}

const fromNative = (t: NativeTensor): RuntimeTensor =>
  ({ dtype: t.type as RuntimeDType, shape: t.dims, data: t.data })

/** Name of a first output, of type bfloat16 and without elements, for `Session.runInto`. */
export const KEEPS_OUTPUTS = 'keeps_outputs'
/** What onnxruntime-node says of an output of type bfloat16 (`TensorProto.DataType` 16). */
const NO_ARRAY = 'Tensor type (16) is not supported.'

const failed = (cause: unknown): RuntimeError =>
  new RuntimeError('RUNTIME_RUN', 'The run failed inside ONNX Runtime', { got: messageOf(cause), cause })

/** A loaded model. Dispose of it when done: its memory and threads are not the garbage collector's. */
export class Session {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  #native: NativeSession | undefined

  private constructor(session: NativeSession, readonly options: SessionOptions) {
    this.#native = session
    this.inputs = session.inputMetadata.map(valueInfo)
    this.outputs = session.outputMetadata.map(valueInfo)
  }

  /**
   * Loads a model from its bytes or its file (external data is found beside the file).
   *
   * @throws RuntimeError `RUNTIME_MODEL` when ONNX Runtime does not accept the model, `RUNTIME_PROVIDER` when an
   * execution provider does not work here
   */
  static create(model: Uint8Array | string, options: SessionOptions = {}): Session {
    const session = new (native().InferenceSession)()
    try {
      if (typeof model === 'string') session.loadModel(model, nativeOptions(options))
      else session.loadModel(model.buffer, model.byteOffset, model.byteLength, nativeOptions(options))
    } catch (cause) {
      const wanted = (options.providers ?? ['cpu']).map((p) => (typeof p === 'string' ? p : p.name))
      const message = messageOf(cause)
      if (wanted.some((p) => p !== 'cpu') && /provider|backend|cuda|tensorrt|webgpu|\.so|\.dll/i.test(message)) {
        throw new RuntimeError('RUNTIME_PROVIDER', `The execution provider ${wanted.join(', ')} does not work here`, {
          got: message, fix: "run npm run doctor to see what this machine has, or use the provider 'cpu'", cause,
        })
      }
      throw new RuntimeError('RUNTIME_MODEL', 'ONNX Runtime does not accept the model', {
        got: message, ...(typeof model === 'string' ? { where: model } : {}), cause,
      })
    }
    return new Session(session, options)
  }

  /** Runs the model and blocks until it is done. Outputs: those named, or all. */
  runSync(inputs: Tensors, outputs?: readonly string[]): Record<string, RuntimeTensor> {
    this.#check(inputs, outputs)
    const feeds: Record<string, NativeTensor> = {}
    for (const [name, t] of Object.entries(inputs)) feeds[name] = toNative(t.dtype, t.data, t.shape)
    const fetches: Record<string, null> = {}
    for (const name of outputs ?? this.outputs.map((o) => o.name)) fetches[name] = null
    const results: Record<string, RuntimeTensor> = {}
    for (const [name, t] of Object.entries(this.runNative(feeds, fetches))) results[name] = fromNative(t)
    return results
  }

  /**
   * Runs the model in a later turn of the event loop. The run itself still blocks this thread, as ONNX Runtime's Node
   * package has no other way; for long runs use a `SessionPool`.
   */
  async run(inputs: Tensors, outputs?: readonly string[]): Promise<Record<string, RuntimeTensor>> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.runSync(inputs, outputs)
  }

  /** The run without checks or conversion, for the engine's inner loop. */
  runNative(
    feeds: Record<string, NativeTensor>, fetches: Record<string, NativeTensor | null>,
  ): Record<string, NativeTensor> {
    const session = this.#alive()
    try {
      return session.run(feeds, fetches, {})
    } catch (cause) {
      throw failed(cause)
    }
  }

  /**
   * The run that writes its results into `outputs`, arrays of the right types and shapes.
   *
   * When a run is over, onnxruntime-node copies every output into a new array, also one that was written into an array it
   * was given: 2.4 MB cost 1 to 4 ms with their page faults and garbage. It does so in the order of the model's outputs,
   * and ends with an error at one of a type that JavaScript has no array for. A model whose first output is such a value,
   * named `KEEPS_OUTPUTS`, ends there before anything is copied; any other model runs the same and is copied.
   */
  runInto(feeds: Record<string, NativeTensor>, outputs: Readonly<Record<string, NativeTensor>>): void {
    const session = this.#alive()
    try {
      session.run(feeds, { [KEEPS_OUTPUTS]: null, ...outputs }, {})
    } catch (cause) {
      if (messageOf(cause) !== NO_ARRAY) throw failed(cause)
    }
  }

  /** Ends the trace that `profilePrefix` began and writes its file. */
  endProfiling(): void {
    this.#alive().endProfiling()
  }

  /** Frees the session's memory and threads. A second call does nothing. */
  dispose(): void {
    this.#native?.dispose()
    this.#native = undefined
  }

  #alive(): NativeSession {
    if (!this.#native) {
      throw new RuntimeError('RUNTIME_DISPOSED', 'The session was disposed of', { fix: 'create it again with Session.create' })
    }
    return this.#native
  }

  #check(inputs: Tensors, outputs: readonly string[] | undefined): void {
    const declared = this.inputs.map((i) => i.name)
    for (const name of Object.keys(inputs)) {
      if (!declared.includes(name)) {
        throw new RuntimeError('RUNTIME_INPUT', `The model has no input named "${name}"`, { expected: declared.join(', ') || 'no inputs' })
      }
    }
    for (const input of this.inputs) {
      const given = inputs[input.name]
      const wanted = `${input.dtype ?? 'a value'} [${input.shape.join(', ')}]`
      if (!given) {
        throw new RuntimeError('RUNTIME_INPUT', `The input "${input.name}" is missing`, { expected: wanted })
      }
      // ONNX Runtime reports an open rank as rank 0, so both are left to its own check.
      const fits = input.shape.length === 0 || given.shape.length === input.shape.length
        && input.shape.every((size, axis) => typeof size === 'string' || size === given.shape[axis])
      if (given.dtype !== input.dtype || !fits) {
        throw new RuntimeError('RUNTIME_INPUT', `The input "${input.name}" does not fit`, {
          expected: wanted, got: `${given.dtype} [${given.shape.join(', ')}]`,
        })
      }
    }
    const known = this.outputs.map((o) => o.name)
    const unknown = outputs?.find((name) => !known.includes(name))
    if (unknown !== undefined) {
      throw new RuntimeError('RUNTIME_INPUT', `The model has no output named "${unknown}"`, { expected: known.join(', ') })
    }
  }
}
