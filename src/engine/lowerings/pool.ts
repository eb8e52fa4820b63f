// Two-dimensional pooling and its gradients.
import { backend_util } from '@tensorflow/tfjs'
import type { AvgPoolAttrs, AvgPoolGradAttrs, MaxPoolAttrs, MaxPoolGradAttrs } from '@tensorflow/tfjs'
import { elementCount } from '../../core'
import type { Shape } from '../../core'
import { decline, lowering } from '../lowering'
import type { Declined, KernelSpec, Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { GraphAttribute, V } from '../graph'
import { NCHWC, fromBlocks, toBlocks } from '../blocked'

type Info = backend_util.Conv2DInfo
type Geometry = MaxPoolAttrs | MaxPoolGradAttrs | AvgPoolGradAttrs

const NOT_HERE = 'int32, windows that lie in the padding'

const geometry = (a: Geometry, x: Shape): Info => backend_util.computePool2DInfo(
  [...x] as [number, number, number, number], a.filterSize, a.strides, 1, a.pad,
  'dimRoundingMode' in a ? a.dimRoundingMode : undefined)

const window = (i: Info): Record<string, GraphAttribute> => ({
  kernel_shape: [i.filterHeight, i.filterWidth], strides: [i.strideHeight, i.strideWidth],
  pads: [i.padInfo.top, i.padInfo.left, i.padInfo.bottom, i.padInfo.right],
})

const pooled = (i: Info): number[] => [i.batchSize, i.outChannels, i.outHeight, i.outWidth]
const image = (i: Info): number[] => [i.batchSize, i.inChannels, i.inHeight, i.inWidth]
const disjoint = (i: Info): boolean => i.strideHeight >= i.filterHeight && i.strideWidth >= i.filterWidth

/** ONNX Runtime takes no pads as large as the window, and works the number of windows out by itself. */
const refused = (a: Geometry, x: KernelSpec): Declined | undefined => {
  if (x.dtype !== 'float32') return decline(NOT_HERE)
  const i = geometry(a, x.shape)
  const { top, bottom, left, right } = i.padInfo
  const fits = (size: number, kernel: number, stride: number, before: number, after: number, out: number): boolean =>
    before < kernel && after < kernel && Math.floor((size + before + after - kernel) / stride) + 1 === out
  return fits(i.inHeight, i.filterHeight, i.strideHeight, top, bottom, i.outHeight)
    && fits(i.inWidth, i.filterWidth, i.strideWidth, left, right, i.outWidth) ? undefined : decline(NOT_HERE)
}

/** The largest of each window and its place in the flat input. */
const maxWithPlace = (b: Builder, x: V, i: Info): readonly V[] => b.emit('MaxPool', [b.toNCHW(x)], window(i), [
  { shape: pooled(i), dtype: 'float32' }, { shape: pooled(i), dtype: 'int64' }])

/** The largest of each window. */
function maximum(b: Builder, x: V, i: Info): V {
  if (b.block > 0 && i.inChannels % b.block === 0) return fromBlocks(b, b.node('MaxPool', [toBlocks(b, x)], window(i), { shape: pooled(i), dtype: 'float32' }, NCHWC))
  return b.toNHWC(maxWithPlace(b, x, i)[0] as V)
}

/** The two halves of an axis that has two elements. */
const halves = (b: Builder, v: V, axis: number): readonly [V, V] => {
  const spec = { shape: v.shape.map((size, k) => (k === axis ? size / 2 : size)), dtype: v.dtype }
  return b.emit('Split', [v], { axis, num_outputs: 2 }, [spec, spec]) as readonly [V, V]
}

/**
 * The gradient over windows of 2×2 without places: the left pixel of a pair gets dy where it is at least the right one, then
 * the upper of two such maxima where it is at least the lower one. So the first of equal pixels in reading order gets it,
 * as in TensorFlow.js. Images stay channels-last.
 */
function pairGradient(b: Builder, dy: V, x: V, i: Info): V {
  const [n, h, w, c] = [i.batchSize, i.outHeight, i.outWidth, i.inChannels]
  const first = (pair: readonly [V, V]): V => b.cast(b.compare('GreaterOrEqual', ...pair), 'float32')
  const share = (d: V, pair: readonly [V, V], axis: number): V => {
    const one = b.binary('Mul', d, first(pair))
    return b.concat([one, b.binary('Sub', d, one)], axis)
  }
  const beside = halves(b, b.reshape(b.settle(x), [n, 2 * h, w, 2, c]), 3)
  const rows = b.reshape(b.binary('Max', ...beside), [n, h, 2, w, c])
  const above = halves(b, rows, 2)
  const byRow = share(b.reshape(b.settle(dy), [n, h, 1, w, c]), above, 2)
  return b.reshape(share(b.reshape(byRow, [n, 2 * h, w, 1, c]), beside, 3), x.shape)
}

const inPairs = (b: Builder, i: Info): boolean => b.block > 0 && i.inChannels >= 8 && i.filterHeight === 2 && i.filterWidth === 2 && disjoint(i)
  && i.inHeight === 2 * i.outHeight && i.inWidth === 2 * i.outWidth && i.padInfo.top + i.padInfo.left + i.padInfo.bottom + i.padInfo.right === 0

/** Sends each dy to the place its maximum came from. */
function maxGradient(b: Builder, dy: V, x: V, i: Info): V {
  if (inPairs(b, i)) return pairGradient(b, dy, x, i)
  const place = maxWithPlace(b, x, i)[1] as V
  const count = elementCount(pooled(i))
  const total = elementCount(image(i))
  const scattered = b.node('ScatterElements', [b.full([total], 0), b.reshape(place, [count]), b.reshape(b.toNCHW(dy), [count])],
    disjoint(i) ? { axis: 0 } : { axis: 0, reduction: 'add' }, { shape: [total], dtype: 'float32' })
  return b.toNHWC(b.reshape(scattered, image(i)))
}

/** Spreads each dy evenly over its window: a depthwise transposed convolution with ones. */
function averageGradient(b: Builder, dy: V, i: Info): V {
  const planes = i.batchSize * i.inChannels
  const share = b.binary('Mul', b.toNCHW(dy), b.scalar(1 / (i.filterHeight * i.filterWidth)))
  const p = window(i).pads as number[]
  const spare = [
    i.inHeight - ((i.outHeight - 1) * i.strideHeight + i.filterHeight - (p[0] ?? 0) - (p[2] ?? 0)),
    i.inWidth - ((i.outWidth - 1) * i.strideWidth + i.filterWidth - (p[1] ?? 0) - (p[3] ?? 0)),
  ]
  const after = [p[0] ?? 0, p[1] ?? 0, (p[2] ?? 0) - Math.min(0, spare[0] ?? 0), (p[3] ?? 0) - Math.min(0, spare[1] ?? 0)]
  const ones = b.full([1, 1, i.filterHeight, i.filterWidth], 1)
  const spread = b.node('ConvTranspose', [b.reshape(share, [planes, 1, i.outHeight, i.outWidth]), ones],
    { ...window(i), pads: after, output_padding: spare.map((s) => Math.max(0, s)) },
    { shape: [planes, 1, i.inHeight, i.inWidth], dtype: 'float32' })
  return b.toNHWC(b.reshape(spread, image(i)))
}

export const pool = {
  MaxPool: lowering<MaxPoolAttrs, 'x'>({
    infer: ({ x }, a) => refused(a, x) ?? { shape: geometry(a, x.shape).outShape, dtype: 'float32' },
    emit: (b, { x }, a) => maximum(b, x, geometry(a, x.shape)),
    except: NOT_HERE,
  }),
  AvgPool: lowering<AvgPoolAttrs, 'x'>({
    infer: ({ x }, a) => refused(a, x) ?? { shape: geometry(a, x.shape).outShape, dtype: 'float32' },
    emit: (b, { x }, a) => {
      const i = geometry(a, x.shape)
      return b.toNHWC(b.node('AveragePool', [b.toNCHW(x)], window(i), { shape: pooled(i), dtype: 'float32' }))
    },
    except: NOT_HERE,
  }),
  MaxPoolGrad: lowering<MaxPoolGradAttrs, 'dy' | 'input' | 'output'>({
    infer: ({ input }, a) => refused(a, input) ?? input,
    emit: (b, { dy, input }, a) => maxGradient(b, dy, input, geometry(a, input.shape)),
    except: NOT_HERE,
  }),
  AvgPoolGrad: lowering<AvgPoolGradAttrs, 'dy' | 'input'>({
    infer: ({ input }, a) => refused(a, input) ?? input,
    emit: (b, { dy, input }, a) => averageGradient(b, dy, geometry(a, input.shape)),
    except: NOT_HERE,
  }),
} as const satisfies Readonly<Record<string, Lowering>>
