// What the model builders share: seeded layers of TensorFlow.js under short names. Not for users: `models` is.
import * as tf from '@tensorflow/tfjs'

/** A symbolic tensor of TensorFlow.js's functional API. */
export type Symbolic = tf.SymbolicTensor

/** Applies a layer to one symbolic tensor or several. */
export function apply(layer: tf.layers.Layer, x: Symbolic | Symbolic[]): Symbolic {
  return layer.apply(x) as Symbolic
}

/** Makes layers whose initial weights are decided by one seed, in the order of the calls. */
export class Layers {
  #next: number

  constructor(seed: number) {
    this.#next = seed * 1009 + 1
  }

  #he(): ReturnType<typeof tf.initializers.heNormal> {
    return tf.initializers.heNormal({ seed: this.#next++ })
  }

  #glorot(): ReturnType<typeof tf.initializers.glorotUniform> {
    return tf.initializers.glorotUniform({ seed: this.#next++ })
  }

  /** x W + b. Initialised for a ReLU behind it (He et al., 2015), or, without one, as Glorot and Bengio (2010). */
  dense(x: Symbolic, units: number, activation?: 'relu', name?: string): Symbolic {
    const kernelInitializer = activation === undefined ? this.#glorot() : this.#he()
    return apply(tf.layers.dense({ units, kernelInitializer, ...(activation && { activation }), ...(name !== undefined && { name }) }), x)
  }

  /** A square convolution, NHWC. */
  conv(x: Symbolic, filters: number, kernelSize: number, options: { strides?: number; useBias?: boolean; padding?: 'same' | 'valid'; activation?: 'relu'; name?: string } = {}): Symbolic {
    return apply(tf.layers.conv2d({ filters, kernelSize, padding: 'same', kernelInitializer: this.#he(), ...options }), x)
  }

  /** One filter for each channel. */
  depthwise(x: Symbolic, kernelSize: number, strides = 1, name?: string): Symbolic {
    return apply(tf.layers.depthwiseConv2d({
      kernelSize, strides, padding: 'same', useBias: false, depthwiseInitializer: this.#he(), ...(name !== undefined && { name }),
    }), x)
  }

  /** (x − μ) / √(σ² + ε) · γ + β over the channels; momentum 0.9, because the runs here are short. */
  norm(x: Symbolic, name?: string): Symbolic {
    return apply(tf.layers.batchNormalization({ momentum: 0.9, epsilon: 1e-3, ...(name !== undefined && { name }) }), x)
  }

  /** max(0, x), or min(6, max(0, x)). */
  relu(x: Symbolic, maxValue?: number): Symbolic {
    return apply(tf.layers.reLU(maxValue === undefined ? {} : { maxValue }), x)
  }

  /** An initializer with the next seed, for layers written here. */
  initializer(): ReturnType<typeof tf.initializers.glorotUniform> {
    return this.#glorot()
  }
}
