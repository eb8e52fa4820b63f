// Brings matrix products into the form Gemm: α A B + β C, with A and B transposed or not.
import type { Node, Value } from '../../onnx'
import type { Pass } from '../pass'
import { isFloat } from '../constants'
import { any, op, optional, shapeText, type Condition } from '../rewrite'
import { rulePass, type Rule } from '../rules'

const matrix: Condition<Value> = (value) => {
  if (value.shape === undefined) return `the rank of "${value.name}" is unknown`
  if (value.shape.length !== 2) return `"${value.name}" ${shapeText(value.shape)} is no matrix, and Gemm takes only matrices`
  return isFloat(value.dtype) ? undefined : `"${value.name}" is ${value.dtype ?? 'of unknown type'}, and Gemm is for floats`
}

/** Why C does not broadcast one way to the product. */
const fits: Condition<Value> = (c, match) => {
  if (c.shape === undefined) return `the shape of "${c.name}" is unknown`
  const product = match.node('product').output.shape ?? []
  const offset = product.length - c.shape.length
  const broadcast = offset >= 0 && c.shape.every((size, axis) => size === 1 || (size !== null && size === product[axis + offset]))
  return broadcast ? undefined : `"${c.name}" ${shapeText(c.shape)} does not broadcast to ${shapeText(product)}`
}

const modern: Condition<Node> = (node, { opset }) => (opset >= 7 ? undefined : `${node.label} broadcasts by the rules before operator set 7`)

/** A B + C = Gemm(A, B, C). */
const bias: Rule = {
  name: 'matmul-add', equation: 'MatMul(A, B) + C → Gemm(A, B, C), for matrices A and B',
  pattern: op('Add', [op('MatMul', [any('a', matrix), any('b', matrix)], { as: 'product' }), any('c')], { where: [modern] }),
  check: (match) => fits(match.value('c'), match),
  rewrite: (match, edit) => edit.op('Gemm', [match.value('a'), match.value('b'), match.value('c')], {}, { name: match.node('product').name }),
}

/** Gemm(A, B) + C = Gemm(A, B, C). */
const gemmBias: Rule = {
  name: 'gemm-add', equation: 'Gemm(A, B) + C → Gemm(A, B, C)',
  pattern: op('Add', [op('Gemm', [any('a'), any('b')], { as: 'product' }), any('c')], { where: [modern] }),
  check: (match) => fits(match.value('c'), match),
  rewrite: (match, edit) => edit.copy(match.node('product'), [match.value('a'), match.value('b'), match.value('c')], { beta: 1.0 }),
}

const swaps: Condition<Node> = (node) => {
  const perm = node.ints('perm')
  const rank = node.inputs[0]?.shape?.length ?? perm?.length
  if (rank !== 2) return `${node.label} transposes no matrix`
  return perm === undefined || perm.join() === '1,0' ? undefined : `${node.label} does not swap rows and columns`
}

/** Gemm(Aᵀ, B) = Gemm(A, B, transA), and the same for B. */
function transposed(opType: 'Gemm' | 'MatMul', side: 'A' | 'B'): Rule {
  const turned = op('Transpose', [any('t', matrix)], { as: 'transpose', shared: true, where: [swaps] })
  const product = opType === 'MatMul'
  const inputs = side === 'A' ? [turned, any('other', ...(product ? [matrix] : []))] : [any('other', ...(product ? [matrix] : [])), turned]
  return {
    name: `${opType.toLowerCase()}-transpose-${side.toLowerCase()}`,
    equation: `${opType}(${side === 'A' ? 'Aᵀ, B' : 'A, Bᵀ'}) → Gemm(A, B, trans${side}: ${product ? '1' : '1 − trans' + side})`,
    pattern: op(opType, product ? inputs : [...inputs, optional(any('c'))], { as: 'product', where: product ? [noBias] : [] }),
    rewrite: (match, edit) => {
      const node = match.root
      const [a, b] = side === 'A' ? [match.value('t'), match.value('other')] : [match.value('other'), match.value('t')]
      const turnedNow = 1 - node.int(`trans${side}`, 0)
      return product ? edit.op('Gemm', [a, b], { [`trans${side}`]: 1 }, { name: node.name })
        : edit.copy(node, [a, b, match.find('c')], { [`trans${side}`]: turnedNow })
    },
  }
}

const noBias: Condition<Node> = (node, { opset }) => (opset >= 11 ? undefined : `${node.label}: before operator set 11 a Gemm must have a C`)

/** Matrix products with a bias or transposed operands. */
export const fuseGemm: Pass = rulePass({
  name: 'fuse-gemm',
  summary: 'Makes one Gemm of a matrix product, its bias and the transposes of its operands.',
  leavesAlone: [
    'products of tensors with more than two axes: Gemm takes only matrices',
    'a bias that would make the product larger, or whose shape is unknown',
    'products of integers',
    'a product whose output is used elsewhere too, or is an output of the model',
    'operator sets before 7, which broadcast by other rules; a Gemm without C before operator set 11',
  ],
  rules: [bias, gemmBias, transposed('Gemm', 'A'), transposed('Gemm', 'B'), transposed('MatMul', 'A'), transposed('MatMul', 'B')],
})

