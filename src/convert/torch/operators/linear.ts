// Matrix products. Weights stay as PyTorch has them, so that they can go back: a transposition is a node (runtimes fold it).
import type { DType } from '../../../core'
import type { Value } from '../../../onnx'
import type { TorchContext } from '../context'
import type { TorchLowering } from '../table'

/** x Wᵀ + b; a Gemm where x is a matrix. */
const fullyConnected: TorchLowering = {
  makes: ['Gemm', 'MatMul', 'Transpose', 'Add'],
  lower: (c) => {
    const [x, weight, bias] = [c.tensor('input'), c.tensor('weight'), c.optional('bias')]
    if (c.rank(x) === 2 && c.rank(weight) === 2) {
      c.set(c.op('Gemm', bias === undefined ? [x, weight] : [x, weight, bias], { transB: 1 }))
      return
    }
    const product = c.op('MatMul', [x, c.rank(weight) === 2 ? c.transpose(weight, [1, 0]) : weight])
    c.set(bias === undefined ? product : c.op('Add', [product, bias]))
  },
}

const product = (a: string, b: string): TorchLowering => ({
  makes: ['MatMul'], lower: (c) => { c.set(c.op('MatMul', [c.tensor(a), c.tensor(b)])) },
})

function scaled(c: TorchContext, value: Value, by: number, dtype: DType): Value {
  return by === 1 ? value : c.op('Mul', [value, c.scalar(by, dtype)])
}

/** β·self + α·(a b) */
const addedProduct = (a: string, b: string): TorchLowering => ({
  makes: ['Gemm', 'MatMul', 'Add'],
  lower: (c) => {
    const d = c.resultType
    const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)]
    const [self, left, right] = [c.tensor('self'), c.tensor(a), c.tensor(b)]
    if (c.rank(left) === 2 && c.rank(right) === 2 && /float/.test(d)) {
      c.set(c.op('Gemm', [left, right, self], { ...(alpha === 1 ? {} : { alpha }), ...(beta === 1 ? {} : { beta }) }))
      return
    }
    c.set(c.op('Add', [scaled(c, c.op('MatMul', [left, right]), alpha, d), scaled(c, self, beta, d)]))
  },
})

const einsum: TorchLowering = {
  makes: ['Einsum', 'MatMul'],
  lower: (c) => {
    const inputs = c.tensors('tensors').map((value) => c.cast(value, c.resultType))
    const equation = c.text('equation').replaceAll(' ', '')
    c.set(asMatMul(c, equation, inputs) ?? c.op('Einsum', inputs, { equation }))
  },
}

/** `...ij,...jk->...ik` and `...ij,...kj->...ik` are matrix products, which runtimes do faster. */
function asMatMul(c: TorchContext, equation: string, inputs: readonly Value[]): Value | undefined {
  const [, left, right, out] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)$/.exec(equation) ?? []
  const [a, b] = inputs
  if (left === undefined || right === undefined || out === undefined || a === undefined || b === undefined) return undefined
  const rank = left.length
  if (rank < 2 || right.length !== rank || out.length !== rank) return undefined
  const batch = left.slice(0, -2)
  if (right.slice(0, -2) !== batch || out.slice(0, -2) !== batch) return undefined
  if (new Set(left).size !== rank || new Set(right).size !== rank || new Set(out).size !== rank) return undefined
  const [i, j] = [left.at(-2), left.at(-1)]
  const [p, q] = [right.at(-2), right.at(-1)]
  const swap = [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]
  if (out.at(-2) !== i || j === i) return undefined
  if (p === j && q === out.at(-1) && q !== i) return c.op('MatMul', [a, b])
  if (q === j && p === out.at(-1) && p !== i) return c.op('MatMul', [a, c.transpose(b, swap)])
  return undefined
}

export const linear: Readonly<Record<string, TorchLowering>> = {
  'aten.linear': fullyConnected,
  'aten.matmul': product('self', 'other'), 'aten.mm': product('self', 'mat2'), 'aten.bmm': product('self', 'mat2'), 'aten.mv': product('self', 'vec'),
  'aten.dot': product('self', 'tensor'), 'aten.vdot': product('self', 'other'), 'aten.__matmul__': product('self', 'other'),
  'aten.addmm': addedProduct('mat1', 'mat2'), 'aten.baddbmm': addedProduct('batch1', 'batch2'), 'aten.addmv': addedProduct('mat', 'vec'),
  'aten.addbmm': {
    makes: ['MatMul', 'ReduceSum', 'Add'],
    lower: (c) => {
      const d = c.resultType
      const sum = c.op('ReduceSum', [c.op('MatMul', [c.tensor('batch1'), c.tensor('batch2')]), c.vector([0])], { keepdims: 0 })
      c.set(c.op('Add', [scaled(c, sum, c.float('alpha', 1), d), scaled(c, c.tensor('self'), c.float('beta', 1), d)]))
    },
  },
  'aten.outer': { makes: ['Unsqueeze', 'Mul'], lower: (c) => { c.set(c.op('Mul', [c.unsqueeze(c.tensor('self'), 1), c.operand('vec2', c.resultType)])) } },
  'aten.einsum': einsum,
  // The product of three tensors, each given the axes that it lacks, summed over some.
  'aten._trilinear': {
    makes: ['Unsqueeze', 'Mul', 'ReduceSum'],
    lower: (c) => {
      const full = (name: string, axes: string): Value => {
        const missing = c.ints(axes)
        return missing.length === 0 ? c.tensor(name) : c.unsqueeze(c.tensor(name), ...missing)
      }
      const product = c.op('Mul', [c.op('Mul', [full('i1', 'expand1'), full('i3', 'expand3')]), full('i2', 'expand2')])
      c.set(c.op('ReduceSum', [product, c.vector(c.ints('sumdim'))], { keepdims: 0 }))
    },
  },
  // Σ input1_i weight_oij input2_j + bias_o
  'aten.bilinear': {
    makes: ['Einsum', 'Add'],
    lower: (c) => {
      const bias = c.optional('bias')
      const letters = 'abcdefghijkl'.slice(0, c.rank(c.tensor('input1')) - 1)
      const equation = `${letters}x,zxy,${letters}y->${letters}z`
      const product = c.op('Einsum', [c.tensor('input1'), c.tensor('weight'), c.tensor('input2')], { equation })
      c.set(bias === undefined ? product : c.op('Add', [product, bias]))
    },
  },
}
