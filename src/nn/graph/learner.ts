// An ONNX graph as something that can be trained: its float constants (those with axes) are variables, its operators TensorFlow.js. Pruned,
// quantized and converted models are fine-tuned through it, and so their weights go out and in under their own names.
import * as tf from '@tensorflow/tfjs'
import { cloneModel, Tensor, type Model, type Node, type Value } from '../../onnx'
import { NnError } from '../errors'
import type { Learner } from '../training/learner'
import { OPERATORS } from './operators'
import { Integers, unsupported, type GraphValue } from './values'

/** Changes to what a graph computes while it is trained. */
export interface GraphHooks {
  /** Before a node reads a weight: `Conv(x, W)` asks with its W. Fake quantization and adapters enter here. */
  readonly weight?: (name: string, weight: tf.Tensor, node: Node, index: number) => tf.Tensor
  /** After a value is computed, by its name; also the graph's inputs. */
  readonly value?: (name: string, value: tf.Tensor) => tf.Tensor
}

export interface GraphLearnerOptions {
  /** Weights that training does not change, by name; `true` for all. */
  readonly frozen?: readonly string[] | true
  readonly hooks?: GraphHooks
  /** Use and update running statistics of batch normalizations: `train` (default) does, `frozen` keeps them. */
  readonly batchNorm?: 'train' | 'frozen'
  /** Variables of the hooks, trained along with the weights. */
  readonly extra?: readonly tf.Variable[]
}

const MOMENTUM = 0.9

/**
 * A trainable ONNX graph of one input and one or more outputs; the first output is the logits.
 *
 * @example
 * const graph = new GraphLearner(model)
 * await train(graph, samples, { compile: engine.compile })
 * const better = graph.toModel()
 */
export class GraphLearner implements Learner {
  readonly #weights = new Map<string, tf.Variable>()
  readonly #running = new Set<string>()
  readonly #constants = new Map<string, GraphValue>()
  readonly #source: Model

  /**
   * @throws NnError `NN_GRAPH` when the graph holds an operator that cannot be trained, subgraphs, or several inputs
   */
  constructor(model: Model, readonly options: GraphLearnerOptions = {}) {
    this.#source = cloneModel(model)
    const { graph } = this.#source
    const inputs = graph.inputs.filter((value) => value.tensor === undefined)
    if (inputs.length !== 1) throw new NnError('NN_GRAPH', 'A graph that is trained has one input', { got: inputs.map(({ name }) => name).join(', ') || 'none' })
    for (const node of graph.nodes) {
      if (node.opType !== 'Constant' && (!OPERATORS.has(node.opType) || !['', 'ai.onnx'].includes(node.domain))) {
        throw unsupported(node, 'there is no gradient for this operator here')
      }
      if (node.opType === 'BatchNormalization') for (const value of node.inputs.slice(3)) if (value) this.#running.add(value.name)
    }
    const fixed = new Set(graph.nodes.flatMap((node) => (node.opType === 'Clip' || node.opType === 'Pad' ? node.inputs.slice(1).map((v) => v?.name) : [])))
    for (const [value, tensor] of graph.initializers) {
      // Numbers without axes belong to the formula (the 1/n of a mean, an ε, a 0.5): they are not learned.
      if (tensor.dtype !== 'float32' || fixed.has(value.name) || tensor.shape.length === 0) this.#constants.set(value.name, constantOf(value, tensor))
      else {
        const data = Float32Array.from(tensor.toArray() as Float32Array)
        const trainable = !this.#running.has(value.name)
        this.#weights.set(value.name, tf.tidy(() => tf.variable(tf.tensor(data, [...tensor.shape]), trainable)))
      }
    }
  }

  /** What training changes: weights that are not frozen, then those of the hooks. */
  get variables(): readonly tf.Variable[] {
    const { frozen = [], extra = [] } = this.options
    const free = frozen === true ? [] : [...this.#weights].filter(([name]) => !this.#running.has(name) && !frozen.includes(name)).map(([, v]) => v)
    return [...free, ...extra]
  }

  /** All variables, frozen ones and running statistics included. */
  get weights(): readonly tf.Variable[] {
    return [...this.#weights.values(), ...(this.options.extra ?? [])]
  }

  /** Names of the float weights, running statistics included. */
  get names(): readonly string[] {
    return [...this.#weights.keys()]
  }

  /** Name of the first output. */
  get output(): string {
    return this.#source.graph.outputs[0]?.name ?? ''
  }

  /** The variable of a weight. */
  weight(name: string): tf.Variable {
    const found = this.#weights.get(name)
    if (found) return found
    throw new NnError('NN_GRAPH', `The graph has no weight "${name}"`, { expected: this.names.join(', ') })
  }

  forward(x: tf.Tensor, training: boolean): tf.Tensor {
    const y = this.run(x, training, [this.output])[0]
    if (!y) throw new NnError('NN_GRAPH', 'The graph has no output')
    return y
  }

  /** The values of these names, in order: outputs, or features from the middle. */
  run(x: tf.Tensor, training: boolean, wanted: readonly string[]): tf.Tensor[] {
    const { graph } = this.#source
    const { hooks = {}, batchNorm = 'train' } = this.options
    const known = new Map<string, GraphValue>(this.#constants)
    const take = (name: string, value: GraphValue): void => { known.set(name, value instanceof tf.Tensor && hooks.value ? hooks.value(name, value) : value) }
    const [input] = graph.inputs.filter((value) => value.tensor === undefined)
    if (input) take(input.name, x)
    for (const node of graph.nodes) {
      if (node.opType === 'Constant') {
        for (const value of node.outputs) known.set(value.name, attributeConstant(node))
        continue
      }
      const operator = OPERATORS.get(node.opType)
      if (!operator) throw unsupported(node, 'there is no gradient for this operator here')
      const inputs = node.inputs.map((value, index) => {
        if (value === undefined) return undefined
        const weight = this.#weights.get(value.name)
        if (weight) return hooks.weight ? hooks.weight(value.name, weight, node, index) : weight
        return known.get(value.name)
      })
      const made = operator(node, inputs, {
        training: training && batchNorm === 'train', opset: this.#source.opsets.get('') ?? 21,
        statistics: (_, mean, variance) => { this.#update(node, mean, variance) },
      })
      const outputs = Array.isArray(made) ? made : [made]
      node.outputs.forEach((value, i) => {
        const output = outputs[i]
        if (output !== undefined) take(value.name, output)
      })
    }
    return wanted.map((name) => {
      const value = known.get(name) ?? this.#weights.get(name)
      if (value instanceof tf.Tensor) return value
      throw new NnError('NN_GRAPH', `The graph computes no tensor "${name}"`, { fix: 'give the name of a value of the model' })
    })
  }

  /** The weights as they are now, by name: what a pruning schedule takes back. */
  numbers(): Map<string, Float32Array> {
    return new Map([...this.#weights].map(([name, variable]) => [name, Float32Array.from(variable.dataSync() as Float32Array)]))
  }

  /** The model with the weights as they are now. */
  toModel(): Model {
    const copy = cloneModel(this.#source)
    for (const [name, data] of this.numbers()) {
      const value = copy.graph.find(name)
      if (value?.tensor) copy.graph.setInitializer(value, Tensor.from(data, value.tensor.shape))
    }
    return copy
  }

  /** Frees the variables. */
  dispose(): void {
    tf.dispose([...this.#weights.values()])
    for (const value of this.#constants.values()) if (value instanceof tf.Tensor) value.dispose()
  }

  /** running ← momentum · running + (1 − momentum) · batch. */
  #update(node: Node, mean: tf.Tensor, variance: tf.Tensor): void {
    for (const [value, batch] of [[node.inputs[3], mean], [node.inputs[4], variance]] as const) {
      const running = value && this.#weights.get(value.name)
      if (running) running.assign(running.mul(MOMENTUM).add(batch.mul(1 - MOMENTUM)))
    }
  }
}

function constantOf(value: Value, tensor: Tensor): GraphValue {
  if (tensor.dtype === 'int64' || tensor.dtype === 'int32') return new Integers(tensor.numbers(), tensor.shape)
  if (tensor.dtype === 'float32') return tf.keep(tf.tensor(Float32Array.from(tensor.toArray() as Float32Array), [...tensor.shape]))
  throw new NnError('NN_GRAPH', `The constant "${value.name}" is ${tensor.dtype}`, {
    expected: 'float32 weights, int64 shapes', fix: 'train the float32 model, then quantize it',
  })
}

function attributeConstant(node: Node): GraphValue {
  const tensor = node.get('value', 'tensor')
  if (tensor?.dtype === 'int64' || tensor?.dtype === 'int32') return new Integers(tensor.numbers(), tensor.shape)
  if (tensor?.dtype === 'float32') return tf.tensor(Float32Array.from(tensor.toArray() as Float32Array), [...tensor.shape])
  const one = node.float('value_float')
  if (one !== undefined) return tf.scalar(one)
  const list = node.ints('value_ints') ?? (node.int('value_int') === undefined ? undefined : [node.int('value_int', 0)])
  if (list) return new Integers(list, node.attributes.has('value_int') ? [] : [list.length])
  throw unsupported(node, 'a constant that is no float32 tensor or integers')
}
