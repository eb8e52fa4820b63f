// Interpolation and sampling.
import type { Attributes, Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

interface Kind {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly space: number
  /** Whether the nearest element is by the middles of pixels. */
  readonly exact?: boolean
}

const interpolate = ({ mode, space, exact: middles = false }: Kind): TorchLowering => ({
  makes: ['Resize'],
  lower: (c) => {
    const x = c.tensor(c.has('self') ? 'self' : 'input')
    const aligned = c.bool('align_corners')
    // pytorch_half_pixel differs from half_pixel for one output element, which PyTorch takes from coordinate 0.
    const coordinates = aligned ? 'align_corners' : mode !== 'nearest' ? 'pytorch_half_pixel' : middles ? 'half_pixel' : 'asymmetric'
    const attributes: Attributes = {
      mode, coordinate_transformation_mode: coordinates,
      ...(mode === 'nearest' ? { nearest_mode: middles ? 'round_prefer_ceil' : 'floor' } : {}),
      ...(mode === 'cubic' ? { cubic_coeff_a: -0.75 } : {}),
    }
    const front = c.sizesOf(x).slice(0, 2)
    // Between equal sizes PyTorch's linear interpolation copies, whatever the scale (aten, UpSampleKernel.cpp).
    const scales = (c.floats('scale_factors') ?? scalesOf(c, space))?.map((scale, i) => {
      const [from, to] = [c.shape(x)[i + 2], c.resultSizes()[i + 2]]
      return mode === 'linear' && typeof from === 'number' && from === to ? 1 : scale
    })
    const sizes = c.has('output_size') ? c.sizes('output_size') : undefined
    // Coordinates follow the scale that was given, not the ratio of the sizes; runtimes then derive the sizes, rounding down.
    const exact = scales?.every((scale, i) => {
      const [from, to] = [c.shape(x)[i + 2], c.resultSizes()[i + 2]]
      return typeof from !== 'number' || typeof to !== 'number' || Math.floor(Math.fround(Math.fround(scale) * from)) === to
    }) === true
    if (scales !== undefined && exact && !aligned) {
      c.set(c.op('Resize', [x, undefined, c.lowerer.constant([1, 1, ...scales], 'float32', [space + 2])], attributes))
    } else if (sizes !== undefined) c.set(c.op('Resize', [x, undefined, undefined, c.vectorOf([...front, ...sizes])], attributes))
    else if (scales !== undefined && c.resultSizes().some((dim) => typeof dim !== 'number')) {
      c.set(c.op('Resize', [x, undefined, c.lowerer.constant([1, 1, ...scales], 'float32', [space + 2])], attributes))
    } else {
      const stated = c.resultSizes().slice(2).map((dim) => (typeof dim === 'number' ? c.fixed(dim) : undefined)).filter((size) => size !== undefined)
      c.set(c.op('Resize', [x, undefined, undefined, c.vectorOf([...front, ...stated])], attributes))
    }
  },
})

/** The filters that smooth before shrinking: a triangle, and the cubic of Keys with a = −0.5 (aten, UpSampleKernel.cpp). */
const FILTERS = {
  linear: { reach: 1, weight: (x: number): number => Math.max(0, 1 - Math.abs(x)) },
  cubic: {
    reach: 2,
    weight: (x: number): number => {
      const t = Math.abs(x)
      return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
    },
  },
} as const

/**
 * With antialiasing each axis is a product with a matrix of weights, known when converting. ONNX's own antialiasing rounds
 * its window otherwise.
 */
const smooth = (kind: keyof typeof FILTERS): TorchLowering => ({
  makes: ['MatMul', 'Transpose'], limits: 'sizes that are not known when converting',
  lower: (c) => {
    const x = c.tensor(c.has('self') ? 'self' : 'input')
    const aligned = c.bool('align_corners')
    const scales = scalesOf(c, 2) ?? c.floats('scale_factors')
    const rank = c.rank(x)
    c.set([2, 3].reduce((value, axis) => {
      const [from, to] = [c.shape(x)[axis], c.resultSizes()[axis]]
      if (typeof from !== 'number' || typeof to !== 'number') throw c.error('its sizes are not known', { fix: 'give height and width fixed sizes when exporting' })
      const given = scales?.[axis - 2]
      const scale = aligned ? (to > 1 ? (from - 1) / (to - 1) : 0) : given === undefined ? from / to : 1 / given
      const matrix = c.lowerer.constant(weightsOf(from, to, scale, FILTERS[kind]), c.dtype(x), [from, to])
      const order = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
      return c.transpose(c.op('MatMul', [c.transpose(value, order), matrix]), order)
    }, x))
  },
})

function weightsOf(from: number, to: number, scale: number, { reach, weight }: { readonly reach: number; readonly weight: (x: number) => number }): number[] {
  const matrix = new Array<number>(from * to).fill(0)
  const [support, inverse] = scale >= 1 ? [reach * scale, 1 / scale] : [reach, 1]
  for (let i = 0; i < to; i++) {
    const centre = scale * (i + 0.5)
    const start = Math.max(Math.trunc(centre - support + 0.5), 0)
    const count = Math.min(Math.trunc(centre + support + 0.5), from) - start
    const weights = Array.from({ length: count }, (_, j) => weight((j + start - centre + 0.5) * inverse))
    const total = weights.reduce((a, b) => a + b, 0)
    weights.forEach((one, j) => { matrix[(start + j) * to + i] = one / total })
  }
  return matrix
}

function scalesOf(c: TorchContext, space: number): number[] | undefined {
  const names = space === 1 ? ['scales'] : space === 2 ? ['scales_h', 'scales_w'] : ['scales_d', 'scales_h', 'scales_w']
  return names.every((name) => c.has(name)) ? names.map((name) => c.float(name)) : undefined
}

/** Beside the attribute by which ONNX calls it. */
const MODES = ['linear', 'nearest', 'cubic'] as const
const PADS = ['zeros', 'border', 'reflection'] as const

const gridSample: TorchLowering = {
  makes: ['GridSample'],
  lower: (c) => {
    const mode = MODES[c.int('interpolation_mode', 0)] ?? 'linear'
    c.set(c.op('GridSample', [c.tensor('input'), c.tensor('grid')], {
      mode: c.opset >= 20 ? mode : mode === 'linear' ? 'bilinear' : mode === 'cubic' ? 'bicubic' : mode,
      padding_mode: PADS[c.int('padding_mode', 0)] ?? 'zeros', align_corners: Number(c.bool('align_corners')),
    }))
  },
}

const affineGrid: TorchLowering = {
  makes: ['AffineGrid'],
  lower: (c) => {
    const size: Value = c.vectorOf(c.sizes('size'))
    c.set(c.op('AffineGrid', [c.tensor('theta'), size], { align_corners: Number(c.bool('align_corners')) }))
  },
}

export const resize: Readonly<Record<string, TorchLowering>> = {
  'aten.upsample_nearest1d': interpolate({ mode: 'nearest', space: 1 }), 'aten.upsample_nearest2d': interpolate({ mode: 'nearest', space: 2 }), 'aten.upsample_nearest3d': interpolate({ mode: 'nearest', space: 3 }),
  'aten._upsample_nearest_exact1d': interpolate({ mode: 'nearest', space: 1, exact: true }), 'aten._upsample_nearest_exact2d': interpolate({ mode: 'nearest', space: 2, exact: true }), 'aten._upsample_nearest_exact3d': interpolate({ mode: 'nearest', space: 3, exact: true }),
  'aten.upsample_linear1d': interpolate({ mode: 'linear', space: 1 }), 'aten.upsample_bilinear2d': interpolate({ mode: 'linear', space: 2 }), 'aten.upsample_trilinear3d': interpolate({ mode: 'linear', space: 3 }),
  'aten._upsample_bilinear2d_aa': smooth('linear'),
  'aten.upsample_bicubic2d': interpolate({ mode: 'cubic', space: 2 }), 'aten._upsample_bicubic2d_aa': smooth('cubic'),
  'aten.grid_sampler': gridSample, 'aten.grid_sampler_2d': gridSample, 'aten.grid_sampler_3d': gridSample, 'aten.affine_grid_generator': affineGrid,
}
