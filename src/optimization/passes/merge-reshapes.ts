// One Reshape for several operators that only rename axes.
import { Tensor, tensorType, type Node, type Value } from '../../onnx'
import { UNARY } from '../elementwise'
import type { Pass } from '../pass'
import { any, op, optional, shapeText, type Condition, type Match } from '../rewrite'
import { rulePass, type Rule } from '../rules'
import { constantTarget } from './fold-shapes'

const VIEWS = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']

const knownTarget: Condition<Node> = (node) => {
  const shape = node.outputs[0]?.shape
  if (shape === undefined) return `the shape that ${node.label} makes is unknown`
  const source = node.inputs[0]?.producer?.inputs[0]
  const target = constantTarget(source?.shape, shape)
  return typeof target === 'string' ? target : undefined
}

/** view₂(view₁(x)) = Reshape(x, the shape of view₂): neither moves an element. */
const chain: Rule = {
  name: 'chain', equation: 'view(view(x)) → Reshape(x), for views Reshape, Flatten, Squeeze, Unsqueeze',
  pattern: op(VIEWS, [
    op(VIEWS, [any('x'), optional(any('inner'))], { as: 'first', shared: true }), optional(any('outer')),
  ], { as: 'second', where: [knownTarget] }),
  rewrite: (match, edit) => {
    const shape = match.root.output.shape ?? []
    const target = constantTarget(match.value('x').shape, shape)
    if (typeof target === 'string') throw new TypeError(target)
    return edit.op('Reshape', [match.value('x'), Tensor.from(target, [target.length], 'int64')], {}, { name: match.root.name, like: match.root.output })
  },
}

/** Whether going up from a value through elementwise operators that nothing else reads ends at a view. */
function leadsToView(value: Value | undefined, steps = 0): boolean {
  const node = value?.producer
  if (node === undefined || value === undefined || node.domain !== '' || steps > 50) return false
  if (VIEWS.includes(node.opType)) return true
  return UNARY.has(node.opType) && value.consumers.size === 1 && !value.isGraphOutput && leadsToView(node.inputs[0], steps + 1)
}

/** view(f(x)) = f(view(x)): only where another view lies above, so that the two meet. */
const pull: Rule = {
  name: 'pull', equation: 'view(f(view(x))) → f(view(view(x))), for elementwise f of one input',
  pattern: op(VIEWS, [
    op([...UNARY], undefined, { as: 'f', where: [(node) => (leadsToView(node.inputs[0]) ? undefined : `no other view lies above ${node.label}`)] }), optional(any('outer')),
  ]),
  check: (match) => {
    const { shape } = match.root.output
    if (shape === undefined) return `the shape that ${match.root.label} makes is unknown`
    const target = constantTarget(match.node('f').inputs[0]?.shape, shape)
    return typeof target === 'string' ? target : undefined
  },
  rewrite: (match, edit) => {
    const f = match.node('f'), { output } = match.root
    const [x] = f.inputs
    const target = constantTarget(x?.shape, output.shape ?? [])
    if (typeof target === 'string') throw new TypeError(target)
    const view = edit.op('Reshape', [x, Tensor.from(target, [target.length], 'int64')])
    if (x?.dtype !== undefined && output.shape !== undefined) view.type = tensorType(x.dtype, output.shape)
    const y = edit.copy(f, [view])
    if (output.type !== undefined) y.type = output.type
    return y
  },
}

/** A matrix product is over the last axis: which axes lie in front of it does not matter, when the second operand is a matrix. */
const rows: Rule = {
  name: 'rows', equation: 'Reshape(MatMul(Reshape(x, [rows, K]), W [K, N]), x\'s axes but the last, and N) → MatMul(x, W)',
  pattern: op('Reshape', [op('MatMul', [op('Reshape', [any('x'), any('inner')], { as: 'flattened', shared: true }), any('W')]), any('outer')]),
  check: whyNotRows,
  rewrite: (match, edit) => edit.op('MatMul', [match.value('x'), match.value('W')], {}, { name: match.root.name, like: match.root.output }),
}

function whyNotRows(match: Match): string | undefined {
  const x = match.value('x').shape, flattened = match.node('flattened').output.shape, W = match.value('W').shape, made = match.root.output.shape
  if (W?.length !== 2 || flattened?.length !== 2) return `the product of ${shapeText(flattened)} and ${shapeText(W)} is not one of two matrices`
  const [K, N] = W
  if (typeof K !== 'number' || typeof N !== 'number') return `a size of ${shapeText(W)} is unknown`
  const kept = x !== undefined && x.length > 1 && x.at(-1) === K && flattened[1] === K && made?.length === x.length && made.at(-1) === N
    && x.slice(0, -1).every((size, axis) => size !== null && size === made[axis])
  return kept ? undefined : `x ${shapeText(x)} becomes ${shapeText(flattened)} and its product ${shapeText(made)}, which are other axes in front`
}

/** Chains of views, also through elementwise operators, and views around a matrix product. */
export const mergeReshapes: Pass = rulePass({
  name: 'merge-reshapes',
  summary: 'Makes one Reshape of several operators that only rename axes, and none of those that flatten the rows of a matrix product.',
  leavesAlone: [
    'a last shape of which two or more sizes are known only when the model runs, unless they are sizes of x at the same place',
    'shapes with a size of 0',
    'views with a transpose between them',
    'views around a product of more than two matrices, or whose axes in front are not shown to be the same again',
  ],
  rules: [chain, pull, rows],
})
