// What can be asked of a converted model, and what goes into it.
import * as tf from '@tensorflow/tfjs'
import type { DType } from '../../core'
import { formatShape, type Dim, type Node, type Tensor } from '../../onnx'
import { ConvertError } from '../errors'
import { tensorFlowType } from './datum'

/** Changes to what a model computes: fake quantization, adapters and masks enter here. Part of its gradient. */
export interface TensorFlowHooks {
  /** Before a node reads a weight: `Conv(x, W)` asks with its W. */
  readonly weight?: (name: string, weight: tf.Tensor, node: Node, index: number) => tf.Tensor
  /** After a value of floats is computed, by its name; also the model's inputs. */
  readonly value?: (name: string, value: tf.Tensor) => tf.Tensor
}

export interface ToTensorFlowOptions {
  /** Whether an initializer is trained; called for every float one. Default: by its place in the graph. */
  readonly trainable?: (name: string, tensor: Tensor) => boolean
  /** `train` (default): quantized weights are trained before their rounding. `freeze`: they stay as they are. */
  readonly quantizedWeights?: 'train' | 'freeze'
  readonly hooks?: TensorFlowHooks
}

/** How the model is run. */
export interface ApplyOptions {
  /** Batch statistics in batch normalization, which also move the running ones, and dropout. Default false. */
  readonly training?: boolean
  /** Whether dropout drops; default as `training`. A compiled step cannot draw random numbers and says false. */
  readonly dropout?: boolean
}

/** How the model is run, and what is asked of it. */
export interface RunOptions extends ApplyOptions {
  /** Names of values: outputs, or features from the middle. Default: the outputs. */
  readonly outputs?: readonly string[]
}

/** An input or output by name, type and shape. */
export interface TensorFlowPort {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly Dim[] | undefined
}

/** Inputs of a model: the only one, all in order, or by name. */
export type ModelInputs = tf.Tensor | readonly tf.Tensor[] | Readonly<Record<string, tf.Tensor>>

/**
 * The tensor of every input, in its type.
 *
 * @throws ConvertError `CONVERT_SHAPE` for an input that is missing, unknown or of another shape
 */
export function named(inputs: ModelInputs, ports: readonly TensorFlowPort[]): [TensorFlowPort, tf.Tensor][] {
  const given = inputs instanceof tf.Tensor ? [inputs] : inputs
  const entries = Array.isArray(given) ? (given as tf.Tensor[]).map((tensor, i): [string | undefined, tf.Tensor] => [ports[i]?.name, tensor])
    : Object.entries(given as Record<string, tf.Tensor>)
  const expected = ports.map(({ name, shape }) => `${name}${shape === undefined ? '' : formatShape(shape)}`).join(', ')
  const found = entries.map(([name, tensor], i): [TensorFlowPort, tf.Tensor] => {
    const port = ports.find((input) => input.name === name)
    const { shape } = port ?? {}
    const fits = shape === undefined || (shape.length === tensor.rank && shape.every((size, axis) => typeof size !== 'number' || size === tensor.shape[axis]))
    if (port === undefined || !fits) {
      throw new ConvertError('CONVERT_SHAPE', port === undefined ? `The model has no input ${name ?? `number ${i}`}` : `The input ${port.name} does not fit`, {
        expected, got: formatShape(tensor.shape),
      })
    }
    const type = tensorFlowType(port.dtype)
    return [port, tensor.dtype === type ? tensor : tf.cast(tensor, type)]
  })
  const missing = ports.find((input) => !found.some(([port]) => port === input))
  if (missing !== undefined) throw new ConvertError('CONVERT_SHAPE', `The input ${missing.name} is missing`, { expected })
  return found
}
