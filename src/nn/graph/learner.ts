// An ONNX graph as something that can be trained: its float constants (those with axes) are weights. Pruned, quantized and converted
// models are fine-tuned through it, and so their weights go out and in under their own names. What its operators compute is
// the converter's business (`convert.toTensorFlow`); what training needs around that is here.
import * as tf from '@tensorflow/tfjs'
import { ConvertError, toTensorFlow, type TensorFlowHooks, type TensorFlowModel } from '../../convert'
import { cloneModel, Tensor, type Model } from '../../onnx'
import { NnError } from '../errors'
import type { Learner } from '../training/learner'

/** Changes to what a graph computes while it is trained. */
export type GraphHooks = TensorFlowHooks

export interface GraphLearnerOptions {
  /** Weights that training does not change, by name; `true` for all. */
  readonly frozen?: readonly string[] | true
  readonly hooks?: GraphHooks
  /** Use and update running statistics of batch normalizations: `train` (default) does, `frozen` keeps them. */
  readonly batchNorm?: 'train' | 'frozen'
  /** Variables of the hooks, trained along with the weights. */
  readonly extra?: readonly tf.Variable[]
}

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
  readonly #source: Model
  readonly #model: TensorFlowModel

  /**
   * @throws NnError `NN_GRAPH` when the graph holds an operator that cannot be trained, or several inputs
   */
  constructor(model: Model, readonly options: GraphLearnerOptions = {}) {
    this.#source = cloneModel(model)
    const { graph } = this.#source
    const inputs = graph.inputs.filter((value) => value.tensor === undefined)
    if (inputs.length !== 1) throw new NnError('NN_GRAPH', 'A graph that is trained has one input', { got: inputs.map(({ name }) => name).join(', ') || 'none' })
    const fixed = new Set(graph.nodes.flatMap((node) => (node.opType === 'Clip' || node.opType === 'Pad' ? node.inputs.slice(1).map((v) => v?.name) : [])))
    // Numbers without axes belong to the formula (the 1/n of a mean, an ε, a 0.5): they are not learned.
    const names = [...graph.initializers].filter(([value, tensor]) => tensor.dtype === 'float32' && tensor.shape.length > 0 && !fixed.has(value.name)).map(([value]) => value.name)
    const wanted = new Set(names)
    this.#model = understood(() => toTensorFlow(anyBatch(model), {
      trainable: (name) => wanted.has(name), quantizedWeights: 'freeze', ...(options.hooks && { hooks: options.hooks }),
    }))
    for (const [name, variable] of this.#model.weights) if (wanted.has(name)) this.#weights.set(name, variable)
  }

  /** What training changes: weights that are not frozen, then those of the hooks. */
  get variables(): readonly tf.Variable[] {
    const { frozen = [], extra = [] } = this.options
    const free = frozen === true ? [] : [...this.#weights].filter(([name, { trainable }]) => trainable && !frozen.includes(name)).map(([, v]) => v)
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

  /** The values of these names, in order: outputs, or features from the middle. Dropout lets everything through. */
  run(x: tf.Tensor, training: boolean, wanted: readonly string[]): tf.Tensor[] {
    const { batchNorm = 'train' } = this.options
    const values = understood(() => this.#model.run(x, { training: training && batchNorm === 'train', dropout: false, outputs: wanted }))
    return wanted.map((name) => values[name] as tf.Tensor)
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
    this.#model.dispose()
  }
}

/** The model for batches of any size: one that was exported with a size is trained with another. */
function anyBatch(model: Model): Model {
  const copy = cloneModel(model)
  for (const value of copy.graph.inputs) {
    const { type } = value
    if (value.tensor === undefined && type?.kind === 'tensor' && type.shape !== undefined) value.type = { ...type, shape: type.shape.map((size, axis) => (axis === 0 ? 'batch' : size)) }
  }
  return copy
}

/** What the converter refuses, in the words of this room. */
function understood<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof ConvertError)) throw cause
    throw new NnError('NN_GRAPH', `This graph cannot be trained: ${cause.what}`, {
      ...cause.details, fix: cause.details.fix ?? 'simplify the model first (optimization.simplify), or train a part of it', cause,
    })
  }
}
