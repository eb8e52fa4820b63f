// Kernels on images: resizing and its gradients, flipping.
import type { ResizeBilinearAttrs, ResizeNearestNeighborAttrs } from '@tensorflow/tfjs'
import { decline, lowering } from '../lowering'
import type { Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { V } from '../graph'

type Attributes = ResizeBilinearAttrs | ResizeNearestNeighborAttrs
type Method = 'nearest' | 'linear'

/** ONNX's name for how a target pixel finds its place in the source. */
const mode = (a: Attributes): string => (a.alignCorners ? 'align_corners' : a.halfPixelCenters ? 'half_pixel' : 'asymmetric')

function resize(b: Builder, images: V, a: Attributes, method: Method): V {
  const [n = 1, h = 1, w = 1, c = 1] = images.shape
  const factors = [(a.size[0]) / h, (a.size[1]) / w]
  // Factors that float32 holds exactly are the same for every batch size; otherwise all four sizes are given. (ONNX Runtime
  // 1.30 breaks a Resize with the attribute `axes` when it moves a transpose through it.)
  const exact = factors.every((f) => Math.fround(f) === f)
  const target = exact ? [b.constant('float32', [4], [1, 1, ...factors])] : [undefined, b.ints([n, c, ...a.size])]
  const attributes = {
    mode: method, coordinate_transformation_mode: mode(a),
    ...(method === 'nearest' ? { nearest_mode: a.alignCorners || a.halfPixelCenters ? 'round_prefer_ceil' : 'floor' } : {}),
  }
  return b.toNHWC(b.node('Resize', [b.toNCHW(images), undefined, ...target], attributes,
    { shape: [n, c, ...a.size], dtype: images.dtype }))
}

/**
 * How much source pixel `from` counts in target pixel `to`, as a matrix [source, target]: resizing is linear, and the
 * gradient is its transpose.
 */
function weights(source: number, target: number, a: Attributes, method: Method): number[] {
  const scale = a.alignCorners && target > 1 ? (source - 1) / (target - 1) : source / target
  const matrix = new Array<number>(source * target).fill(0)
  const add = (from: number, to: number, share: number): void => {
    const at = Math.min(source - 1, Math.max(0, from)) * target + to
    matrix[at] = (matrix[at] ?? 0) + share
  }
  for (let to = 0; to < target; to++) {
    if (method === 'nearest') {
      const place = a.halfPixelCenters ? scale * (to + 0.5) : scale * to
      add(a.alignCorners ? Math.round(place) : Math.floor(place), to, 1)
    } else {
      const low = Math.floor(scale * to)
      const share = scale * to - low
      add(low, to, 1 - share)
      add(low + 1, to, share)
    }
  }
  return matrix
}

/** ∂/∂images = A · dy · Bᵀ for the matrices of both axes. */
function gradient(b: Builder, images: V, dy: V, a: Attributes, method: Method): V {
  const [, h = 1, w = 1] = images.shape
  const [, newH = 1, newW = 1] = dy.shape
  const rows = b.constant('float32', [h, newH], weights(h, newH, a, method))
  const columns = b.constant('float32', [w, newW], weights(w, newW, a, method))
  const planes = b.toNCHW(dy)
  return b.toNHWC(b.matmul(b.matmul(rows, planes), columns, false, true))
}

const HALF = 'half-pixel centres, where TensorFlow.js extrapolates at the border'
const forward = (method: Method): Lowering => lowering<Attributes, 'images'>({
  infer: ({ images }, a) => {
    if (images.dtype === 'bool' || (method === 'linear' && a.halfPixelCenters)) return decline(HALF)
    const [n = 1, , , c = 1] = images.shape
    return { shape: [n, ...a.size, c], dtype: method === 'linear' ? 'float32' : images.dtype }
  },
  emit: (b, { images }, a) => resize(b, method === 'linear' ? b.cast(images, 'float32') : images, a, method),
  except: method === 'linear' ? HALF : 'bool images',
})

const backward = (method: Method): Lowering => lowering<Attributes, 'images' | 'dy'>({
  infer: ({ images, dy }, a) => (images.dtype !== 'float32' || dy.dtype !== 'float32' || (method === 'linear' && a.halfPixelCenters)
    ? decline(HALF) : images),
  emit: (b, { images, dy }, a) => gradient(b, images, dy, a, method),
  except: HALF,
})

export const image = {
  ResizeBilinear: forward('linear'),
  ResizeBilinearGrad: backward('linear'),
  ResizeNearestNeighbor: forward('nearest'),
  ResizeNearestNeighborGrad: backward('nearest'),
  FlipLeftRight: lowering<unknown, 'image'>({
    infer: ({ image: x }) => x,
    emit: (b, { image: x }) => b.slice(x, [0, 0, (x.shape[2] ?? 1) - 1, 0], x.shape, [1, 1, -1, 1]),
  }),
} as const satisfies Readonly<Record<string, Lowering>>
