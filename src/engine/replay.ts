// `fit`, `fitDataset` and `trainOnBatch` repeat one step. Once a step has come often enough to be worth it, it is compiled
// as a whole and run again without TensorFlow.js's code, as long as everything that the code would look at is unchanged.
import * as tf from '@tensorflow/tfjs'
import { WhetstoneError } from '../core'
import { compile } from './compile'
import type { CompiledFunction } from './compile'
import { fingerprint } from './fingerprint'
import { BACKEND, backend } from './register'

/** Inputs, targets, and weights of samples, which may be missing. */
type Data = readonly (tf.Tensor | null)[]
type Step = (data: Data) => tf.Tensor[]

/** The methods of TensorFlow.js's models that are wrapped; the first is not part of their public face. */
interface Wrapped {
  makeTrainFunction: (this: tf.LayersModel) => Step
  compile: (this: tf.LayersModel, args: tf.ModelCompileArgs) => void
  dispose: (this: tf.LayersModel) => ReturnType<tf.LayersModel['dispose']>
}

/** The counter of steps that every optimizer keeps in JavaScript. */
interface Counting {
  iterations_?: number
}

/** A step that was seen: run call by call so far, or compiled, or known not to compile. */
interface Seen {
  steps: number
  ms: number
  compiled?: CompiledFunction<readonly tf.Tensor[]>
  refused?: boolean
}

/** Compiled steps kept for one model: a full batch, a last smaller one, another learning rate. */
const KEPT = 4
/** Steps run call by call before one is compiled: the first makes the optimizer's variables. */
const FIRST = 3

const seenBy = new WeakMap<tf.LayersModel, Map<string, Seen>>()
const live = new Set<CompiledFunction<readonly tf.Tensor[]>>()
const metricsOf = new WeakMap<tf.LayersModel, unknown>()

/** Compiled training steps that are kept. */
export function replays(): number {
  return live.size
}

/** Frees the compiled training steps; they are made again when they are needed. */
export function dropReplays(): void {
  for (const compiled of live) compiled.dispose()
}

let installed = false

/** Puts the fast path in front of the training step of every model. A second call does nothing. */
export function installReplay(): void {
  if (installed) return
  installed = true
  const prototype = tf.LayersModel.prototype as unknown as Wrapped
  const { makeTrainFunction, compile: compileModel, dispose } = prototype
  prototype.makeTrainFunction = function make(this: tf.LayersModel): Step {
    const ordinary = makeTrainFunction.call(this)
    return (data) => step(this, data, ordinary)
  }
  prototype.compile = function compileAnd(this: tf.LayersModel, args): void {
    metricsOf.set(this, args.metrics)
    compileModel.call(this, args)
  }
  prototype.dispose = function disposeAnd(this: tf.LayersModel) {
    // A sequential model trains through a model inside it.
    for (const model of [this, (this as { model?: tf.LayersModel }).model]) {
      if (!model) continue
      for (const seen of seenBy.get(model)?.values() ?? []) forget(seen)
      seenBy.delete(model)
    }
    return dispose.call(this)
  }
}

function step(model: tf.LayersModel, data: Data, ordinary: Step): tf.Tensor[] {
  const seen = find(model, data)
  if (!seen || seen.refused) return ordinary(data)
  const { replayAfterMs } = backend().options
  if (!seen.compiled && (seen.steps < FIRST || seen.ms < replayAfterMs)) {
    const start = performance.now()
    const result = ordinary(data)
    seen.steps++
    seen.ms += performance.now() - start
    return result
  }
  const counting = model.optimizer as unknown as Counting
  const iterations = counting.iterations_ ?? 0
  const first = !seen.compiled
  seen.compiled ??= remember(compile(stepOf(ordinary, data.map((t) => t !== null))))
  try {
    const result = seen.compiled(...data.filter((t) => t !== null))
    counting.iterations_ = iterations + 1
    return [...result]
  } catch (thrown) {
    counting.iterations_ = iterations
    if (!first || !(thrown instanceof WhetstoneError) || thrown.code === 'INTERRUPTED') throw thrown
    // Nothing has been assigned yet: the trace gives every variable its value back.
    forget(seen)
    seen.refused = true
    return ordinary(data)
  }
}

/** The record of this step, or undefined where it cannot be known to repeat. */
function find(model: tf.LayersModel, data: Data): Seen | undefined {
  const { state } = tf.engine()
  if (tf.getBackend() !== BACKEND || !backend().options.replay || state.gradientDepth > 0 || state.profiling) return undefined
  if (!data.every((t) => t === null || t.dtype === 'float32' || t.dtype === 'int32' || t.dtype === 'bool')) return undefined
  const print = fingerprint(model, metricsOf.get(model))
  if (print === undefined) return undefined
  const { threads, spinning, providers } = backend().options
  const key = `${data.map((t) => (t ? `${t.dtype}[${t.shape.join()}]` : '-')).join()}|${threads}${spinning}${JSON.stringify(providers)}|${print}`
  const all = seenBy.get(model) ?? new Map<string, Seen>()
  seenBy.set(model, all)
  const found = all.get(key) ?? { steps: 0, ms: 0 }
  all.delete(key)
  all.set(key, found)
  for (const [old, seen] of all) {
    if (all.size <= KEPT) break
    forget(seen)
    all.delete(old)
  }
  return found
}

/** The step as a function of the tensors alone. */
function stepOf(ordinary: Step, given: readonly boolean[]): (...inputs: tf.Tensor[]) => readonly tf.Tensor[] {
  return (...inputs) => {
    const rest = [...inputs]
    return free(ordinary(given.map((there) => (there ? rest.shift() ?? null : null))))
  }
}

/** The loss and metrics as tensors that a trace frees: TensorFlow.js marks metrics to be kept. */
function free(tensors: readonly tf.Tensor[]): readonly tf.Tensor[] {
  const copies = tensors.map((t) => t.clone())
  for (const t of tensors) if (t.kept) t.dispose()
  return copies
}

function remember(compiled: CompiledFunction<readonly tf.Tensor[]>): CompiledFunction<readonly tf.Tensor[]> {
  live.add(compiled)
  return compiled
}

function forget(seen: Seen): void {
  if (!seen.compiled) return
  seen.compiled.dispose()
  live.delete(seen.compiled)
  delete seen.compiled
}
