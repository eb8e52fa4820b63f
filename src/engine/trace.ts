// Runs a function on tensors without values, to see the graph that it computes. Variables can be traced as inputs too, so
// that a training step becomes a function from weights to weights.
import * as tf from '@tensorflow/tfjs'
import type { Shape } from '../core'
import { EngineError } from './errors'
import { backend } from './register'
import { Lazy } from './record'
import type { EngineDType, View } from './record'
import { inOrder } from './write'

/** What a traced function may return. */
export type TraceResult = tf.Tensor | readonly tf.Tensor[] | Readonly<Record<string, tf.Tensor>>

/** An input of a trace, with its size fixed. */
export interface TraceInput {
  readonly name: string
  readonly shape: Shape
  readonly dtype: EngineDType
}

/** A variable that the function reads or changes. */
export interface TracedVariable {
  readonly name: string
  readonly variable: tf.Variable
  /** Its value at the start: a placeholder when variables are inputs, else the weights. */
  readonly before: Lazy
  /** Its value at the end; undefined when the function does not change it. */
  readonly after: View | undefined
}

/** What a function computes. */
export interface Trace {
  readonly inputs: readonly { readonly name: string; readonly value: Lazy }[]
  readonly outputs: readonly { readonly name: string; readonly view: View }[]
  readonly variables: readonly TracedVariable[]
  /** How the function returned its outputs. */
  readonly form: 'tensor' | 'list' | 'record'
}

interface Held {
  readonly variable: tf.Variable
  readonly kept: tf.Tensor
  readonly before: Lazy
}

/**
 * Traces `fn`. Variables end as they were: what the function assigns is in the trace, not in them.
 *
 * @throws EngineError `ENGINE_TRACE` when the function reads a value or returns something else than tensors
 */
export function trace(
  fn: (...inputs: tf.Tensor[]) => TraceResult, inputs: readonly TraceInput[], options: { readonly variablesAsInputs: boolean },
): Trace {
  const own = backend()
  if (tf.getBackend() !== 'onnx') {
    throw new EngineError('ENGINE_TRACE', 'Tracing needs the backend onnx', { got: tf.getBackend(), fix: 'await engine.start()' })
  }
  own.flush()
  const engine = tf.engine()
  const held = new Map<string, Held>()
  const placeholder = (shape: Shape, dtype: EngineDType): { value: Lazy; tensor: tf.Tensor } => {
    const value = new Lazy([...shape], dtype)
    value.traced = true
    return { value, tensor: engine.makeTensorFromTensorInfo(own.tensor(value)) }
  }
  const hold = (variable: tf.Variable): void => {
    const view = own.view(variable)
    if (!view) return
    // An exported graph may hold this array as its weights.
    view.value.seen = true
    const kept = tf.keep(variable.clone())
    let before = view.value
    if (options.variablesAsInputs) {
      const { value, tensor } = placeholder(variable.shape, view.value.dtype)
      variable.assign(tensor)
      tensor.dispose()
      before = value
    }
    held.set(variable.name, { variable, kept, before })
  }
  const makeVariable = engine.makeVariable.bind(engine)
  engine.startScope('trace')
  try {
    for (const variable of Object.values(engine.registeredVariables)) hold(variable)
    // An optimizer makes its state on the first step: that is held too, and starts from its first value.
    engine.makeVariable = (...parts) => {
      const variable = makeVariable(...parts)
      hold(variable)
      return variable
    }
    const given = inputs.map((input) => placeholder(input.shape, input.dtype))
    const { form, tensors } = collect(fn(...given.map((g) => g.tensor)))
    const outputs = Object.entries(tensors).map(([name, t]) => {
      const view = own.view(t)
      if (!view) throw new EngineError('ENGINE_TRACE', `The output ${name} is ${t.dtype}, which a graph cannot hold here`)
      return { name, view }
    })
    // In one order for every trace: TensorFlow.js lists names that are numbers first, however late they came.
    const order = Object.keys(engine.registeredVariables)
    const variables = [...held.entries()].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)).map(([name, { variable, before }]): TracedVariable => {
      const after = own.view(variable)
      return { name, variable, before, after: after && after.value !== before ? after : undefined }
    })
    return { inputs: inputs.map((input, i) => ({ name: input.name, value: (given[i] as { value: Lazy }).value })), outputs, variables, form }
  } finally {
    engine.makeVariable = makeVariable
    computeFirstValues([...held.values()])
    for (const { variable, kept } of held.values()) {
      if (!variable.isDisposed) variable.assign(kept)
      kept.dispose()
    }
    engine.endScope()
  }
}

/** The first values of variables made during the trace, e.g. zeros like a weight: computed from the real weights. */
function computeFirstValues(held: readonly Held[]): void {
  const own = backend()
  const waiting = held.flatMap(({ kept }) => own.view(kept)?.value ?? []).filter((value) => value.traced && !value.data)
  if (waiting.length === 0) return
  const stand = held.filter(({ before, kept }) => before.traced && !(own.view(kept)?.value.traced ?? true))
  for (const { before, kept } of stand) {
    const view = own.view(kept)
    if (view) before.data = own.dataOf(view.value)
  }
  own.executor.materialize(waiting)
  for (const value of waiting) value.traced = false
  for (const { before } of stand) before.data = undefined
}

function collect(result: TraceResult): { form: Trace['form']; tensors: Record<string, tf.Tensor> } {
  if (result instanceof tf.Tensor) return { form: 'tensor', tensors: { output: result } }
  const tensors = Array.isArray(result)
    ? Object.fromEntries((result as readonly tf.Tensor[]).map((t, i) => [result.length === 1 ? 'output' : `output_${i}`, t]))
    : { ...(result as Readonly<Record<string, tf.Tensor>>) }
  const wrong = Object.entries(tensors).find(([, t]) => !(t instanceof tf.Tensor))
  if (wrong ?? Object.keys(tensors).length === 0) {
    throw new EngineError('ENGINE_TRACE', 'A traced function returns something that is not a tensor', {
      expected: 'a tensor, a list of tensors, or an object of tensors', got: wrong ? `${wrong[0]}: ${typeof wrong[1]}` : 'nothing',
    })
  }
  return { form: Array.isArray(result) ? 'list' : 'record', tensors }
}

/** Gives tensors back in the form in which the function returned them. */
export function arrange(form: Trace['form'], names: readonly string[], tensors: readonly tf.Tensor[]): TraceResult {
  if (form === 'tensor') return tensors[0] as tf.Tensor
  return form === 'list' ? [...tensors] : Object.fromEntries(names.map((name, i) => [name, tensors[i] as tf.Tensor]))
}

/** The values that depend on no input but are read by what does: computed now, they become constants of the graph. */
export function computeConstants(ends: readonly Lazy[]): void {
  const found = new Set(ends)
  for (const call of inOrder(ends, (value) => value.traced)) for (const { value } of call.inputs) found.add(value)
  const waiting = [...found].filter((value) => !value.traced && !value.data)
  if (waiting.length > 0) backend().executor.materialize(waiting)
}

/** The values that the outputs read, directly or not. */
export function reads(traced: Trace): Set<Lazy> {
  const ends = [...traced.outputs.map((o) => o.view.value), ...traced.variables.flatMap((v) => v.after?.value ?? [])]
  const found = new Set<Lazy>(ends)
  for (const call of inOrder(ends)) for (const { value } of call.inputs) found.add(value)
  return found
}
