import type { course } from 'whetstone'

export const exercise: course.Exercise = {
  id: 'module_04/lesson_07_onnx_basics/fold_batch_norm',
  title: 'Fold a batch normalization into its convolution',
  points: 8,
  minutes: 15,
  trains: [
    'module04/lesson-7-onnx-fundamentals/topics/optimization-passes',
    'module04/lesson-7-onnx-fundamentals/hands-on/optimize-onnx-graphs',
    'performance/learning-goals/concepts/graph-optimization',
  ],
}

// #region cell
/** A convolution as ONNX stores it. */
export interface ConvLayer {
  /** W, row-major: all of filter 0, then all of filter 1, and so on. */
  weights: Float32Array
  /** [M, C, kH, kW]: filters, input channels, kernel height and width. */
  shape: [number, number, number, number]
  /** b, one for each filter. */
  bias: Float32Array
}

/** A batch normalization after training, one number of each kind for each of the M channels. */
export interface BatchNormalization {
  /** γ */
  scale: Float32Array
  /** β */
  shift: Float32Array
  /** μ */
  mean: Float32Array
  /** σ², not σ. */
  variance: Float32Array
  /** ε, which keeps the root away from 0. */
  epsilon: number
}

/**
 * One convolution that does the work of two operators. After training, batch normalization is a line for each channel:
 *
 *   conv(x) = W ∗ x + b,   norm(z) = γ · (z − μ) / √(σ² + ε) + β
 *
 * A line of a line is a line, so norm(conv(x)) = W' ∗ x + b' with, for filter m,
 *
 *   s[m] = γ[m] / √(σ²[m] + ε),   W'[m] = s[m] · W[m],   b'[m] = s[m] · (b[m] − μ[m]) + β[m]
 *
 * Example: one filter with the single weight 3 and bias 1; γ = 2, β = 10, μ = 5, σ² = 4, ε = 0. Then s = 2 / 2 = 1,
 * W' = [3], b' = [1 · (1 − 5) + 10] = [6]. For x = 7: conv gives 22, norm gives 2 · 17 / 2 + 10 = 27, and 3 · 7 + 6 = 27.
 *
 * @returns W' and b' in new arrays, of the shapes of W and b
 */
export function foldBatchNorm(conv: ConvLayer, norm: BatchNormalization): { weights: Float32Array; bias: Float32Array } {
  // TODO: for each filter find s, scale its weights, and move its bias.
  throw new Error('foldBatchNorm is not written yet')
}
// #endregion
