// Quantization inside training: rounded in the forward direction, differentiable in the backward one.
import * as tf from '@tensorflow/tfjs'

/** What integers a quantizer has. */
export interface IntegerRange {
  readonly low: number
  readonly high: number
}

/** round(x) with the gradient of x: the straight-through estimator (Bengio et al., arXiv 1308.3432). Ties go to even, as in ONNX. */
export const roundStraightThrough: (x: tf.Tensor) => tf.Tensor = (x) =>
  tf.customGrad((input) => ({ value: tf.round(input as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy }))(x)

/** s, with its gradient multiplied by g. */
export const scaleGradient = (s: tf.Tensor, g: number): tf.Tensor =>
  tf.customGrad((input) => ({ value: (input as tf.Tensor).clone(), gradFunc: (dy: tf.Tensor) => dy.mul(g) }))(s)

/**
 * ŷ = s (clip(round(x / s) + z, low, high) − z), as QuantizeLinear and DequantizeLinear compute it.
 *
 * Gradients are those of LSQ (Esser et al., arXiv 1902.08153): ∂ŷ/∂x = 1 inside the range and 0 outside;
 * ∂ŷ/∂s = round(x / s) − x / s inside and the nearest end of the range outside.
 *
 * @param scale broadcasts against x
 * @param zeroPoint broadcasts against x
 */
export function fakeQuantize(x: tf.Tensor, scale: tf.Tensor, zeroPoint: tf.Tensor | number, { low, high }: IntegerRange): tf.Tensor {
  // Clipping comes first, by whole bounds, so that rounding never leaves the range and the gradient stops outside.
  const [least, most] = [tf.sub(low, zeroPoint), tf.sub(high, zeroPoint)]
  const inside = clip(x.div(scale), least, most)
  return roundStraightThrough(inside).mul(scale)
}

/** min(max(x, low), high) with bounds that may be tensors. */
const clip = (x: tf.Tensor, low: tf.Tensor, high: tf.Tensor): tf.Tensor => tf.minimum(tf.maximum(x, low), high)

/** The factor of LSQ for the gradient of a scale: 1 / √(elements · high). */
export function lsqGradientScale(elements: number, { high }: IntegerRange): number {
  return 1 / Math.sqrt(Math.max(1, elements) * Math.max(1, high))
}
