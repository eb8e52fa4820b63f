// Kernels that read or write at computed places.
import { backend_util, util } from '@tensorflow/tfjs'
import type { GatherV2Attrs, ScatterNdAttrs, SparseToDenseAttrs, TopKAttrs, UnsortedSegmentSumAttrs } from '@tensorflow/tfjs'
import { WhetstoneError, elementCount } from '../../core'
import { decline, lowering } from '../lowering'
import type { Lowering } from '../lowering'
import type { Builder } from '../builder'
import type { V } from '../graph'

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** Adds `updates` into zeros of `shape` at the rows that `indices` [n, depth] name. */
const scatterAdd = (b: Builder, indices: V, updates: V, shape: readonly number[]): V =>
  b.node('ScatterND', [b.full(shape, 0, updates.dtype), b.cast(indices, 'int64'), updates], { reduction: 'add' },
    { shape, dtype: updates.dtype })

export const gather = {
  GatherV2: lowering<GatherV2Attrs, 'x' | 'indices'>({
    infer: ({ x, indices }, { axis, batchDims }) => {
      const [only = 0] = util.parseAxisParam(axis, [...x.shape])
      if (indices.dtype !== 'int32') return decline('indices of another type than int32')
      if (batchDims !== 0) return decline('batch dimensions')
      return { shape: [...x.shape.slice(0, only), ...indices.shape, ...x.shape.slice(only + 1)], dtype: x.dtype }
    },
    // The CPU kernel throws at once; a graph would throw when it runs. So indices that are known are checked here.
    check: ({ indices }, { x }, { axis }) => {
      const size = x.shape[axisOf(axis, x.shape.length)] ?? 1
      for (const index of indices ?? []) {
        if (index < 0 || index >= size) {
          throw new WhetstoneError('INDEX_RANGE', `GatherV2: the index value ${index} is not in [0, ${size - 1}]`)
        }
      }
    },
    emit: (b, { x, indices }, { axis }) => b.gather(x, indices, axisOf(axis, x.shape.length)),
    except: 'batch dimensions',
  }),
  GatherNd: lowering<unknown, 'params' | 'indices'>({
    infer: ({ params, indices }) => {
      if (indices.dtype !== 'int32' || params.dtype === 'bool') return decline('bool values')
      const [shape] = backend_util.prepareAndValidate(
        { ...params, shape: [...params.shape], rank: params.shape.length } as never,
        { ...indices, shape: [...indices.shape], rank: indices.shape.length } as never)
      return { shape, dtype: params.dtype }
    },
    emit: (b, { params, indices }, _, [out]) => b.node('GatherND', [params, b.cast(indices, 'int64')], { batch_dims: 0 },
      { shape: out?.shape ?? [], dtype: params.dtype }),
    except: 'bool values',
  }),
  ScatterNd: lowering<ScatterNdAttrs, 'indices' | 'updates'>({
    infer: ({ updates }, { shape }) => (updates.dtype === 'bool' ? decline('bool values') : { shape, dtype: updates.dtype }),
    emit: (b, { indices, updates }, { shape }) => {
      const depth = indices.shape.length > 1 ? indices.shape.at(-1) ?? 1 : 1
      const places = b.reshape(indices, [elementCount(indices.shape) / depth, depth])
      return scatterAdd(b, places, b.reshape(updates, [places.shape[0] ?? 1, ...shape.slice(depth)]), shape)
    },
    except: 'bool values',
  }),
  TensorScatterUpdate: lowering<unknown, 'tensor' | 'indices' | 'updates'>({
    infer: ({ tensor, updates }) =>
      (tensor.dtype === 'bool' || tensor.dtype !== updates.dtype ? decline('bool values') : tensor),
    emit: (b, { tensor, indices, updates }) => b.node('ScatterND', [tensor, b.cast(indices, 'int64'), updates], {},
      { shape: tensor.shape, dtype: tensor.dtype }),
    except: 'bool values',
  }),
  SparseToDense: lowering<SparseToDenseAttrs, 'sparseIndices' | 'sparseValues' | 'defaultValue'>({
    infer: ({ sparseIndices, sparseValues }, { outputShape }) =>
      (sparseValues.dtype === 'bool' || sparseIndices.dtype !== 'int32' ? decline('bool values')
        : { shape: outputShape, dtype: sparseValues.dtype }),
    emit: (b, { sparseIndices, sparseValues, defaultValue }, { outputShape }) => {
      const depth = sparseIndices.shape.length > 1 ? sparseIndices.shape.at(-1) ?? 1 : 1
      const places = b.reshape(sparseIndices, [elementCount(sparseIndices.shape) / depth, depth])
      const rows = [places.shape[0] ?? 1, ...outputShape.slice(depth)]
      const base = b.expand(b.reshape(defaultValue, []), outputShape)
      return b.node('ScatterND', [base, b.cast(places, 'int64'), b.expand(sparseValues, rows)], {},
        { shape: outputShape, dtype: sparseValues.dtype })
    },
    except: 'bool values',
  }),
  UnsortedSegmentSum: lowering<UnsortedSegmentSumAttrs, 'x' | 'segmentIds'>({
    infer: ({ x, segmentIds }, { numSegments }) => (x.dtype !== 'float32' || numSegments <= 0 ? decline('int32 values')
      : { shape: [numSegments, ...x.shape.slice(segmentIds.shape.length)], dtype: x.dtype }),
    // Rows with a negative segment are dropped: they go to one more row, which is cut off.
    emit: (b, { x, segmentIds }, { numSegments }, [out]) => {
      const rows = elementCount(segmentIds.shape)
      const rest = x.shape.slice(segmentIds.shape.length)
      const ids = b.reshape(segmentIds, [rows, 1])
      const dropped = b.where(b.compare('Less', ids, b.scalar(0, 'int32')), b.scalar(numSegments, 'int32'), ids)
      const sums = scatterAdd(b, dropped, b.reshape(x, [rows, ...rest]), [numSegments + 1, ...rest])
      return b.slice(sums, [0, ...rest.map(() => 0)], out?.shape ?? [])
    },
    except: 'int32 values',
  }),
  TopK: lowering<TopKAttrs, 'x'>({
    infer: ({ x }, { k }) => {
      if (x.dtype === 'bool' || k === 0 || x.shape.length === 0) return decline('bool values, scalars, k = 0')
      const shape = [...x.shape.slice(0, -1), k]
      return [{ shape, dtype: x.dtype }, { shape, dtype: 'int32' }]
    },
    // `sorted: false` allows any order; TensorFlow.js's own tests want the sorted one.
    emit: (b, { x }, { k }, outputs) => {
      const shape = outputs[0]?.shape ?? []
      const [values, indices] = b.emit('TopK', [x, b.ints([k])], { axis: x.shape.length - 1, largest: 1, sorted: 1 },
        [{ shape, dtype: x.dtype }, { shape, dtype: 'int64' }])
      return values && indices ? [values, b.cast(indices, 'int32')] : []
    },
    except: 'bool values, scalars, k = 0',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
