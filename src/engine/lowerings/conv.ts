// Two-dimensional convolutions and their gradients. ONNX computes on NCHW; the transposes around meet and vanish.
import { backend_util } from '@tensorflow/tfjs'
import type {
  Conv2DAttrs, Conv2DBackpropFilterAttrs, Conv2DBackpropInputAttrs, DepthwiseConv2dNativeAttrs,
  DepthwiseConv2dNativeBackpropFilterAttrs, DepthwiseConv2dNativeBackpropInputAttrs, FusedConv2DAttrs,
} from '@tensorflow/tfjs'
import { elementCount } from '../../core'
import type { Shape } from '../../core'
import { decline, lowering } from '../lowering'
import type { Declined, KernelSpec, Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { GraphAttribute, V } from '../graph'
import { blockedConvolution, fitsBlocks } from '../blocked'
import { activate } from './elementwise'

type Info = backend_util.Conv2DInfo
type Geometry = Pick<Conv2DAttrs, 'strides' | 'pad'> &
  Partial<Pick<Conv2DAttrs, 'dilations' | 'dimRoundingMode' | 'dataFormat'>>

const NOT_HERE = 'NCHW, int32'
type Four = [number, number, number, number]

const geometry = (a: Geometry, x: Shape, filter: Shape, depthwise = false): Info => backend_util.computeConv2DInfo(
  [...x] as Four, [...filter] as Four, a.strides, a.dilations ?? 1, a.pad, a.dimRoundingMode, depthwise, 'channelsLast')

const pads = (i: Info): number[] => [i.padInfo.top, i.padInfo.left, i.padInfo.bottom, i.padInfo.right]
const window = (i: Info): Record<string, GraphAttribute> => ({
  kernel_shape: [i.filterHeight, i.filterWidth], strides: [i.strideHeight, i.strideWidth],
  dilations: [i.dilationHeight, i.dilationWidth], pads: pads(i),
})

const refused = (a: Geometry, ...inputs: readonly (KernelSpec | undefined)[]): Declined | undefined =>
  (a.dataFormat === 'NCHW' || inputs.some((t) => t && t.dtype !== 'float32') ? decline(NOT_HERE) : undefined)

/** y = x ∗ w (+ bias), NHWC in and out; w is [height, width, in, out]. */
function convolve(b: Builder, x: V, w: V, i: Info, bias?: V): V {
  const point = i.filterHeight === 1 && i.filterWidth === 1 && i.strideHeight === 1 && i.strideWidth === 1 && pads(i).every((p) => p === 0)
  if (point && x.node?.op !== 'Transpose') {
    // A 1×1 convolution is a matrix product over pixels, when the pixels already lie channels-last.
    const flat = b.matmul(b.reshape(x, [elementCount(x.shape) / i.inChannels, i.inChannels]), b.reshape(w, w.shape.slice(2)),
      false, false, bias && b.reshape(bias, [i.outChannels]))
    return b.reshape(flat, i.outShape)
  }
  if (fitsBlocks(b, i.inChannels, i.outChannels)) return blockedConvolution(b, x, w, window(i), i.outShape, bias)
  const inputs = [b.toNCHW(x), b.transpose(w, [3, 2, 0, 1]), ...(bias ? [b.reshape(bias, [i.outChannels])] : [])]
  const shape = [i.batchSize, i.outChannels, i.outHeight, i.outWidth]
  return b.toNHWC(b.node('Conv', inputs, window(i), { shape, dtype: 'float32' }))
}

/**
 * The pixels under each window as rows (im2col): [N·outH·outW, height·width·in]. One Gather per image with the places of
 * the pixels as a constant copies every pixel once; slices and a Concat copy it twice, and take 2 to 2.5 times as long.
 */
function patches(b: Builder, x: V, i: Info): V {
  if (i.inChannels === 1) return patchesBySlices(b, b.settle(x), i)
  const { top, bottom, left, right } = i.padInfo
  const settled = b.pad(b.settle(x), [[0, 0], [top, bottom], [left, right], [0, 0]])
  const width = i.inWidth + left + right
  const places: number[] = []
  for (let row = 0; row < i.outHeight; row++) {
    for (let column = 0; column < i.outWidth; column++) {
      for (let p = 0; p < i.filterHeight; p++) {
        for (let q = 0; q < i.filterWidth; q++) {
          places.push((row * i.strideHeight + p * i.dilationHeight) * width + column * i.strideWidth + q * i.dilationWidth)
        }
      }
    }
  }
  const pixels = b.reshape(settled, [i.batchSize, (i.inHeight + top + bottom) * width, i.inChannels])
  const gathered = b.gather(pixels, b.constant('int32', [places.length], places), 1)
  return b.reshape(gathered, [i.batchSize * i.outHeight * i.outWidth, i.filterHeight * i.filterWidth * i.inChannels])
}

/** The same from slices: faster for one channel, where Gather copies single numbers. */
function patchesBySlices(b: Builder, x: V, i: Info): V {
  const padded = b.pad(x, [[0, 0], [i.padInfo.top, i.padInfo.bottom], [i.padInfo.left, i.padInfo.right], [0, 0]])
  const size = [i.batchSize, i.outHeight, i.outWidth, i.inChannels]
  const parts: V[] = []
  for (let row = 0; row < i.filterHeight; row++) {
    for (let column = 0; column < i.filterWidth; column++) {
      const begin = [0, row * i.dilationHeight, column * i.dilationWidth, 0]
      parts.push(b.slice(padded, begin, size, [1, i.strideHeight, i.strideWidth, 1]))
    }
  }
  const columns = i.filterHeight * i.filterWidth * i.inChannels
  return b.reshape(b.concat(parts, 3), [i.batchSize * i.outHeight * i.outWidth, columns])
}

/**
 * The image beside itself, moved by 0, 1, … pixels along one axis: [N·rows·columns, count·channels]. Pixel (r, c) of part k
 * is pixel (r + k·down, c + k·across) of `padded`.
 */
function moved(b: Builder, padded: V, rows: number, columns: number, count: number, down: number, across: number): V {
  const [n = 1, height = 1, width = 1, channels = 1] = padded.shape
  const places: number[] = []
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) for (let k = 0; k < count; k++) places.push((r + k * down) * width + c + k * across)
  }
  const gathered = b.gather(b.reshape(padded, [n, height * width, channels]), b.constant('int32', [places.length], places), 1)
  return b.reshape(gathered, [n * rows * columns, count * channels])
}

/**
 * ∂/∂w for stride 1, with x moved along its rows only and dy along its columns only:
 * dw[p, q] = Σ x[i, c + q − left]·dy[i − p + top, c] over the rows i of x. All p and q are one product of two narrow
 * matrices, [kw·in, pixels]·[pixels, kh·out], which copies kw·in + kh·out numbers a pixel and not kh·kw·in.
 */
function narrowFilterGradient(b: Builder, x: V, dy: V, i: Info): V | undefined {
  const { top, bottom, left, right } = i.padInfo
  const [kh, kw] = [i.filterHeight, i.filterWidth]
  const plain = i.strideHeight === 1 && i.strideWidth === 1 && i.dilationHeight === 1 && i.dilationWidth === 1
  if (b.purpose === 'export' || !plain || i.inChannels < 8 || top >= kh || bottom >= kh || kw * i.inChannels + kh * i.outChannels > kh * kw * i.inChannels) return undefined
  const beside = moved(b, b.pad(b.settle(x), [[0, 0], [0, 0], [left, right], [0, 0]]), i.inHeight, i.outWidth, kw, 0, 1)
  const above = b.pad(b.settle(dy), [[0, 0], [kh - 1 - top, kh - 1 - bottom], [0, 0], [0, 0]])
  // Part k of dy is the row of the kernel p = kh − 1 − k.
  const below = moved(b, above, i.inHeight, i.outWidth, kh, 1, 0)
  const few = beside.shape.at(-1) ?? 1
  const swapped = few > (below.shape.at(-1) ?? 1)
  const product = swapped ? b.transpose(b.matmul(below, beside, true), [1, 0]) : b.matmul(beside, below, true)
  const parts = b.transpose(b.reshape(product, [kw, i.inChannels, kh, i.outChannels]), [2, 0, 1, 3])
  return b.reshape(b.slice(parts, [kh - 1, 0, 0, 0], [kh, kw, i.inChannels, i.outChannels], [-1, 1, 1, 1]), i.filterShape)
}

/** ∂/∂w: the patches' product with dy, one matrix product over all pixels. */
function filterGradient(b: Builder, x: V, dy: V, i: Info): V {
  const narrow = narrowFilterGradient(b, x, dy, i)
  if (narrow) return narrow
  const rows = patches(b, x, i)
  const flat = b.reshape(dy, [rows.shape[0] ?? 1, i.outChannels])
  return b.reshape(b.matmul(rows, flat, true, false), [i.filterHeight, i.filterWidth, i.inChannels, i.outChannels])
}

/** What ConvTranspose has to add below and right so that the result has the input's size. */
function transposedWindow(i: Info): Record<string, GraphAttribute> {
  const spare = (input: number, output: number, stride: number, kernel: number, before: number, after: number): number =>
    input - ((output - 1) * stride + kernel - before - after)
  const p = pads(i)
  const output = [
    spare(i.inHeight, i.outHeight, i.strideHeight, (i.filterHeight - 1) * i.dilationHeight + 1, p[0] ?? 0, p[2] ?? 0),
    spare(i.inWidth, i.outWidth, i.strideWidth, (i.filterWidth - 1) * i.dilationWidth + 1, p[1] ?? 0, p[3] ?? 0),
  ]
  output.forEach((extra, k) => {
    if (extra < 0) {
      p[k + 2] = (p[k + 2] ?? 0) - extra
      output[k] = 0
    }
  })
  return { ...window(i), pads: p, output_padding: output }
}

/** ∂/∂x: the transposed convolution of dy with w; for stride 1 the convolution with the turned kernel, which is faster. */
function inputGradient(b: Builder, dy: V, w: V, i: Info): V {
  const shape = [i.batchSize, i.inChannels, i.inHeight, i.inWidth]
  if (i.strideHeight === 1 && i.strideWidth === 1) {
    const rest = [(i.filterHeight - 1) * i.dilationHeight, (i.filterWidth - 1) * i.dilationWidth]
    const around = pads(i).map((p, side) => (rest[side % 2] ?? 0) - p)
    if (around.every((p) => p >= 0)) {
      const turned = b.slice(w, [i.filterHeight - 1, i.filterWidth - 1, 0, 0], w.shape, [-1, -1, 1, 1])
      if (fitsBlocks(b, i.outChannels, i.inChannels)) {
        return blockedConvolution(b, dy, b.transpose(turned, [0, 1, 3, 2]), { ...window(i), pads: around }, i.inShape)
      }
      return b.toNHWC(b.node('Conv', [b.toNCHW(dy), b.transpose(turned, [2, 3, 0, 1])], { ...window(i), pads: around },
        { shape, dtype: 'float32' }))
    }
  }
  return b.toNHWC(b.node('ConvTranspose', [b.toNCHW(dy), b.transpose(w, [3, 2, 0, 1])], transposedWindow(i), { shape, dtype: 'float32' }))
}

/** Depthwise: w is [height, width, in, multiplier]; ONNX has groups = in. */
function convolveDepthwise(b: Builder, x: V, w: V, i: Info, bias?: V): V {
  const kernel = b.reshape(b.transpose(w, [2, 3, 0, 1]), [i.outChannels, 1, i.filterHeight, i.filterWidth])
  const inputs = [b.toNCHW(x), kernel, ...(bias ? [b.reshape(bias, [i.outChannels])] : [])]
  const shape = [i.batchSize, i.outChannels, i.outHeight, i.outWidth]
  return b.toNHWC(b.node('Conv', inputs, { ...window(i), group: i.inChannels }, { shape, dtype: 'float32' }))
}

/** ∂/∂w of a depthwise convolution: one window offset at a time, Σ over images and pixels of x · dy. */
function depthwiseFilterGradient(b: Builder, x: V, dy: V, i: Info): V {
  const multiplier = i.outChannels / i.inChannels
  const padded = b.pad(x, [[0, 0], [i.padInfo.top, i.padInfo.bottom], [i.padInfo.left, i.padInfo.right], [0, 0]])
  const pixels = i.batchSize * i.outHeight * i.outWidth
  const grid = b.reshape(dy, [pixels, i.inChannels, multiplier])
  const rows: V[] = []
  for (let row = 0; row < i.filterHeight; row++) {
    for (let column = 0; column < i.filterWidth; column++) {
      const part = b.slice(padded, [0, row * i.dilationHeight, column * i.dilationWidth, 0],
        [i.batchSize, i.outHeight, i.outWidth, i.inChannels], [1, i.strideHeight, i.strideWidth, 1])
      const products = b.binary('Mul', grid, b.reshape(part, [pixels, i.inChannels, 1]))
      rows.push(b.reshape(b.reduce('ReduceSum', products, [0], false), [1, i.inChannels, multiplier]))
    }
  }
  return b.reshape(b.concat(rows, 0), [i.filterHeight, i.filterWidth, i.inChannels, multiplier])
}

function depthwiseInputGradient(b: Builder, dy: V, w: V, i: Info): V {
  const kernel = b.reshape(b.transpose(w, [2, 3, 0, 1]), [i.outChannels, 1, i.filterHeight, i.filterWidth])
  const shape = [i.batchSize, i.inChannels, i.inHeight, i.inWidth]
  const attributes = { ...transposedWindow(i), group: i.inChannels }
  return b.toNHWC(b.node('ConvTranspose', [b.toNCHW(dy), kernel], attributes, { shape, dtype: 'float32' }))
}

const forward = (depthwise: boolean): Lowering => lowering<Conv2DAttrs & DepthwiseConv2dNativeAttrs, 'x' | 'filter'>({
  infer: ({ x, filter }, a) => refused(a, x, filter)
    ?? { shape: geometry(a, x.shape, filter.shape, depthwise).outShape, dtype: 'float32' },
  emit: (b, { x, filter }, a) =>
    (depthwise ? convolveDepthwise : convolve)(b, x, filter, geometry(a, x.shape, filter.shape, depthwise)),
  except: NOT_HERE,
})

const fused = (depthwise: boolean): Lowering => lowering<FusedConv2DAttrs, 'x' | 'filter', 'bias' | 'preluActivationWeights'>({
  infer: ({ x, filter, bias }, a) => {
    const no = refused(a, x, filter)
    if (no) return no
    const info = geometry(a, x.shape, filter.shape, depthwise)
    return bias && elementCount(bias.shape) !== info.outChannels ? decline('a bias that is not one number a channel')
      : { shape: info.outShape, dtype: 'float32' }
  },
  emit: (b, { x, filter, bias, preluActivationWeights }, a) => {
    const info = geometry(a, x.shape, filter.shape, depthwise)
    const y = (depthwise ? convolveDepthwise : convolve)(b, x, filter, info, bias)
    return activate(b, y, a.activation, a.leakyreluAlpha, preluActivationWeights)
  },
  except: NOT_HERE,
})

const byFilter = (depthwise: boolean): Lowering =>
  lowering<Conv2DBackpropFilterAttrs & DepthwiseConv2dNativeBackpropFilterAttrs, 'x' | 'dy'>({
    infer: ({ x, dy }, a) => refused(a, x, dy) ?? { shape: a.filterShape, dtype: 'float32' },
    emit: (b, { x, dy }, a) =>
      (depthwise ? depthwiseFilterGradient : filterGradient)(b, x, dy, geometry(a, x.shape, a.filterShape, depthwise)),
    except: NOT_HERE,
  })

const byInput = (depthwise: boolean): Lowering =>
  lowering<Conv2DBackpropInputAttrs & DepthwiseConv2dNativeBackpropInputAttrs, 'dy' | 'filter'>({
    infer: ({ dy, filter }, a) => refused(a, dy, filter)
      ?? (String(geometry(a, a.inputShape, filter.shape, depthwise).outShape) === String(dy.shape)
        ? { shape: a.inputShape, dtype: 'float32' } : decline('a dy of another size than the convolution gives')),
    emit: (b, { dy, filter }, a) =>
      (depthwise ? depthwiseInputGradient : inputGradient)(b, dy, filter, geometry(a, a.inputShape, filter.shape, depthwise)),
    except: NOT_HERE,
  })

export const conv = {
  Conv2D: forward(false),
  FusedConv2D: fused(false),
  Conv2DBackpropFilter: byFilter(false),
  Conv2DBackpropInput: byInput(false),
  DepthwiseConv2dNative: forward(true),
  FusedDepthwiseConv2D: fused(true),
  DepthwiseConv2dNativeBackpropFilter: byFilter(true),
  DepthwiseConv2dNativeBackpropInput: byInput(true),
} as const satisfies Readonly<Record<string, Lowering>>
