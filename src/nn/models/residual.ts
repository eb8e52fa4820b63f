// Networks with batch normalization: depthwise separable blocks and residual blocks.
import * as tf from '@tensorflow/tfjs'
import type { ModelOptions } from './classic'
import { apply, Layers, type Symbolic } from './layers'

/** Shape of a MobileNet-style network. */
export interface MobileNetOptions extends ModelOptions {
  /** Filters of the first convolution, stride 2. */
  readonly stem?: number
  /** One depthwise separable block each. */
  readonly blocks?: readonly { readonly filters: number; readonly strides: number }[]
}

/**
 * Depthwise separable convolutions as in MobileNet (Howard et al., arXiv 1704.04861): 3 × 3 depthwise, batch norm, ReLU6,
 * 1 × 1, batch norm, ReLU6; global average; logits. Per-tensor int8 of the depthwise weights is what breaks such models.
 */
export function mobileNet(options: MobileNetOptions = {}): tf.LayersModel {
  const {
    inputShape = [28, 28, 1], classes = 10, seed = 0, stem = 16,
    blocks = [{ filters: 32, strides: 1 }, { filters: 64, strides: 2 }, { filters: 64, strides: 1 }, { filters: 128, strides: 2 }],
  } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  const unit = (x: Symbolic, name: string): Symbolic => layers.relu(layers.norm(x, `${name}_bn`), 6)
  let x = unit(layers.conv(input, stem, 3, { strides: 2, useBias: false, name: 'stem' }), 'stem')
  blocks.forEach(({ filters, strides }, i) => {
    const name = `block${i + 1}`
    x = unit(layers.depthwise(x, 3, strides, `${name}_dw`), `${name}_dw`)
    x = unit(layers.conv(x, filters, 1, { useBias: false, name: `${name}_pw` }), `${name}_pw`)
  })
  x = apply(tf.layers.globalAveragePooling2d({}), x)
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'mobilenet' })
}

/** Shape of a ResNet-style network. */
export interface ResNetOptions extends ModelOptions {
  /** Filters of the stages; every stage after the first halves height and width. */
  readonly filters?: readonly number[]
  /** Blocks in each stage: depth = 2 · stages · blocks + 2. */
  readonly blocks?: number
}

/**
 * Residual blocks with batch normalization as He et al. use for CIFAR (arXiv 1512.03385, section 4.2):
 * y = max(0, x + bn(conv(max(0, bn(conv(x)))))), a 1 × 1 convolution on the short way where the size changes.
 */
export function resNet(options: ResNetOptions = {}): tf.LayersModel {
  const { inputShape = [28, 28, 1], classes = 10, seed = 0, filters = [16, 32, 64], blocks = 1 } = options
  const layers = new Layers(seed)
  const input = tf.input({ shape: [...inputShape], name: 'x' })
  const convolution = (x: Symbolic, count: number, size: number, strides: number, name: string): Symbolic =>
    layers.norm(layers.conv(x, count, size, { strides, useBias: false, name }), `${name}_bn`)
  let x = layers.relu(convolution(input, filters[0] ?? 16, 3, 1, 'stem'))
  filters.forEach((count, stage) => {
    for (let block = 0; block < blocks; block++) {
      const name = `stage${stage + 1}_${block + 1}`
      const strides = stage > 0 && block === 0 ? 2 : 1
      const inner = layers.relu(convolution(x, count, 3, strides, `${name}_a`))
      const same = strides === 1 && x.shape[3] === count
      const short = same ? x : convolution(x, count, 1, strides, `${name}_short`)
      x = layers.relu(apply(tf.layers.add(), [convolution(inner, count, 3, 1, `${name}_b`), short]))
    }
  })
  x = apply(tf.layers.globalAveragePooling2d({}), x)
  return tf.model({ inputs: input, outputs: layers.dense(x, classes, undefined, 'logits'), name: 'resnet' })
}
