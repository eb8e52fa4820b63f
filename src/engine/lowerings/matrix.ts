// Matrix products.
import { backend_util } from '@tensorflow/tfjs'
import type { BatchMatMulAttrs, EinsumAttrs, _FusedMatMulAttrs } from '@tensorflow/tfjs'
import { WhetstoneError, elementCount } from '../../core'
import { decline, listed, lowering } from '../lowering'
import type { KernelSpec, Lowering } from '../lowering'
import { activate } from './elementwise'

const product = (a: KernelSpec, b: KernelSpec, { transposeA, transposeB }: BatchMatMulAttrs): KernelSpec => {
  const inner = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)]
  if (inner[0] !== inner[1]) {
    throw new WhetstoneError('SHAPE_MISMATCH',
      `Error in matMul: inner shapes (${String(inner[0])}) and (${String(inner[1])}) of tensors with shapes `
      + `[${a.shape.join(', ')}] and [${b.shape.join(', ')}] must match`)
  }
  const lead = backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  return { shape: [...lead, a.shape.at(transposeA ? -1 : -2) ?? 1, b.shape.at(transposeB ? -2 : -1) ?? 1], dtype: 'float32' }
}

export const matrix = {
  BatchMatMul: lowering<BatchMatMulAttrs, 'a' | 'b'>({
    infer: ({ a, b }, attributes) =>
      (a.dtype === 'float32' && b.dtype === 'float32' ? product(a, b, attributes) : decline('int32 matrices')),
    emit: (b, inputs, { transposeA, transposeB }) => b.matmul(inputs.a, inputs.b, transposeA, transposeB),
    except: 'int32 matrices',
  }),
  _FusedMatMul: lowering<_FusedMatMulAttrs, 'a' | 'b', 'bias' | 'preluActivationWeights'>({
    infer: ({ a, b, bias }, attributes) => {
      if (a.dtype !== 'float32' || b.dtype !== 'float32') return decline('int32 matrices')
      const out = product(a, b, attributes)
      if (bias) backend_util.assertAndGetBroadcastShape([...out.shape], [...bias.shape])
      return out
    },
    emit: (b, { a, b: second, bias, preluActivationWeights }, attributes) => {
      const fits = bias && bias.shape.length <= 2 && elementCount(a.shape.slice(0, -2)) * elementCount(second.shape.slice(0, -2)) === 1
      const sum = b.matmul(a, second, attributes.transposeA, attributes.transposeB, fits ? bias : undefined)
      const biased = bias && !fits ? b.binary('Add', sum, bias) : sum
      return activate(b, biased, attributes.activation, attributes.leakyreluAlpha, preluActivationWeights)
    },
    except: 'int32 matrices',
  }),
  Einsum: lowering<EinsumAttrs, string>({
    infer: (inputs, { equation }) => {
      const list = listed(inputs)
      if (list.some((t) => t.dtype !== 'float32')) return decline('int32 tensors')
      const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, list.length)
      backend_util.checkEinsumDimSizes(allDims.length, idDims, list as never)
      const size = (dim: number): number => {
        const at = idDims.findIndex((dims) => dims.includes(dim))
        return list[at]?.shape[idDims[at]?.indexOf(dim) ?? 0] ?? 1
      }
      const kept = allDims.length - summedDims.length
      return { shape: Array.from({ length: kept }, (_, dim) => size(dim)), dtype: 'float32' }
    },
    emit: (b, inputs, { equation }, [out]) =>
      b.node('Einsum', listed(inputs), { equation: equation.replace(/\s/g, '') }, { shape: out?.shape ?? [], dtype: 'float32' }),
    except: 'int32 tensors',
  }),
} as const satisfies Readonly<Record<string, Lowering>>
