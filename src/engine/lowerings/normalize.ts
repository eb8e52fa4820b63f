// Normalization with given statistics, and across channels.
import type { FusedBatchNormAttrs, LRNAttrs } from '@tensorflow/tfjs'
import { decline, lowering } from '../lowering'
import type { Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { V } from '../graph'

/** ONNX's operator, for weights that are part of the model: runtimes fold it into the convolution before it. */
function asOperator(b: Builder, x: V, scale: V | undefined, offset: V | undefined, mean: V, variance: V, epsilon: number): V {
  const channels = x.shape.at(-1) ?? 1
  const inputs = [b.toNCHW(x), scale ?? b.full([channels], 1), offset ?? b.full([channels], 0), mean, variance]
  const [n = 1, h = 1, w = 1] = x.shape
  return b.toNHWC(b.node('BatchNormalization', inputs, { epsilon: { float: epsilon } },
    { shape: [n, channels, h, w], dtype: 'float32' }))
}

export const normalize = {
  // y = (x − mean) / √(variance + ε) · scale + offset
  FusedBatchNorm: lowering<FusedBatchNormAttrs, 'x' | 'mean' | 'variance', 'scale' | 'offset'>({
    infer: ({ x }) => (x.dtype === 'float32' ? x : decline('int32 inputs')),
    emit: (b, { x, mean, variance, scale, offset }, { varianceEpsilon }) => {
      const vectors = [mean, variance, scale, offset].every((v) => !v || v.shape.length === 1)
      if (mean.constant && variance.constant && vectors && x.shape.length === 4) {
        return asOperator(b, x, scale, offset, mean, variance, varianceEpsilon)
      }
      const inverse = b.unary('Reciprocal', b.unary('Sqrt', b.binary('Add', variance, b.scalar(varianceEpsilon))))
      const factor = scale ? b.binary('Mul', scale, inverse) : inverse
      const moved = b.binary('Mul', mean, factor)
      const shift = offset ? b.binary('Sub', offset, moved) : b.unary('Neg', moved)
      return b.binary('Add', b.binary('Mul', x, factor), shift)
    },
    except: 'int32 inputs',
  }),
  // y = x · (bias + alpha · Σ x² over 2·radius + 1 channels)^(−beta); ONNX divides alpha by the number of channels.
  LRN: lowering<LRNAttrs, 'x'>({
    infer: ({ x }) => (x.dtype === 'float32' ? x : decline('int32 inputs')),
    emit: (b, { x }, { depthRadius, bias, alpha, beta }) => {
      const size = 2 * depthRadius + 1
      const turned = b.toNCHW(x)
      const attributes = { size, bias: { float: bias }, alpha: { float: alpha * size }, beta: { float: beta } }
      return b.toNHWC(b.node('LRN', [turned], attributes, { shape: turned.shape, dtype: 'float32' }))
    },
    except: 'int32 inputs',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
