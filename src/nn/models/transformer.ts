// A small transformer encoder for classification, and the layers that TensorFlow.js lacks for it.
import * as tf from '@tensorflow/tfjs'
import type { ModelOptions } from './classic'
import { apply, Layers, type Symbolic } from './layers'

type Arguments = Record<string, unknown>
const one = (inputs: tf.Tensor | tf.Tensor[]): tf.Tensor => (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor

/** x + e, with e learned, one vector for each position: [B, T, D] → [B, T, D]. */
export class PositionEmbedding extends tf.layers.Layer {
  static readonly className: string = 'WhetstonePositionEmbedding'
  #table: tf.LayerVariable | undefined

  constructor(private readonly config: Arguments = {}) {
    super(config)
  }

  override build(shape: tf.Shape | tf.Shape[]): void {
    const [, length, width] = shape as number[]
    const seed = Number(this.config.seed ?? 0)
    this.#table = this.addWeight('table', [length ?? 1, width ?? 1], 'float32', tf.initializers.randomNormal({ mean: 0, stddev: 0.02, seed }))
    super.build(shape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const table = this.#table
    return tf.tidy(() => (table ? one(inputs).add(table.read()) : one(inputs)))
  }

  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return shape
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), seed: Number(this.config.seed ?? 0) }
  }
}

/**
 * Scaled dot-product attention over split heads: softmax(Q Kᵀ / √d) V, from projections that are given
 * (Vaswani et al., arXiv 1706.03762): three [B, T, D] → [B, T, D].
 */
export class Attention extends tf.layers.Layer {
  static readonly className: string = 'WhetstoneAttention'

  constructor(private readonly config: Arguments = {}) {
    super(config)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const heads = Number(this.config.heads ?? 1)
    return tf.tidy(() => {
      const [q, k, v] = inputs as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
      const [batch, length, width] = q.shape
      const size = width / heads
      const split = (x: tf.Tensor): tf.Tensor => x.reshape([batch, length, heads, size]).transpose([0, 2, 1, 3])
      const weights = tf.softmax(tf.matMul(split(q), split(k), false, true).mul(1 / Math.sqrt(size)))
      return tf.matMul(weights, split(v)).transpose([0, 2, 1, 3]).reshape([batch, length, width])
    })
  }

  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
    return (Array.isArray(shape[0]) ? shape[0] : shape) as tf.Shape
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), heads: Number(this.config.heads ?? 1) }
  }
}

/** The mean over positions: [B, T, D] → [B, D]. */
export class MeanOverPositions extends tf.layers.Layer {
  static readonly className: string = 'WhetstoneMeanOverPositions'

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => one(inputs).mean(1))
  }

  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, , width] = shape as tf.Shape
    return [batch ?? null, width ?? null]
  }
}

tf.serialization.registerClass(PositionEmbedding)
tf.serialization.registerClass(Attention)
tf.serialization.registerClass(MeanOverPositions)

/** Shape of the transformer. */
export interface TransformerOptions extends ModelOptions {
  /** Width of the vectors, divisible by `heads`. */
  readonly width?: number
  readonly heads?: number
  readonly depth?: number
  /** Width of the hidden layer of a block, as a multiple of `width`. */
  readonly expand?: number
}

/**
 * A pre-norm transformer encoder that reads a sequence [T, D] and classifies the mean over positions. An image
 * [height, width, 1] is read row by row.
 *
 * x ← x + attention(norm(x)); x ← x + W₂ relu(W₁ norm(x)).
 */
export function transformer(options: TransformerOptions = {}): tf.LayersModel {
  const { inputShape = [28, 28, 1], classes = 10, seed = 0, width = 64, heads = 4, depth = 2, expand = 2 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  const [length = 1, ...rest] = inputShape
  const norm = (x: Symbolic, name: string): Symbolic => apply(tf.layers.layerNormalization({ axis: -1, epsilon: 1e-5, name }), x)
  const rows = inputShape.length > 2 ? apply(tf.layers.reshape({ targetShape: [length, rest.reduce((a, b) => a * b, 1)] }), input) : input
  let x = apply(new PositionEmbedding({ seed, name: 'positions' }), layers.dense(rows, width, undefined, 'embed'))
  for (let block = 1; block <= depth; block++) {
    const name = (part: string): string => `block${block}_${part}`
    const h = norm(x, name('norm1'))
    const project = (part: string): Symbolic => layers.dense(h, width, undefined, name(part))
    const mixed = apply(new Attention({ heads, name: name('attention') }), [project('q'), project('k'), project('v')])
    x = apply(tf.layers.add(), [x, layers.dense(mixed, width, undefined, name('o'))])
    const hidden = layers.dense(norm(x, name('norm2')), expand * width, 'relu', name('up'))
    x = apply(tf.layers.add(), [x, layers.dense(hidden, width, undefined, name('down'))])
  }
  const pooled = apply(new MeanOverPositions({ name: 'mean' }), norm(x, 'norm'))
  return tf.model({ inputs: input, outputs: layers.dense(pooled, classes, undefined, 'logits'), name: 'transformer' })
}
