// Kernels that fold axes: sums, extremes, logic, arg-extremes, softmax, running sums.
import { backend_util, util } from '@tensorflow/tfjs'
import type { ArgMaxAttrs, CumsumAttrs, MaxAttrs, SoftmaxAttrs, SumAttrs } from '@tensorflow/tfjs'
import { decline, lowering } from '../lowering'
import type { KernelSpec, Lowering } from '../lowering'
import type { Shape } from '../../core'
import type { Builder } from '../builder'
import type { V } from '../graph'
import type { EngineDType } from '../record'

const axesOf = (axis: number | readonly number[], shape: Shape): number[] =>
  util.parseAxisParam(Array.isArray(axis) ? [...(axis as readonly number[])] : (axis as number), [...shape])

const reduced = (x: KernelSpec, axes: readonly number[], keepDims: boolean, dtype: EngineDType): KernelSpec => {
  const [shape] = backend_util.computeOutAndReduceShapes([...x.shape], [...axes])
  return { shape: keepDims ? backend_util.expandShapeToKeepDim(shape, [...axes]) : shape, dtype }
}

/** Folds `axis`; the axis of Max has another name. */
const fold = (
  accepts: (dtype: EngineDType) => boolean, dtype: (input: EngineDType) => EngineDType,
  emit: (b: Builder, x: V, axes: readonly number[], keepDims: boolean) => V, except?: string,
): Lowering => lowering<SumAttrs | MaxAttrs, 'x'>({
  infer: ({ x }, attributes) => {
    if (!accepts(x.dtype)) return decline(except ?? 'other types')
    const axis = 'reductionIndices' in attributes ? attributes.reductionIndices : attributes.axis
    return reduced(x, axesOf(axis, x.shape), attributes.keepDims, dtype(x.dtype))
  },
  emit: (b, { x }, attributes) => {
    const axis = 'reductionIndices' in attributes ? attributes.reductionIndices : attributes.axis
    return emit(b, x, axesOf(axis, x.shape), attributes.keepDims)
  },
  ...(except === undefined ? {} : { except }),
})

const numeric = (dtype: EngineDType): boolean => dtype !== 'bool'
const same = (dtype: EngineDType): EngineDType => dtype
const plain = (op: string): Lowering =>
  fold(numeric, same, (b, x, axes, keepDims) => b.reduce(op, x, axes, keepDims), 'bool inputs')

/** The extreme, NaN where there is one: ONNX Runtime's own reduction skips NaN. */
function extreme(b: Builder, op: 'ReduceMax' | 'ReduceMin', x: V, axes: readonly number[], keepDims: boolean): V {
  const found = b.reduce(op, x, axes, keepDims)
  if (x.dtype !== 'float32' || !b.exactNaN || axes.length === 0) return found
  const nan = b.cast(b.elementwise('IsNaN', [x], 'bool'), 'float32')
  return b.where(b.compare('Greater', b.reduce('ReduceMax', nan, axes, keepDims), b.scalar(0)), b.scalar(NaN), found)
}

/** Whether any (all) is true: bool becomes int32, as ONNX reduces no bool before opset 20. */
const logic = (op: 'ReduceMax' | 'ReduceMin'): Lowering => fold((dtype) => dtype === 'bool', () => 'bool',
  (b, x, axes, keepDims) => b.cast(b.reduce(op, b.cast(x, 'int32'), axes, keepDims), 'bool'), 'types other than bool')

const argument = (op: 'ArgMax' | 'ArgMin'): Lowering => lowering<ArgMaxAttrs, 'x'>({
  infer: ({ x }, { axis }) => x.dtype === 'bool' || x.shape.length === 0 ? decline('bool inputs and scalars')
    : reduced(x, axesOf(axis, x.shape), false, 'int32'),
  emit: (b, { x }, { axis }, [out]) => {
    const [only = 0] = axesOf(axis, x.shape)
    // TensorFlow.js skips NaN.
    const worst = b.scalar(op === 'ArgMax' ? -Infinity : Infinity)
    const clean = x.dtype === 'float32' && b.exactNaN ? b.where(b.elementwise('IsNaN', [x], 'bool'), worst, x) : x
    const index = b.node(op, [clean], { axis: only, keepdims: 0 }, { shape: out?.shape ?? [], dtype: 'int64' })
    return b.cast(index, 'int32')
  },
  except: 'bool inputs and scalars',
})

export const reduce = {
  Sum: fold(() => true, (dtype) => (dtype === 'bool' ? 'int32' : dtype),
    (b, x, axes, keepDims) => b.reduce('ReduceSum', x.dtype === 'bool' ? b.cast(x, 'int32') : x, axes, keepDims)),
  Mean: fold(() => true, () => 'float32', (b, x, axes, keepDims) => {
    const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1)
    const sum = b.reduce('ReduceSum', b.cast(x, 'float32'), axes, keepDims)
    return axes.length === 0 ? sum : b.binary('Mul', sum, b.scalar(1 / count))
  }),
  Max: fold(numeric, same, (b, x, axes, keepDims) => extreme(b, 'ReduceMax', x, axes, keepDims), 'bool inputs'),
  Min: fold(numeric, same, (b, x, axes, keepDims) => extreme(b, 'ReduceMin', x, axes, keepDims), 'bool inputs'),
  Prod: plain('ReduceProd'),
  Any: logic('ReduceMax'),
  All: logic('ReduceMin'),
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  Softmax: lowering<SoftmaxAttrs, 'logits'>({
    infer: ({ logits }) => (logits.dtype === 'float32' ? logits : decline('int32 inputs')),
    emit: (b, { logits }, { dim }) =>
      b.node('Softmax', [logits], { axis: dim < 0 ? dim + logits.shape.length : dim }, { shape: logits.shape, dtype: 'float32' }),
    except: 'int32 inputs',
  }),
  Cumsum: lowering<CumsumAttrs, 'x'>({
    infer: ({ x }) => (x.dtype === 'bool' || x.shape.length === 0 ? decline('bool inputs and scalars') : x),
    emit: (b, { x }, { axis, exclusive, reverse }) => {
      const [only = 0] = axesOf(axis, x.shape)
      const attributes = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 }
      return b.node('CumSum', [x, b.constant('int64', [], [only])], attributes, { shape: x.shape, dtype: x.dtype })
    },
    except: 'bool inputs and scalars',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
