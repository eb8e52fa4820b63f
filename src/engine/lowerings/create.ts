// Kernels that make tensors from numbers, and change of type.
import type { CastAttrs, FillAttrs, LinSpaceAttrs, OneHotAttrs, RangeAttrs } from '@tensorflow/tfjs'
import { decline, lowering } from '../lowering'
import type { Lowering } from '../lowering'
import type { EngineDType } from '../record'

const isEngineType = (dtype: string): dtype is EngineDType => dtype === 'float32' || dtype === 'int32' || dtype === 'bool'
const whole = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Numbers start, start + step, … before stop, computed as TensorFlow.js does. */
const rangeValues = ({ start, stop, step }: RangeAttrs): number[] => {
  if (start === stop || (start < stop && step < 0) || (stop < start && step > 1)) return []
  const delta = stop < start && step === 1 ? -1 : step
  return whole(Math.abs(Math.ceil((stop - start) / delta))).map((i) => start + i * delta)
}

export const create = {
  Cast: lowering<CastAttrs, 'x'>({
    infer: ({ x }, { dtype }) => (isEngineType(dtype) ? { shape: x.shape, dtype } : decline('complex and string')),
    emit: (b, { x }, { dtype }) => b.cast(x, dtype as EngineDType),
    except: 'complex and string',
  }),
  Fill: lowering<FillAttrs, never>({
    infer: (_, { shape, value, dtype }) =>
      (isEngineType(dtype) && typeof value === 'number' ? { shape, dtype } : decline('strings, or no type given')),
    emit: (b, _, { shape, value, dtype }) => b.full(shape, Number(value), dtype as EngineDType),
    except: 'strings, or no type given',
  }),
  ZerosLike: lowering<unknown, 'x'>({
    infer: ({ x }) => x,
    emit: (b, { x }) => b.full(x.shape, 0, x.dtype),
  }),
  OnesLike: lowering<unknown, 'x'>({
    infer: ({ x }) => x,
    emit: (b, { x }) => b.full(x.shape, 1, x.dtype),
  }),
  Range: lowering<RangeAttrs, never>({
    infer: (_, attributes) => {
      const count = rangeValues(attributes).length
      return count > 0 ? { shape: [count], dtype: attributes.dtype } : decline('empty ranges')
    },
    emit: (b, _, attributes) => {
      const values = rangeValues(attributes)
      return b.constant(attributes.dtype, [values.length], values)
    },
    except: 'empty ranges',
  }),
  LinSpace: lowering<LinSpaceAttrs, never>({
    infer: (_, { num }) => (num > 0 ? { shape: [num], dtype: 'float32' } : decline('no elements')),
    emit: (b, _, { start, stop, num }) => {
      const step = num > 1 ? (stop - start) / (num - 1) : 0
      return b.constant('float32', [num], whole(num).map((i) => start + i * step))
    },
    except: 'no elements',
  }),
  OneHot: lowering<OneHotAttrs, 'indices'>({
    infer: ({ indices }, { depth, dtype }) => (indices.dtype === 'int32' && (dtype === 'float32' || dtype === 'int32')
      ? { shape: [...indices.shape, depth], dtype } : decline('bool and string')),
    emit: (b, { indices }, { depth, onValue, offValue, dtype }) => {
      const classes = b.constant('int32', [depth], whole(depth))
      const hit = b.compare('Equal', b.reshape(indices, [...indices.shape, 1]), classes)
      const out = dtype as EngineDType
      return onValue === 1 && offValue === 0 ? b.cast(hit, out) : b.where(hit, b.scalar(onValue, out), b.scalar(offValue, out))
    },
    except: 'bool and string',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
