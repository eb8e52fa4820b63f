// What the live model does, written down: the TensorFlow.js kernels of one run in order, each with the node it belongs to.
import * as tf from '@tensorflow/tfjs'
import type { Node } from '../../onnx'
import { ConvertError } from '../errors'
import type { TensorFlowModel } from './model'

/** A kernel that ran: tensors by number. */
export interface Step {
  readonly kernel: string
  readonly inputs: readonly (readonly [name: string, id: number])[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly outputs: readonly number[]
  readonly node: string
}

/** A tensor that no kernel made: its numbers. */
export interface Literal {
  readonly shape: readonly number[]
  readonly dtype: tf.DataType
  readonly values: ArrayLike<number>
}

export interface Trace {
  readonly steps: readonly Step[]
  /** Tensors that were given, by number: `inputs` by their place, variables by name. */
  readonly inputs: ReadonlyMap<number, number>
  readonly variables: ReadonlyMap<number, string>
  readonly literals: ReadonlyMap<number, Literal>
  readonly outputs: readonly (readonly [name: string, id: number])[]
}

/** Runs the model once with inputs of these shapes and records every kernel. */
export function trace(model: TensorFlowModel, shapes: readonly (readonly number[])[]): Trace {
  let recorded: Trace | undefined
  tf.tidy(() => {
    const inputs = model.inputs.map(({ dtype }, i) => {
      const shape = [...shapes[i] ?? []]
      return /float/.test(dtype) ? tf.fill(shape, 0.5) : dtype === 'bool' ? tf.zeros(shape, 'bool') : tf.zeros(shape, 'int32')
    })
    const variables = new Map([...model.weights].map(([name, variable]) => [variable.id, name]))
    const given = new Map(inputs.map(({ id }, i) => [id, i]))
    const steps: Step[] = []
    const made = new Set<number>()
    const literals = new Map<number, Literal>()
    const engine = tf.engine()
    const plain = engine.runKernel.bind(engine)
    let node = ''
    model.observer = (at: Node): void => { node = at.label }
    const record = (kernel: string, tensors: Parameters<typeof plain>[1], attributes?: Parameters<typeof plain>[2]): tf.Tensor | tf.Tensor[] => {
      const names: [string, number][] = []
      for (const [name, tensor] of Object.entries(tensors) as [string, tf.Tensor | undefined][]) {
        if (!(tensor instanceof tf.Tensor)) continue
        names.push([name, tensor.id])
        if (!made.has(tensor.id) && !given.has(tensor.id) && !variables.has(tensor.id) && !literals.has(tensor.id)) {
          literals.set(tensor.id, { shape: tensor.shape, dtype: tensor.dtype, values: Float64Array.from(tensor.dataSync()) })
        }
      }
      const result = plain<tf.Tensor | tf.Tensor[]>(kernel, tensors, attributes)
      const list: tf.Tensor[] = Array.isArray(result) ? result : [result]
      for (const { id } of list) made.add(id)
      steps.push({ kernel, inputs: names, attributes: { ...attributes }, outputs: list.map(({ id }) => id), node })
      return result
    }
    engine.runKernel = record as typeof engine.runKernel
    try {
      const outputs = model.run(inputs)
      recorded = { steps, inputs: given, variables, literals, outputs: Object.entries(outputs).map(([name, { id }]) => [name, id] as const) }
    } finally {
      engine.runKernel = plain
      model.observer = undefined
    }
  })
  if (recorded === undefined) throw new ConvertError('CONVERT_OPERATOR', 'The model computed nothing')
  return recorded
}
