// An ONNX model as differentiable TensorFlow.js code: the graph is walked, each node computed by TensorFlow.js operations.
import * as tf from '@tensorflow/tfjs'
import { DTYPES, displaySymbol, throwIfInterrupted, type MimeBundle } from '../../core'
import {
  cloneModel, formatShape, formatType, inlineFunctions, Tensor, topologicalOrder,
  type Graph, type Model, type Node, type Value,
} from '../../onnx'
import { evaluate } from '../../optimization/evaluate'
import { Datum, tensorFlowType, tensorOf } from './datum'
import { ConvertError } from '../errors'
import type { Call } from './operator'
import { dequantized, requantized } from './latent'
import { named, type ApplyOptions, type ModelInputs, type RunOptions, type TensorFlowHooks, type TensorFlowPort, type ToTensorFlowOptions } from './options'
import { constantsToInitializers, freeName, requireSupported, unsupported } from './prepare'
import { operatorOf } from './table'
import { initializersOf, roleOf, type Role } from './weights'

/** Elements up to which sizes and indices are computed without TensorFlow.js. */
const KNOWN_LIMIT = 65536

type Mode = Required<ApplyOptions>

interface Weight {
  readonly value: Value
  readonly variable: tf.Variable
  readonly role: Role
}

/**
 * A model that TensorFlow.js can train. Its `weights` are `tf.Variable`s under the names that the ONNX model gives them.
 *
 * @example
 * const model = toTensorFlow(loadModel('resnet.onnx'))
 * optimizer.minimize(() => loss(labels, model.apply(images, { training: true })), true, model.trainableWeights)
 * saveModel(model.toOnnx(), 'tuned.onnx')
 */
export class TensorFlowModel {
  readonly inputs: readonly TensorFlowPort[]
  readonly outputs: readonly TensorFlowPort[]
  private readonly model: Model
  private readonly variables = new Map<string, Weight>()
  private readonly byValue = new Map<Value, Datum>()
  private readonly orders = new Map<Graph, readonly Node[]>()
  private readonly hooks: TensorFlowHooks
  private disposed = false
  /** @internal Told of each node before it is computed. */
  observer: ((node: Node) => void) | undefined

  /** @internal Use {@link toTensorFlow}. */
  constructor(source: Model, options: ToTensorFlowOptions) {
    this.hooks = options.hooks ?? {}
    this.model = cloneModel(source)
    inlineFunctions(this.model)
    constantsToInitializers(this.model.graph)
    requireSupported(this.model)
    const { graph } = this.model
    const port = (value: Value): TensorFlowPort => ({ name: value.name, dtype: value.dtype ?? 'float32', shape: value.shape })
    this.inputs = graph.inputs.filter((value) => value.tensor === undefined).map(port)
    this.outputs = graph.outputs.map(port)
    for (const [value, tensor] of initializersOf(graph)) this.addInitializer(value, tensor, options)
  }

  /** Every variable by the name of its initializer: weights, and running statistics. */
  get weights(): ReadonlyMap<string, tf.Variable> {
    return new Map([...this.variables].map(([name, { variable }]) => [name, variable]))
  }

  /** The variables that an optimizer changes. */
  get trainableWeights(): tf.Variable[] {
    return [...this.variables.values()].map(({ variable }) => variable).filter((variable) => variable.trainable)
  }

  /** Number of trained numbers. */
  countParams(): number {
    return this.trainableWeights.reduce((sum, { size }) => sum + size, 0)
  }

  /**
   * Runs the model; part of a gradient where it is called within one. One output: a tensor. Several: a list in order.
   *
   * @throws ConvertError `CONVERT_SHAPE` when the inputs do not fit the model
   */
  apply(inputs: ModelInputs, options: ApplyOptions = {}): tf.Tensor | tf.Tensor[] {
    const results = Object.values(this.run(inputs, options))
    const [only] = results
    return results.length === 1 && only !== undefined ? only : results
  }

  /** Runs the model in inference, as `tf.LayersModel.predict` does. */
  predict(inputs: ModelInputs): tf.Tensor | tf.Tensor[] {
    return this.apply(inputs)
  }

  /**
   * Runs the model and gives its outputs, or the values asked for, by name.
   *
   * @throws ConvertError `CONVERT_SHAPE` when the inputs do not fit the model, `CONVERT_OPTION` for a value that it does not compute
   */
  run(inputs: ModelInputs, options: RunOptions = {}): Record<string, tf.Tensor> {
    if (this.disposed) throw new ConvertError('CONVERT_OPTION', 'The model was disposed of', { fix: 'make it again with toTensorFlow' })
    const ports = new Map(this.model.graph.inputs.map((value) => [value.name, value]))
    const feeds = named(inputs, this.inputs)
    const { training = false, dropout = training, outputs } = options
    return tf.tidy(() => {
      const values = new Map<Value, Datum>()
      for (const [{ name, dtype }, tensor] of feeds) {
        const value = ports.get(name)
        if (value !== undefined) values.set(value, this.hooked(name, Datum.of(tensor, dtype)))
      }
      const results = this.graph(this.model.graph, values, { training, dropout })
      const wanted = outputs === undefined ? results.map((datum, i) => [this.outputs[i]?.name ?? '', datum] as const)
        : outputs.map((name) => [name, this.valueOf(name, values)] as const)
      // A weight that is returned as it is must not be given away.
      return Object.fromEntries(wanted.map(([name, datum]) => [name, tf.cast(datum.tensor, datum.isFloat ? 'float32' : datum.tensor.dtype).clone()]))
    })
  }

  /**
   * The model as ONNX, with the weights as they are now, in their own types: the graph that this one came from.
   */
  toOnnx(): Model {
    const model = cloneModel(this.model)
    const tensors = this.currentTensors()
    for (const [value] of initializersOf(model.graph)) {
      const tensor = tensors.get(value.name)
      if (tensor !== undefined && value.graph !== undefined) {
        const type = value.declaredType
        value.graph.setInitializer(value, tensor)
        if (type !== undefined) value.declaredType = type
      }
    }
    return model
  }

  /** The weights as ONNX tensors by name: what `writeSafetensors` takes. */
  state(): Map<string, Tensor> {
    return this.currentTensors()
  }

  /**
   * Takes weights by name: tensors of ONNX or TensorFlow.js, or the initializers of a model. Names that this model does not
   * have are refused, names that are left out keep what they hold.
   *
   * @throws ConvertError `CONVERT_WEIGHTS` naming every one that does not fit
   */
  updateWeights(source: Model | ReadonlyMap<string, Tensor | tf.Tensor>): void {
    const given = source instanceof Map ? source as ReadonlyMap<string, Tensor | tf.Tensor>
      : new Map([...initializersOf((source as Model).graph)].filter(([value]) => this.variables.has(value.name)).map(([value, tensor]) => [value.name, tensor]))
    const wrong: string[] = []
    for (const [name, tensor] of given) {
      const weight = this.variables.get(name)
      if (weight === undefined) wrong.push(`${name}: not a weight of this model`)
      else if (String(tensor.shape) !== String(weight.variable.shape)) wrong.push(`${name}: ${formatShape(tensor.shape)} for ${formatShape(weight.variable.shape)}`)
    }
    if (wrong.length > 0) {
      throw new ConvertError('CONVERT_WEIGHTS', `${wrong.length} weights do not fit the model`, {
        expected: [...this.variables].slice(0, 5).map(([name, { variable }]) => `${name} ${formatShape(variable.shape)}`).join(', '),
        got: wrong.slice(0, 20).join('; '),
      })
    }
    tf.tidy(() => {
      for (const [name, tensor] of given) {
        const weight = this.variables.get(name)
        if (weight === undefined) continue
        const value = !(tensor instanceof Tensor) ? tensor : weight.role === 'latent' ? dequantized(weight.value, tensor) : tensorOf(tensor)
        weight.variable.assign(tf.cast(value, 'float32'))
      }
    })
  }

  /** Frees the variables and constants. */
  dispose(): void {
    this.disposed = true
    for (const { variable } of this.variables.values()) variable.dispose()
    for (const datum of this.byValue.values()) datum.dispose()
    this.byValue.clear()
  }

  /** @internal The graph, with functions in place. */
  get source(): Model {
    return this.model
  }

  toString(): string {
    const ports = (list: readonly TensorFlowPort[]): string => list.map(({ name, dtype, shape }) => `${name} ${formatType({ kind: 'tensor', dtype, ...(shape === undefined ? {} : { shape }) })}`).join(', ')
    return `TensorFlowModel ${this.model.graph.name}: ${ports(this.inputs)} → ${ports(this.outputs)}, `
      + `${this.model.graph.nodeCount} nodes, ${this.variables.size} variables, ${this.countParams()} trained numbers`
  }

  [displaySymbol](): MimeBundle {
    return { 'text/plain': this.toString() }
  }

  private currentTensors(): Map<string, Tensor> {
    const out = new Map<string, Tensor>()
    for (const [name, { value, variable, role }] of this.variables) {
      const dtype = value.tensor?.dtype ?? 'float32'
      const numbers = role === 'latent' ? requantized(value, variable) : variable.dataSync() as Float32Array
      out.set(name, Tensor.from(role === 'latent' ? numbers : numbers.slice(), variable.shape, dtype))
    }
    return out
  }

  private addInitializer(value: Value, tensor: Tensor, options: ToTensorFlowOptions): void {
    if (value.uses.length === 0 && !value.isGraphOutput) return
    let role = roleOf(value, tensor)
    if (role === 'latent' && options.quantizedWeights === 'freeze') role = 'constant'
    const trainable = DTYPES[tensor.dtype].kind === 'float' && options.trainable !== undefined
      ? options.trainable(value.name, tensor) : role === 'trainable' || role === 'latent'
    if (trainable && role === 'constant') role = 'trainable'
    if (role === 'constant') {
      if (tensor.size <= KNOWN_LIMIT) tensorFlowType(tensor.dtype)
      this.byValue.set(value, tensor.size <= KNOWN_LIMIT && DTYPES[tensor.dtype].kind !== 'float' ? Datum.known(tensor)
        : Datum.constant(tensor, tf.keep(tensorOf(tensor))))
      return
    }
    const initial = role === 'latent' ? dequantized(value, tensor) : tensorOf(tensor)
    const variable = tf.variable(initial, trainable && role !== 'state', freeName(value.name))
    initial.dispose()
    this.variables.set(value.name, { value, variable, role })
    this.byValue.set(value, role === 'latent' ? Datum.latent(variable, tensor.dtype) : Datum.of(variable, tensor.dtype))
  }

  private valueOf(name: string, values: ReadonlyMap<Value, Datum>): Datum {
    const value = this.model.graph.find(name)
    const found = value && (values.get(value) ?? this.byValue.get(value))
    if (found !== undefined) return found
    throw new ConvertError('CONVERT_OPTION', `The model computes no value "${name}"`, { fix: 'give the name of a value of its main graph' })
  }

  /** The input of a node. */
  private input(value: Value | undefined, values: ReadonlyMap<Value, Datum>, node: Node, index: number): Datum | undefined {
    if (value === undefined || value.name === '') return undefined
    const found = values.get(value) ?? this.byValue.get(value)
    const weight = this.hooks.weight === undefined ? undefined : this.variables.get(value.name)
    if (weight?.value !== value || found === undefined) return found
    const changed = this.hooks.weight?.(value.name, weight.variable, node, index)
    if (changed === undefined || changed === weight.variable) return found
    return found.latent ? Datum.latent(changed, found.dtype) : Datum.of(changed, found.dtype)
  }

  /** A value as the hook changes it. Where it does not, its order of axes stays as it is. */
  private hooked(name: string, datum: Datum): Datum {
    if (this.hooks.value === undefined || datum.known !== undefined || !datum.isFloat) return datum
    const plain = datum.isLast ? Datum.channelsLast(datum.lastTensor, datum.dtype).tensor : datum.tensor
    const changed = this.hooks.value(name, plain)
    return changed === plain ? datum : Datum.of(changed, datum.dtype)
  }

  /** Runs a graph; `values` holds its inputs and, for a graph inside another, the values around it. */
  private graph(graph: Graph, values: Map<Value, Datum>, mode: Mode): Datum[] {
    let order = this.orders.get(graph)
    if (order === undefined) this.orders.set(graph, order = topologicalOrder(graph))
    const find = (value: Value): Datum | undefined => values.get(value) ?? this.byValue.get(value)
    for (const node of order) {
      throwIfInterrupted()
      this.observer?.(node)
      const inputs = node.inputs.map((value, index) => this.input(value, values, node, index))
      const results = this.compute(node, inputs, values, mode)
      node.outputs.forEach((output, i) => {
        const result = results[i]
        if (result !== undefined) values.set(output, this.hooked(output.name, result))
      })
    }
    return graph.outputs.map((value) => {
      const found = find(value)
      if (found === undefined) throw new ConvertError('CONVERT_OPERATOR', `Nothing computes the output ${value.name}`, { where: `graph "${graph.name}"` })
      return found
    })
  }

  private compute(node: Node, inputs: readonly (Datum | undefined)[], values: Map<Value, Datum>, mode: Mode): readonly (Datum | undefined)[] {
    const { opset } = this.model
    const known = this.foldable(node, inputs) ? evaluate(node, inputs.map((d) => d?.known), opset, KNOWN_LIMIT) : undefined
    if (known !== undefined) return [Datum.known(known)]
    const operator = operatorOf(node.opType, node.domain)
    if (operator === undefined) throw unsupported([node])
    const call: Call = {
      node, opset, inputs, ...mode,
      run: (graph, given) => {
        const inner = new Map(values)
        graph.inputs.forEach((value, i) => {
          const datum = given[i]
          if (datum !== undefined) inner.set(value, datum)
        })
        return this.graph(graph, inner, mode)
      },
      assign: (index, tensor) => {
        const value = node.inputs[index]
        const weight = value === undefined ? undefined : this.variables.get(value.name)
        weight?.variable.assign(tensor)
      },
    }
    try {
      const result = operator(call)
      return Array.isArray(result) ? result as (Datum | undefined)[] : [result as Datum]
    } catch (cause) {
      if (cause instanceof ConvertError || !(cause instanceof Error)) throw cause
      throw new ConvertError('CONVERT_OPERATOR', `The node ${node.label} cannot be computed`, {
        got: `${cause.message}; inputs ${inputs.map((d) => (d === undefined ? '–' : d.dtype + formatShape(d.shape))).join(', ')}`,
        where: `graph "${node.graph?.name ?? ''}"`, cause,
      })
    }
  }

  private foldable(node: Node, inputs: readonly (Datum | undefined)[]): boolean {
    if (node.domain !== '' || inputs.length === 0) return false
    let size = 0
    for (const input of inputs) {
      if (input === undefined) continue
      if (input.known === undefined) return false
      size += input.size
    }
    return size <= KNOWN_LIMIT
  }
}

/**
 * An ONNX model as a model that TensorFlow.js runs and trains.
 *
 * Every initializer that is a weight becomes a variable under its name; gradients are TensorFlow.js's own, through the same
 * operations. Q/DQ nodes are fake quantization with straight-through gradients. Works on every TensorFlow.js backend.
 *
 * @throws MissingOperatorsError naming every operator without a TensorFlow.js form and where it is
 */
export function toTensorFlow(model: Model, options: ToTensorFlowOptions = {}): TensorFlowModel {
  return new TensorFlowModel(model, options)
}
