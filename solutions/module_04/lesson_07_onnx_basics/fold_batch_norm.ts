import type {
  BatchNormalization, ConvLayer,
} from '../../../exercises/module_04/lesson_07_onnx_basics/fold_batch_norm/exercise'

// #region cell
export function foldBatchNorm(conv: ConvLayer, norm: BatchNormalization): { weights: Float32Array; bias: Float32Array } {
  const { scale, shift, mean, variance, epsilon } = norm
  const perFilter = conv.shape[1] * conv.shape[2] * conv.shape[3]
  const factors = scale.map((gamma, m) => gamma / Math.sqrt((variance[m] ?? 0) + epsilon))
  return {
    weights: conv.weights.map((weight, i) => weight * (factors[Math.floor(i / perFilter)] ?? 0)),
    bias: conv.bias.map((b, m) => (factors[m] ?? 0) * (b - (mean[m] ?? 0)) + (shift[m] ?? 0)),
  }
}
// #endregion
