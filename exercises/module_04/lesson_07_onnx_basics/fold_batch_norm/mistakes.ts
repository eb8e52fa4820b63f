import type { course } from 'whetstone'
import type * as reference from '../../../../solutions/module_04/lesson_07_onnx_basics/fold_batch_norm'

/** The parts of the right answer, each of which one mistake replaces. g, b, mu, v: γ, β, μ, σ² of one channel. */
const RIGHT = {
  factor: (g: number, v: number, epsilon: number): number => g / Math.sqrt(v + epsilon),
  /** The index of the factor of weight i. */
  owner: (i: number, [, c, h, w]: readonly number[]): number => Math.floor(i / (c! * h! * w!)),
  bias: (s: number, bias: number, mu: number, b: number): number => s * (bias - mu) + b,
}

function variant(wrong: Partial<typeof RIGHT>): Partial<typeof reference> {
  const { factor, owner, bias } = { ...RIGHT, ...wrong }
  return {
    foldBatchNorm(conv, { scale, shift, mean, variance, epsilon }) {
      const s = scale.map((g, m) => factor(g, variance[m]!, epsilon))
      return {
        weights: conv.weights.map((weight, i) => weight * s[owner(i, conv.shape)]!),
        bias: conv.bias.map((b, m) => bias(s[m]!, b, mean[m]!, shift[m]!)),
      }
    },
  }
}

export const mistakes: course.Mistake<typeof reference>[] = [
  {
    name: 'the-bias-is-not-scaled',
    sentence: 'The bias of the convolution goes through the normalization like everything else: s multiplies b too, not only μ.',
    functions: variant({ bias: (s, bias, mu, b) => bias - s * mu + b }),
  },
  {
    name: 'forgets-the-old-bias',
    sentence: 'You made the new bias of the normalization alone. The convolution had one already, and it must not be lost.',
    functions: variant({ bias: (s, _bias, mu, b) => b - s * mu }),
  },
  {
    name: 'the-shift-is-scaled',
    sentence: 'β is added after the scaling: s does not multiply it.',
    functions: variant({ bias: (s, bias, mu, b) => s * (bias - mu + b) }),
  },
  {
    name: 'variance-is-not-the-deviation',
    sentence: 'You divided by σ² + ε. The normalization divides by the standard deviation, the root of it.',
    functions: variant({ factor: (g, v, epsilon) => g / (v + epsilon) }),
  },
  {
    name: 'epsilon-outside-the-root',
    sentence: 'ε is added to the variance, inside the root. Outside it hardly shows, except in channels of small variance, where it ruins the result.',
    functions: variant({ factor: (g, v, epsilon) => g / (Math.sqrt(v) + epsilon) }),
  },
  {
    name: 'no-epsilon',
    sentence: 'You left out ε. A channel that never changes has variance 0, and its factor becomes Infinity.',
    functions: variant({ factor: (g, v) => g / Math.sqrt(v) }),
  },
  {
    name: 'input-channels-are-scaled',
    sentence: 'You scaled the input channels, the second axis of the weights. The normalization is of what comes out: the factor belongs to the filter, the first axis.',
    functions: variant({ owner: (i, [, c, h, w]) => Math.floor(i / (h! * w!)) % c! }),
  },
  {
    name: 'scale-by-position',
    sentence: 'You multiplied weight i by s[i]. All weights of a filter share one factor: filter m owns C · kH · kW weights in a row.',
    functions: variant({ owner: (i) => i }),
  },
]
