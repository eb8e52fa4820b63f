// `compile`: a function of tensors traced once for each shape of its inputs, then run as one graph. Variables stay
// variables: they go in with their current values, and what the function assigns comes out and is assigned.
import * as tf from '@tensorflow/tfjs'
import { throwIfInterrupted } from '../core'
import type { NativeTensor } from '../runtime'
import { blockOf } from './blocked'
import { Builder } from './builder'
import { EngineError } from './errors'
import { build } from './executor'
import type { Compiled } from './executor'
import { backend, register } from './register'
import { Lazy } from './record'
import type { EngineData } from './record'
import { arrange, computeConstants, reads, trace } from './trace'
import type { Trace, TraceResult } from './trace'
import { sameConstants } from './generalize'
import { writeGraph } from './write'

/** A compiled function; `dispose` frees its sessions. */
export interface CompiledFunction<R extends TraceResult> {
  (...inputs: tf.Tensor[]): R
  /** Shapes it has been compiled for. */
  readonly signatures: number
  dispose(): void
}

interface Ready {
  readonly compiled: Compiled
  readonly form: Trace['form']
  readonly names: readonly string[]
  /** Variables that are fed, after the inputs, in order. */
  readonly read: readonly tf.Variable[]
  /** Variables that are assigned, after the results, in order. */
  readonly changed: readonly tf.Variable[]
  /** For each of these, an array to write its next value into. */
  readonly spare: (NativeTensor | undefined)[]
}

/**
 * Compiles `fn`. It may use variables, gradients and optimizers: a whole training step compiles.
 *
 * JavaScript inside `fn` runs only while it is traced: numbers it computes are frozen, and random numbers are refused.
 *
 * @throws EngineError `ENGINE_TRACE` at the first call, when `fn` reads values or is not the same function every time
 * @example
 * const step = engine.compile((x, y) => optimizer.minimize(() => loss(net.apply(x), y), true))
 * for (const [x, y] of batches) console.log((await step(x, y).data())[0])
 */
export function compile<R extends TraceResult>(fn: (...inputs: tf.Tensor[]) => R): CompiledFunction<R> {
  register()
  const known = new Map<string, Ready>()
  const run = (...inputs: tf.Tensor[]): R => {
    throwIfInterrupted()
    const key = inputs.map((t) => `${t.dtype}[${t.shape.join()}]`).join()
    let ready = known.get(key)
    if (!ready) {
      ready = prepare(fn, inputs)
      known.set(key, ready)
    }
    return execute(ready, inputs) as R
  }
  return Object.defineProperty(Object.assign(run, {
    dispose() {
      for (const { compiled } of known.values()) compiled.session.dispose()
      known.clear()
    },
  }), 'signatures', { get: () => known.size }) as CompiledFunction<R>
}

function prepare(fn: (...inputs: tf.Tensor[]) => TraceResult, inputs: readonly tf.Tensor[]): Ready {
  const specs = inputs.map((t, i) => {
    const view = backend().view(t)
    if (!view) throw new EngineError('ENGINE_ARGUMENT', `An input of type ${t.dtype} cannot be traced`, { expected: 'float32, int32 or bool' })
    return { name: `x${i}`, shape: t.shape, dtype: view.value.dtype }
  })
  // Twice: what differs between two traces of the same function is random, or comes from outside.
  const first = write(trace(fn, specs, { variablesAsInputs: true }))
  const second = write(trace(fn, specs, { variablesAsInputs: true }))
  if (!sameConstants(first.b, first.values, second.b, second.values)) {
    throw new EngineError('ENGINE_TRACE', 'The function computes something else each time it is called', {
      expected: 'the same graph with the same constants in two traces',
      got: 'random numbers (dropout, tf.randomNormal), or a counter in JavaScript',
      fix: 'give what changes as an input of the function',
    })
  }
  const { traced, b, values, read } = second
  return {
    compiled: build(b, values, backend().options), form: traced.form, names: traced.outputs.map((o) => o.name), read,
    changed: traced.variables.flatMap((v) => (v.after ? [v.variable] : [])), spare: [],
  }
}

function write(traced: Trace) {
  const b = new Builder('run', blockOf(backend().options))
  const leaves = new Map<Lazy, ReturnType<Builder['input']>>()
  for (const { value } of traced.inputs) leaves.set(value, b.input(value))
  const reached = reads(traced)
  const variables = traced.variables.filter((v) => reached.has(v.before))
  for (const { before } of variables) leaves.set(before, b.input(before))
  const views = [...traced.outputs.map((o) => o.view), ...traced.variables.flatMap((v) => v.after ?? [])]
  computeConstants(views.map((v) => v.value))
  const values = writeGraph(b, views, (_, value) => {
    const leaf = leaves.get(value)
    if (leaf) return leaf
    if (!value.data) throw new EngineError('ENGINE_INTERNAL', 'A constant of the trace was not computed')
    value.seen = true
    return value.uniform === undefined ? b.constant(value.dtype, value.shape, value.data) : b.full(value.shape, value.uniform, value.dtype)
  }, (value) => value.traced)
  return { traced, b, values, read: variables.map((v) => v.variable) }
}

function execute(ready: Ready, inputs: readonly tf.Tensor[]): TraceResult {
  const own = backend()
  const { compiled, spare } = ready
  const feeds: Record<string, NativeTensor> = {}
  const feed = (t: tf.Tensor, i: number): void => { feeds[compiled.inputNames[i] ?? ''] = own.native(t) }
  inputs.forEach(feed)
  ready.read.forEach((variable, i) => { feed(variable, inputs.length + i) })
  const count = ready.names.length
  const values = own.executor.run(compiled, feeds, [...ready.names.map(() => undefined), ...spare]).map((result, i): Lazy => {
    const value = new Lazy(result.dims, result.type as 'float32')
    value.data = result.data as EngineData
    value.native = result
    value.seen = i < count
    return value
  })
  own.executor.counts.runs++
  const tensorOf = (value: Lazy): tf.Tensor => tf.engine().makeTensorFromTensorInfo(own.tensor(value))
  ready.changed.forEach((variable, i) => {
    const value = values[count + i] as Lazy
    const old = own.exchange(variable, value)
    // The next run writes into the array that this one read, if nobody can look at it any more.
    spare[i] = old && !old.seen ? old.native : undefined
    if (old) return
    value.seen = true
    const t = tensorOf(value)
    variable.assign(t)
    t.dispose()
  })
  return arrange(ready.form, ready.names, values.slice(0, count).map(tensorOf))
}
