// Inference for operators over images and other spatial data, laid out [N, C, D1, …, Dn].
import type { Dim } from '../ir/types'
import { addDims, ceilDivDims, floorDivDims, mulDims, subDims } from './dims'
import { unknownShape, type InferContext, type InferFunction } from './context'

/** Kernel geometry of a convolution or pooling, one entry a spatial axis. */
interface Window {
  readonly kernel: readonly Dim[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Begin of each axis, then end of each axis. */
  readonly pads: readonly number[]
  readonly autoPad: string
}

function windowOf(c: InferContext, spatial: number, kernel: readonly Dim[]): Window {
  const list = (name: string, otherwise: number): number[] => {
    const given = c.ints(name)
    if (given === undefined || given.length === 0) return new Array<number>(spatial).fill(otherwise)
    if (given.length !== spatial) c.fail(`The attribute ${name} has the wrong length`, String(spatial), String(given.length))
    return given
  }
  const pads = c.ints('pads')
  if (pads !== undefined && pads.length > 0 && pads.length !== 2 * spatial) {
    c.fail('The attribute pads has the wrong length', String(2 * spatial), String(pads.length))
  }
  const strides = list('strides', 1)
  if (strides.some((stride) => stride < 1)) c.fail('A stride is not positive', '1 or more', `[${strides.join(', ')}]`)
  return {
    kernel, strides, dilations: list('dilations', 1), autoPad: c.string('auto_pad') ?? 'NOTSET',
    pads: pads === undefined || pads.length === 0 ? new Array<number>(2 * spatial).fill(0) : pads,
  }
}

/** Number of places of the window along spatial axis `i`: ⌊(D + pads − dilation·(K − 1) − 1) / stride⌋ + 1. */
function places(size: Dim, i: number, w: Window, ceil = false): Dim {
  const stride = w.strides[i] ?? 1
  if (w.autoPad === 'SAME_UPPER' || w.autoPad === 'SAME_LOWER') return ceilDivDims(size, stride)
  const extent = addDims(mulDims(w.dilations[i] ?? 1, subDims(w.kernel[i] ?? null, 1)), 1)
  const n = w.strides.length
  const [before, after] = w.autoPad === 'VALID' ? [0, 0] : [w.pads[i] ?? 0, w.pads[i + n] ?? 0]
  const room = subDims(addDims(size, before + after), extent)
  let count = addDims((ceil ? ceilDivDims : floorDivDims)(room, stride), 1)
  // A window of ceil mode that would start in the padding after the end does not count.
  if (ceil && typeof count === 'number' && typeof size === 'number' && (count - 1) * stride >= size + before) count--
  return typeof count === 'number' ? Math.max(0, count) : ceil && stride > 1 ? null : count
}

const conv: InferFunction = (c) => {
  // ConvInteger and QLinearConv are convolutions with other inputs around.
  const quantized = c.node.opType === 'QLinearConv'
  const weightAt = quantized ? 3 : 1
  const x = c.shape(0)
  const w = c.shape(weightAt)
  const dtype = quantized ? c.dtype(7) : c.node.opType === 'ConvInteger' ? 'int32' : c.dtype(0)
  const rank = x?.length ?? w?.length
  if (rank === undefined) {
    c.set(0, dtype)
    return
  }
  if (rank < 3) c.fail('A convolution needs a tensor of at least 3 axes', '[N, C, …]', `rank ${rank}`)
  if (x !== undefined && w !== undefined && x.length !== w.length) c.fail('Input and weights of a convolution have different ranks', String(x.length), String(w.length))
  const spatial = rank - 2
  const given = c.ints('kernel_shape')
  const kernel = given !== undefined && given.length > 0 ? given : (w?.slice(2) ?? new Array<Dim>(spatial).fill(null))
  const window = windowOf(c, spatial, kernel)
  const [channels, perGroup] = [x?.[1], w?.[1]]
  const group = c.int('group') ?? 1
  if (typeof channels === 'number' && typeof perGroup === 'number' && channels !== perGroup * group) {
    c.fail('The weights of a convolution are for another number of channels', `${perGroup * group} channels (${perGroup} a group, ${group} groups)`, String(channels))
  }
  c.set(0, dtype, [x?.[0] ?? null, w?.[0] ?? null, ...Array.from({ length: spatial }, (_, i) => places(x?.[i + 2] ?? null, i, window))])
}

const convTranspose: InferFunction = (c) => {
  const x = c.shape(0)
  const w = c.shape(1)
  if (x === undefined || w === undefined || x.length < 3) {
    c.set(0, c.dtype(0))
    return
  }
  const spatial = x.length - 2
  const given = c.ints('kernel_shape')
  const window = windowOf(c, spatial, given !== undefined && given.length > 0 ? given : w.slice(2))
  const extra = c.ints('output_padding') ?? []
  const stated = c.ints('output_shape')
  const sizes = Array.from({ length: spatial }, (_, i): Dim => {
    if (stated !== undefined && stated.length > 0) return stated[stated.length - spatial + i] ?? null
    const stride = window.strides[i] ?? 1
    const size = x[i + 2] ?? null
    if (window.autoPad.startsWith('SAME')) return mulDims(size, stride)
    const extent = addDims(mulDims(window.dilations[i] ?? 1, subDims(window.kernel[i] ?? null, 1)), 1)
    const pads = window.autoPad === 'VALID' ? 0 : (window.pads[i] ?? 0) + (window.pads[i + spatial] ?? 0)
    return subDims(addDims(addDims(mulDims(subDims(size, 1), stride), extra[i] ?? 0), extent), pads)
  })
  c.set(0, c.dtype(0), [x[0] ?? null, mulDims(w[1] ?? null, c.int('group') ?? 1), ...sizes])
}

const pool: InferFunction = (c) => {
  const x = c.shape(0)
  const kernel = c.ints('kernel_shape')
  if (x === undefined || x.length < 3 || kernel === undefined) {
    c.set(0, c.dtype(0))
    if (c.hasOutput(1)) c.set(1, 'int64')
    return
  }
  if (kernel.length !== x.length - 2) c.fail('The attribute kernel_shape has the wrong length', String(x.length - 2), String(kernel.length))
  const window = windowOf(c, kernel.length, kernel)
  const ceil = c.int('ceil_mode') === 1
  const out = [x[0] ?? null, x[1] ?? null, ...kernel.map((_, i) => places(x[i + 2] ?? null, i, window, ceil))]
  c.set(0, c.dtype(0), out)
  if (c.hasOutput(1)) c.set(1, 'int64', out)
}

const globalPool: InferFunction = (c) => {
  c.set(0, c.dtype(0), c.shape(0)?.map((dim, i) => (i < 2 ? dim : 1)))
}

const maxUnpool: InferFunction = (c) => {
  const x = c.shape(0)
  const kernel = c.ints('kernel_shape')
  if (c.has(2)) {
    c.set(0, c.dtype(0), c.elements(2) ?? (x === undefined ? undefined : new Array<Dim>(x.length).fill(null)))
    return
  }
  if (x === undefined || kernel === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const window = windowOf(c, kernel.length, kernel)
  c.set(0, c.dtype(0), [x[0] ?? null, x[1] ?? null, ...kernel.map((size, i) => {
    const pads = (window.pads[i] ?? 0) + (window.pads[i + kernel.length] ?? 0)
    return addDims(mulDims(subDims(x[i + 2] ?? null, 1), window.strides[i] ?? 1), size - pads)
  })])
}

const resize: InferFunction = (c) => {
  const x = c.shape(0)
  const upsample = c.node.opType === 'Upsample'
  const scalesAt = upsample || c.since < 11 ? 1 : 2
  const scales = upsample && c.since < 9 ? c.get('scales', 'floats') : c.numbers(scalesAt)
  const sizes = upsample ? undefined : c.elements(3)
  if (x === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const axes = c.ints('axes')?.map((axis) => c.axis(axis, x.length)) ?? x.map((_, i) => i)
  const out: Dim[] = [...x]
  const policy = c.string('keep_aspect_ratio_policy') ?? 'stretch'
  if (sizes !== undefined && sizes.length > 0 && policy === 'stretch') axes.forEach((axis, i) => { out[axis] = sizes[i] ?? null })
  else if (scales !== undefined && scales.length > 0 && (sizes === undefined || sizes.length === 0)) {
    if (scales.length !== axes.length) c.fail('Resize has the wrong number of scales', String(axes.length), String(scales.length))
    axes.forEach((axis, i) => {
      const dim = x[axis] ?? null
      const scale = Math.fround(scales[i] ?? NaN)
      out[axis] = typeof dim === 'number' ? Math.floor(Math.fround(dim * scale)) : Number.isInteger(scale) ? mulDims(dim, scale) : null
    })
  } else axes.forEach((axis) => { out[axis] = null })
  c.set(0, c.dtype(0), out)
}

const gridSample: InferFunction = (c) => {
  const x = c.shape(0)
  const grid = c.shape(1)
  c.set(0, c.dtype(0), x === undefined || grid === undefined ? undefined : [x[0] ?? null, x[1] ?? null, ...grid.slice(1, -1)])
}

const affineGrid: InferFunction = (c) => {
  const size = c.elements(1)
  const rank = c.shape(1)?.[0]
  c.set(0, c.dtype(0), size !== undefined ? [size[0] ?? null, ...size.slice(2), size.length - 2]
    : typeof rank === 'number' && rank > 2 ? unknownShape(rank - 1)?.concat(rank - 2) : undefined)
}

const roi: InferFunction = (c) => {
  const channels = c.shape(0)?.[1] ?? null
  const pooled = c.node.opType === 'MaxRoiPool' ? (c.ints('pooled_shape') ?? [null, null]) : [c.int('output_height') ?? null, c.int('output_width') ?? null]
  c.set(0, c.dtype(0), [c.shape(1)?.[0] ?? null, channels, ...pooled])
}

const batchNormalization: InferFunction = (c) => {
  c.setType(0, c.type(0))
  const channels = c.shape(0)?.[1] ?? (c.rank(0) === undefined ? null : 1)
  for (let i = 1; i < 5; i++) {
    const stated = c.shape(i)?.[0]
    if (typeof stated === 'number' && typeof channels === 'number' && stated !== channels && (c.rank(0) ?? 0) > 1) {
      c.fail('A parameter of batch normalization has another length than there are channels', String(channels), String(stated))
    }
  }
  for (let i = 1; i < 5; i++) if (c.hasOutput(i)) c.set(i, c.dtype(i === 1 || c.since < 14 ? 3 : 4) ?? c.dtype(0), [channels])
}

const layerNormalization: InferFunction = (c) => {
  c.setType(0, c.type(0))
  const dims = c.shape(0)
  const axis = dims === undefined ? 0 : c.axis(c.int('axis') ?? -1, dims.length)
  const reduced = dims?.map((dim, i) => (i < axis ? dim : 1))
  for (const i of [1, 2]) if (c.hasOutput(i)) c.set(i, c.int('stash_type') === 1 ? 'float32' : c.dtype(0), reduced)
}

const deformConv: InferFunction = (c) => {
  const x = c.shape(0)
  const w = c.shape(1)
  if (x === undefined || w === undefined) {
    c.set(0, c.dtype(0))
    return
  }
  const window = windowOf(c, x.length - 2, c.ints('kernel_shape') ?? w.slice(2))
  c.set(0, c.dtype(0), [x[0] ?? null, w[0] ?? null, ...x.slice(2).map((dim, i) => places(dim, i, window))])
}

const causalConv: InferFunction = (c) => {
  c.setType(0, c.type(0))
}

export const SPATIAL: Readonly<Record<string, InferFunction>> = {
  Conv: conv, ConvInteger: conv, QLinearConv: conv, ConvTranspose: convTranspose, DeformConv: deformConv,
  MaxPool: pool, AveragePool: pool, LpPool: pool, GlobalAveragePool: globalPool, GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool, MaxUnpool: maxUnpool, Resize: resize, Upsample: resize, GridSample: gridSample,
  AffineGrid: affineGrid, MaxRoiPool: roi, RoiAlign: roi, BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization, RMSNormalization: causalConv,
}
