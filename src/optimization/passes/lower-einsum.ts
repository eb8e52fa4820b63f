// Einsum of two tensors as a matrix product, which runtimes have fast kernels and fusions for.
import { tensorType, type Node, type Value } from '../../onnx'
import { isFloat } from '../constants'
import type { Pass } from '../pass'
import { any, op, shapeText, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'

/** Orders of axes: of both operands before the product, and of the result behind it. */
interface Plan {
  readonly left: readonly number[]
  readonly right: readonly number[]
  readonly result: readonly number[]
}

const isInOrder = (axes: readonly number[]): boolean => axes.every((axis, index) => axis === index)

/** How an equation is one MatMul, or why it is none. */
function planOf(node: Node): Plan | string {
  const equation = node.get('equation', 'string')?.replaceAll(' ', '') ?? ''
  const [, left, right, out] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)$/.exec(equation) ?? []
  if (left === undefined || right === undefined || out === undefined) return `"${equation}" is not of the form ab,bc->ac with two operands`
  if ([left, right, out].some((letters) => new Set(letters).size !== letters.length)) return `"${equation}" repeats a letter, which is a diagonal`
  const batch = Array.from(out).filter((letter) => left.includes(letter) && right.includes(letter))
  const inner = Array.from(left).filter((letter) => right.includes(letter) && !out.includes(letter))
  const rows = Array.from(left).filter((letter) => !right.includes(letter)), columns = Array.from(right).filter((letter) => !left.includes(letter))
  if ([...rows, ...columns].some((letter) => !out.includes(letter))) return `"${equation}" sums over an axis that only one operand has`
  if (inner.length !== 1) return `"${equation}" sums over ${inner.length} axes that both operands have, not over one`
  // MatMul broadcasts a matrix over any axes in front of the rows, but else takes one axis of each.
  if (columns.length !== 1 || !(rows.length === 1 || (rows.length > 1 && batch.length === 0))) return `"${equation}" leaves ${rows.length} and ${columns.length} axes of one operand, and a matrix product has one of each`
  const product = [...batch, ...rows, ...columns]
  return {
    left: [...batch, ...rows, ...inner].map((letter) => left.indexOf(letter)), right: [...batch, ...inner, ...columns].map((letter) => right.indexOf(letter)),
    result: Array.from(out).map((letter) => product.indexOf(letter)),
  }
}

/** Einsum broadcasts a summed axis of size 1, MatMul does not. */
function whyNotSummed(match: Match, { left, right }: Plan): string | undefined {
  const [a, b] = [match.value('a').shape, match.value('b').shape]
  const [of, over] = [a?.[left.at(-1) ?? 0] ?? null, b?.[right.at(-2) ?? 0] ?? null]
  return of !== null && of === over ? undefined : `the summed axis of ${shapeText(a)} and ${shapeText(b)} is not known to be equally long`
}

const einsum: Rule = {
  name: 'einsum-matmul', equation: 'Einsum(A, B) → Transpose(MatMul(Transpose(A), Transpose(B))), each Transpose where it is needed',
  pattern: op('Einsum', [any('a'), any('b')]),
  check: (match) => {
    const plan = planOf(match.root)
    if (typeof plan === 'string') return plan
    const [a, b] = [match.value('a'), match.value('b')]
    if (!isFloat(a.dtype)) return `"${a.name}" is not of floats`
    if (a.shape?.length !== plan.left.length || b.shape?.length !== plan.right.length) return `${shapeText(a.shape)} and ${shapeText(b.shape)} have not as many axes as the equation`
    return whyNotSummed(match, plan)
  },
  rewrite: (match, edit) => {
    const plan = planOf(match.root)
    if (typeof plan === 'string') throw new TypeError(plan)
    const { name, output } = match.root
    const turned = (value: Value, perm: readonly number[]): Value => {
      if (isInOrder(perm)) return value
      const made = edit.op('Transpose', [value], { perm })
      made.type = tensorType(value.dtype ?? 'float32', perm.map((axis) => value.shape?.[axis] ?? null))
      return made
    }
    const operands = [turned(match.value('a'), plan.left), turned(match.value('b'), plan.right)]
    if (isInOrder(plan.result)) return edit.op('MatMul', operands, {}, { name, like: output })
    const product = edit.op('MatMul', operands, {}, { name })
    const places = plan.result.map((_, axis) => plan.result.indexOf(axis))
    product.type = tensorType(output.dtype ?? 'float32', places.map((axis) => output.shape?.[axis] ?? null))
    return edit.op('Transpose', [product], { perm: plan.result }, { like: output })
  },
}

/** Einsum as a matrix product. */
export const lowerEinsum: Pass = rulePass({
  name: 'lower-einsum',
  summary: 'Writes an Einsum of two tensors as a matrix product between transposes, so that fusions and runtimes know it.',
  leavesAlone: [
    'one operand, or more than two; equations with an ellipsis or without an arrow',
    'diagonals, sums over axes that only one operand has, and sums over none or several axes of both',
    'several axes of the second operand, or of the first beside batch axes: they would have to be reshaped into one',
    'a summed axis that is not known to be equally long on both sides: Einsum broadcasts one of size 1',
    'integers',
  ],
  rules: [einsum],
})
