// `toOnnx`: any traced computation as a clean model, with named inputs and outputs, the weights as named initializers, and
// sizes that may vary where the code allows it.
import * as tf from '@tensorflow/tfjs'
import type { Model } from '../onnx'
import { Builder } from './builder'
import { toModel } from './encode'
import { EngineError } from './errors'
import { General } from './generalize'
import type { Sized, Symbol_ } from './generalize'
import { register } from './register'
import type { EngineDType, Lazy } from './record'
import { computeConstants, reads, trace } from './trace'
import type { TraceInput, TraceResult } from './trace'
import { writeGraph } from './write'

/** An input of the exported model. A size that is null or a name may vary; equal names are equal sizes. */
export interface InputSpec {
  readonly name?: string
  readonly shape: readonly (number | string | null)[]
  readonly dtype?: EngineDType
}

export interface ExportOptions {
  /** Name of the graph. */
  readonly name?: string
  readonly outputNames?: readonly string[]
  /**
   * `weights` (default for functions that change none): variables are initializers. `inputs`: they are inputs, and those
   * that the function changes are outputs named `NAME.next`, as in a training step.
   */
  readonly variables?: 'weights' | 'inputs'
}

/** Something with TensorFlow.js's inputs and `predict`: a layers model, or a converted graph model. */
export interface Predictor {
  readonly inputs: readonly { readonly name: string; readonly shape?: readonly (number | null)[]; readonly dtype?: string }[]
  predict(x: unknown): unknown
  apply?(x: unknown, config?: unknown): unknown
}

/** Sizes that stand for a varying one while tracing: unlikely to be equal to anything in a model. */
const STAND_INS = [13, 17, 19, 23, 29, 31, 37, 41]

/**
 * The ONNX model of a TensorFlow.js model or function.
 *
 * @param inputs what the function takes: tensors as examples (their sizes are fixed), or shapes in which null or a name
 *   stands for a size that varies. Not needed for a model, which knows its own.
 * @throws EngineError `ENGINE_TRACE` when the code reads values, draws random numbers or computes something else at
 * another size; `ENGINE_NO_LOWERING` when a kernel has no ONNX form
 * @example
 * const model = engine.toOnnx(net)                                             // a LayersModel, batch size free
 * const gradient = engine.toOnnx((x) => tf.grad((t) => t.square().sum())(x), [{ name: 'x', shape: [null, 3] }])
 */
export function toOnnx(
  what: Predictor | ((...inputs: tf.Tensor[]) => TraceResult), inputs?: readonly (InputSpec | tf.Tensor)[], options: ExportOptions = {},
): Model {
  register()
  const { fn, specs, outputNames } = asFunction(what, inputs)
  const symbols = symbolsOf(specs)
  const sized = (sizes: readonly number[]): Written => write(fn, fixed(specs, symbols, sizes), sizes, options)
  const home = symbols.map((_, k) => STAND_INS[k] ?? 43 + 2 * k)
  const base = sized(home)
  const others = symbols.length === 0 ? [sized(home)]
    : [...home.map((size, k) => sized(home.map((s, i) => (i === k ? size + 30 : s)))), sized(home.map((size) => size + 46))]
  const general = new General(symbols, [base, ...others])
  const given = options.outputNames ?? outputNames
  const names = base.names.map((name, i) => (i < base.results ? given?.[i] ?? name : name))
  if (new Set(names).size !== names.length) {
    throw new EngineError('ENGINE_ARGUMENT', 'Two outputs have the same name', { got: names.join(', ') })
  }
  return toModel(base.writer, base.outputs, {
    graph: options.name ?? 'traced', outputs: names,
    shapeOf: (v) => general.shapeOf(v),
    compute: (v, graph) => general.compute(v, graph),
  })
}

interface Written extends Sized {
  readonly names: readonly string[]
  /** How many of the outputs the function returned; the others are changed variables. */
  readonly results: number
}

function asFunction(what: Predictor | ((...inputs: tf.Tensor[]) => TraceResult), inputs: readonly (InputSpec | tf.Tensor)[] | undefined) {
  if (typeof what === 'function') {
    if (!inputs) {
      throw new EngineError('ENGINE_ARGUMENT', 'A function is exported without saying what it takes', {
        fix: "give its inputs: toOnnx(fn, [{ name: 'x', shape: [null, 28, 28, 1] }])",
      })
    }
    return { fn: what, specs: inputs.map((input, i) => specOf(input, `x${inputs.length === 1 ? '' : i}`)), outputNames: undefined }
  }
  const own = what.inputs.map((t): InputSpec => ({
    name: plainName(t.name), shape: (t.shape ?? []).map((size, axis) => (size ?? -1) < 0 ? (axis === 0 ? 'batch' : null) : size),
    dtype: t.dtype === 'int32' || t.dtype === 'bool' ? t.dtype : 'float32',
  }))
  const specs = (inputs ?? own).map((input, i) => {
    const spec = specOf(input, own[i]?.name ?? `x${i}`)
    return { ...spec, name: spec.name ?? own[i]?.name ?? `x${i}` }
  })
  const fn = (...tensors: tf.Tensor[]): TraceResult => {
    const given = tensors.length === 1 ? tensors[0] : tensors
    return (what.apply ? what.apply(given, { training: false }) : what.predict(given)) as TraceResult
  }
  const layers = what as { readonly outputNames?: readonly string[]; readonly outputs?: readonly { readonly name: string }[] }
  const outputNames = (layers.outputNames ?? layers.outputs?.map((o) => o.name))?.map(plainName)
  return { fn, specs, outputNames }
}

const plainName = (name: string): string => name.split(':')[0] ?? name

function specOf(input: InputSpec | tf.Tensor, name: string): InputSpec {
  const dtype = input.dtype ?? 'float32'
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
    throw new EngineError('ENGINE_ARGUMENT', `An input of type ${dtype} cannot be traced`, { expected: 'float32, int32 or bool' })
  }
  return input instanceof tf.Tensor ? { name, shape: input.shape, dtype } : { name, ...input, dtype }
}

function symbolsOf(specs: readonly InputSpec[]): Symbol_[] {
  const symbols: Symbol_[] = []
  specs.forEach((spec, input) => {
    spec.shape.forEach((size, axis) => {
      if (typeof size === 'number') return
      const name = size ?? (axis === 0 ? 'batch' : `${spec.name ?? 'x'}_${axis}`)
      if (!symbols.some((s) => s.name === name)) symbols.push({ name, input, axis })
    })
  })
  return symbols
}

function fixed(specs: readonly InputSpec[], symbols: readonly Symbol_[], sizes: readonly number[]): TraceInput[] {
  return specs.map((spec) => ({
    name: spec.name ?? 'x', dtype: spec.dtype ?? 'float32',
    shape: spec.shape.map((size, axis) => {
      if (typeof size === 'number') return size
      const name = size ?? (axis === 0 ? 'batch' : `${spec.name ?? 'x'}_${axis}`)
      return sizes[symbols.findIndex((s) => s.name === name)] ?? 1
    }),
  }))
}

function write(fn: (...inputs: tf.Tensor[]) => TraceResult, inputs: readonly TraceInput[], sizes: readonly number[], options: ExportOptions): Written {
  let traced = trace(fn, inputs, { variablesAsInputs: options.variables === 'inputs' })
  const changes = traced.variables.some((v) => v.after)
  if (changes && options.variables === undefined) traced = trace(fn, inputs, { variablesAsInputs: true })
  const variables = traced.variables.filter((v) => v.before.traced || v.after)
  const b = new Builder('export')
  const leaves = new Map<Lazy, ReturnType<Builder['input']>>()
  for (const { name, value } of traced.inputs) leaves.set(value, b.input(value, name))
  const reached = reads(traced)
  for (const { name, before } of variables) {
    if (before.traced && reached.has(before)) leaves.set(before, b.input(before, name))
  }
  const weights = new Map(traced.variables.map((v) => [v.before, v.name]))
  const updates = traced.variables.flatMap(({ name, after }) => (after ? [{ name: `${name}.next`, view: after }] : []))
  const all = [...traced.outputs, ...updates]
  computeConstants(all.map((o) => o.view.value))
  const outputs = writeGraph(b, all.map((o) => o.view), (_, value) => {
    const leaf = leaves.get(value)
    if (leaf) return leaf
    if (!value.data) throw new EngineError('ENGINE_INTERNAL', 'A constant of the trace was not computed')
    value.seen = true
    const name = weights.get(value)
    return name === undefined && value.uniform !== undefined ? b.full(value.shape, value.uniform, value.dtype)
      : b.constant(value.dtype, value.shape, value.data, name)
  }, (value) => value.traced)
  return { writer: b, outputs, sizes, names: all.map((o) => o.name), results: traced.outputs.length }
}
