// A pretrained graph with a new last layer, for other classes than those it was trained on.
import { random } from '../../core'
import { cloneModel, Tensor, tensorType, type Model, type Node, type Value } from '../../onnx'
import { NnError } from '../errors'

/** A model whose head is new. */
export interface NewHead {
  readonly model: Model
  /** Names of the new weights: what is trained when the rest is frozen. */
  readonly head: readonly string[]
  /** The value that the head reads: the features [B, D]. */
  readonly features: string
}

/**
 * The model with its last linear layer (Gemm, or MatMul and Add) replaced by one for other classes: weights normal with
 * variance 1 / features, biases 0. Everything below keeps its weights; the model that was given stays as it is.
 *
 * @throws NnError `NN_GRAPH` when the model does not end in a linear layer
 */
export function withNewHead(model: Model, classes: number, options: { readonly seed?: number } = {}): NewHead {
  const copy = cloneModel(model)
  const { graph } = copy
  const output = graph.outputs[0]
  const last = output?.producer
  const bias = last?.opType === 'Add' ? last.inputs.find((value) => value?.tensor !== undefined) : undefined
  const linear = bias && last ? last.inputs.find((value) => value?.producer)?.producer : last
  const weight = linear?.inputs[1]
  if (!output || !linear || !['Gemm', 'MatMul'].includes(linear.opType) || weight?.tensor?.shape.length !== 2) {
    throw new NnError('NN_GRAPH', 'The model does not end in a linear layer', {
      expected: 'Gemm, or MatMul and Add, with constant weights', got: last?.opType ?? 'no output', fix: 'cut the graph behind its last linear layer first',
    })
  }
  const turned = linear.int('transB', 0) === 1
  const features = weight.tensor.shape[turned ? 1 : 0] ?? 1
  const generator = random(options.seed ?? 0)
  const fresh = Float32Array.from({ length: features * classes }, () => generator.normal() / Math.sqrt(features))
  graph.setInitializer(weight, Tensor.from(fresh, turned ? [classes, features] : [features, classes]))
  const addend = bias ?? linear.inputs[2]
  if (addend) graph.setInitializer(addend, Tensor.from(new Float32Array(classes), [classes]))
  for (const value of new Set<Value | undefined>([output, ...outputsOf(linear)])) {
    const batch = value?.shape?.[0]
    if (value) value.type = batch === undefined ? undefined : tensorType('float32', [batch, classes])
  }
  return { model: copy, head: [weight.name, ...(addend ? [addend.name] : [])], features: linear.inputs[0]?.name ?? '' }
}

function outputsOf(node: Node): readonly Value[] {
  return node.outputs
}
