// Kernels that move, cut, repeat and join elements without computing with them.
import { backend_util, slice_util, util } from '@tensorflow/tfjs'
import type {
  BatchToSpaceNDAttrs, ConcatAttrs, DepthToSpaceAttrs, ExpandDimsAttrs, MirrorPadAttrs, PackAttrs, PadV2Attrs, ReshapeAttrs,
  ReverseAttrs, SliceAttrs, SpaceToBatchNDAttrs, SplitVAttrs, StridedSliceAttrs, TileAttrs, TransposeAttrs, UnpackAttrs,
} from '@tensorflow/tfjs'
import { WhetstoneError, elementCount } from '../../core'
import type { Shape } from '../../core'
import { decline, listed, lowering } from '../lowering'
import type { Entry, KernelSpec, Viewing } from '../lowering'

interface Shaped {
  readonly shape: Shape
}

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
const axisOf = (axis: number, shape: Shape): number => util.parseAxisParam(axis, [...shape])[0] ?? 0
const replaced = (shape: Shape, axis: number, size: number): number[] => shape.map((s, i) => (i === axis ? size : s))
const without = (shape: Shape, axis: number): number[] => shape.filter((_, i) => i !== axis)
const inserted = (shape: Shape, axis: number, size: number): number[] => [...shape.slice(0, axis), size, ...shape.slice(axis)]

const reshapeView: Viewing = {
  view: ({ shape }, attributes) => {
    const size = elementCount(shape)
    const target = util.inferFromImplicitShape((attributes as ReshapeAttrs).shape, size)
    if (elementCount(target) !== size) {
      throw new WhetstoneError('SHAPE_MISMATCH', `The new shape (${String(target)}) has ${elementCount(target)} elements and `
        + `the old shape (${String(shape)}) has ${size} elements. The new shape and old shape must have the same number of elements`)
    }
    return target
  },
}

const sliceOf = (x: Shaped, { begin, size }: SliceAttrs): { begin: number[]; size: number[] } => {
  const info = { shape: [...x.shape], rank: x.shape.length }
  const [from = [], count = []] = slice_util.parseSliceParams(info as never, begin, size)
  slice_util.assertParamsValid(info as never, from, count)
  return { begin: from, size: count }
}

const stridedOf = (x: Shaped, a: StridedSliceAttrs) => slice_util.sliceInfo(
  [...x.shape], a.begin, a.end, a.strides, a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask)

const splitsOf = (x: Shaped, { numOrSizeSplits, axis }: SplitVAttrs): { axis: number; sizes: number[] } => {
  const only = axisOf(axis, x.shape)
  const sizes = backend_util.prepareSplitSize({ shape: [...x.shape] } as never, numOrSizeSplits, only)
  return { axis: only, sizes }
}

const concatShape = (list: readonly KernelSpec[], axis: number): number[] => {
  const shapes = list.map((t) => [...t.shape])
  backend_util.assertParamsConsistent(shapes, axis)
  return backend_util.computeOutShape(shapes, axis)
}

const spaceToBatch = (x: Shaped, { blockShape, paddings }: SpaceToBatchNDAttrs) => {
  const pads = x.shape.map((_, axis): [number, number] => {
    const given = axis === 0 ? undefined : paddings[axis - 1]
    return [given?.[0] ?? 0, given?.[1] ?? 0]
  })
  const padded = x.shape.map((size, axis) => size + (pads[axis]?.[0] ?? 0) + (pads[axis]?.[1] ?? 0))
  const product = elementCount(blockShape)
  const split = backend_util.getReshaped(padded, blockShape, product, false)
  const perm = backend_util.getPermuted(split.length, blockShape.length, false)
  return { pads, split, perm, shape: backend_util.getReshapedPermuted(padded, blockShape, product, false) }
}

const batchToSpace = (x: Shaped, { blockShape, crops }: BatchToSpaceNDAttrs) => {
  const product = elementCount(blockShape)
  const split = backend_util.getReshaped([...x.shape], blockShape, product)
  const perm = backend_util.getPermuted(split.length, blockShape.length)
  const joined = backend_util.getReshapedPermuted([...x.shape], blockShape, product)
  const rest = joined.slice(blockShape.length + 1)
  const begin = [...backend_util.getSliceBeginCoords(crops, blockShape.length), ...rest.map(() => 0)].slice(0, joined.length)
  return { split, perm, joined, begin, shape: [...backend_util.getSliceSize(joined, crops, blockShape.length), ...rest] }
}

export const shape = {
  Identity: { view: (input) => input.shape },
  Reshape: reshapeView,
  ExpandDims: {
    view: (input, attributes) => {
      const { dim } = attributes as ExpandDimsAttrs
      const rank = input.shape.length
      if (!(-(rank + 1) <= dim && dim <= rank)) {
        throw new WhetstoneError('SHAPE_AXIS', `Axis must be in the interval [${-(rank + 1)}, ${rank}]`, { got: String(dim) })
      }
      return inserted(input.shape, positive(dim, rank + 1), 1)
    },
  },
  Transpose: lowering<TransposeAttrs, 'x'>({
    infer: ({ x }, { perm }) => ({ shape: perm.map((axis) => x.shape[axis] ?? 1), dtype: x.dtype }),
    emit: (b, { x }, { perm }) => b.transpose(x, perm),
  }),
  Slice: lowering<SliceAttrs, 'x'>({
    infer: ({ x }, attributes) => ({ shape: sliceOf(x, attributes).size, dtype: x.dtype }),
    emit: (b, { x }, attributes, [out]) => {
      const { begin } = sliceOf(x, attributes)
      return b.slice(x, begin, out?.shape ?? [])
    },
  }),
  StridedSlice: lowering<StridedSliceAttrs, 'x'>({
    infer: ({ x }, attributes) => {
      const info = stridedOf(x, attributes)
      return elementCount(info.finalShape) === 0 ? decline('empty results') : { shape: info.finalShape, dtype: x.dtype }
    },
    emit: (b, { x }, attributes) => {
      const info = stridedOf(x, attributes)
      if (info.isIdentity) return b.reshape(x, info.finalShape)
      const size = slice_util.computeOutShape(info.begin, info.end, info.strides)
      return b.reshape(b.slice(x, info.begin, size, info.strides), info.finalShape)
    },
    except: 'empty results',
  }),
  Concat: lowering<ConcatAttrs, string>({
    infer: (inputs, { axis }) => {
      const list = listed(inputs)
      const lead = list[0]
      if (!lead || list.some((t) => t.dtype !== lead.dtype)) return decline('inputs of different types')
      return { shape: concatShape(list, axisOf(axis, lead.shape)), dtype: lead.dtype }
    },
    emit: (b, inputs, { axis }) => {
      const list = listed(inputs)
      return b.concat(list, axisOf(axis, list[0]?.shape ?? []))
    },
    except: 'inputs of different types',
  }),
  Pack: lowering<PackAttrs, string>({
    infer: (inputs, { axis }) => {
      const list = listed(inputs)
      const lead = list[0]
      if (!lead || list.some((t) => t.dtype !== lead.dtype || String(t.shape) !== String(lead.shape))) {
        return decline('inputs of different types or shapes')
      }
      return { shape: inserted(lead.shape, positive(axis, lead.shape.length + 1), list.length), dtype: lead.dtype }
    },
    emit: (b, inputs, { axis }) => {
      const list = listed(inputs)
      const rank = (list[0]?.shape.length ?? 0) + 1
      return b.concat(list.map((v) => b.reshape(v, inserted(v.shape, positive(axis, rank), 1))), positive(axis, rank))
    },
    except: 'inputs of different types or shapes',
  }),
  Unpack: lowering<UnpackAttrs, 'value'>({
    infer: ({ value }, { axis }) => {
      const only = positive(axis, value.shape.length)
      return Array.from({ length: value.shape[only] ?? 0 }, () => ({ shape: without(value.shape, only), dtype: value.dtype }))
    },
    emit: (b, { value }, { axis }, outputs) => {
      const only = positive(axis, value.shape.length)
      return outputs.map((out, i) =>
        b.reshape(b.slice(value, value.shape.map((_, k) => (k === only ? i : 0)), replaced(value.shape, only, 1)), out.shape))
    },
  }),
  SplitV: lowering<SplitVAttrs, 'x'>({
    infer: ({ x }, attributes) => {
      const { axis, sizes } = splitsOf(x, attributes)
      return sizes.some((size) => size === 0) ? decline('empty pieces')
        : sizes.map((size) => ({ shape: replaced(x.shape, axis, size), dtype: x.dtype }))
    },
    emit: (b, { x }, attributes, outputs) => {
      const { axis } = splitsOf(x, attributes)
      let from = 0
      return outputs.map((out) => {
        const begin = x.shape.map((_, k) => (k === axis ? from : 0))
        from += out.shape[axis] ?? 0
        return b.slice(x, begin, out.shape)
      })
    },
    except: 'empty pieces',
  }),
  PadV2: lowering<PadV2Attrs, 'x'>({
    infer: ({ x }, { paddings }) => (x.shape.length === 0 || paddings.flat().some((p) => p < 0) ? decline('scalars')
      : { shape: x.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0)), dtype: x.dtype }),
    emit: (b, { x }, { paddings, constantValue }) => b.pad(x, paddings, constantValue),
    except: 'scalars',
  }),
  MirrorPad: lowering<MirrorPadAttrs, 'x'>({
    infer: ({ x }, { paddings, mode }) => (mode !== 'reflect' ? decline('symmetric mode, which ONNX has not')
      : { shape: x.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0)), dtype: x.dtype }),
    emit: (b, { x }, { paddings }) => b.pad(x, paddings, 0, 'reflect'),
    except: 'symmetric mode, which ONNX has not',
  }),
  Tile: lowering<TileAttrs, 'x'>({
    infer: ({ x }, { reps }) => (reps.length !== x.shape.length || reps.some((r) => r === 0) ? decline('empty results')
      : { shape: x.shape.map((size, axis) => size * (reps[axis] ?? 1)), dtype: x.dtype }),
    emit: (b, { x }, { reps }, [out]) => (reps.every((r) => r === 1) ? x
      : x.shape.every((size, axis) => size === 1 || reps[axis] === 1) ? b.expand(x, out?.shape ?? [])
        : b.node('Tile', [x, b.ints(reps)], {}, { shape: out?.shape ?? [], dtype: x.dtype })),
    except: 'empty results',
  }),
  Reverse: lowering<ReverseAttrs, 'x'>({
    infer: ({ x }, { dims }) => {
      util.parseAxisParam(dims, [...x.shape])
      return x.shape.length === 0 ? decline('scalars') : x
    },
    emit: (b, { x }, { dims }) => {
      const axes = util.parseAxisParam(dims, [...x.shape])
      const back = (axis: number): boolean => axes.includes(axis)
      return b.slice(x, x.shape.map((size, axis) => (back(axis) ? size - 1 : 0)), x.shape, x.shape.map((_, a) => (back(a) ? -1 : 1)))
    },
    except: 'scalars',
  }),
  SpaceToBatchND: lowering<SpaceToBatchNDAttrs, 'x'>({
    infer: ({ x }, attributes) => ({ shape: spaceToBatch(x, attributes).shape, dtype: x.dtype }),
    emit: (b, { x }, attributes) => {
      const { pads, split, perm, shape: joined } = spaceToBatch(x, attributes)
      return b.reshape(b.transpose(b.reshape(b.pad(x, pads), split), perm), joined)
    },
  }),
  BatchToSpaceND: lowering<BatchToSpaceNDAttrs, 'x'>({
    infer: ({ x }, attributes) => ({ shape: batchToSpace(x, attributes).shape, dtype: x.dtype }),
    emit: (b, { x }, attributes) => {
      const { split, perm, joined, begin, shape: size } = batchToSpace(x, attributes)
      return b.slice(b.reshape(b.transpose(b.reshape(x, split), perm), joined), begin, size)
    },
  }),
  DepthToSpace: lowering<DepthToSpaceAttrs, 'x'>({
    infer: ({ x }, { blockSize, dataFormat }) => {
      const [n = 1, h = 1, w = 1, c = 1] = x.shape
      return dataFormat === 'NHWC' ? { shape: [n, h * blockSize, w * blockSize, c / (blockSize * blockSize)], dtype: x.dtype }
        : decline('NCHW')
    },
    emit: (b, { x }, { blockSize }, [out]) => {
      const [n = 1, h = 1, w = 1, c = 1] = x.shape
      const split = b.reshape(x, [n, h, w, blockSize, blockSize, c / (blockSize * blockSize)])
      return b.reshape(b.transpose(split, [0, 1, 3, 2, 4, 5]), out?.shape ?? [])
    },
    except: 'NCHW',
  }),
} as const satisfies Readonly<Record<string, Entry>>
