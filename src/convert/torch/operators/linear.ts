// Matrix products. Weights stay as PyTorch has them, so that they can go back: a transposition is a node (runtimes fold it).
import type { DType } from '../../../core'
import type { Dim, Value } from '../../../onnx'
import type { SizeValue } from '../arguments'
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
    // A sum over nothing: runtimes then forget β.
    if (c.shape(left).at(-1) === 0) {
      c.set(c.expand(scaled(c, self, beta, d), c.resultSizes().map((dim): SizeValue => c.fixed(Number(dim)))))
      return
    }
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
    const { equation, inputs } = spelled(c, c.text('equation').replaceAll(' ', ''), c.tensors('tensors').map((value) => c.cast(value, c.resultType)))
    c.set(asMatMul(c, equation, inputs) ?? c.op('Einsum', inputs, { equation }))
  },
}

/**
 * The ellipsis written out as letters, aligned at the right: axes of size 1 that others broadcast are left out, and axes
 * that the result does not keep are summed, which ONNX's ellipsis cannot say.
 */
function spelled(c: TorchContext, equation: string, inputs: readonly Value[]): { equation: string; inputs: readonly Value[] } {
  if (!equation.includes('...')) return { equation, inputs }
  const [left = '', right] = equation.split('->')
  const terms = left.split(',')
  const free = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz').filter((letter) => !equation.includes(letter))
  const counts = terms.map((term, i) => (term.includes('...') ? c.rank(inputs[i] ?? c.tensor('tensors')) - term.length + 3 : 0))
  const most = Math.max(...counts)
  const letters = free.slice(0, most)
  const shapeOf = (i: number, letter: string): Dim => {
    const [term = '', count = 0] = [terms[i], counts[i]]
    const at = letters.indexOf(letter) - (most - count)
    return at < 0 || !term.includes('...') ? 1 : c.shape(inputs[i] ?? c.tensor('tensors'))[term.indexOf('...') + at] ?? null
  }
  const single = (i: number, letter: string): boolean => shapeOf(i, letter) === 1 && terms.some((_, other) => shapeOf(other, letter) !== 1)
  const values = inputs.map((value, i) => {
    const [term = '', count = 0] = [terms[i], counts[i]]
    const drop = letters.slice(most - count).flatMap((letter, k) => (single(i, letter) ? [term.indexOf('...') + k] : []))
    return drop.length === 0 ? value : c.squeeze(value, ...drop)
  })
  const full = terms.map((term, i) => term.replace('...', letters.slice(most - (counts[i] ?? 0)).filter((letter) => !single(i, letter)).join('')))
  const implicit = [...new Set(left.replaceAll(/[^a-zA-Z]/g, ''))].filter((letter) => left.split(letter).length === 2).sort().join('')
  return { equation: `${full.join(',')}->${right === undefined ? letters.join('') + implicit : right.replace('...', letters.join(''))}`, inputs: values }
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

/** Σ over the named axes of both: a product of two matrices between reshapes. */
function contracted(c: TorchContext, first: Value, second: Value, left: readonly number[], right: readonly number[]): Value {
  // An axis of size 1 stands for as many elements as the other has: those are summed first.
  const summed = (value: Value, own: readonly number[], other: Value, its: readonly number[]): Value => {
    const single = own.filter((axis, i) => c.shape(value)[axis] !== 1 && c.shape(other)[its[i] ?? 0] === 1)
    return single.length === 0 ? value : c.op('ReduceSum', [value, c.vector(single)], { keepdims: 1 })
  }
  const [a, b] = [summed(first, left, second, right), summed(second, right, first, left)]
  const rest = (value: Value, axes: readonly number[]): number[] => c.shape(value).map((_, i) => i).filter((i) => !axes.includes(i))
  const [ours, theirs] = [rest(a, left), rest(b, right)]
  const known = (value: Value, axes: readonly number[]): number => axes.reduce((product, axis) => {
    const size = c.shape(value)[axis]
    if (typeof size !== 'number') throw c.error('it sums over axes of unknown size')
    return product * size
  }, 1)
  const inner = known(a, left)
  const rows = c.reshape(c.transpose(a, [...ours, ...left]), [c.fixed(-1), c.fixed(inner)])
  const columns = c.reshape(c.transpose(b, [...right, ...theirs]), [c.fixed(inner), c.fixed(-1)])
  return c.reshape(c.op('MatMul', [rows, columns]), [...ours.map((axis) => c.sizeOf(a, axis)), ...theirs.map((axis) => c.sizeOf(b, axis))])
}

function determinant(): TorchLowering {
  return { makes: ['Det'], lower: (c) => { c.set(c.op('Det', [c.tensor(c.has('self') ? 'self' : 'A')])) } }
}

/** Aⁿ by squaring. */
function powers(): TorchLowering {
  return {
    makes: ['MatMul'], limits: 'negative powers',
    lower: (c) => {
      const x = c.tensor('self')
      let n = c.int('n')
      if (n < 0) throw c.error('the inverse of a matrix has no ONNX operator', { fix: 'compute it before exporting' })
      const size = c.shape(x).at(-1)
      if (typeof size !== 'number') throw c.error('the size of the matrix is not known')
      const unit = c.lowerer.constant(Array.from({ length: size * size }, (_, i) => Number(i % size === Math.floor(i / size))), c.dtype(x), [size, size])
      let [power, result]: [Value, Value | undefined] = [x, undefined]
      for (; n > 0; n = Math.floor(n / 2)) {
        if (n % 2 === 1) result = result === undefined ? power : c.op('MatMul', [result, power])
        if (n > 1) power = c.op('MatMul', [power, power])
      }
      c.set(result ?? c.expand(unit, c.sizesOf(x)))
    },
  }
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
  'aten.outer': { makes: ['Unsqueeze', 'Mul'], lower: (c) => { c.set(c.op(c.resultType === 'bool' ? 'And' : 'Mul', [c.unsqueeze(c.operand('self', c.resultType), 1), c.operand('vec2', c.resultType)])) } },
  'aten.einsum': einsum,
  'aten.det': determinant(), 'aten.linalg_det': determinant(),
  'aten.linalg_vecdot': { makes: ['Mul', 'ReduceSum'], lower: (c) => {
    const d = c.resultType
    const product = c.op('Mul', [c.operand('x', d), c.operand('y', d)])
    c.set(c.op('ReduceSum', [product, c.vector([c.axis('dim', c.rank(product), -1)])], { keepdims: 0 }))
  } },
  'aten.logdet': { makes: ['Det', 'Log'], lower: (c) => { c.set(c.op('Log', [c.op('Det', [c.tensor('self')])])) } },
  // Σ over the last axis of both.
  'aten.inner': { makes: ['Mul', 'MatMul', 'Transpose', 'Reshape'], lower: (c) => {
    const [a, b] = [c.tensor('self'), c.tensor('other')]
    if (c.rank(a) === 0 || c.rank(b) === 0) c.set(c.op('Mul', [a, b]))
    else c.set(contracted(c, a, b, [c.rank(a) - 1], [c.rank(b) - 1]))
  } },
  'aten.tensordot': { makes: ['Transpose', 'Reshape', 'MatMul'], lower: (c) => {
    const [a, b] = [c.tensor('self'), c.tensor('other')]
    c.set(contracted(c, a, b, c.ints('dims_self').map((axis) => c.normal(axis, c.rank(a))), c.ints('dims_other').map((axis) => c.normal(axis, c.rank(b)))))
  } },
  'aten.linalg_matrix_power': powers(), 'aten.matrix_power': powers(),
  'aten.linalg_multi_dot': { makes: ['MatMul'], lower: (c) => {
    const [first, ...rest] = c.tensors('tensors')
    if (first === undefined) throw c.error('it multiplies nothing')
    c.set(rest.reduce((product, value) => c.op('MatMul', [product, value]), first))
  } },
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
